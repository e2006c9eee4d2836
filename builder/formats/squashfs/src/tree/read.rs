//! Reading the tree.

use anklume_bytes::{ReadAt, le_u32, le_u64};

use super::codec::Codec;
use super::cursor::Cursor;
use super::directory;
use super::error::{Place, TableError};
use super::inode::{self, Inode, Kind};
use super::metadata::{Metadata, read};
use super::stored::Stored;
use crate::Superblock;
use crate::layout::{FRAGMENT_ENTRY, ID_ENTRY, ROOT_INODE};

/// The most inodes that are held.
pub const INODES_MAX: u32 = 1 << 20;
/// The most names that are held.
pub const ENTRIES_MAX: u64 = 2 << 20;
/// The most bytes of all paths together that are held.
pub const PATHS_BYTES_MAX: u64 = 256 << 20;

/// A name in the tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path without a leading slash; empty for the root.
    pub path: Vec<u8>,
    /// Index into [`Tree::inodes`].
    pub inode: usize,
}

/// Everything that the tables of an image say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// The inodes, in the order of the inode table.
    pub inodes: Vec<Inode>,
    /// Every name, the root first and directories before what they hold.
    pub entries: Vec<Entry>,
    /// The fragment blocks, by number.
    pub fragments: Vec<Stored>,
    /// Byte ranges of the tables: each metadata block of inodes and directories, then the rest.
    pub(super) tables: Vec<std::ops::Range<u64>>,
}

impl Tree {
    /// Reads the tree of `image`, which begins with `superblock`.
    ///
    /// Every block lies between superblock and tables; every name belongs to an inode of its type
    /// and number; no directory has two names. Memory is bounded by the limits of this crate, the
    /// time by them and by the size of the tables.
    ///
    /// # Errors
    /// [`TableError::Corrupt`] for what no writer produces, [`TableError::Unsupported`] for a
    /// compression, [`TableError::TooMany`] above the limits, and [`TableError::Read`].
    pub fn read<R: ReadAt + ?Sized>(
        image: &R,
        superblock: &Superblock,
    ) -> Result<Self, TableError> {
        let codec = &mut Codec::new(superblock.compression);
        let tables = superblock.tables;
        let ids = ids(image, codec, superblock)?;
        let (fragments, fragment_start) = fragments(image, codec, superblock)?;
        let table = Metadata::read(image, codec, "inode table", tables.inode, tables.directory)?;
        let inodes = inodes(&table, superblock, &ids)?;
        let end = directory_end(image, superblock, fragment_start)?;
        let listings = Metadata::read(image, codec, "directory table", tables.directory, end)?;
        let entries = Walk::new(&inodes, &listings).run(superblock.root_inode)?;
        let rest = end..superblock.bytes_used;
        let tables = table.ranges().chain(listings.ranges()).chain([rest]).collect();
        Ok(Self { inodes, entries, fragments, tables })
    }

    /// The inode of a name.
    #[must_use]
    pub fn inode(&self, entry: &Entry) -> Option<&Inode> {
        self.inodes.get(entry.inode)
    }
}

fn ids<R: ReadAt + ?Sized>(
    image: &R,
    codec: &mut Codec,
    superblock: &Superblock,
) -> Result<Vec<u32>, TableError> {
    let size = (superblock.ids.into(), ID_ENTRY);
    let table = Metadata::indexed(image, codec, "id table", superblock.tables.id, size)?;
    Ok(table.bytes.as_chunks::<ID_ENTRY>().0.iter().map(|id| u32::from_le_bytes(*id)).collect())
}

/// The fragment blocks, and where their table begins, if there is one.
fn fragments<R: ReadAt + ?Sized>(
    image: &R,
    codec: &mut Codec,
    superblock: &Superblock,
) -> Result<(Vec<Stored>, Option<u64>), TableError> {
    let Some(index) = superblock.tables.fragment.filter(|_| superblock.fragments > 0) else {
        return Ok((Vec::new(), None));
    };
    let size = (superblock.fragments, FRAGMENT_ENTRY);
    let table = Metadata::indexed(image, codec, "fragment table", index, size)?;
    let mut fragments = Vec::with_capacity(table.bytes.len() / FRAGMENT_ENTRY);
    for (number, entry) in table.bytes.as_chunks::<FRAGMENT_ENTRY>().0.iter().enumerate() {
        let start = le_u64(entry, 0).unwrap_or_default();
        let block = Stored::of(start, le_u32(entry, 8).unwrap_or_default());
        let place = table.place(number.saturating_mul(FRAGMENT_ENTRY));
        block.check("fragment entry", place, superblock)?;
        if block.is_hole() {
            return Err(TableError::corrupt("fragment entry", place, "a block", "no bytes"));
        }
        fragments.push(block);
    }
    Ok((fragments, Some(table.start())))
}

