//! Health checks: which there are, what their ends mean, when the verdict falls.
//!
//! A health check is an executable file in [`FOLDERS`]. One in `/etc` replaces the one of the same name
//! in `/usr`; a link to `/dev/null` switches it off. They are asked in the order of their names.
//!
//! | end | meaning |
//! |---|---|
//! | exit code 0 | healthy; it is not asked again |
//! | exit code 75 (`EX_TEMPFAIL` of `sysexits.h`), [`TIMEOUT`] | not yet; it is asked again until the deadline |
//! | anything else: another code, a signal, no start | failed |
//!
//! The last line of its output that holds something is the reason, at most [`MAX_REASON`] characters.
//! `docs/health-checks.md` says the same to those who write one.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod deadline;
mod ending;
mod round;
mod select;

use std::time::Duration;

pub use deadline::{DEFAULT_DEADLINE, Deadline, deadline};
pub use ending::{Answer, Ending, answer};
pub use round::{Pending, Round, Step, Verdict};
pub use select::{Check, Entry, Folder, Kind, Selection, select};

/// Where health checks are: those of the image, and those of the machine, which win.
pub const FOLDERS: [&str; 2] = ["/usr/lib/anklume/health.d", "/etc/anklume/health.d"];
/// Where a machine sets its deadline.
pub const CONFIG: &str = "/etc/anklume/health.conf";
/// Exit code for "not yet": `EX_TEMPFAIL` of `sysexits.h`.
pub const NOT_YET: i32 = 75;
/// How long one check may take.
pub const TIMEOUT: Duration = Duration::from_secs(30);
/// Longest reason, in characters.
pub const MAX_REASON: usize = 200;
