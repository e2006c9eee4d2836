//! Why a part cannot be cut.

use anklume_bytes::ReadError;

/// A partition that is not that of a version.
#[derive(Debug, thiserror::Error)]
pub enum CutError {
    /// The boot partition has no FAT file system that can be read.
    #[error("boot partition: {0}")]
    Fat(#[from] anklume_fat::Error),
    /// The OS partition does not begin with a squashfs.
    #[error("os partition: {0}")]
    Squashfs(#[from] anklume_squashfs::Error),
    /// The tables of the squashfs are wrong.
    #[error("os partition: squashfs: {0}")]
    Tables(#[from] anklume_squashfs::TableError),
    /// Bytes of the squashfs belong to two blocks, or to none and to no table.
    #[error(
        "os partition: squashfs: byte {offset}: expected one block or table, found none or two"
    )]
    Overlap {
        /// The first such byte.
        offset: u64,
    },
    /// No verity superblock follows the squashfs.
    #[error("os partition: verity superblock at byte {offset}: {source}")]
    Verity {
        /// Byte of the partition where it ought to begin.
        offset: u64,
        /// What is there.
        source: anklume_verity::Error,
    },
    /// The verity superblock is about other data.
    #[error(
        "os partition: verity superblock at byte {offset}: expected {expected} data blocks, found \
         {found}"
    )]
    DataBlocks {
        /// Byte of the partition where it begins.
        offset: u64,
        /// Blocks of the squashfs.
        expected: u64,
        /// Blocks that it names.
        found: u64,
    },
    /// The hash tree does not fit in the partition.
    #[error("os partition: hash tree: expected at least {expected} bytes, found {found}")]
    Short {
        /// Bytes of the part.
        expected: u64,
        /// Bytes of the partition.
        found: u64,
    },
    /// The partition could not be read.
    #[error("{0}")]
    Read(#[from] ReadError),
}
