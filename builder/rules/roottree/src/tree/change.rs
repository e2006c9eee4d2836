//! Changes of a tree, as data.

use crate::glob::Glob;
use crate::special::Special;
use crate::tar::Attribute;

/// One change. Paths are relative to the root; a leading slash may be there. Symbolic links on the
/// way to the last component are followed inside the tree, so `lib/x` lands in `usr/lib/x` where
/// `lib` is a link to `usr/lib`. The last component is not followed unless said otherwise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Adds something, or replaces what is no directory. A directory put over a directory changes
    /// its owner and mode and keeps its content. Missing directories on the way are made, mode
    /// 0755, owned by root.
    Put(Node),
    /// As [`Change::Put`], but first drops whatever has the path, a directory with its content.
    Replace(Node),
    /// Adds a directory where none is. An existing one, also behind a symbolic link, stays as it
    /// is.
    EnsureDirectory(Node),
    /// Drops what has this path, a directory with its content. Nothing there is no error.
    Drop(String),
    /// Drops everything whose path, no link followed, fits; directories with their content.
    DropMatching(Glob),
    /// Drops the content of a directory, also behind a symbolic link. Nothing there is no error.
    Empty(String),
}

/// Something to add to a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Node {
    /// Path in the tree.
    pub path: String,
    /// What it is.
    pub kind: NodeKind,
    /// Permission bits with set-id and sticky bits, at most `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970; `None` is the epoch of the build, and so is everything later.
    pub mtime: Option<u64>,
    /// Extended attributes.
    pub attributes: Vec<Attribute>,
}

/// What a [`Node`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NodeKind {
    /// A regular file.
    File(Content),
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Symlink(String),
    /// A device or a pipe.
    Special(Special),
}

impl NodeKind {
    /// The kind for a message, with its article.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::File(_) => "a file",
            Self::Directory => "a directory",
            Self::Symlink(_) => "a symbolic link",
            Self::Special(special) => special.name(),
        }
    }
}

/// Content of an added file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Content {
    /// These bytes.
    Bytes(Vec<u8>),
    /// Bytes that [`crate::write`] asks its [`crate::Sources`] for.
    Source {
        /// What the source is asked for, such as the path of a file on the build machine.
        key: String,
        /// Bytes that it gives, exactly.
        size: u64,
    },
}

impl Content {
    /// Length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::Source { size, .. } => *size,
        }
    }
}

impl Node {
    /// A node of root's, as old as the epoch, without extended attributes.
    #[must_use]
    pub fn new(path: impl Into<String>, mode: u32, kind: NodeKind) -> Self {
        Self { path: path.into(), kind, mode, uid: 0, gid: 0, mtime: None, attributes: Vec::new() }
    }

    /// A file of root's with these bytes.
    #[must_use]
    pub fn file(path: impl Into<String>, mode: u32, bytes: impl Into<Vec<u8>>) -> Self {
        Self::new(path, mode, NodeKind::File(Content::Bytes(bytes.into())))
    }

    /// A directory of root's, mode 0755.
    #[must_use]
    pub fn directory(path: impl Into<String>) -> Self {
        Self::new(path, 0o755, NodeKind::Directory)
    }

    /// A symbolic link of root's.
    #[must_use]
    pub fn symlink(path: impl Into<String>, target: impl Into<String>) -> Self {
        Self::new(path, 0o777, NodeKind::Symlink(target.into()))
    }
}
