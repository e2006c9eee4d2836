//! What can be wrong with a hash tree.

use std::fmt;

use anklume_bytes::ReadError;

use crate::RootHash;

/// A hash tree that cannot be built, read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Corrupt: a superblock field has a value that no writer produces.
    #[error("verity superblock: {field} at byte {offset} is {found}, expected {expected}")]
    Superblock {
        /// Name of the field.
        field: &'static str,
        /// Byte offset inside the superblock.
        offset: usize,
        /// What a valid superblock holds.
        expected: String,
        /// What this one holds.
        found: String,
    },
    /// Corrupt: fewer bytes than a superblock has.
    #[error("verity superblock: {found} bytes, expected {expected}")]
    ShortSuperblock {
        /// Bytes of a superblock.
        expected: usize,
        /// Bytes that are there.
        found: usize,
    },
    /// Corrupt: the tree has another root than the one expected.
    #[error("verity tree: root hash is {found}, expected {expected}")]
    RootHash {
        /// The trusted root hash.
        expected: RootHash,
        /// Digest of the top block.
        found: RootHash,
    },
    /// Corrupt: blocks do not have the digest that the tree holds for them.
    #[error("verity: {}", list(.bad))]
    Blocks {
        /// The first bad blocks in the order of the walk, at least one, at most 16. Blocks below
        /// a bad hash block cannot be judged and are not listed.
        bad: Vec<BadBlock>,
    },
    /// Corrupt: a block does not have the digest that the tree holds for it.
    #[error("verity: {0}")]
    Mismatch(Mismatch),
    /// Corrupt: fewer bytes than superblock and hash blocks have.
    #[error("verity tree: {found} bytes, expected {expected}")]
    TreeLength {
        /// Bytes of superblock and hash blocks.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// Unsupported: a valid superblock of a kind that this crate does not handle.
    #[error("verity superblock: {field} {found} is not supported, only {expected}")]
    Unsupported {
        /// Name of the field.
        field: &'static str,
        /// The only supported value.
        expected: String,
        /// What the superblock holds.
        found: String,
    },
    /// Unsupported: no data, or more than [`crate::MAX_DATA_BLOCKS`].
    #[error("verity tree: {found} data blocks, expected 1 to {limit}")]
    DataBlocks {
        /// The most data blocks, inclusive.
        limit: u64,
        /// Data blocks asked for.
        found: u64,
    },
    /// The caller's data is not made of whole blocks.
    #[error("verity data: {found} bytes are not a multiple of {block_bytes}")]
    NotWholeBlocks {
        /// Bytes of a block.
        block_bytes: u64,
        /// Bytes given.
        found: u64,
    },
    /// The caller gave more or less data than announced.
    #[error("verity data: {found} bytes, expected {expected}")]
    DataLength {
        /// Bytes announced.
        expected: u64,
        /// Bytes given; for too many, up to and with the piece that was refused.
        found: u64,
    },
    /// The salt does not fit in the superblock.
    #[error("verity salt: {found} bytes, expected at most {limit}")]
    SaltLength {
        /// The most salt bytes, inclusive.
        limit: usize,
        /// Salt bytes given.
        found: usize,
    },
    /// The text is not 64 hexadecimal digits.
    #[error("root hash: {found:?} is not 64 hexadecimal digits")]
    RootHashText {
        /// The text, at most its first 80 characters.
        found: String,
    },
    /// I/O: the image could not be read.
    #[error("verity image: {0}")]
    Read(#[from] ReadError),
}

/// A block whose digest is not the one that the tree holds for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BadBlock {
    /// `None` for a data block; otherwise the level of the hash block, 0 for the one that holds
    /// the digests of data.
    pub level: Option<usize>,
    /// First byte of the block, counted from the start of the data.
    pub offset: u64,
}

impl fmt::Display for BadBlock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.level {
            None => write!(f, "data block at byte {}", self.offset),
            Some(level) => write!(f, "hash block of level {level} at byte {}", self.offset),
        }
    }
}

/// A [`BadBlock`], and what is wrong with it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Mismatch {
    /// The block.
    pub block: BadBlock,
    /// The digest that the tree holds for it.
    pub expected: RootHash,
    /// The digest that it has.
    pub found: RootHash,
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { block, expected, found } = self;
        write!(f, "digest of {block} is {found}, expected {expected}")
    }
}

fn list(bad: &[BadBlock]) -> String {
    let blocks: Vec<_> = bad.iter().map(BadBlock::to_string).collect();
    format!("digest mismatch: {}", blocks.join(", "))
}
