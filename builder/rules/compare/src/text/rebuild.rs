//! A [`Rebuild`] for people.

use super::change::reasons;
use super::difference::{name, size_line};
use crate::difference::{Change, PackageState};
use crate::image::{Blob, Partition, Squashfs};
use crate::rebuild::{Deviation, Rebuild, Side};
use crate::shown::{human_bytes, shown};

/// `rebuild` as lines of text: whether the images are the same, and the first `most` deviations of
/// each subject with their reasons, in their order. The first image is called `image`, the second
/// `rebuild`.
#[must_use]
pub fn rebuild_text(rebuild: &Rebuild, most: usize) -> String {
    let Rebuild { before, after, paths, not_compared, deviations } = rebuild;
    let mut text = match deviations.len() {
        0 => format!("{} and {}: identical, {paths} paths\n", name(before), name(after)),
        1 => format!("{} and {}: 1 deviation\n", name(before), name(after)),
        count => format!("{} and {}: {count} deviations\n", name(before), name(after)),
    };
    for subject in deviations.chunk_by(|one, other| subject(one) == subject(other)) {
        for deviation in subject.iter().take(most) {
            text.push_str(&format!("  {}\n", line(deviation).trim_end()));
        }
        let left_out = subject.len().saturating_sub(most);
        if left_out > 0 {
            text.push_str(&format!("  and {left_out} more\n"));
        }
    }
    if *not_compared > 0 {
        text.push_str(&format!("  content not compared: {not_compared}\n"));
    }
    text
}

/// Deviations of one subject are a list of their own.
fn subject(deviation: &Deviation) -> u8 {
    match deviation {
        Deviation::Identity { .. } => 0,
        Deviation::Partition { .. } | Deviation::Size(_) => 1,
        Deviation::BootFile { .. } => 2,
        Deviation::Loader { .. } => 3,
        Deviation::Initramfs { .. } => 4,
        Deviation::Package { .. } => 5,
        Deviation::OnlyBefore(_) | Deviation::OnlyAfter(_) | Deviation::File(_) => 6,
        Deviation::Blocks { .. } | Deviation::Squashfs { .. } => 7,
    }
}

fn line(deviation: &Deviation) -> String {
    match deviation {
        Deviation::Identity { field, before, after } => {
            format!("{field}: {} -> {}", known(before), known(after))
        }
        Deviation::Partition { label, before, after } => {
            let label = shown(label.as_bytes());
            format!("partition {label}: {} -> {}", partition(*before), partition(*after))
        }
        Deviation::Size(size) => size_line(size),
        Deviation::BootFile { name, before, after } => {
            format!("boot file {}: {}", shown(name.as_bytes()), blobs(before, after))
        }
        Deviation::Loader { name, before, after } => {
            format!("boot loader, {}: {}", shown(name.as_bytes()), blobs(before, after))
        }
        Deviation::Initramfs { path, only, changes } => {
            format!("initramfs {path}: {}", in_initramfs(*only, changes))
        }
        Deviation::Package { name, before, after } => {
            let name = shown(name.as_bytes());
            format!("package {name}: {} -> {}", package(before.as_ref()), package(after.as_ref()))
        }
        Deviation::OnlyBefore(entry) => {
            format!("{}: {}, {}", entry.path, entry.kind, only_in(Side::Before))
        }
        Deviation::OnlyAfter(entry) => {
            format!("{}: {}, {}", entry.path, entry.kind, only_in(Side::After))
        }
        Deviation::File(change) => format!("{}: {}", change.path, reasons(&change.changes)),
        Deviation::Blocks { first, before, after } => {
            format!("blocks: first difference at index {first}, {before} -> {after} blocks")
        }
        Deviation::Squashfs { before, after } => squashfs(before, after),
    }
}

fn only_in(side: Side) -> &'static str {
    match side {
        Side::Before => "only in the image",
        Side::After => "only in the rebuild",
    }
}

fn in_initramfs(only: Option<Side>, changes: &[Change]) -> String {
    only.map_or_else(|| reasons(changes), |side| only_in(side).to_owned())
}

fn known(text: &str) -> String {
    if text.is_empty() { "(none)".to_owned() } else { shown(text.as_bytes()) }
}

fn partition(partition: Option<Partition>) -> String {
    partition.map_or("(none)".to_owned(), |Partition { offset, bytes }| {
        format!("{bytes} bytes at byte {offset}")
    })
}

fn blobs(before: &Option<Blob>, after: &Option<Blob>) -> String {
    match (before, after) {
        (Some(before), Some(after)) if before.bytes == after.bytes => "content".to_owned(),
        (Some(before), Some(after)) => {
            let (before, after) = (human_bytes(before.bytes), human_bytes(after.bytes));
            format!("content, {before} -> {after}")
        }
        (Some(_), None) => only_in(Side::Before).to_owned(),
        _ => only_in(Side::After).to_owned(),
    }
}

fn squashfs(before: &Squashfs, after: &Squashfs) -> String {
    let settings = |system: &Squashfs| {
        let level = system.level.map_or(String::new(), |level| format!(" level {level}"));
        let compression = shown(system.compression.as_bytes());
        format!("{compression}{level}, blocks of {}", human_bytes(system.block_bytes.into()))
    };
    let (first, second) = (settings(before), settings(after));
    if first != second {
        return format!("squashfs: {first} -> {second}");
    }
    format!(
        "squashfs: the same packages and files in other bytes, {} -> {} bytes, both {first}: another \
         version of the compressor, other hard links or other extended attributes",
        before.bytes, after.bytes
    )
}

fn package(state: Option<&PackageState>) -> String {
    state.map_or("(none)".to_owned(), |state| {
        format!("{} ({} bytes)", shown(state.version.as_bytes()), state.bytes)
    })
}
