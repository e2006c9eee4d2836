//! Byte offsets of the superblock's fields, and numbers of the other structures
//! (`fs/squashfs/squashfs_fs.h`). All integers are little-endian.

/// Bytes of the superblock.
pub const SUPERBLOCK_BYTES: usize = 96;

/// `u32`, [`MAGIC_VALUE`].
pub(crate) const MAGIC: usize = 0;
/// `u32`, number of inodes.
pub(crate) const INODES: usize = 4;
/// `u32`, seconds since 1970.
pub(crate) const MKFS_TIME: usize = 8;
/// `u32`, bytes of a data block.
pub(crate) const BLOCK_SIZE: usize = 12;
/// `u32`, number of fragment blocks.
pub(crate) const FRAGMENTS: usize = 16;
/// `u16`, see [`crate::Compression`].
pub(crate) const COMPRESSION: usize = 20;
/// `u16`, binary logarithm of the block size.
pub(crate) const BLOCK_LOG: usize = 22;
/// `u16`, bits.
pub(crate) const FLAGS: usize = 24;
/// `u16`, number of user and group IDs.
pub(crate) const NO_IDS: usize = 26;
/// `u16`.
pub(crate) const S_MAJOR: usize = 28;
/// `u16`.
pub(crate) const S_MINOR: usize = 30;
/// `u64`: byte offset of the metadata block in the inode table, then 16 bits of byte offset in it.
pub(crate) const ROOT_INODE: usize = 32;
/// `u64`, bytes of the image without padding.
pub(crate) const BYTES_USED: usize = 40;
/// `u64`, byte offset of a table, as the five below; all ones for a table that is not there.
pub(crate) const ID_TABLE_START: usize = 48;
pub(crate) const XATTR_ID_TABLE_START: usize = 56;
pub(crate) const INODE_TABLE_START: usize = 64;
pub(crate) const DIRECTORY_TABLE_START: usize = 72;
pub(crate) const FRAGMENT_TABLE_START: usize = 80;
pub(crate) const LOOKUP_TABLE_START: usize = 88;

pub(crate) const MAGIC_VALUE: u32 = u32::from_le_bytes(*b"hsqs");
/// Start of a table that is not there.
pub(crate) const ABSENT: u64 = u64::MAX;
/// Binary logarithms of the smallest and largest block: 4 KiB and 1 MiB.
pub(crate) const BLOCK_LOGS: std::ops::RangeInclusive<u16> = 12..=20;
/// Bytes of a metadata block before compression.
pub(crate) const METADATA_BYTES: u64 = 8192;

/// [`METADATA_BYTES`] as a length.
pub(crate) const METADATA_LENGTH: usize = 8192;
/// Bytes of the length in front of a metadata block, `u16`.
pub(crate) const METADATA_HEADER: u64 = 2;
/// Bit of that length for a block stored as it is (`SQUASHFS_COMPRESSED_BIT`).
pub(crate) const METADATA_STORED: u16 = 1 << 15;
/// Bit of a data block's length for one stored as it is (`SQUASHFS_COMPRESSED_BIT_BLOCK`).
pub(crate) const BLOCK_STORED: u32 = 1 << 24;
/// The largest data block, 1 MiB (`SQUASHFS_FILE_MAX_SIZE`).
pub(crate) const BLOCK_BYTES_MAX: u32 = 1 << 20;
/// A file without a tail in a fragment block (`SQUASHFS_INVALID_FRAG`).
pub(crate) const NO_FRAGMENT: u32 = u32::MAX;
/// An inode without extended attributes (`SQUASHFS_INVALID_XATTR`).
pub(crate) const NO_XATTR: u32 = u32::MAX;
/// Bytes of `struct squashfs_fragment_entry`: `u64` start, `u32` length with its bit, `u32` unused.
pub(crate) const FRAGMENT_ENTRY: usize = 16;
/// Bytes of an entry of the ID table, `u32`.
pub(crate) const ID_ENTRY: usize = 4;
/// Bytes of an entry of an index of metadata blocks, `u64` first byte in the image.
pub(crate) const INDEX_ENTRY: u64 = 8;
/// What a directory's size counts besides its listing, for `.` and `..` (`fs/squashfs/dir.c`).
pub(crate) const DIRECTORY_EXTRA: u32 = 3;
/// The most entries below one directory header (`SQUASHFS_DIR_COUNT`).
pub(crate) const DIRECTORY_RUN_MAX: u32 = 256;
/// The most bytes of a name (`SQUASHFS_NAME_LEN`).
pub(crate) const NAME_BYTES_MAX: u32 = 256;
