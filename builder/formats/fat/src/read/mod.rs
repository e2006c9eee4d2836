//! Reading file systems of any origin.

mod areas;
mod chain;
mod check;
mod directory;

use std::collections::BTreeSet;

use anklume_bytes::ReadAt;

use crate::layout::entry;
use crate::read::areas::Areas;
use crate::{Error, FatType};

pub use check::Problem;

/// The most files and directories that [`FileSystem::list`] returns.
const ENTRIES_MAX: usize = 1 << 16;
/// The most directories below each other.
const DEPTH_MAX: usize = 64;
/// The most bytes of all directories together.
const DIRECTORIES_BYTES_MAX: u64 = 64 << 20;

/// A file or directory.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path from the root, `/` between short names. Bytes above 127 are U+FFFD.
    pub path: String,
    /// Bytes of a file; 0 for a directory.
    pub size: u64,
    /// Whether it is a directory.
    pub is_directory: bool,
    /// Attribute bits as they lie on disk: read-only 1, hidden 2, system 4, archive 32.
    pub attributes: u8,
    /// First cluster; 0 for an empty file.
    pub first_cluster: u32,
    /// Directories above it.
    depth: usize,
}

/// Consecutive bytes of the file system that belong to a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First byte in the file system.
    pub offset: u64,
    /// Number of bytes.
    pub length: u64,
}

/// A FAT12, FAT16 or FAT32 file system.
#[derive(Debug)]
pub struct FileSystem<'a, R: ?Sized> {
    disk: &'a R,
    areas: Areas,
}

impl<'a, R: ReadAt + ?Sized> FileSystem<'a, R> {
    /// The file system in `disk`, which may be longer.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the boot sector contradicts itself or the size of `disk`,
    /// [`Error::Unsupported`] for more than two tables, [`Error::Io`] when it cannot be read.
    pub fn open(disk: &'a R) -> Result<Self, Error> {
        Ok(Self { disk, areas: Areas::read(disk)? })
    }

    /// Type of the file system.
    #[must_use]
    pub fn fat_type(&self) -> FatType {
        self.areas.fat_type
    }

    /// Bytes of a cluster.
    #[must_use]
    pub fn cluster_bytes(&self) -> u64 {
        self.areas.cluster_bytes
    }

    /// Number of data clusters.
    #[must_use]
    pub fn cluster_count(&self) -> u32 {
        self.areas.cluster_count
    }

    /// Serial number of the boot sector, if it has one.
    #[must_use]
    pub fn serial(&self) -> Option<u32> {
        self.areas.serial
    }

    /// Volume label of the boot sector without its padding, if it has one.
    #[must_use]
    pub fn label(&self) -> Option<&str> {
        self.areas.label.as_deref()
    }

    /// The areas before the first data cluster, in order and without gaps: reserved sectors, each
    /// table, and the fixed root directory that FAT12 and FAT16 have.
    #[must_use]
    pub fn areas(&self) -> Vec<Extent> {
        let Areas { root_offset, root_bytes, table_bytes, tables, .. } = self.areas;
        let tables_bytes = table_bytes.saturating_mul(tables.into());
        let reserved = root_offset.saturating_sub(tables_bytes);
        let table = |number| Extent {
            offset: reserved.saturating_add(table_bytes.saturating_mul(u64::from(number))),
            length: table_bytes,
        };
        let reserved = Extent { offset: 0, length: reserved };
        let root = Extent { offset: root_offset, length: root_bytes };
        let areas = [reserved].into_iter().chain((0..tables).map(table)).chain([root]);
        areas.filter(|area| area.length > 0).collect()
    }

    /// All files and directories, each directory before what it holds.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when a directory cannot be followed or is reached twice,
    /// [`Error::Unsupported`] above 65536 entries, 64 levels or 64 MiB of directories,
    /// [`Error::Io`] when the disk cannot be read.
    pub fn list(&self) -> Result<Vec<Entry>, Error> {
        let mut walk = Walk::new(self);
        let mut all = Vec::new();
        while let Some((_, entries)) = walk.next() {
            all.extend(entries?);
        }
        all.sort_by(|a: &Entry, b| a.path.cmp(&b.path));
        Ok(all)
    }

    /// The file or directory at `path`, without regard to the case of ASCII letters.
    ///
    /// # Errors
    /// As [`FileSystem::list`], for the directories on the way.
    pub fn find(&self, path: &str) -> Result<Option<Entry>, Error> {
        let mut found = self.root();
        for name in path.split('/').filter(|name| !name.is_empty()) {
            if !found.is_directory || found.depth > DEPTH_MAX {
                return Ok(None);
            }
            let wanted = join(&found.path, name);
            let mut entries = self.directory(&found)?.into_iter();
            match entries.find(|entry| entry.path.eq_ignore_ascii_case(&wanted)) {
                Some(entry) => found = entry,
                None => return Ok(None),
            }
        }
        Ok(Some(found))
    }

    /// Where the content of `file` lies, in order and without the rest of the last cluster. Of a
    /// directory: all its clusters.
    ///
    /// # Errors
    /// [`Error::Corrupt`] when the chain of clusters leaves the file system, is shorter or longer
    /// than the file (a cycle is longer than any file), and [`Error::Io`] when the table cannot be
    /// read.
    pub fn extents(&self, file: &Entry) -> Result<Vec<Extent>, Error> {
        if file.is_directory {
            return self.directory_extents(file);
        }
        let cluster_bytes = self.areas.cluster_bytes.max(1);
        let clusters = file.size.div_ceil(cluster_bytes);
        let (mut extents, found) = self.chain(file, clusters)?;
        if found != clusters {
            let expected = format!("{clusters} clusters");
            let object = format!("chain of `{}`", file.path);
            return Err(Error::corrupt(object, self.areas.table_start, expected, found));
        }
        if let (Some(last), Some(rest)) =
            (extents.last_mut(), clusters.saturating_mul(cluster_bytes).checked_sub(file.size))
        {
            last.length = last.length.saturating_sub(rest);
        }
        Ok(extents)
    }

