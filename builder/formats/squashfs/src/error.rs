//! What can be wrong with a superblock.

use anklume_bytes::ReadError;

/// A superblock that cannot be read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Corrupt: fewer bytes than a superblock has.
    #[error("squashfs superblock: {found} bytes, expected {expected}")]
    Short {
        /// Bytes of a superblock.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// Corrupt: a field has a value that no writer produces.
    #[error("squashfs superblock: {field} at byte {offset} is {found:#x}, expected {expected}")]
    Field {
        /// Name of the field, as the kernel spells it.
        field: &'static str,
        /// Byte offset inside the superblock.
        offset: usize,
        /// What a valid superblock holds.
        expected: String,
        /// What this one holds.
        found: u64,
    },
    /// Unsupported: another version of the format, or an unknown compression.
    #[error("squashfs superblock: {field} at byte {offset} is {found}, supported is {expected}")]
    Unsupported {
        /// Name of the field, as the kernel spells it.
        field: &'static str,
        /// Byte offset inside the superblock.
        offset: usize,
        /// What is supported.
        expected: &'static str,
        /// What this superblock holds.
        found: u64,
    },
    /// I/O: the image could not be read.
    #[error("squashfs superblock: {0}")]
    Read(#[from] ReadError),
}
