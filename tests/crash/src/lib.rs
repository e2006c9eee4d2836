//! A block device that records its writes, and every state that a power cut can leave behind; and the
//! same for the files of a folder ([`files`]).
//!
//! For tests of what writes disks in an order that has to survive a power cut. The model is that of
//! `dm-log-writes`, with sectors that come and go one by one as [`anklume_bytes::WriteAt`]
//! describes: what was written before the last finished flush is there, of what was written since
//! each sector is there or not, and one may be torn.
//!
//! A test runs the code on a [`RecordingDisk`], takes the log, looks at each of [`crash_states`]
//! and runs the code again on top of it. [`WithoutFlush`] takes one flush out of a run: if the same
//! test does not fail then, the flush is not needed or the test is too weak.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod disk;
mod epoch;
pub mod files;
mod states;

pub use disk::{Entry, RecordingDisk, WithoutFlush, Zeros};
pub use states::{CrashState, Cut, crash_states};

/// What a disk writes whole or tears, in bytes.
pub const SECTOR_BYTES: u64 = 512;
