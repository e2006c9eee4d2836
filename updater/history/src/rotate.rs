//! A history that does not grow for ever.

use crate::event::Event;
use crate::parse::{event, lines};

/// Boots that are kept.
pub const KEPT_BOOTS: usize = 500;
/// Bytes that are kept.
pub const KEPT_BYTES: usize = 256 << 10;

/// How much more than is kept there may be before the file is written anew: an eighth, so that this
/// does not happen at every boot.
const fn allowed(kept: usize) -> usize {
    kept.saturating_add(kept / 8)
}

/// The newest part of a history that has become too long; `None` as long as it has not.
///
/// What is left begins with a boot, has at most [`KEPT_BOOTS`] of them and [`KEPT_BYTES`] bytes, and
/// no damaged lines. Lines of later versions are kept.
#[must_use]
pub fn rotated(bytes: &[u8]) -> Option<Vec<u8>> {
    let whole: Vec<(&[u8], Event)> =
        lines(bytes).filter_map(|line| Some((line, event(line)?))).collect();
    let boots = whole.iter().filter(|(_, event)| is_boot(event)).count();
    if bytes.len() <= allowed(KEPT_BYTES) && boots <= allowed(KEPT_BOOTS) {
        return None;
    }
    let newest = whole.get(first_kept(&whole)..).unwrap_or_default();
    Some(newest.iter().flat_map(|(line, _)| [*line, b"\n"]).flatten().copied().collect())
}

/// Index of the first line that is kept.
fn first_kept(whole: &[(&[u8], Event)]) -> usize {
    let (mut bytes, mut boots) = (0_usize, 0_usize);
    let (mut first, mut first_boot) = (whole.len(), None);
    for (index, (line, event)) in whole.iter().enumerate().rev() {
        bytes = bytes.saturating_add(line.len()).saturating_add(1);
        boots = boots.saturating_add(usize::from(is_boot(event)));
        if bytes > KEPT_BYTES || boots > KEPT_BOOTS {
            // A verdict whose start is gone says nothing.
            return first_boot.unwrap_or(first);
        }
        first = index;
        if is_boot(event) {
            first_boot = Some(index);
        }
    }
    first
}

fn is_boot(event: &Event) -> bool {
    matches!(event, Event::Started(_) | Event::Missed(_))
}
