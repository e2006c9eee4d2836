//! The boot history, `/persist/history/boots.jsonl`: which boots there were, and how they ended.
//!
//! One JSON object a line, appended as things happen, so that a power cut costs at most the last line.
//! `event` says what a line is:
//!
//! | event | when | fields |
//! |---|---|---|
//! | `started` | the OS is up far enough to write | slot, version, root hash, firmware |
//! | `verdict` | it is known how the boot went | `good`, `bad`, `degraded`, `given-back`; reason |
//! | `missed` | found at the next start: boots that did not get that far | slot, how many, reason |
//! | `rollback` | somebody chose the other slot | from, to |
//!
//! Every line has `time` (RFC 3339, for people) and `seconds` (since 1970, what counts). Most have
//! `record`: the boot record after it, by which the next start finds what was missed ([`missed`]).
//!
//! The file may hold anything: a line that is torn, damaged or too long is skipped and counted, and
//! the lines behind it count. Events and fields of later versions are no damage.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod boots;
mod event;
mod missed;
mod moment;
mod parse;
mod rotate;

pub use boots::{Boot, Outcome, boots, was_good, why_failed};
pub use event::{Event, Judged, Missed, RolledBack, Started, Verdict};
pub use missed::{LastFailure, last_record, missed, record_of, record_text, was_counted};
pub use moment::Moment;
pub use parse::{History, MAX_LINE_BYTES, MAX_READ_BYTES, parse};
pub use rotate::{KEPT_BOOTS, KEPT_BYTES, rotated};

/// Folder of the history on the persistent partition.
pub const FOLDER: &str = "history";
/// Name of the history in [`FOLDER`].
pub const FILE: &str = "boots.jsonl";