/// The first byte behind the directory table: that of the first table that follows. Those have
/// their index behind their content, so the superblock does not tell
/// (`fs/squashfs/super.c`, `squashfs_fill_super`).
fn directory_end<R: ReadAt + ?Sized>(
    image: &R,
    superblock: &Superblock,
    fragment_start: Option<u64>,
) -> Result<u64, TableError> {
    let tables = superblock.tables;
    let first = match (fragment_start, tables.lookup) {
        (Some(start), _) => start,
        (None, index) => {
            let object = "first table behind the directories";
            let list = image.read_vec(index.unwrap_or(tables.id), 8, 8);
            le_u64(&list.map_err(|error| read(object, error))?, 0).unwrap_or_default()
        }
    };
    // An image without fragments may have an empty index of them, right behind the directories.
    let end = tables.fragment.map_or(first, |index| first.min(index));
    if end < tables.directory || end > superblock.bytes_used {
        let place = Place::image(tables.directory);
        let expected = format!("an end at most at byte {}", superblock.bytes_used);
        return Err(TableError::corrupt("directory table", place, expected, end));
    }
    Ok(end)
}

fn inodes(
    table: &Metadata,
    superblock: &Superblock,
    ids: &[u32],
) -> Result<Vec<Inode>, TableError> {
    if superblock.inodes > INODES_MAX {
        return Err(TableError::TooMany { object: "inodes", limit: INODES_MAX.into() });
    }
    let mut cursor = Cursor::new(table, 0);
    let mut inodes = Vec::new();
    for _ in 0..superblock.inodes {
        inodes.push(inode::read(&mut cursor, superblock, ids)?);
    }
    match cursor.is_at_end() {
        true => Ok(inodes),
        false => {
            let expected = format!("the end after {} inodes", superblock.inodes);
            Err(cursor.corrupt("inode table", expected, "more"))
        }
    }
}

/// A walk over all directories.
struct Walk<'a> {
    inodes: &'a [Inode],
    listings: &'a Metadata,
    /// Whether a directory has got its name, by index of its inode.
    named: Vec<bool>,
    entries: Vec<Entry>,
    path_bytes: u64,
}

impl<'a> Walk<'a> {
    fn new(inodes: &'a [Inode], listings: &'a Metadata) -> Self {
        let named = vec![false; inodes.len()];
        Self { inodes, listings, named, entries: Vec::new(), path_bytes: 0 }
    }

    /// From the root on, whose inode lies at `root`.
    fn run(mut self, root: u64) -> Result<Vec<Entry>, TableError> {
        let place = Place::image(u64::try_from(ROOT_INODE).unwrap_or(u64::MAX));
        let found = self.find(root).filter(|root| self.directory(*root).is_some());
        let Some(root) = found else {
            let expected = "the place of a directory's inode";
            return Err(TableError::corrupt("root_inode", place, expected, root));
        };
        self.name(Vec::new(), root)?;
        let mut next = 0;
        while let Some(entry) = self.entries.get(next) {
            let (inode, path) = (entry.inode, entry.path.clone());
            if let Some(directory) = self.directory(inode) {
                self.children(directory, &path)?;
            }
            next = next.saturating_add(1);
        }
        Ok(self.entries)
    }

    fn directory(&self, inode: usize) -> Option<inode::Directory> {
        match self.inodes.get(inode)?.kind {
            Kind::Directory(directory) => Some(directory),
            _ => None,
        }
    }

    /// Index of the inode at a place.
    fn find(&self, reference: u64) -> Option<usize> {
        self.inodes.binary_search_by_key(&reference, |inode| inode.reference).ok()
    }

    fn children(&mut self, directory: inode::Directory, path: &[u8]) -> Result<(), TableError> {
        let listings = self.listings;
        directory::read(listings, directory, &mut |cursor, child| {
            let found = self.find(child.reference);
            let inode = found.and_then(|index| Some((index, self.inodes.get(index)?)));
            let fits =
                |inode: &Inode| inode.number == child.number && inode.kind.id() == child.kind;
            let Some((index, inode)) = inode.filter(|(_, inode)| fits(inode)) else {
                let expected = format!("inode {} of type {}", child.number, child.kind);
                let found = match inode {
                    Some((_, inode)) => format!("{} of type {}", inode.number, inode.kind.id()),
                    None => "none at that place".to_owned(),
                };
                return Err(cursor.corrupt("directory entry", expected, found));
            };
            if matches!(inode.kind, Kind::Directory(_)) && self.named.get(index) != Some(&false) {
                let found = child.name.escape_ascii();
                return Err(cursor.corrupt("directory", "one name of each", found));
            }
            let mut path = path.to_vec();
            if !path.is_empty() {
                path.push(b'/');
            }
            path.extend_from_slice(child.name);
            self.name(path, index)
        })
    }

    fn name(&mut self, path: Vec<u8>, inode: usize) -> Result<(), TableError> {
        let many = |object, limit| Err(TableError::TooMany { object, limit });
        let count = u64::try_from(self.entries.len()).unwrap_or(u64::MAX);
        self.path_bytes =
            self.path_bytes.saturating_add(u64::try_from(path.len()).unwrap_or(u64::MAX));
        if count >= ENTRIES_MAX {
            return many("names", ENTRIES_MAX);
        }
        if self.path_bytes > PATHS_BYTES_MAX {
            return many("bytes of paths", PATHS_BYTES_MAX);
        }
        if let Some(named) = self.named.get_mut(inode) {
            *named = true;
        }
        self.entries.push(Entry { path, inode });
        Ok(())
    }
}