    /// The content of `file`, if it has at most `limit` bytes.
    ///
    /// # Errors
    /// [`Error::Unsupported`] above `limit` and for a directory, else as [`FileSystem::extents`].
    pub fn read(&self, file: &Entry, limit: u64) -> Result<Vec<u8>, Error> {
        let object = || format!("file `{}`", file.path);
        let refused = |expected, found: &dyn std::fmt::Display| {
            Err(Error::unsupported(object(), self.areas.data_start, expected, found))
        };
        if file.is_directory {
            return refused("a file".to_owned(), &"a directory");
        }
        if file.size > limit {
            return refused(format!("at most {limit} bytes"), &file.size);
        }
        let mut content = Vec::new();
        for Extent { offset, length } in self.extents(file)? {
            let bytes = self.disk.read_vec(offset, length, limit).map_err(Error::io(object()))?;
            content.extend(bytes);
        }
        Ok(content)
    }

    /// What is wrong with the file system; empty if nothing is.
    ///
    /// Compares the tables, the copies of the boot sector and the count of free clusters, follows
    /// every chain and marks its clusters. Takes one bit of memory per cluster.
    ///
    /// # Errors
    /// [`Error::Io`] when the disk cannot be read, [`Error::Unsupported`] as [`FileSystem::list`].
    pub fn check(&self) -> Result<Vec<Problem>, Error> {
        check::check(self)
    }

    /// The root directory; its path is empty.
    fn root(&self) -> Entry {
        Entry {
            path: String::new(),
            size: 0,
            is_directory: true,
            attributes: entry::DIRECTORY,
            first_cluster: self.areas.root_cluster,
            depth: 0,
        }
    }

    /// Where the entries of a directory lie.
    fn directory_extents(&self, directory: &Entry) -> Result<Vec<Extent>, Error> {
        if directory.depth == 0 && self.areas.fat_type != FatType::Fat32 {
            let Areas { root_offset: offset, root_bytes: length, .. } = self.areas;
            return Ok(vec![Extent { offset, length }]);
        }
        let clusters = entry::DIRECTORY_BYTES_MAX.div_ceil(self.areas.cluster_bytes.max(1)).max(1);
        let (extents, found) = self.chain(directory, clusters)?;
        if found == 0 || found > clusters {
            let object = format!("chain of directory `{}`", directory.path);
            let expected = format!("1 to {clusters} clusters");
            let found = if found == 0 { "none" } else { "more" };
            return Err(Error::corrupt(object, self.areas.table_start, expected, found));
        }
        Ok(extents)
    }

    /// What `directory` holds.
    fn directory(&self, directory: &Entry) -> Result<Vec<Entry>, Error> {
        let extents = self.directory_extents(directory)?;
        directory::read(self.disk, directory, &extents, self.areas.fat_type)
    }
}

/// The path of `name` in `directory`.
fn join(directory: &str, name: &str) -> String {
    if directory.is_empty() { name.to_owned() } else { format!("{directory}/{name}") }
}

/// All directories of a file system, one after the other, within bounds.
struct Walk<'a, 'b, R: ?Sized> {
    file_system: &'a FileSystem<'b, R>,
    pending: Vec<Entry>,
    /// First clusters of the directories that were reached.
    reached: BTreeSet<u32>,
    entries: usize,
    bytes: u64,
}

impl<'a, 'b, R: ReadAt + ?Sized> Walk<'a, 'b, R> {
    fn new(file_system: &'a FileSystem<'b, R>) -> Self {
        let root = file_system.root();
        let reached = BTreeSet::from([root.first_cluster]);
        Self { file_system, pending: vec![root], reached, entries: 0, bytes: 0 }
    }

    /// The next directory and what it holds.
    fn next(&mut self) -> Option<(Entry, Result<Vec<Entry>, Error>)> {
        let directory = self.pending.pop()?;
        let entries = self.visit(&directory);
        Some((directory, entries))
    }

    fn visit(&mut self, directory: &Entry) -> Result<Vec<Entry>, Error> {
        let FileSystem { disk, areas } = self.file_system;
        let object = || format!("directory `{}`", directory.path);
        let extents = self.file_system.directory_extents(directory)?;
        let bytes = extents.iter().fold(0, |sum: u64, extent| sum.saturating_add(extent.length));
        self.bytes = self.bytes.saturating_add(bytes);
        let too_much =
            |expected: &str| Err(Error::unsupported(object(), areas.data_start, expected, "more"));
        if self.bytes > DIRECTORIES_BYTES_MAX {
            return too_much("64 mib of directories");
        }
        if directory.depth > DEPTH_MAX {
            return too_much("64 levels");
        }
        let entries = directory::read(*disk, directory, &extents, areas.fat_type)?;
        self.entries = self.entries.saturating_add(entries.len());
        if self.entries > ENTRIES_MAX {
            return too_much("65536 entries");
        }
        for entry in entries.iter().filter(|entry| entry.is_directory) {
            if !self.reached.insert(entry.first_cluster) {
                let (expected, found) = ("a directory of its own", entry.first_cluster);
                let object = format!("first cluster of directory `{}`", entry.path);
                return Err(Error::corrupt(object, areas.data_start, expected, found));
            }
            self.pending.push(entry.clone());
        }
        Ok(entries)
    }
}
