//! Files that came, went or changed.

use std::collections::BTreeMap;

use serde::Serialize;

use super::change::{Change, changes, comparable};
use super::{Total, pairs};
use crate::image::File;
use crate::shown::shown_path;

/// Files of all kinds that came, went or changed, each list sorted by path.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Files {
    /// All of the first image.
    pub before: Total,
    /// All of the second image.
    pub after: Total,
    /// Those that only the second image has.
    pub added: Vec<FileEntry>,
    /// Those that only the first image has.
    pub removed: Vec<FileEntry>,
    /// Those that both images have and that differ in anything but their time.
    pub changed: Vec<FileChange>,
    /// Number of those in which nothing was found to differ.
    pub unchanged: u64,
    /// How many regular files of equal size have neither hashes nor the same stored form, so that
    /// their contents are not compared.
    pub not_compared: u64,
}

/// A file of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileEntry {
    /// Path as text, with a leading slash.
    pub path: String,
    /// What it is: [`crate::Kind::name`].
    pub kind: &'static str,
    /// Bytes of content.
    pub bytes: u64,
    /// The package that owns it, where known.
    pub package: Option<String>,
}

/// A file that both images have, and that differs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct FileChange {
    /// Path as text, with a leading slash.
    pub path: String,
    /// Bytes of content in the second image.
    pub bytes: u64,
    /// The package that owns it in the second image, or else in the first, where known.
    pub package: Option<String>,
    /// What differs, at least one thing.
    pub changes: Vec<Change>,
}

pub(super) fn compare(before: &BTreeMap<Vec<u8>, File>, after: &BTreeMap<Vec<u8>, File>) -> Files {
    let total = |map: &BTreeMap<_, File>| Total::of(map.values().map(|file| file.kind.bytes()));
    let mut files = Files { before: total(before), after: total(after), ..Files::default() };
    for (path, before, after) in pairs(before, after) {
        match (before, after) {
            (Some(before), Some(after)) => files.both(path, before, after),
            (Some(before), None) => files.removed.push(FileEntry::of(path, before)),
            (None, Some(after)) => files.added.push(FileEntry::of(path, after)),
            (None, None) => {}
        }
    }
    files
}

impl Files {
    fn both(&mut self, path: &[u8], before: &File, after: &File) {
        let changes = changes(before, after);
        if !comparable(before, after) {
            self.not_compared = self.not_compared.saturating_add(1);
        }
        if changes.is_empty() {
            self.unchanged = self.unchanged.saturating_add(1);
            return;
        }
        self.changed.push(FileChange::of(path, before, after, changes));
    }
}

impl FileEntry {
    pub(crate) fn of(path: &[u8], file: &File) -> Self {
        Self {
            path: shown_path(path),
            kind: file.kind.name(),
            bytes: file.kind.bytes(),
            package: file.package.clone(),
        }
    }
}

impl FileChange {
    pub(crate) fn of(path: &[u8], before: &File, after: &File, changes: Vec<Change>) -> Self {
        Self {
            path: shown_path(path),
            bytes: after.kind.bytes(),
            package: after.package.clone().or_else(|| before.package.clone()),
            changes,
        }
    }
}
