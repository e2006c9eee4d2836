//! What a tree holds in the end.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};

use super::{Content, Node, NodeKind, Tree};
use crate::index::{Entry, Index, Kind};
use crate::path::order;
use crate::special::Special;
use crate::tar::Attribute;

/// Something that the image will hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member<'a> {
    /// Path relative to the root; empty for the root.
    pub path: &'a str,
    /// What it is.
    pub kind: MemberKind<'a>,
    /// Permission bits with set-id and sticky bits, at most `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Seconds since 1970, not later than the epoch of the build.
    pub mtime: u64,
    /// Extended attributes, sorted by name. Those of a hard link are those of its file.
    pub attributes: &'a [Attribute],
}

/// What a [`Member`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MemberKind<'a> {
    /// A regular file.
    File(Data<'a>),
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Symlink(&'a str),
    /// A further name of the member at this path, which came before.
    HardLink(&'a str),
    /// A device or a pipe.
    Special(Special),
}

/// Where the content of a file is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Data<'a> {
    /// In the packages' archive.
    Archive {
        /// First byte.
        start: u64,
        /// Length in bytes.
        size: u64,
    },
    /// Here.
    Bytes(&'a [u8]),
    /// In a file of the machine: [`Content::Source`].
    Source {
        /// What the source is asked for.
        key: &'a str,
        /// Bytes that it gives, exactly.
        size: u64,
    },
}

impl Data<'_> {
    /// Length in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        match self {
            Self::Archive { size, .. } | Self::Source { size, .. } => *size,
            Self::Bytes(bytes) => u64::try_from(bytes.len()).unwrap_or(u64::MAX),
        }
    }
}

impl<'a> From<&'a Content> for Data<'a> {
    fn from(content: &'a Content) -> Self {
        match content {
            Content::Bytes(bytes) => Self::Bytes(bytes),
            Content::Source { key, size } => Self::Source { key, size: *size },
        }
    }
}

impl Tree<'_> {
    /// Everything that the image will hold, in the order of [`crate::path::order`]: a directory
    /// comes before what is in it. No time stamp is later than `epoch`, in seconds since 1970.
    ///
    /// Of several names of one file, the first one in this order has the content and the others are
    /// hard links to it, whichever had it in the packages' archive.
    #[must_use]
    pub fn members(&self, epoch: u64) -> Vec<Member<'_>> {
        let mut members = Vec::new();
        let mut shared = Shared::new(self.index, &self.kept);
        let mut added = self.added.values().peekable();
        let old = self.index.entries().iter().zip(&self.kept);
        for entry in old.filter(|(_, kept)| **kept).map(|(entry, _)| entry) {
            let before = |node: &&Node| order(&node.path, &entry.path) == Ordering::Less;
            while let Some(node) = added.next_if(before) {
                members.push(of_node(node, epoch));
            }
            let content = self.index.content(entry);
            let first = shared.first_name(content, &entry.path);
            members.push(of_entry(&entry.path, content, first, epoch));
        }
        members.extend(added.map(|node| of_node(node, epoch)));
        members
    }
}

/// Which files have several names, and the first name of each in the new order.
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

fn of_entry<'a>(
    path: &'a str,
    entry: &'a Entry,
    link_to: Option<&'a str>,
    epoch: u64,
) -> Member<'a> {
    let kind = match (link_to, &entry.kind) {
        (Some(target), _) => MemberKind::HardLink(target),
        (None, Kind::HardLink(target)) => MemberKind::HardLink(target),
        (None, Kind::File) => {
            MemberKind::File(Data::Archive { start: entry.data, size: entry.size })
        }
        (None, Kind::Directory) => MemberKind::Directory,
        (None, Kind::Symlink(target)) => MemberKind::Symlink(target),
        (None, Kind::Special(special)) => MemberKind::Special(*special),
    };
    let Entry { mode, uid, gid, mtime, ref attributes, .. } = *entry;
    Member { path, kind, mode, uid, gid, mtime: mtime.min(epoch), attributes }
}

fn of_node(node: &Node, epoch: u64) -> Member<'_> {
    let kind = match &node.kind {
        NodeKind::File(content) => MemberKind::File(content.into()),
        NodeKind::Directory => MemberKind::Directory,
        NodeKind::Symlink(target) => MemberKind::Symlink(target),
        NodeKind::Special(special) => MemberKind::Special(*special),
    };
    Member {
        path: &node.path,
        kind,
        mode: node.mode & 0o7777,
        uid: node.uid,
        gid: node.gid,
        mtime: node.mtime.unwrap_or(epoch).min(epoch),
        attributes: &node.attributes,
    }
}
