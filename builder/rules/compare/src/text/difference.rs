//! A [`Difference`] for people.

use std::collections::BTreeMap;

use super::change::{reasons, word};
use super::list::{Detail, Line, list};
use crate::difference::{
    Difference, Direction, FileChange, FileEntry, Files, PackageChange, PackageEntry, Packages,
    Part, SizeChange, Total, Update,
};
use crate::image::Identity;
use crate::shown::{hex, human_bytes, human_change, shown};

/// `difference` as lines of text: counts, sizes, and of each list what `detail` asks for. Sizes
/// that did not change and lists without entries are left out.
#[must_use]
pub fn difference_text(difference: &Difference, detail: Detail) -> String {
    let Difference { before, after, sizes, packages, files, update } = difference;
    let mut text = format!("{} -> {}\n", name(before), name(after));
    if before.root_hash != after.root_hash {
        text.push_str(&format!("root hash {} -> {}\n", root_hash(before), root_hash(after)));
    }
    let changed = sizes.iter().filter(|size| size.before != size.after).map(size_line);
    text.extend(changed);
    packages_text(&mut text, packages, detail);
    files_text(&mut text, files, detail);
    if let Some(update) = update {
        text.push_str(&update_lines(update));
    }
    text
}

pub(super) fn name(identity: &Identity) -> String {
    let parts = [&identity.name, &identity.version, &identity.architecture];
    let parts: Vec<String> =
        parts.into_iter().filter(|part| !part.is_empty()).map(|p| shown(p.as_bytes())).collect();
    if parts.is_empty() { "(no name)".to_owned() } else { parts.join(" ") }
}

/// The first digits, as many as nobody mixes up.
fn root_hash(identity: &Identity) -> String {
    let start = |hash: &[u8; 32]| hash.iter().take(6).copied().collect::<Vec<u8>>();
    identity.root_hash.as_ref().map_or("(none)".to_owned(), |hash| hex(&start(hash)))
}

pub(super) fn size_line(size: &SizeChange) -> String {
    let bytes = |bytes: Option<u64>| bytes.map_or("(none)".to_owned(), human_bytes);
    let mut line =
        format!("{}: {} -> {}", shown(size.name.as_bytes()), bytes(size.before), bytes(size.after));
    if let (Some(before), Some(after)) = (size.before, size.after) {
        line.push_str(&format!(" ({})", human_change(before, after)));
    }
    line.push('\n');
    line
}

/// `: 10 -> 12, 1.00 MiB -> 1.10 MiB (+100 KiB)`, where bytes changed.
fn totals(before: Total, after: Total) -> String {
    let mut text = format!("{} -> {}", before.count, after.count);
    if before.bytes != after.bytes {
        let change = human_change(before.bytes, after.bytes);
        let (before, after) = (human_bytes(before.bytes), human_bytes(after.bytes));
        text.push_str(&format!(", {before} -> {after} ({change})"));
    }
    text
}

fn packages_text(text: &mut String, packages: &Packages, detail: Detail) {
    text.push_str(&format!("packages: {}\n", totals(packages.before, packages.after)));
    section(text, "added", packages.added.iter().map(package_line).collect(), detail);
    section(text, "removed", packages.removed.iter().map(package_line).collect(), detail);
    for (direction, title) in [
        (Direction::Upgraded, "upgraded"),
        (Direction::Downgraded, "downgraded"),
        (Direction::SameVersion, "changed with the same version"),
    ] {
        let of_it = packages.changed.iter().filter(|change| change.direction == direction);
        section(text, title, of_it.map(package_change_line).collect(), detail);
    }
}

/// `  3 upgraded` and the lines below it.
fn section(text: &mut String, title: &str, lines: Vec<Line>, detail: Detail) {
    if !lines.is_empty() {
        text.push_str(&format!("  {} {title}\n{}", lines.len(), list(lines, detail)));
    }
}

fn package_line(entry: &PackageEntry) -> Line {
    let (name, version) = (shown(entry.name.as_bytes()), shown(entry.state.version.as_bytes()));
    let bytes = entry.state.bytes;
    Line { bytes, text: format!("{name} {version} ({})", human_bytes(bytes)) }
}

fn package_change_line(change: &PackageChange) -> Line {
    let mut text = format!(
        "{} {} -> {}",
        shown(change.name.as_bytes()),
        shown(change.before.version.as_bytes()),
        shown(change.after.version.as_bytes())
    );
    let (before, after) = (change.before.bytes, change.after.bytes);
    if before != after {
        text.push_str(&format!(" ({})", human_change(before, after)));
    }
    Line { bytes: before.abs_diff(after), text }
}

fn files_text(text: &mut String, files: &Files, detail: Detail) {
    text.push_str(&format!("files: {}\n", totals(files.before, files.after)));
    section(text, "added", files.added.iter().map(file_line).collect(), detail);
    section(text, "removed", files.removed.iter().map(file_line).collect(), detail);
    let title = format!("changed: {}", words(&files.changed));
    section(text, &title, files.changed.iter().map(file_change_line).collect(), detail);
    if files.not_compared > 0 {
        text.push_str(&format!("  content not compared: {}\n", files.not_compared));
    }
}

/// How many files changed in what.
fn words(changes: &[FileChange]) -> String {
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for file in changes {
        // A file may differ in several attributes and is one file nevertheless.
        let mut words: Vec<&str> = file.changes.iter().map(word).collect();
        words.dedup();
        for word in words {
            let count = counts.entry(word).or_default();
            *count = count.saturating_add(1);
        }
    }
    let counts = counts.iter().map(|(word, count)| format!("{word} {count}"));
    counts.collect::<Vec<_>>().join(", ")
}

fn owner(package: Option<&String>) -> String {
    package.map(|package| format!(" [{}]", shown(package.as_bytes()))).unwrap_or_default()
}

fn file_line(entry: &FileEntry) -> Line {
    let what = match entry.kind {
        "file" => human_bytes(entry.bytes),
        kind => kind.to_owned(),
    };
    let owner = owner(entry.package.as_ref());
    Line { bytes: entry.bytes, text: format!("{}{owner} ({what})", entry.path) }
}

fn file_change_line(change: &FileChange) -> Line {
    let owner = owner(change.package.as_ref());
    Line {
        bytes: change.bytes,
        text: format!("{}{owner}: {}", change.path, reasons(&change.changes)),
    }
}

/// What an update fetches, in 80 columns.
fn update_lines(update: &Update) -> String {
    let missing = |part: &Part| human_bytes(part.missing.bytes);
    format!(
        "update: fetches {} of {}, {} of {} blocks\n  \
         blocks {}, metadata {}, boot files {}\n  \
         the hash tree, {}, is computed from them\n",
        human_bytes(update.missing.bytes),
        human_bytes(update.all.bytes),
        update.blocks.missing.count,
        update.blocks.all.count,
        missing(&update.blocks),
        missing(&update.metadata),
        missing(&update.boot_files),
        human_bytes(update.hash_tree_bytes),
    )
}
