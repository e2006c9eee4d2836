//! Passphrases, recovery keys, and how they are shown.
//!
//! A disk is opened by either of two secrets: a passphrase that a person chose ([`judge`]) or took from here
//! ([`suggest`]), and a [`RecoveryKey`] that is kept on paper. Randomness is an argument.
//!
//! # What is wiped from memory, and what is not
//! A [`Secret`], a [`RecoveryKey`] and a [`Drawing`] overwrite their text when they are dropped, and none of
//! them can be printed by mistake. The crates `zxcvbn` and `qrcode` make copies that nobody can reach: these
//! stay in freed memory until it is used again. So does what the caller read from a terminal, if it did not
//! wipe it.
//!
//! # What is not pure
//! `zxcvbn` reads the clock: it wants to know which years are recent.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod advice;
mod layout;
mod mistyped;
mod qr;
mod recovery;
mod secret;
mod strength;
mod suggestion;

pub use layout::differs_from_us;
pub use mistyped::Mistyped;
pub use qr::{Background, Drawing, draw};
pub use recovery::{RecoveryKey, spellings};
pub use secret::Secret;
pub use strength::{Level, MAXIMUM_BYTES, Refusal, Strength, judge};
pub use suggestion::{SUGGESTED_WORDS, suggest, suggestion_bits};
