//! A [`Rebuild`] for people.

use super::change::reasons;
use super::difference::{name, size_line};
use crate::difference::PackageState;
use crate::rebuild::{Deviation, Rebuild};
use crate::shown::shown;

/// `rebuild` as lines of text: whether the images are the same, and the first `most` deviations
/// with their reasons, in their order.
#[must_use]
pub fn rebuild_text(rebuild: &Rebuild, most: usize) -> String {
    let Rebuild { before, after, paths, not_compared, deviations } = rebuild;
    let mut text = match deviations.len() {
        0 => format!("{} and {}: identical, {paths} paths\n", name(before), name(after)),
        1 => format!("{} and {}: 1 deviation\n", name(before), name(after)),
        count => format!("{} and {}: {count} deviations\n", name(before), name(after)),
    };
    for deviation in deviations.iter().take(most) {
        text.push_str(&format!("  {}\n", line(deviation).trim_end()));
    }
    let left_out = deviations.len().saturating_sub(most);
    if left_out > 0 {
        text.push_str(&format!("  and {left_out} more\n"));
    }
    if *not_compared > 0 {
        text.push_str(&format!("  content not compared: {not_compared}\n"));
    }
    text
}

fn line(deviation: &Deviation) -> String {
    match deviation {
        Deviation::Identity { field, before, after } => {
            format!("{field}: {} -> {}", known(before), known(after))
        }
        Deviation::Size(size) => size_line(size),
        Deviation::Package { name, before, after } => {
            let name = shown(name.as_bytes());
            format!("package {name}: {} -> {}", package(before.as_ref()), package(after.as_ref()))
        }
        Deviation::OnlyBefore(entry) => {
            format!("{}: {}, only in the first", entry.path, entry.kind)
        }
        Deviation::OnlyAfter(entry) => {
            format!("{}: {}, only in the second", entry.path, entry.kind)
        }
        Deviation::File(change) => format!("{}: {}", change.path, reasons(&change.changes)),
        Deviation::Blocks { first, before, after } => {
            format!("blocks: first difference at index {first}, {before} -> {after} blocks")
        }
    }
}

fn known(text: &str) -> String {
    if text.is_empty() { "(none)".to_owned() } else { shown(text.as_bytes()) }
}

fn package(state: Option<&PackageState>) -> String {
    state.map_or("(none)".to_owned(), |state| {
        format!("{} ({} bytes)", shown(state.version.as_bytes()), state.bytes)
    })
}
