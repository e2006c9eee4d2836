//! What a squashfs may ask of its reader.
//!
//! Offsets are those of the kernel's `fs/squashfs/squashfs_fs.h`; all fields are little-endian.

use std::collections::BTreeSet;

use anklume_bytes::{ReadAt, le_u16, le_u32};
use anklume_squashfs::Superblock;
use backhand::Squashfs;
use backhand::v4::inode::{Inode, InodeInner};

/// The most metadata blocks of a table: 64 MiB, of which an OS of 100 thousand files needs a tenth.
const BLOCKS_MAX: u32 = 8192;
/// Fragment entries in a metadata block.
const FRAGMENTS_PER_BLOCK: u32 = 512;
/// Bytes of a metadata block, decompressed and at most compressed.
const BLOCK_BYTES: u16 = 8192;
/// Bit of a metadata block's length: stored as it is.
const STORED: u16 = 1 << 15;
/// The most directory entries.
const ENTRIES_MAX: u32 = 2 << 20;
/// The most bytes of all paths together: they are held in memory.
const PATHS_BYTES_MAX: u64 = 256 << 20;
/// The most directories below each other: the reader calls itself for each.
const DEPTH_MAX: u32 = 128;

/// Bytes of `struct squashfs_dir_header`: entries less one, metadata block, inode number.
const HEADER_BYTES: usize = 12;
/// Bytes of `struct squashfs_dir_entry`: offset, inode number (difference), type, name less one.
const ENTRY_BYTES: usize = 8;
/// Length in a directory's inode that stands for no entry: `.` and `..` count, but are not stored.
const UNSTORED_BYTES: u32 = 3;

/// Follows the metadata blocks of the tables that are read whole, without decompressing them.
pub(super) fn tables(image: &dyn ReadAt, superblock: &Superblock) -> Result<(), String> {
    if superblock.fragments > BLOCKS_MAX * FRAGMENTS_PER_BLOCK {
        return Err(format!("{} fragments are too many", superblock.fragments));
    }
    let tables = &superblock.tables;
    let end = chain(image, tables.inode, tables.directory)?;
    if end != tables.directory {
        return Err(format!(
            "the inode table ends at its byte {end}, expected {}",
            tables.directory
        ));
    }
    // The directory table ends where one of the next ones begins, which only its reader knows.
    chain(image, tables.directory, superblock.bytes_used).map(|_| ())
}

/// Follows the blocks from byte `at` to byte `end` or the first that is none; where that is.
fn chain(image: &dyn ReadAt, mut at: u64, end: u64) -> Result<u64, String> {
    for _ in 0..BLOCKS_MAX {
        if at >= end {
            return Ok(at);
        }
        let mut length = [0; 2];
        if image.read_at(at, &mut length).is_err() {
            return Ok(at);
        }
        let length = u16::from_le_bytes(length) & !STORED;
        if length > BLOCK_BYTES {
            return Ok(at);
        }
        at = at.saturating_add(2).saturating_add(u64::from(length));
    }
    Err(format!("a table of more than {BLOCKS_MAX} metadata blocks"))
}

/// Walks all directories as their reader will, and counts.
pub(super) fn directories(squashfs: &Squashfs<'_>) -> Result<(), String> {
    let mut walk = Walk { squashfs, seen: BTreeSet::new(), entries: 0, path_bytes: 0 };
    let mut pending = vec![(&squashfs.root_inode, 0_u32, 1_u64)];
    while let Some((inode, depth, path_bytes)) = pending.pop() {
        if depth > DEPTH_MAX {
            return Err(format!("directories of more than {DEPTH_MAX} levels"));
        }
        // The reader refuses a second way to a directory.
        if walk.seen.insert(inode.header.inode_number) {
            for (child, name_bytes) in walk.children(inode, path_bytes)? {
                let path_bytes = path_bytes.saturating_add(name_bytes);
                pending.push((child, depth.saturating_add(1), path_bytes));
            }
        }
    }
    Ok(())
}

struct Walk<'a, 'b> {
    squashfs: &'a Squashfs<'b>,
    seen: BTreeSet<u32>,
    entries: u32,
    path_bytes: u64,
}

impl<'a> Walk<'a, '_> {
    /// The directories in `inode`, with the bytes of their names.
    fn children(&mut self, inode: &Inode, path: u64) -> Result<Vec<(&'a Inode, u64)>, String> {
        let mut found = Vec::new();
        let mut rest = self.listing(inode).unwrap_or_default();
        while let Some((header, mut entries)) = rest.split_at_checked(HEADER_BYTES) {
            let count = le_u32(header, 0).unwrap_or_default();
            let first = le_u32(header, 8).unwrap_or_default();
            for _ in 0..=count {
                let Some((number, name_bytes, behind)) = entry(entries, first) else { break };
                entries = behind;
                self.pay(path.saturating_add(name_bytes))?;
                let child = self.squashfs.inodes.get(&number).filter(|inode| is_directory(inode));
                found.extend(child.map(|inode| (inode, name_bytes)));
            }
            if entries.len() >= rest.len() {
                break;
            }
            rest = entries;
        }
        Ok(found)
    }

    fn pay(&mut self, path_bytes: u64) -> Result<(), String> {
        self.entries = self.entries.saturating_add(1);
        self.path_bytes = self.path_bytes.saturating_add(path_bytes);
        if self.entries > ENTRIES_MAX || self.path_bytes > PATHS_BYTES_MAX {
            return Err(format!("more than {ENTRIES_MAX} files, or paths that are too long"));
        }
        Ok(())
    }

    /// The bytes of a directory in the directory table.
    fn listing(&self, inode: &Inode) -> Option<&'a [u8]> {
        let (block, offset, bytes) = match &inode.inner {
            InodeInner::BasicDirectory(directory) => {
                (directory.block_index, directory.block_offset, u32::from(directory.file_size))
            }
            InodeInner::ExtendedDirectory(directory) => {
                (directory.block_index, directory.block_offset, directory.file_size)
            }
            _ => return None,
        };
        let (blocks, table) = &self.squashfs.dir_blocks;
        let start = blocks.get(&u64::from(block))?.checked_add(u64::from(offset))?;
        let bytes = usize::try_from(bytes.checked_sub(UNSTORED_BYTES)?).ok()?;
        table.get(usize::try_from(start).ok()?..)?.get(..bytes)
    }
}

fn is_directory(inode: &Inode) -> bool {
    matches!(inode.inner, InodeInner::BasicDirectory(_) | InodeInner::ExtendedDirectory(_))
}

/// Inode number and bytes of the name of the entry at the start of `bytes`, and what is behind it.
fn entry(bytes: &[u8], first: u32) -> Option<(u32, u64, &[u8])> {
    let difference = i16::from_le_bytes(le_u16(bytes, 2)?.to_le_bytes());
    let number = first.checked_add_signed(i32::from(difference))?;
    let name = usize::from(le_u16(bytes, 6)?).checked_add(1)?;
    let behind = bytes.get(ENTRY_BYTES.checked_add(name)?..)?;
    Some((number, u64::try_from(name).ok()?, behind))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_chain_ends_where_it_is_broken_and_is_bounded() {
        let image = vec![1, 0x80, 7, 2, 0, 9, 9, 0xff, 0xff];
        assert_eq!(chain(&image, 0, 7), Ok(7));
        assert_eq!(chain(&image, 0, 9), Ok(7));
        assert_eq!(chain(&image, 0, 3), Ok(3));
        let zeros = vec![0; 2 * usize::try_from(BLOCKS_MAX).unwrap() + 2];
        assert!(chain(&zeros, 0, zeros.size()).is_err());
    }
}
