//! Listings of directories.
//!
//! A listing is a sequence of runs: `struct squashfs_dir_header` (`u32` number of entries less one,
//! `u32` block of the inode table, `u32` inode number), then for each entry `struct
//! squashfs_dir_entry` (`u16` byte in the block, `i16` difference of the inode number, `u16` basic
//! type, `u16` length of the name less one, name). All inodes of a run are in one block.

use super::metadata::{Metadata, Place};
use crate::Error;
use crate::codec::Codec;
use crate::layout::{DIRECTORY_EXTRA, InodeType, MAX_DIRECTORY_RUN, METADATA_BYTES, wide};

/// Bytes of a run's header.
const HEADER_BYTES: usize = 12;
/// Bytes of an entry without its name.
const ENTRY_BYTES: usize = 8;
/// The most index entries of a directory: their number has 16 bits. They cover half a gigabyte of
/// listing; what follows is searched from the last one on.
const MAX_INDEX: usize = 65_535;

/// A name in a directory.
#[derive(Debug)]
pub(super) struct Child<'a> {
    pub(super) name: &'a [u8],
    pub(super) kind: InodeType,
    pub(super) number: u32,
    pub(super) inode: Place,
}

/// Where to go on reading to find names from a certain one on (`struct squashfs_dir_index`).
#[derive(Debug, PartialEq, Eq)]
pub(super) struct IndexEntry {
    /// Byte of the listing at which a run starts.
    pub(super) at: u32,
    /// Block of the directory table that holds that byte.
    pub(super) block: u32,
    /// First name of the run.
    pub(super) name: Vec<u8>,
}

/// Where a listing went.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Listing {
    pub(super) place: Place,
    /// Bytes of the listing and [`DIRECTORY_EXTRA`], which is how inodes count.
    pub(super) size: u32,
    pub(super) index: Vec<IndexEntry>,
}

/// Puts listings into the directory table.
pub(super) struct Directories {
    pub(super) table: Metadata,
    run: Run,
}

/// Entries that share a header.
#[derive(Default)]
struct Run {
    bytes: Vec<u8>,
    entries: u32,
    block: u32,
    number: u32,
    /// Whether the index names this run, and with which name.
    indexed: Option<Vec<u8>>,
}

/// The listing that is being written.
struct State {
    listing: Listing,
    /// Bytes of the listing, with those of the open run.
    length: usize,
    /// Byte of the listing at which the last indexed run starts.
    indexed: usize,
}

impl Directories {
    pub(super) fn new() -> Self {
        Self { table: Metadata::new("directory table"), run: Run::default() }
    }

