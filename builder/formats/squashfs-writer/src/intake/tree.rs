//! The directories on the way to the entry that came last.

use std::cmp::Ordering;
use std::collections::HashMap;

use anklume_bytes::le_u64;
use sha2::{Digest, Sha256};

use crate::entry::{Entry, order};
use crate::error::{Error, PathFault};
use crate::layout::InodeType;
use crate::store::{Head, Index, key_of};
use crate::tables::{directory_record, note_child};

/// Open directories, inode numbers and hard links.
pub(super) struct Tree {
    /// From the root to the directory that holds the last entry, or to the last entry itself.
    open: Vec<OpenDirectory>,
    /// Path of the last entry. Those of the open directories are prefixes of it.
    last: Option<Vec<u8>>,
    inodes: u32,
    /// What hard links can name, by a hash of the path.
    names: Index<Named>,
    /// Names of the inodes that have more than one.
    links: HashMap<u32, u32>,
}

struct OpenDirectory {
    head: Head,
    /// Inode number of the directory that holds it, 0 for the root.
    parent: u32,
    path_length: usize,
    /// See [`note_child`].
    children: Vec<u8>,
}

/// An inode with a path.
#[derive(Debug, Clone, Copy)]
struct Named {
    /// The path's hash, from byte 8 to byte 16; the first eight bytes are the key.
    check: u64,
    number: u32,
    kind: InodeType,
}

impl Tree {
    pub(super) fn new() -> Self {
        let (names, links) = (Index::new(), HashMap::new());
        Self { open: Vec::new(), last: None, inodes: 0, names, links }
    }

    /// Goes to the directory that holds `entry`. The records of the directories that this leaves
    /// are given to `closed`, the innermost first.
    pub(super) fn enter(
        &mut self,
        entry: &Entry<'_>,
        closed: &mut impl FnMut(Vec<u8>),
    ) -> Result<(), Error> {
        let Some(last) = &self.last else {
            self.last = Some(Vec::new());
            return match entry.path {
                b"" => Ok(()),
                _ => Err(entry.fault(PathFault::NoParent)),
            };
        };
        match order(last, entry.path) {
            Ordering::Less => {}
            Ordering::Equal => return Err(entry.fault(PathFault::Duplicate)),
            Ordering::Greater => return Err(entry.fault(PathFault::Unsorted)),
        }
        let (parent, _) = split(entry.path);
        let kept = self.open.iter().rposition(|open| last.get(..open.path_length) == Some(parent));
        let kept = kept.and_then(|at| at.checked_add(1));
        self.leave(kept.ok_or_else(|| entry.fault(PathFault::NoParent))?, closed);
        self.last = Some(entry.path.to_vec());
        Ok(())
    }

    /// Closes all but the `kept` outermost directories.
    pub(super) fn leave(&mut self, kept: usize, closed: &mut impl FnMut(Vec<u8>)) {
        while self.open.len() > kept {
            if let Some(left) = self.open.pop() {
                closed(directory_record(&left.head, left.parent, &left.children));
            }
        }
    }

    /// The number of a new inode.
    pub(super) fn number(&mut self) -> Result<u32, Error> {
        // One number more is used, as the number of the root's parent.
        let limit = u32::MAX.saturating_sub(1);
        if self.inodes >= limit {
            return Err(Error::TableFull { table: "inode table", limit: limit.into() });
        }
        self.inodes = self.inodes.saturating_add(1);
        Ok(self.inodes)
    }

    /// Adds the entry that was entered, with its inode.
    pub(super) fn add(&mut self, entry: &Entry<'_>, head: Head) -> Result<(), Error> {
        let parent = self.note(entry, head.kind, head.number);
        if head.kind == InodeType::Directory {
            let (path_length, children) = (entry.path.len(), Vec::new());
            self.open.push(OpenDirectory { head, parent, path_length, children });
            return Ok(());
        }
        self.name(entry.path, head.kind, head.number)
    }

