//! The archive that a tree becomes, as pieces.

use super::{Content, Node, NodeKind, Tree};
use crate::index::{Entry, Index, Kind};
use crate::path::order;
use crate::tar::{BLOCK_BYTES, HeaderFields, Type, encode, padding};
use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

/// A part of the new archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// Bytes of the old archive.
    CopyRange {
        /// First byte.
        start: u64,
        /// Bytes to copy.
        length: u64,
    },
    /// These bytes.
    Bytes(Vec<u8>),
    /// The content of an added file: [`Content::Source`].
    Source {
        /// What the source is asked for.
        key: String,
        /// Bytes that it gives, exactly.
        length: u64,
    },
}

impl Piece {
    /// Length in bytes.
    #[must_use]
    pub fn length(&self) -> u64 {
        match self {
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
            Self::CopyRange { length, .. } | Self::Source { length, .. } => *length,
        }
    }
}

/// Length in bytes of the archive that `pieces` make.
#[must_use]
pub fn archive_bytes(pieces: &[Piece]) -> u64 {
    pieces.iter().fold(0, |sum, piece| sum.saturating_add(piece.length()))
}

impl Tree<'_> {
    /// The archive of this tree: one member for each path in the order of [`crate::path::order`],
    /// and two blocks of zeros. No time stamp is later than `epoch`, in seconds since 1970.
    ///
    /// Headers are made anew from what the index knows, so the result does not depend on which
    /// program wrote the old archive. Of several names of one file, the first one in the new
    /// archive has the content and the others are hard links to it, whichever had it before.
    #[must_use]
    pub fn pieces(&self, epoch: u64) -> Vec<Piece> {
        let mut writer = Writer { pieces: Vec::new(), epoch };
        let mut shared = Shared::new(self.index, &self.kept);
        let mut added = self.added.values().peekable();
        let old = self.index.entries().iter().zip(&self.kept);
        for entry in old.filter(|(_, kept)| **kept).map(|(entry, _)| entry) {
            let before = |node: &&Node| order(&node.path, &entry.path) == Ordering::Less;
            while let Some(node) = added.next_if(before) {
                writer.node(node);
            }
            let content = self.index.content(entry);
            let first = shared.first_name(content, &entry.path);
            writer.entry(&entry.path, content, first);
        }
        for node in added {
            writer.node(node);
        }
        writer.bytes(&[0; BLOCK_BYTES]);
        writer.bytes(&[0; BLOCK_BYTES]);
        writer.pieces
    }
}

/// Which files have several names, and the first name that the new archive has for each.
struct Shared<'a> {
    files: BTreeSet<&'a str>,
    names: BTreeMap<&'a str, &'a str>,
}

impl<'a> Shared<'a> {
    fn new(index: &'a Index, kept: &[bool]) -> Self {
        let links = index.entries().iter().zip(kept).filter(|(_, kept)| **kept);
        let files = links.filter_map(|(entry, _)| match &entry.kind {
            Kind::HardLink(target) => Some(&**target),
            _ => None,
        });
        Self { files: files.collect(), names: BTreeMap::new() }
    }

    /// The name that `path` must be a hard link to; `None` when `path` gets the content.
    fn first_name(&mut self, content: &'a Entry, path: &'a str) -> Option<&'a str> {
        if !self.files.contains(&*content.path) {
            return None;
        }
        let first = self.names.get(&*content.path).copied();
        if first.is_none() {
            self.names.insert(&content.path, path);
        }
        first
    }
}

/// Largest piece of bytes that small members are gathered in.
const MAX_GATHERED_BYTES: usize = 64 * 1024;

struct Writer {
    pieces: Vec<Piece>,
    epoch: u64,
}

impl Writer {
    fn entry(&mut self, path: &str, entry: &Entry, link_to: Option<&str>) {
        let kind = match (link_to, &entry.kind) {
            (Some(target), _) => Type::HardLink(target.to_owned()),
            (None, Kind::HardLink(target)) => Type::HardLink(target.to_string()),
            (None, Kind::File) => Type::File,
            (None, Kind::Directory) => Type::Directory,
            (None, Kind::Symlink(target)) => Type::Symlink(target.to_string()),
            (None, &Kind::CharacterDevice { major, minor }) => {
                Type::CharacterDevice { major, minor }
            }
            (None, &Kind::BlockDevice { major, minor }) => Type::BlockDevice { major, minor },
            (None, Kind::Fifo) => Type::Fifo,
        };
        let size = if link_to.is_none() { entry.size } else { 0 };
        self.bytes(&encode(&HeaderFields {
            path,
            kind: &kind,
            mode: entry.mode,
            uid: entry.uid,
            gid: entry.gid,
            mtime: entry.mtime.min(self.epoch),
            size,
            attributes: if link_to.is_none() { &entry.attributes } else { &[] },
        }));
        if size != 0 {
            self.pieces.push(Piece::CopyRange { start: entry.data, length: size });
            self.pad(size);
        }
    }

    fn node(&mut self, node: &Node) {
        let (kind, size) = match &node.kind {
            NodeKind::File(content) => (Type::File, content.size()),
            NodeKind::Directory => (Type::Directory, 0),
            NodeKind::Symlink(target) => (Type::Symlink(target.clone()), 0),
            &NodeKind::CharacterDevice { major, minor } => {
                (Type::CharacterDevice { major, minor }, 0)
            }
            &NodeKind::BlockDevice { major, minor } => (Type::BlockDevice { major, minor }, 0),
            NodeKind::Fifo => (Type::Fifo, 0),
        };
        self.bytes(&encode(&HeaderFields {
            path: &node.path,
            kind: &kind,
            mode: node.mode & 0o7777,
            uid: node.uid,
            gid: node.gid,
            mtime: node.mtime.unwrap_or(self.epoch).min(self.epoch),
            size,
            attributes: &node.attributes,
        }));
        match &node.kind {
            NodeKind::File(Content::Bytes(bytes)) => self.bytes(bytes),
            NodeKind::File(Content::Source { key, size }) => {
                self.pieces.push(Piece::Source { key: key.clone(), length: *size });
            }
            _ => {}
        }
        self.pad(size);
    }

    fn pad(&mut self, size: u64) {
        let zeros = [0; BLOCK_BYTES];
        let length = usize::try_from(padding(size)).unwrap_or(0);
        self.bytes(zeros.get(..length).unwrap_or_default());
    }

    fn bytes(&mut self, bytes: &[u8]) {
        match self.pieces.last_mut() {
            _ if bytes.is_empty() => {}
            Some(Piece::Bytes(last))
                if last.len().saturating_add(bytes.len()) <= MAX_GATHERED_BYTES =>
            {
                last.extend(bytes);
            }
            _ => self.pieces.push(Piece::Bytes(bytes.to_vec())),
        }
    }
}
