//! The parts of a version.

use std::ops::Range;

use super::format::Place;
use super::{Chunk, Digest, ListError, chunks};

/// A part of an OS version.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Part {
    /// The FAT file system of the boot partition, up to its last used byte.
    Boot,
    /// The OS partition: squashfs, dm-verity superblock, hash tree.
    Os,
}

impl Part {
    /// Both, in the order in which they are listed and written.
    pub const ALL: [Self; 2] = [Self::Boot, Self::Os];
}

impl std::fmt::Display for Part {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Boot => "boot part",
            Self::Os => "os part",
        })
    }
}

/// What somebody found out about a part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartSpec {
    /// First byte of the part in the image file.
    pub image_offset: u64,
    /// Length in bytes and digest of each chunk, in order and without gaps.
    pub chunks: Vec<(u32, Digest)>,
    /// Bytes that follow the chunks and are computed: those of the hash tree.
    pub derived_bytes: u64,
}

/// A part of a [`super::ChunkList`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PartList {
    image_offset: u64,
    chunk_bytes: u64,
    derived_bytes: u64,
    chunks: Vec<Chunk>,
}

impl PartList {
    /// Checks a part, which lies at `place` of the list; `before` chunks are listed before its own.
    pub(super) fn new(spec: PartSpec, place: Place, before: usize) -> Result<Self, ListError> {
        let PartSpec { image_offset, chunks: pieces, derived_bytes } = spec;
        if pieces.is_empty() {
            return Err(place.count().field("at least 1", 0));
        }
        let (chunks, chunk_bytes) = chunks(pieces, before)?;
        if image_offset.checked_add(chunk_bytes).is_none() {
            return Err(place.image_offset().field("an end below 2^64", image_offset));
        }
        if chunk_bytes.checked_add(derived_bytes).is_none() {
            return Err(place.derived().field("a part below 2^64 bytes", derived_bytes));
        }
        Ok(Self { image_offset, chunk_bytes, derived_bytes, chunks })
    }

    /// The chunks in order; each begins where the one before it ends, the first at byte 0.
    #[must_use]
    pub fn chunks(&self) -> &[Chunk] {
        &self.chunks
    }

    /// Bytes of all chunks.
    #[must_use]
    pub fn chunk_bytes(&self) -> u64 {
        self.chunk_bytes
    }

    /// Bytes that follow the chunks and are computed.
    #[must_use]
    pub fn derived_bytes(&self) -> u64 {
        self.derived_bytes
    }

    /// Bytes of the part: what a partition must have room for.
    #[must_use]
    pub fn total_bytes(&self) -> u64 {
        self.chunk_bytes.saturating_add(self.derived_bytes)
    }

    /// Where the chunks lie in the image file.
    #[must_use]
    pub fn image_range(&self) -> Range<u64> {
        self.image_offset..self.image_offset.saturating_add(self.chunk_bytes)
    }

    /// Where a byte of the part lies in the image file.
    #[must_use]
    pub fn image_offset(&self, offset: u64) -> u64 {
        self.image_offset.saturating_add(offset)
    }

    /// The chunks that a byte range of the part consists of; `None` unless it begins and ends with a
    /// chunk.
    #[must_use]
    pub fn covering(&self, range: &Range<u64>) -> Option<&[Chunk]> {
        let first = self.chunks.binary_search_by_key(&range.start, |chunk| chunk.offset).ok()?;
        let last = self.chunks.binary_search_by_key(&range.end, Chunk::end).ok()?;
        self.chunks.get(first..=last).filter(|chunks| !chunks.is_empty())
    }
}
