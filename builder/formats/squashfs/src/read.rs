//! Reading and checking the superblock.

use anklume_bytes::{ReadAt, align_up, le_u16, le_u32, le_u64};

use crate::layout as at;
use crate::{Compression, Error, SUPERBLOCK_BYTES};

/// The superblock of an image, version 4.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Superblock {
    /// Number of inodes, at least one.
    pub inodes: u32,
    /// When the image was made, in seconds since 1970.
    pub mkfs_time: u32,
    /// Bytes of a data block: a power of two, 4 KiB to 1 MiB.
    pub block_bytes: u32,
    /// Number of fragment blocks.
    pub fragments: u32,
    /// Compression of all blocks.
    pub compression: Compression,
    /// Flags as they stand there (`SQUASHFS_NOI` and the following).
    pub flags: u16,
    /// Number of user and group IDs, at least one.
    pub ids: u16,
    /// Place of the root directory's inode: byte offset of its metadata block in the inode table,
    /// shifted left by 16 bits, and byte offset in that block before compression.
    pub root_inode: u64,
    /// Bytes of the image without padding.
    pub bytes_used: u64,
    /// Where the tables begin.
    pub tables: Tables,
}

/// First bytes of the tables, counted from the start of the image; `None` for those an image may
/// do without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tables {
    /// Inodes.
    pub inode: u64,
    /// Directories.
    pub directory: u64,
    /// Index of the fragment blocks.
    pub fragment: Option<u64>,
    /// Index of the inodes by number, for NFS.
    pub lookup: Option<u64>,
    /// Index of the user and group IDs.
    pub id: u64,
    /// Index of the extended attributes.
    pub xattr: Option<u64>,
}

impl Superblock {
    /// Reads the superblock at the start of `image` and checks it against the image's size.
    ///
    /// # Errors
    /// Those of [`Superblock::parse`], and [`Error::Read`].
    pub fn read<R: ReadAt + ?Sized>(image: &R) -> Result<Self, Error> {
        let mut raw = [0; SUPERBLOCK_BYTES];
        image.read_at(0, &mut raw)?;
        Self::parse(&raw, image.size())
    }

    /// Parses the superblock at the start of `bytes`, of an image on a device or in a file of
    /// `available` bytes; the device may be larger than the image.
    ///
    /// # Errors
    /// [`Error::Short`] for fewer than [`SUPERBLOCK_BYTES`], [`Error::Field`] for what is no valid
    /// image, [`Error::Unsupported`] for other versions and unknown compressions.
    pub fn parse(bytes: &[u8], available: u64) -> Result<Self, Error> {
        let Some(raw) = bytes.first_chunk() else {
            return Err(Error::Short { expected: SUPERBLOCK_BYTES, found: bytes.len() });
        };
        let raw = Raw(raw);
        let compression = raw.kind()?;
        let bytes_used = raw.u64(at::BYTES_USED);
        if bytes_used <= header_bytes() || bytes_used > available {
            let expected = format!("more than {SUPERBLOCK_BYTES}, at most {available}");
            return Err(field("bytes_used", at::BYTES_USED, expected, bytes_used));
        }
        let superblock = Self {
            inodes: raw.at_least_one("inodes", at::INODES)?,
            mkfs_time: raw.u32(at::MKFS_TIME),
            block_bytes: raw.block_bytes()?,
            fragments: raw.u32(at::FRAGMENTS),
            compression,
            flags: raw.u16(at::FLAGS),
            ids: raw.u16(at::NO_IDS),
            root_inode: raw.u64(at::ROOT_INODE),
            bytes_used,
            tables: raw.tables(bytes_used)?,
        };
        superblock.check_counts()?;
        Ok(superblock)
    }

    /// Bytes of the image with padding up to a multiple of `alignment` bytes; `None` for an
    /// alignment of 0 and when the result does not fit in 64 bits.
    #[must_use]
    pub fn padded_bytes(&self, alignment: u64) -> Option<u64> {
        align_up(self.bytes_used, alignment)
    }

