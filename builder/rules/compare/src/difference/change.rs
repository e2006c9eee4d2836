//! In what two files differ.

use serde::{Serialize, Serializer};

use super::pairs;
use crate::image::{File, Kind};
use crate::shown::shown;

/// A thing in which two files differ. Serialised as an object whose `what` is the name in
/// kebab-case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "what", rename_all = "kebab-case")]
pub enum Change {
    /// One is a file, the other a directory, or the like ([`Kind::name`]). Content, size, target
    /// and device number are then not compared.
    Kind {
        /// In the first image.
        before: &'static str,
        /// In the second image.
        after: &'static str,
    },
    /// The content: hashes or sizes differ.
    Content,
    /// Bytes of content.
    Size {
        /// In the first image.
        before: u64,
        /// In the second image.
        after: u64,
    },
    /// Where a symbolic link points, as text.
    Target {
        /// In the first image.
        before: String,
        /// In the second image.
        after: String,
    },
    /// Device number, as `major:minor`.
    Device {
        /// In the first image.
        before: String,
        /// In the second image.
        after: String,
    },
    /// Permission bits, serialised as four octal digits.
    Mode {
        /// In the first image.
        #[serde(serialize_with = "octal")]
        before: u32,
        /// In the second image.
        #[serde(serialize_with = "octal")]
        after: u32,
    },
    /// Owner and group.
    Owner {
        /// In the first image.
        before: Owner,
        /// In the second image.
        after: Owner,
    },
    /// An extended attribute that only one has, or with another value.
    Attribute {
        /// Its name, as text.
        name: String,
    },
    /// Time of the last change in seconds since 1970; only [`crate::rebuild`] compares it.
    Mtime {
        /// In the first image.
        before: u64,
        /// In the second image.
        after: u64,
    },
}

/// Owner and group of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Owner {
    /// Number of the user.
    pub uid: u32,
    /// Number of the group.
    pub gid: u32,
}

fn octal<S: Serializer>(mode: &u32, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(&format_args!("{mode:04o}"))
}

/// Whether it can be said if the contents differ.
pub(crate) fn comparable(before: &File, after: &File) -> bool {
    match (&before.kind, &after.kind) {
        (
            Kind::Regular { bytes: before, sha256: left, stored: left_stored },
            Kind::Regular { bytes: after, sha256: right, stored: right_stored },
        ) => {
            let same = left_stored.is_some() && left_stored == right_stored;
            before != after || same || left.is_some() && right.is_some()
        }
        _ => true,
    }
}

/// In what two files differ, in the order of [`Change`] and without their times.
pub(crate) fn changes(before: &File, after: &File) -> Vec<Change> {
    let mut changes = kind_changes(&before.kind, &after.kind);
    if before.mode != after.mode {
        changes.push(Change::Mode { before: before.mode, after: after.mode });
    }
    let owner = |file: &File| Owner { uid: file.uid, gid: file.gid };
    if owner(before) != owner(after) {
        changes.push(Change::Owner { before: owner(before), after: owner(after) });
    }
    for (name, before, after) in pairs(&before.attributes, &after.attributes) {
        if before != after {
            changes.push(Change::Attribute { name: shown(name) });
        }
    }
    changes
}

fn kind_changes(before: &Kind, after: &Kind) -> Vec<Change> {
    match (before, after) {
        (
            Kind::Regular { bytes: before, sha256: left, .. },
            Kind::Regular { bytes: after, sha256: right, .. },
        ) => content_changes((*before, left.as_ref()), (*after, right.as_ref())),
        (Kind::Symlink { target: before }, Kind::Symlink { target: after }) if before != after => {
            vec![Change::Target { before: shown(before), after: shown(after) }]
        }
        _ if before.name() != after.name() => {
            vec![Change::Kind { before: before.name(), after: after.name() }]
        }
        _ if device(before) != device(after) => {
            vec![Change::Device { before: device(before), after: device(after) }]
        }
        _ => Vec::new(),
    }
}

fn content_changes(
    (before, left): (u64, Option<&[u8; 32]>),
    (after, right): (u64, Option<&[u8; 32]>),
) -> Vec<Change> {
    let hashes_differ = left.zip(right).is_some_and(|(left, right)| left != right);
    let mut changes = Vec::new();
    if before != after || hashes_differ {
        changes.push(Change::Content);
    }
    if before != after {
        changes.push(Change::Size { before, after });
    }
    changes
}

/// `major:minor` of a device, empty for everything else.
fn device(kind: &Kind) -> String {
    match kind {
        Kind::CharacterDevice { major, minor } | Kind::BlockDevice { major, minor } => {
            format!("{major}:{minor}")
        }
        _ => String::new(),
    }
}