    /// Writes a listing; `children` are sorted by name.
    pub(super) fn write<'a>(
        &mut self,
        codec: &mut Codec,
        children: impl Iterator<Item = Result<Child<'a>, Error>>,
    ) -> Result<Listing, Error> {
        let listing = Listing { place: self.table.place(), ..Listing::default() };
        let mut state = State { listing, length: 0, indexed: 0 };
        for child in children {
            self.add(codec, &mut state, &child?)?;
        }
        self.close_run(codec, &mut state.listing)?;
        let full = || Error::TableFull { table: "directory", limit: u32::MAX.into() };
        let size = u32::try_from(state.length).ok().and_then(|n| n.checked_add(DIRECTORY_EXTRA));
        state.listing.size = size.ok_or_else(full)?;
        if state.length == 0 {
            state.listing.place = Place::default();
        }
        Ok(state.listing)
    }

    fn add(
        &mut self,
        codec: &mut Codec,
        state: &mut State,
        child: &Child<'_>,
    ) -> Result<(), Error> {
        let bytes = ENTRY_BYTES.saturating_add(child.name.len());
        let since_index = state.length.saturating_sub(state.indexed);
        let behind_index = since_index.saturating_add(bytes).saturating_add(HEADER_BYTES);
        // So that a reader looks through at most one block from an index entry on.
        let indexed = behind_index > METADATA_BYTES && state.listing.index.len() < MAX_INDEX;
        let delta = match self.run.delta(child) {
            Some(delta) if !indexed => delta,
            _ => {
                self.close_run(codec, &mut state.listing)?;
                if indexed {
                    state.indexed = state.length;
                }
                self.run.open(child, indexed);
                state.length = state.length.saturating_add(HEADER_BYTES);
                0
            }
        };
        self.run.push(child, delta);
        state.length = state.length.saturating_add(bytes);
        Ok(())
    }

    fn close_run(&mut self, codec: &mut Codec, listing: &mut Listing) -> Result<(), Error> {
        let Some(last) = self.run.entries.checked_sub(1) else { return Ok(()) };
        if let Some(name) = self.run.indexed.take() {
            let block = self.table.place().block;
            listing.index.push(IndexEntry { at: listing.size, block, name });
        }
        for word in [last, self.run.block, self.run.number] {
            self.table.push(codec, &word.to_le_bytes())?;
        }
        self.table.push(codec, &self.run.bytes)?;
        // Until the end, the size is that of the closed runs.
        let bytes = wide(self.run.bytes.len().saturating_add(HEADER_BYTES));
        let size = u64::from(listing.size).saturating_add(bytes);
        let full = |_| Error::TableFull { table: "directory", limit: u32::MAX.into() };
        listing.size = u32::try_from(size).map_err(full)?;
        self.run.bytes.clear();
        self.run.entries = 0;
        Ok(())
    }
}

impl Run {
    /// The difference of the child's inode number, when it may join the run.
    fn delta(&self, child: &Child<'_>) -> Option<i16> {
        let room = (1..MAX_DIRECTORY_RUN).contains(&self.entries);
        if !room || self.block != child.inode.block {
            return None;
        }
        let delta = i64::from(child.number).checked_sub(i64::from(self.number))?;
        i16::try_from(delta).ok()
    }

    fn open(&mut self, first: &Child<'_>, indexed: bool) {
        self.block = first.inode.block;
        self.number = first.number;
        self.indexed = indexed.then(|| first.name.to_vec());
    }

