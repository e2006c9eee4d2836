//! One entry of an index.

use crate::special::Special;
use crate::tar::{Attribute, padding};
use std::ops::Range;

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file with content of its own.
    File,
    /// A directory.
    Directory,
    /// A symbolic link, with its target as the archive spells it.
    Symlink(Box<str>),
    /// A further name of the entry at this path, which is never itself a hard link.
    HardLink(Box<str>),
    /// A device or a pipe.
    Special(Special),
}

impl Kind {
    /// The kind for a message, with its article.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::File => "a file",
            Self::Directory => "a directory",
            Self::Symlink(_) => "a symbolic link",
            Self::HardLink(_) => "a hard link",
            Self::Special(special) => special.name(),
        }
    }
}

/// A member of the archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path relative to the root, as [`crate::path::normalise`] makes it; empty for the root.
    pub path: Box<str>,
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-id and sticky bits, at most `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970, without fraction; what is older is 0.
    pub mtime: u64,
    /// Bytes of content; 0 for everything but files.
    pub size: u64,
    /// Byte of the archive at which the first header of the entry starts.
    pub start: u64,
    /// Byte of the archive at which the content starts.
    pub data: u64,
    /// Extended attributes (`SCHILY.xattr.` records), sorted by name.
    pub attributes: Box<[Attribute]>,
}

impl Entry {
    /// The bytes of the whole member in the archive: extended headers, header, content, padding.
    #[must_use]
    pub fn range(&self) -> Range<u64> {
        let end = self.data.saturating_add(self.size).saturating_add(padding(self.size));
        self.start..end
    }
}