    /// Adds the entry that was entered as another name of the inode at `to`.
    pub(super) fn link(&mut self, entry: &Entry<'_>, to: &[u8]) -> Result<(), Error> {
        let hash = Sha256::digest(to).into();
        let check = check_of(&hash);
        let named = self.names.find(key_of(&hash), |named| named.check == check);
        let Some(Named { number, kind, .. }) = named else {
            return Err(Error::HardLink { path: entry.path.to_vec(), target: to.to_vec() });
        };
        let links = self.links.entry(number).or_insert(1);
        *links = links.saturating_add(1);
        self.note(entry, kind, number);
        self.name(entry.path, kind, number)
    }

    /// The number of inodes, and the names of those that have more than one.
    pub(super) fn into_parts(self) -> (u32, HashMap<u32, u32>) {
        (self.inodes, self.links)
    }

    /// Notes the entry in the innermost directory, and returns that one's number, 0 for none.
    fn note(&mut self, entry: &Entry<'_>, kind: InodeType, number: u32) -> u32 {
        let Some(parent) = self.open.last_mut() else { return 0 };
        note_child(&mut parent.children, kind, number, split(entry.path).1);
        parent.head.number
    }

    fn name(&mut self, path: &[u8], kind: InodeType, number: u32) -> Result<(), Error> {
        let hash = Sha256::digest(path).into();
        let named = Named { check: check_of(&hash), number, kind };
        let full = Error::TableFull { table: "list of paths", limit: u32::MAX.into() };
        self.names.insert(key_of(&hash), named).ok_or(full)
    }
}

fn check_of(hash: &[u8; 32]) -> u64 {
    le_u64(hash, 8).unwrap_or_default()
}

/// The directory that holds `path`, and its name there.
fn split(path: &[u8]) -> (&[u8], &[u8]) {
    let mut parts = path.rsplitn(2, |byte| *byte == b'/');
    let name = parts.next().unwrap_or_default();
    (parts.next().unwrap_or_default(), name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Kind;
    use crate::layout::NO_XATTR;

    fn add(tree: &mut Tree, path: &[u8], kind: InodeType) -> Result<usize, Error> {
        let (entry_kind, mut closed) = (Kind::Directory, 0);
        let (mode, uid, gid, mtime, xattr) = (0, 0, 0, 0, NO_XATTR);
        let entry = Entry { path, mode, uid: 0, gid: 0, mtime, xattrs: &[], kind: entry_kind };
        tree.enter(&entry, &mut |_| closed += 1)?;
        let number = tree.number()?;
        tree.add(&entry, Head { kind, mode, uid, gid, mtime, number, xattr })?;
        Ok(closed)
    }

    fn fault(tree: &mut Tree, path: &[u8]) -> PathFault {
        match add(tree, path, InodeType::Fifo) {
            Err(Error::Path { fault, .. }) => fault,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn directories_close_when_they_are_left() {
        let mut tree = Tree::new();
        let directory = InodeType::Directory;
        for (path, closed) in
            [(b"".as_slice(), 0), (b"a", 0), (b"a/b", 0), (b"a/b/c", 0), (b"a/d", 2), (b"b", 2)]
        {
            assert_eq!(add(&mut tree, path, directory).unwrap(), closed, "{path:?}");
        }
        assert_eq!(tree.inodes, 6);
    }

    #[test]
    fn entries_out_of_place_are_refused() {
        assert_eq!(fault(&mut Tree::new(), b"a"), PathFault::NoParent);
        let mut tree = Tree::new();
        add(&mut tree, b"", InodeType::Directory).unwrap();
        add(&mut tree, b"b", InodeType::Directory).unwrap();
        add(&mut tree, b"b/x", InodeType::Fifo).unwrap();
        assert_eq!(fault(&mut tree, b"b/x"), PathFault::Duplicate);
        assert_eq!(fault(&mut tree, b"b"), PathFault::Unsorted);
        assert_eq!(fault(&mut tree, b"a"), PathFault::Unsorted);
        assert_eq!(fault(&mut tree, b"b/x/y"), PathFault::NoParent);
        assert_eq!(fault(&mut tree, b"c/x"), PathFault::NoParent);
        add(&mut tree, b"b/y", InodeType::Fifo).unwrap();
    }
}
