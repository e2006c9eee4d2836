//! Power cuts for code that writes files: records a run with strace(1), lays out every state that
//! [`anklume_crash::files`] derives from it, and looks at each.
//!
//! What is recorded is a test of the same test program, run alone in a process of its own: [`record`]
//! names it and hands it a folder, which [`recorded_folder`] gives it. Run as any other test it has no
//! folder and takes a temporary one.

mod disk;
mod record;

use std::fmt::Write as _;
use std::path::Path;

use anklume_crash::files::{Recording, State};

pub use disk::{lay_out, scratch, snapshot};
pub use record::{NotRecorded, mark, record, record_or_skip, recorded_folder};

/// What has to hold in a state, which lies in a folder that may be changed.
pub type Check<'a> = dyn Fn(&State, &Path) -> Result<(), String> + 'a;

/// The first thing that is wrong in any state after a power cut, or how many states there were.
///
/// # Errors
/// What the check says, after the cut that it says it of.
pub fn first_fault(recording: &Recording, check: &Check<'_>) -> Result<usize, String> {
    let mut count = 0_usize;
    for state in recording.states() {
        let place = scratch().map_err(|error| format!("a temporary folder: {error}"))?;
        lay_out(&state.files, place.path()).map_err(|error| format!("{state}: {error}"))?;
        check(&state, place.path()).map_err(|what| format!("{state}: {what}"))?;
        count = count.saturating_add(1);
    }
    Ok(count)
}

/// Everything holds in every state, and without any one of the flushes something does not. The flushes of
/// the paths `one_of` may stand in for each other: without all of them something does not hold.
///
/// # Errors
/// What does not hold, or which flush is not needed.
pub fn holds_and_every_flush_is_needed(
    recording: &Recording,
    one_of: &[&str],
    check: &Check<'_>,
) -> Result<usize, String> {
    let count = first_fault(recording, check)?;
    let mut idle = String::new();
    let mut without_any = recording.clone();
    // From the last on, so that the numbers of those before it stay.
    let flushes: Vec<_> = recording.flushes().enumerate().collect();
    for (number, path) in flushes.into_iter().rev() {
        if one_of.iter().any(|known| Path::new(known) == path) {
            without_any = without_any.without_flush(number);
        } else if first_fault(&recording.without_flush(number), check).is_ok() {
            let _ = write!(idle, "flush {number}, of `{}`, is not needed; ", path.display());
        }
    }
    if !one_of.is_empty() && first_fault(&without_any, check).is_ok() {
        let _ = write!(idle, "no flush of {one_of:?} is needed");
    }
    if idle.is_empty() { Ok(count) } else { Err(idle) }
}
