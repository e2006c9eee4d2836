//! Which slot boots: the boot record and its rules.
//!
//! GRUB is the first stage on BIOS and on UEFI, so one record decides on both, also for a stick that
//! is carried from one to the other. The record is a GRUB environment block of one sector, kept twice
//! on the ESP. GRUB counts a boot *before* it hands over; the OS takes the count back when the boot
//! turned out well, or when the machine was switched off in an orderly way before anybody knew.
//!
//! # Variables
//!
//! | name | value |
//! |---|---|
//! | `seq` | nine digits, counted up by Linux with every change |
//! | `turn` | `0` or `1`, changed by GRUB with every change: GRUB cannot count |
//! | `good` | the slot that boots when none is on trial: `a`, `b`, or `-` as long as none was ever good |
//! | `a`, `b` | state of the slot: `g` good, `t` on trial, `b` bad, `e` empty |
//! | `left` | tries that a slot on trial has left, `3` to `0` |
//! | `fails` | boots of `good` one after the other that did not end well, `0` to `3` |
//! | `end` | `seq` and `turn` again: a sector that was written in part does not match |
//!
//! A flashed image has slot `a` on trial and no good slot.
//!
//! # Rules
//!
//! [`rules`] is a list; the first rule that holds decides. [`decide`] carries it out, and
//! [`grub::script`] says the same in GRUB's language. A record that is damaged, or says what no record
//! can say, counts as absent.
//!
//! # Two copies
//!
//! Of two valid copies the one with the greater `seq` counts, of equal ones the first. Whoever writes
//! begins with the one that does not count ([`Copies::update`], `save_record` in [`grub::script`]):
//! it may be damaged, and then the other is all there is. So one of them is valid whatever a power cut
//! does to the sector under way.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod change;
mod copies;
pub mod grub;
mod record;
mod rules;

pub use change::Refusal;
pub use copies::{Copies, SECTOR_BYTES, Write};
pub use record::{MAX_COUNT, Record, State};
pub use rules::{Condition, Decision, Rule, Variable, decide, rules};

pub use anklume_layout::Slot;
