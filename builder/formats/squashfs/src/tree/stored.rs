//! Where blocks lie.

use super::error::{Place, TableError};
use crate::layout::{BLOCK_BYTES_MAX, BLOCK_STORED};
use crate::{SUPERBLOCK_BYTES, Superblock};

/// A data block or fragment block as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stored {
    /// First byte in the image.
    pub start: u64,
    /// Bytes in the image; 0 for a hole, which has none: its content is zeros.
    pub bytes: u32,
    /// Whether the bytes are compressed or the content itself.
    pub compressed: bool,
}

impl Stored {
    /// The block at byte `start` of the image that `word` describes: length, and
    /// [`BLOCK_STORED`] for one that is not compressed.
    pub(super) fn of(start: u64, word: u32) -> Self {
        let bytes = word & !BLOCK_STORED;
        Self { start, bytes, compressed: bytes != 0 && word & BLOCK_STORED == 0 }
    }

    /// Whether the block has no bytes in the image.
    #[must_use]
    pub fn is_hole(&self) -> bool {
        self.bytes == 0
    }

    /// First byte behind the block.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(u64::from(self.bytes))
    }

    /// Checks that the block lies between superblock and tables, and is no larger than a block.
    pub(super) fn check(
        &self,
        object: &'static str,
        place: Place,
        superblock: &Superblock,
    ) -> Result<(), TableError> {
        let header = u64::try_from(SUPERBLOCK_BYTES).unwrap_or(u64::MAX);
        let most = superblock.block_bytes.min(BLOCK_BYTES_MAX);
        if self.bytes > most {
            let expected = format!("a block of at most {most} bytes");
            return Err(TableError::corrupt(object, place, expected, self.bytes));
        }
        let end = self.start.checked_add(u64::from(self.bytes));
        let inside = end.is_some_and(|end| end <= superblock.tables.inode);
        // A hole has no place.
        if self.is_hole() || self.start >= header && inside {
            return Ok(());
        }
        let expected = format!("a block between bytes {header} and {}", superblock.tables.inode);
        let found = format!("{} bytes at byte {}", self.bytes, self.start);
        Err(TableError::corrupt(object, place, expected, found))
    }
}

/// The data blocks of a file, in the order of its content.
#[derive(Debug, Clone)]
pub struct Blocks<'a> {
    next: u64,
    words: std::slice::Iter<'a, u32>,
}

impl<'a> Blocks<'a> {
    /// Blocks that lie one behind the other from byte `start` of the image on.
    pub(super) fn new(start: u64, words: &'a [u32]) -> Self {
        Self { next: start, words: words.iter() }
    }
}

impl Iterator for Blocks<'_> {
    type Item = Stored;

    fn next(&mut self) -> Option<Stored> {
        let block = Stored::of(self.next, *self.words.next()?);
        self.next = block.end();
        Some(block)
    }
}
