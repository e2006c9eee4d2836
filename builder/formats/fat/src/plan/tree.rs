//! The directories that the paths of files imply.

use std::collections::BTreeMap;

use crate::layout::entry;
use crate::name::{self, ShortName};
use crate::plan::FileSpec;
use crate::plan::geometry::{Geometry, ROOT_ENTRIES};
use crate::{Error, FatType};

/// What a directory entry leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Node {
    /// Index into [`Tree::directories`].
    Directory(usize),
    /// Index into the files.
    File(usize),
}

/// A directory, the root included.
#[derive(Debug, Default)]
pub(crate) struct Directory {
    /// Index of the directory above; of the root, its own.
    pub(crate) parent: usize,
    /// Entries in the order in which they were mentioned first.
    pub(crate) children: Vec<(ShortName, Node)>,
}

/// All directories. The first is the root; each comes behind the one above it.
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) directories: Vec<Directory>,
    file_sizes: Vec<u64>,
}

impl Tree {
    /// The tree of `files`.
    pub(crate) fn new(files: &[FileSpec]) -> Result<Self, Error> {
        let mut tree = Self { directories: vec![Directory::default()], file_sizes: Vec::new() };
        let mut known: BTreeMap<(usize, ShortName), Node> = BTreeMap::new();
        for (index, file) in files.iter().enumerate() {
            let object = || format!("file `{}`", file.path);
            if u32::try_from(file.size).is_err() {
                return Err(Error::refused(object(), "less than 4294967296 bytes", file.size));
            }
            let mut directory = 0;
            let mut parts = file.path.split('/').peekable();
            while let Some(part) = parts.next() {
                let name = name::encode(part).ok_or_else(|| {
                    Error::refused(object(), "upper-case 8.3 names", format!("`{part}`"))
                })?;
                let is_last = parts.peek().is_none();
                match (known.get(&(directory, name)), is_last) {
                    (None, _) => {
                        let node = tree.add(directory, name, is_last.then_some(index));
                        known.insert((directory, name), node);
                        directory = if let Node::Directory(new) = node { new } else { directory };
                    }
                    (Some(Node::Directory(existing)), false) => directory = *existing,
                    (Some(_), _) => {
                        return Err(Error::refused(object(), "a path used once", "another use"));
                    }
                }
            }
            tree.file_sizes.push(file.size);
        }
        Ok(tree)
    }

    /// Adds the file with index `file`, or a directory, below `parent`.
    fn add(&mut self, parent: usize, name: ShortName, file: Option<usize>) -> Node {
        let node = match file {
            Some(file) => Node::File(file),
            None => {
                self.directories.push(Directory { parent, children: Vec::new() });
                Node::Directory(self.directories.len().saturating_sub(1))
            }
        };
        if let Some(directory) = self.directories.get_mut(parent) {
            directory.children.push((name, node));
        }
        node
    }

    /// Bytes of the entries of directory `index`: its own two, or in the root the label, come first.
    fn directory_bytes(&self, index: usize) -> u64 {
        let children = self.directories.get(index).map_or(0, |d| d.children.len());
        let first = if index == 0 { 1 } else { 2 };
        let entries = u64::try_from(children).unwrap_or(u64::MAX).saturating_add(first);
        entries.saturating_mul(u64::try_from(entry::BYTES).unwrap_or(u64::MAX))
    }

    /// Refuses directories with more entries than they can have.
    pub(crate) fn check_root(&self, geometry: &Geometry) -> Result<(), Error> {
        for index in 0..self.directories.len() {
            let limit = match (index, geometry.fat_type) {
                (0, FatType::Fat12 | FatType::Fat16) => {
                    ROOT_ENTRIES.saturating_mul(u64::try_from(entry::BYTES).unwrap_or(0))
                }
                _ => entry::DIRECTORY_BYTES_MAX,
            };
            let bytes = self.directory_bytes(index);
            if bytes > limit {
                let expected = format!("at most {limit} bytes");
                return Err(Error::refused("entries of a directory", expected, bytes));
            }
        }
        Ok(())
    }

    /// Bytes of what is placed in clusters: the directories in their order, then the files in
    /// theirs. The root of FAT12 and FAT16 has none.
    pub(crate) fn lengths(&self, geometry: &Geometry) -> Vec<u64> {
        let directories =
            (0..self.directories.len()).map(|index| match (index, geometry.fat_type) {
                (0, FatType::Fat12 | FatType::Fat16) => 0,
                _ => self.directory_bytes(index),
            });
        directories.chain(self.file_sizes.iter().copied()).collect()
    }

    /// The part of an allocation that belongs to the files.
    pub(crate) fn file_starts<'a>(&self, starts: &'a [u32]) -> &'a [u32] {
        starts.get(self.directories.len()..).unwrap_or_default()
    }

    /// More bytes than directories and the alignment of files take.
    pub(crate) fn overhead_max(&self) -> u64 {
        let things = self.directories.len().saturating_add(self.file_sizes.len());
        let directories = (0..self.directories.len()).map(|index| self.directory_bytes(index));
        let directories = directories.fold(0, u64::saturating_add);
        u64::try_from(things).unwrap_or(u64::MAX).saturating_mul(65536).saturating_add(directories)
    }
}