    /// Checks what depends on more than one field.
    fn check_counts(&self) -> Result<(), Error> {
        if self.ids == 0 {
            return Err(field("no_ids", at::NO_IDS, "at least 1".to_owned(), 0));
        }
        if self.fragments > 0 && self.tables.fragment.is_none() {
            let expected = "a table, since there are fragments".to_owned();
            return Err(field(
                "fragment_table_start",
                at::FRAGMENT_TABLE_START,
                expected,
                at::ABSENT,
            ));
        }
        let inode_bytes = self.tables.directory.saturating_sub(self.tables.inode);
        let (block, offset) = (self.root_inode >> 16, self.root_inode & 0xffff);
        if block >= inode_bytes || offset >= at::METADATA_BYTES {
            let expected = format!("a place in the inode table of {inode_bytes} bytes");
            return Err(field("root_inode", at::ROOT_INODE, expected, self.root_inode));
        }
        Ok(())
    }
}

/// The bytes of a superblock.
struct Raw<'a>(&'a [u8; SUPERBLOCK_BYTES]);

impl Raw<'_> {
    // Every field lies inside the structure; a test walks over them.
    fn u16(&self, offset: usize) -> u16 {
        le_u16(self.0, offset).unwrap_or_default()
    }

    fn u32(&self, offset: usize) -> u32 {
        le_u32(self.0, offset).unwrap_or_default()
    }

    fn u64(&self, offset: usize) -> u64 {
        le_u64(self.0, offset).unwrap_or_default()
    }

    /// Checks magic, version and compression.
    fn kind(&self) -> Result<Compression, Error> {
        let magic = self.u32(at::MAGIC);
        if magic != at::MAGIC_VALUE {
            let expected = format!("{:#x}, hsqs", at::MAGIC_VALUE);
            return Err(field("s_magic", at::MAGIC, expected, magic.into()));
        }
        for (name, offset, expected, value) in
            [("s_major", at::S_MAJOR, "4", 4), ("s_minor", at::S_MINOR, "0", 0)]
        {
            let found = self.u16(offset);
            if found != value {
                let found = found.into();
                return Err(Error::Unsupported { field: name, offset, expected, found });
            }
        }
        let id = self.u16(at::COMPRESSION);
        Compression::from_id(id).ok_or(Error::Unsupported {
            field: "compression",
            offset: at::COMPRESSION,
            expected: "1 to 6",
            found: id.into(),
        })
    }

    fn block_bytes(&self) -> Result<u32, Error> {
        let log = self.u16(at::BLOCK_LOG);
        if !at::BLOCK_LOGS.contains(&log) {
            return Err(field("block_log", at::BLOCK_LOG, "12 to 20".to_owned(), log.into()));
        }
        let (bytes, expected) = (self.u32(at::BLOCK_SIZE), 1_u32 << log);
        if bytes != expected {
            let expected = format!("{expected:#x}, as block_log says");
            return Err(field("block_size", at::BLOCK_SIZE, expected, bytes.into()));
        }
        Ok(bytes)
    }

    fn at_least_one(&self, name: &'static str, offset: usize) -> Result<u32, Error> {
        match self.u32(offset) {
            0 => Err(field(name, offset, "at least 1".to_owned(), 0)),
            value => Ok(value),
        }
    }

    /// The starts of the tables, which lie in this order in the image, those that are there.
    fn tables(&self, bytes_used: u64) -> Result<Tables, Error> {
        let mut from = header_bytes();
        let mut next = |name, offset| {
            let found = self.u64(offset);
            if found < from || found >= bytes_used {
                let expected = format!("{from:#x} or more and less than {bytes_used:#x}");
                return Err(field(name, offset, expected, found));
            }
            from = found;
            Ok(found)
        };
        let inode = next("inode_table_start", at::INODE_TABLE_START)?;
        let directory = next("directory_table_start", at::DIRECTORY_TABLE_START)?;
        let mut optional = |name, offset| match self.u64(offset) {
            at::ABSENT => Ok(None),
            _ => next(name, offset).map(Some),
        };
        let fragment = optional("fragment_table_start", at::FRAGMENT_TABLE_START)?;
        let lookup = optional("lookup_table_start", at::LOOKUP_TABLE_START)?;
        let id = next("id_table_start", at::ID_TABLE_START)?;
        let xattr = match self.u64(at::XATTR_ID_TABLE_START) {
            at::ABSENT => None,
            _ => Some(next("xattr_id_table_start", at::XATTR_ID_TABLE_START)?),
        };
        Ok(Tables { inode, directory, fragment, lookup, id, xattr })
    }
}

