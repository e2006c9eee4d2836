//! The first 96 bytes (`struct squashfs_super_block`).

use anklume_squashfs::{Compression, SUPERBLOCK_BYTES};

use crate::layout::{ABSENT, flag};
use crate::{Compressor, Error, Options};

/// What the superblock says besides the options.
#[derive(Debug)]
pub(crate) struct Superblock {
    pub(crate) inodes: u32,
    pub(crate) fragments: u32,
    pub(crate) ids: u16,
    /// Place of the root's inode.
    pub(crate) root_inode: u64,
    pub(crate) bytes_used: u64,
    /// Starts of the tables, as the superblock orders them.
    pub(crate) id_table: u64,
    pub(crate) xattr_table: Option<u64>,
    pub(crate) inode_table: u64,
    pub(crate) directory_table: u64,
    pub(crate) fragment_table: Option<u64>,
    pub(crate) lookup_table: u64,
}

impl Superblock {
    /// The bytes at the start of the image.
    pub(crate) fn encode(&self, options: &Options) -> Result<Vec<u8>, Error> {
        let Compressor::Zstd { .. } = options.compressor;
        let mut raw = Vec::with_capacity(SUPERBLOCK_BYTES);
        raw.extend(b"hsqs");
        for word in [self.inodes, options.mkfs_time, options.block_bytes, self.fragments] {
            raw.extend(word.to_le_bytes());
        }
        let (major, minor) = (4, 0);
        let halves = [
            Compression::Zstd.id(),
            options.block_log()?,
            self.flags(options),
            self.ids,
            major,
            minor,
        ];
        for half in halves {
            raw.extend(half.to_le_bytes());
        }
        let longs = [
            self.root_inode,
            self.bytes_used,
            self.id_table,
            self.xattr_table.unwrap_or(ABSENT),
            self.inode_table,
            self.directory_table,
            self.fragment_table.unwrap_or(ABSENT),
            self.lookup_table,
        ];
        for long in longs {
            raw.extend(long.to_le_bytes());
        }
        Ok(raw)
    }

    fn flags(&self, options: &Options) -> u16 {
        let no_xattrs = if self.xattr_table.is_none() { flag::NO_XATTRS } else { 0 };
        let stored = options.compressor.stored_options();
        let stored = if stored.is_some() { flag::COMPRESSOR_OPTIONS } else { 0 };
        flag::DUPLICATES | flag::EXPORT | no_xattrs | stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::num::NonZeroUsize;

    #[test]
    fn the_reader_of_this_project_understands_it() {
        let options = Options {
            block_bytes: 131_072,
            compressor: Compressor::Zstd { level: 3 },
            mkfs_time: 77,
            threads: NonZeroUsize::MIN,
            tails: crate::Tails::Packed,
        };
        let superblock = Superblock {
            inodes: 5,
            fragments: 2,
            ids: 3,
            root_inode: 0x40_0012,
            bytes_used: 5000,
            id_table: 4500,
            xattr_table: Some(4600),
            inode_table: 3000,
            directory_table: 3500,
            fragment_table: Some(4000),
            lookup_table: 4200,
        };
        let raw = superblock.encode(&options).unwrap();
        assert_eq!(raw.len(), SUPERBLOCK_BYTES);
        let read = anklume_squashfs::Superblock::parse(&raw, 5000).unwrap();
        assert_eq!((read.inodes, read.fragments, read.ids, read.mkfs_time), (5, 2, 3, 77));
        assert_eq!((read.block_bytes, read.flags), (131_072, 0x4c0));
        assert_eq!((read.root_inode, read.bytes_used), (0x40_0012, 5000));
        let tables = read.tables;
        assert_eq!((tables.inode, tables.directory, tables.id), (3000, 3500, 4500));
        assert_eq!(tables.fragment, Some(4000));
        assert_eq!((tables.lookup, tables.xattr), (Some(4200), Some(4600)));
        let without = Superblock { xattr_table: None, fragment_table: None, ..superblock };
        let plain = Options { compressor: Compressor::Zstd { level: 15 }, ..options };
        let raw = without.encode(&plain).unwrap();
        // Fragments without a table are what the reader refuses; the flags are before that.
        assert_eq!(raw[24..26], [0xc0, 0x02]);
    }
}
