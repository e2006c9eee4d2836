//! Byte offsets of the superblock's fields. All are little-endian.

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
