//! Compressor options.
//!
//! Where the flag says so, a metadata block that is stored as it is follows the superblock. For zstd
//! it holds `struct zstd_comp_opts` (squashfs-tools 4.6, `zstd_wrapper.h`):
//!
//! ```text
//! 96            98                      102
//! | length: u16 | compression_level: i32 |
//! ```
//!
//! The kernel does not read it: any level decompresses in the same way.

use anklume_bytes::{ReadAt, le_u16, le_u32};

use crate::{Compression, Error, SUPERBLOCK_BYTES, Superblock};

/// Bit of the flags: compressor options follow the superblock (`SQUASHFS_COMP_OPT`).
const COMPRESSOR_OPTIONS: u16 = 1 << 10;
/// Bit of a metadata block's length: stored as it is.
const STORED: u16 = 1 << 15;
/// Bytes of `struct zstd_comp_opts`.
const ZSTD_OPTIONS_BYTES: u16 = 4;
/// Level of an image without options (squashfs-tools, `ZSTD_DEFAULT_COMPRESSION_LEVEL`).
const DEFAULT_ZSTD_LEVEL: u32 = 15;
/// Levels that there are.
const ZSTD_LEVELS: std::ops::RangeInclusive<u32> = 1..=22;
/// Bytes of the block's length and the options.
const RAW_BYTES: usize = 6;

impl Superblock {
    /// The zstd level that `image`, whose superblock this is, says it was compressed with; `None` for
    /// other compressions. It is what the writer wrote down, and nothing enforces it.
    ///
    /// # Errors
    /// [`Error::Field`] for options of another length or a level that there is not, and
    /// [`Error::Read`].
    pub fn zstd_level<R: ReadAt + ?Sized>(&self, image: &R) -> Result<Option<u32>, Error> {
        if self.compression != Compression::Zstd {
            return Ok(None);
        }
        if self.flags & COMPRESSOR_OPTIONS == 0 {
            return Ok(Some(DEFAULT_ZSTD_LEVEL));
        }
        let mut raw = [0; RAW_BYTES];
        image.read_at(u64::try_from(SUPERBLOCK_BYTES).unwrap_or(u64::MAX), &mut raw)?;
        let field = |field, offset, expected: String, found| {
            Err(Error::Field { field, offset, expected, found })
        };
        let length = le_u16(&raw, 0).unwrap_or_default();
        let expected = STORED | ZSTD_OPTIONS_BYTES;
        if length != expected {
            let expected = format!("{expected:#x}, 4 stored bytes");
            return field("compressor options", SUPERBLOCK_BYTES, expected, length.into());
        }
        let level = le_u32(&raw, 2).unwrap_or_default();
        if !ZSTD_LEVELS.contains(&level) {
            let at = SUPERBLOCK_BYTES.saturating_add(2);
            return field("compression_level", at, "1 to 22".to_owned(), level.into());
        }
        Ok(Some(level))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tables;

    fn superblock(compression: Compression, flags: u16) -> Superblock {
        let (fragment, lookup, xattr) = (None, None, None);
        let tables = Tables { inode: 96, directory: 97, fragment, lookup, id: 98, xattr };
        Superblock {
            inodes: 1,
            mkfs_time: 0,
            block_bytes: 131_072,
            fragments: 0,
            compression,
            flags,
            ids: 1,
            root_inode: 0,
            bytes_used: 4096,
            tables,
        }
    }

    fn level(options: &[u8]) -> Result<Option<u32>, Error> {
        let image = [&[0; SUPERBLOCK_BYTES][..], options].concat();
        superblock(Compression::Zstd, COMPRESSOR_OPTIONS).zstd_level(&image)
    }

    #[test]
    fn options_are_read_where_there_are_any() {
        let none = vec![0xff; 200];
        assert_eq!(superblock(Compression::Xz, 0x4c0).zstd_level(&none).unwrap(), None);
        assert_eq!(superblock(Compression::Zstd, 0xc0).zstd_level(&none).unwrap(), Some(15));
        assert_eq!(level(&[4, 0x80, 22, 0, 0, 0]).unwrap(), Some(22));
    }

    #[test]
    fn what_no_writer_writes_is_refused_with_its_place() {
        let refused = |options: &[u8]| match level(options) {
            Err(Error::Field { offset, .. }) => offset,
            other => panic!("{other:?}"),
        };
        assert_eq!(refused(&[4, 0, 3, 0, 0, 0]), 96);
        assert_eq!(refused(&[8, 0x80, 3, 0, 0, 0]), 96);
        assert_eq!(refused(&[4, 0x80, 0, 0, 0, 0]), 98);
        assert_eq!(refused(&[4, 0x80, 23, 0, 0, 0]), 98);
        assert_eq!(refused(&[4, 0x80, 0xff, 0xff, 0xff, 0xff]), 98);
        assert!(matches!(level(&[4, 0x80, 3]), Err(Error::Read(_))));
    }
}
