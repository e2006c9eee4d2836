//! Lock files: which packages an image is made from, to the byte.
//!
//! A [`Lock`] lists every package of an image's trees with version, size, SHA-256 and place
//! below the mirror. It lies beside the image definition as `NAME.lock`. This crate reads and writes
//! it, tells whether it [`fits`](Lock::misfits) a definition, what an update
//! [changes](differences), whether a tree [holds](mismatches) what the lock says, and makes the
//! index of a local [`repository`] of exactly these packages. Nothing here opens a file.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

pub mod apt;
mod difference;
mod error;
mod fit;
mod installed;
mod model;
mod read;
pub mod repository;
mod time;
mod value;
pub mod version;
mod write;

pub use difference::{Change, ChangeKind, differences};
pub use error::{Error, Problem};
pub use fit::{Misfit, Wanted};
pub use installed::{Mismatch, mismatches};
pub use model::{Archive, Lock, Package, Requested, TreeName};
pub use read::{FORMAT, MAX_BYTES, fuzz};
pub use time::timestamp;
pub use value::{Sha256, ValueError};