fn field(field: &'static str, offset: usize, expected: String, found: u64) -> Error {
    Error::Field { field, offset, expected, found }
}

/// [`SUPERBLOCK_BYTES`] as an offset.
fn header_bytes() -> u64 {
    u64::try_from(SUPERBLOCK_BYTES).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    const AVAILABLE: u64 = 8192;

    fn sample() -> [u8; SUPERBLOCK_BYTES] {
        let mut raw = [0; SUPERBLOCK_BYTES];
        let mut put = |offset: usize, value: &[u8]| {
            raw[offset..offset + value.len()].copy_from_slice(value);
        };
        put(at::MAGIC, b"hsqs");
        for (offset, value) in [
            (at::INODES, 3_u32),
            (at::MKFS_TIME, 1000),
            (at::BLOCK_SIZE, 131_072),
            (at::FRAGMENTS, 1),
        ] {
            put(offset, &value.to_le_bytes());
        }
        for (offset, value) in [
            (at::COMPRESSION, 6_u16),
            (at::BLOCK_LOG, 17),
            (at::FLAGS, 0xc0),
            (at::NO_IDS, 1),
            (at::S_MAJOR, 4),
        ] {
            put(offset, &value.to_le_bytes());
        }
        for (offset, value) in [
            (at::ROOT_INODE, 0x40_u64),
            (at::BYTES_USED, 5000),
            (at::ID_TABLE_START, 4500),
            (at::XATTR_ID_TABLE_START, u64::MAX),
            (at::INODE_TABLE_START, 3000),
            (at::DIRECTORY_TABLE_START, 3500),
            (at::FRAGMENT_TABLE_START, 4000),
            (at::LOOKUP_TABLE_START, 4200),
        ] {
            put(offset, &value.to_le_bytes());
        }
        raw
    }

    /// The name of the field that is refused with `value` at `offset`.
    fn refused(offset: usize, value: &[u8]) -> &'static str {
        let mut raw = sample();
        raw[offset..offset + value.len()].copy_from_slice(value);
        match Superblock::parse(&raw, AVAILABLE) {
            Err(Error::Field { field, .. } | Error::Unsupported { field, .. }) => field,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn fields_are_contiguous() {
        let fields = [
            (at::MAGIC, 4),
            (at::INODES, 4),
            (at::MKFS_TIME, 4),
            (at::BLOCK_SIZE, 4),
            (at::FRAGMENTS, 4),
            (at::COMPRESSION, 2),
            (at::BLOCK_LOG, 2),
            (at::FLAGS, 2),
            (at::NO_IDS, 2),
            (at::S_MAJOR, 2),
            (at::S_MINOR, 2),
            (at::ROOT_INODE, 8),
            (at::BYTES_USED, 8),
            (at::ID_TABLE_START, 8),
            (at::XATTR_ID_TABLE_START, 8),
            (at::INODE_TABLE_START, 8),
            (at::DIRECTORY_TABLE_START, 8),
            (at::FRAGMENT_TABLE_START, 8),
            (at::LOOKUP_TABLE_START, 8),
        ];
        let end = fields.iter().fold(0, |end, &(offset, bytes)| {
            assert_eq!(offset, end);
            offset + bytes
        });
        assert_eq!(end, SUPERBLOCK_BYTES);
    }

    #[test]
    fn fields_are_read() {
        let superblock = Superblock::parse(&sample(), AVAILABLE).unwrap();
        assert_eq!((superblock.inodes, superblock.mkfs_time, superblock.fragments), (3, 1000, 1));
        assert_eq!((superblock.block_bytes, superblock.flags, superblock.ids), (131_072, 0xc0, 1));
        assert_eq!((superblock.compression, superblock.root_inode), (Compression::Zstd, 0x40));
        let tables = superblock.tables;
        assert_eq!((tables.inode, tables.directory, tables.id), (3000, 3500, 4500));
        assert_eq!((tables.fragment, tables.lookup, tables.xattr), (Some(4000), Some(4200), None));
        assert_eq!(superblock.padded_bytes(4096), Some(8192));
        assert_eq!(superblock.padded_bytes(0), None);
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let raw = sample();
        assert!(matches!(Superblock::parse(&raw[..95], AVAILABLE), Err(Error::Short { .. })));
        assert!(Superblock::parse(&raw, 5000).is_ok());
        assert!(matches!(
            Superblock::parse(&raw, 4999),
            Err(Error::Field { field: "bytes_used", found: 5000, .. })
        ));
        assert_eq!(refused(at::MAGIC, b"sqsh"), "s_magic");
        assert_eq!(refused(at::S_MAJOR, &[3]), "s_major");
        assert_eq!(refused(at::S_MINOR, &[1]), "s_minor");
        assert_eq!(refused(at::COMPRESSION, &[0]), "compression");
        assert_eq!(refused(at::COMPRESSION, &[7]), "compression");
        assert_eq!(refused(at::INODES, &[0]), "inodes");
        assert_eq!(refused(at::BLOCK_LOG, &[16]), "block_size");
        assert_eq!(refused(at::BLOCK_LOG, &[11]), "block_log");
        assert_eq!(refused(at::BLOCK_LOG, &[0xff; 2]), "block_log");
        assert_eq!(refused(at::NO_IDS, &[0]), "no_ids");
        assert_eq!(refused(at::BYTES_USED, &[0; 8]), "bytes_used");
    }

    #[test]
    fn tables_lie_in_order_and_inside() {
        assert_eq!(refused(at::INODE_TABLE_START, &95_u64.to_le_bytes()), "inode_table_start");
        assert_eq!(refused(at::INODE_TABLE_START, &[0xff; 8]), "inode_table_start");
        let before = 2999_u64.to_le_bytes();
        assert_eq!(refused(at::DIRECTORY_TABLE_START, &before), "directory_table_start");
        assert_eq!(refused(at::FRAGMENT_TABLE_START, &before), "fragment_table_start");
        assert_eq!(refused(at::LOOKUP_TABLE_START, &before), "lookup_table_start");
        assert_eq!(refused(at::ID_TABLE_START, &before), "id_table_start");
        assert_eq!(refused(at::ID_TABLE_START, &[0xff; 8]), "id_table_start");
        assert_eq!(refused(at::XATTR_ID_TABLE_START, &before), "xattr_id_table_start");
        let end = 5000_u64.to_le_bytes();
        assert_eq!(refused(at::XATTR_ID_TABLE_START, &end), "xattr_id_table_start");
        assert_eq!(refused(at::FRAGMENT_TABLE_START, &[0xff; 8]), "fragment_table_start");
        let block = (500_u64 << 16).to_le_bytes();
        assert_eq!(refused(at::ROOT_INODE, &block), "root_inode");
        assert_eq!(refused(at::ROOT_INODE, &8192_u64.to_le_bytes()), "root_inode");
    }
}