    fn push(&mut self, child: &Child<'_>, delta: i16) {
        // Names have 1 to 256 bytes; that was checked when they came.
        let last = u16::try_from(child.name.len().saturating_sub(1)).unwrap_or(u16::MAX);
        self.bytes.extend(child.inode.offset.to_le_bytes());
        self.bytes.extend(delta.to_le_bytes());
        self.bytes.extend(child.kind.number(false).to_le_bytes());
        self.bytes.extend(last.to_le_bytes());
        self.bytes.extend_from_slice(child.name);
        self.entries = self.entries.saturating_add(1);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compressor;

    fn write(children: &[(Vec<u8>, u32, u32)]) -> (Directories, Listing) {
        let mut codec = Codec::new(Compressor::Zstd { level: 1 }).unwrap();
        let mut directories = Directories::new();
        let list = children.iter().map(|(name, number, block)| {
            let inode = Place { block: *block, offset: 5 };
            Ok(Child { name, kind: InodeType::Fifo, number: *number, inode })
        });
        let listing = directories.write(&mut codec, list).unwrap();
        (directories, listing)
    }

    #[test]
    fn an_empty_directory_has_no_listing() {
        let (directories, listing) = write(&[]);
        assert_eq!(listing, Listing { size: 3, ..Listing::default() });
        assert_eq!(directories.table.place(), Place::default());
    }

    #[test]
    fn runs_end_with_the_block_the_number_and_the_count() {
        let one = |number, block| (b"x".to_vec(), number, block);
        let size = |children: &[_]| write(children).1.size;
        assert_eq!(size(&[one(1, 0), one(2, 0)]), 3 + 12 + 9 + 9);
        assert_eq!(size(&[one(1, 0), one(2, 7)]), 3 + 2 * (12 + 9));
        assert_eq!(size(&[one(1, 0), one(32_768, 0)]), 3 + 12 + 9 + 9);
        assert_eq!(size(&[one(1, 0), one(32_769, 0)]), 3 + 2 * (12 + 9));
        assert_eq!(size(&[one(40_000, 0), one(7232, 0)]), 3 + 12 + 9 + 9);
        assert_eq!(size(&[one(40_000, 0), one(7231, 0)]), 3 + 2 * (12 + 9));
        let many: Vec<_> = (0..257).map(|number| one(number, 0)).collect();
        assert_eq!(size(&many[..256]), 3 + 12 + 256 * 9);
        assert_eq!(size(&many), 3 + 2 * 12 + 257 * 9);
    }

    /// The table as a reader has it: for each block its offset, and the content.
    fn read(directories: Directories) -> Vec<(u32, Vec<u8>)> {
        let memory = crate::image::tests::Memory::default();
        let mut codec = Codec::new(Compressor::Zstd { level: 1 }).unwrap();
        let mut image = crate::image::Appender::new(&memory);
        directories.table.append_to(&mut codec, &mut image).unwrap();
        image.finish(&[]).unwrap();
        let (bytes, mut at, mut blocks) = (memory.0.into_inner(), 0, Vec::new());
        while at < bytes.len() {
            let header = u16::from_le_bytes([bytes[at], bytes[at + 1]]);
            let end = at + 2 + usize::from(header & 0x7fff);
            let mut block = bytes[at + 2..end].to_vec();
            if header & 0x8000 == 0 {
                let stored = std::mem::take(&mut block);
                codec.decompress(&stored, METADATA_BYTES, &mut block).unwrap();
            }
            blocks.push((at as u32, block));
            at = end;
        }
        blocks
    }

    /// As `get_dir_index_using_name` of `fs/squashfs/namei.c` finds its way.
    #[test]
    fn every_index_entry_leads_to_the_header_of_its_run() {
        let mut codec = Codec::new(Compressor::Zstd { level: 1 }).unwrap();
        let mut directories = Directories::new();
        let names: Vec<_> = (0..5000_u32).map(|i| format!("{i:06}-{}", "x".repeat(9))).collect();
        let children = |range: std::ops::Range<usize>| {
            names[range].iter().enumerate().map(|(number, name)| {
                let inode = Place { block: number as u32 / 300, offset: 1 };
                let (name, kind) = (name.as_bytes(), InodeType::Fifo);
                Ok(Child { name, kind, number: number as u32, inode })
            })
        };
        // So that the listing starts somewhere in a block.
        directories.write(&mut codec, children(0..77)).unwrap();
        let listing = directories.write(&mut codec, children(0..5000)).unwrap();
        assert!(listing.index.len() >= listing.size as usize / 8192, "{}", listing.index.len());
        let blocks = read(directories);
        let mut last = 0;
        for entry in &listing.index {
            assert!(entry.at > last && entry.at - last <= 8192);
            last = entry.at;
            let block = blocks.iter().position(|block| block.0 == entry.block).unwrap();
            let at = (entry.at as usize + usize::from(listing.place.offset)) % METADATA_BYTES;
            // The run may go on in the next block.
            let mut run = blocks[block].1[at..].to_vec();
            run.extend(blocks.get(block + 1).map_or(&[][..], |block| &block.1));
            assert_eq!(run[HEADER_BYTES + ENTRY_BYTES..][..16], entry.name);
            assert!(u32::from_le_bytes(run[..4].try_into().unwrap()) < 256);
        }
    }

    #[test]
    fn small_directories_have_no_index() {
        let names = |count: u32| -> Vec<_> {
            (0..count).map(|i| (format!("{i:040}").into_bytes(), i, 0)).collect()
        };
        // 48 bytes for each, and a header.
        assert!(write(&names(170)).1.index.is_empty());
        assert_eq!(write(&names(171)).1.index.len(), 1);
    }
}
