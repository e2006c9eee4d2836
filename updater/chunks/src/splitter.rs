//! Bytes that arrive, as the chunks that they ought to be.

use std::ops::Range;

use crate::{Chunk, ChunkList, Digest, Part, narrow, wide};

/// Bytes that are not what the list says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SplitError {
    /// A byte range of the image file or of a part does not consist of chunks.
    #[error("bytes {start} to {end} do not begin and end with a chunk of one part")]
    NoChunks {
        /// First byte of the range.
        start: u64,
        /// First byte behind it.
        end: u64,
    },
    /// The bytes of a chunk are others.
    #[error(
        "{part}: chunk of {bytes} bytes at byte {offset}: expected digest {expected}, found {found}"
    )]
    Digest {
        /// Part of the chunk.
        part: Part,
        /// First byte in the part.
        offset: u64,
        /// Bytes of the chunk.
        bytes: u32,
        /// What the list says.
        expected: Digest,
        /// What arrived.
        found: Digest,
    },
    /// More bytes arrive than were asked for.
    #[error("{part}: {found} bytes more than the range up to byte {end}")]
    TooMany {
        /// Part of the range.
        part: Part,
        /// First byte of the part behind the range.
        end: u64,
        /// How many bytes more.
        found: u64,
    },
    /// The bytes end before the range does.
    #[error("{part}: the bytes end before the chunk at byte {offset} does")]
    TooFew {
        /// Part of the range.
        part: Part,
        /// First byte of the chunk in its part.
        offset: u64,
    },
}

/// Takes the bytes of a range in pieces of any length, and gives out whole chunks that were checked,
/// in order. Holds at most one chunk.
#[derive(Debug)]
pub struct Splitter<'a> {
    part: Part,
    /// The chunks that were not given out yet.
    chunks: &'a [Chunk],
    /// First byte of the part behind the range.
    end: u64,
    /// What arrived of the first of them.
    held: Vec<u8>,
}

impl<'a> Splitter<'a> {
    /// For the byte range `image` of the image file.
    ///
    /// # Errors
    /// [`SplitError::NoChunks`] unless the range begins and ends with a chunk of one part.
    pub fn of_image(list: &'a ChunkList, image: &Range<u64>) -> Result<Self, SplitError> {
        let no_chunks = SplitError::NoChunks { start: image.start, end: image.end };
        let located = list.locate(image);
        let splitter = located.and_then(|(part, range)| Self::new(list, part, &range));
        splitter.ok_or(no_chunks)
    }

    /// For the byte range `range` of a part, wherever its bytes come from.
    ///
    /// # Errors
    /// [`SplitError::NoChunks`] unless the range begins and ends with a chunk.
    pub fn of_part(
        list: &'a ChunkList,
        part: Part,
        range: &Range<u64>,
    ) -> Result<Self, SplitError> {
        let no_chunks = SplitError::NoChunks { start: range.start, end: range.end };
        Self::new(list, part, range).ok_or(no_chunks)
    }

    fn new(list: &'a ChunkList, part: Part, range: &Range<u64>) -> Option<Self> {
        let chunks = list.part(part).covering(range)?;
        Some(Self { part, chunks, end: range.end, held: Vec::new() })
    }

    /// Takes the next bytes. Gives each chunk that is complete to `take`: its part, what the list says,
    /// and its bytes, which are those that the list says. A chunk that `take` refuses has not been
    /// given out.
    ///
    /// # Errors
    /// [`SplitError::Digest`] and [`SplitError::TooMany`], and those of `take`. Of the bytes of this
    /// call what lies behind the last chunk that was given out is lost then; [`Splitter::rest`] says
    /// from where on they are needed again.
    pub fn push<E: From<SplitError>>(
        &mut self,
        mut bytes: &[u8],
        mut take: impl FnMut(Part, &Chunk, &[u8]) -> Result<(), E>,
    ) -> Result<(), E> {
        let mut joined = std::mem::take(&mut self.held);
        while let Some((chunk, behind)) = self.chunks.split_first() {
            let length = narrow(chunk.bytes.into());
            let missing = length.saturating_sub(joined.len());
            let Some((now, later)) = bytes.split_at_checked(missing) else {
                joined.extend_from_slice(bytes);
                self.held = joined;
                return Ok(());
            };
            // Most chunks arrive in one piece and are not copied.
            let whole = if joined.is_empty() {
                now
            } else {
                joined.extend_from_slice(now);
                joined.as_slice()
            };
            self.check(chunk, whole)?;
            take(self.part, chunk, whole)?;
            joined.clear();
            (self.chunks, bytes) = (behind, later);
        }
        match wide(bytes.len()) {
            0 => Ok(()),
            found => Err(SplitError::TooMany { part: self.part, end: self.end, found }.into()),
        }
    }

    /// The byte range of the part that was not given out yet; empty at the end.
    #[must_use]
    pub fn rest(&self) -> Range<u64> {
        self.chunks.first().map_or(self.end, |chunk| chunk.offset)..self.end
    }

    /// Says that no more bytes come.
    ///
    /// # Errors
    /// [`SplitError::TooFew`] if a chunk was not given out.
    pub fn finish(self) -> Result<(), SplitError> {
        match self.chunks.first() {
            None => Ok(()),
            Some(chunk) => Err(SplitError::TooFew { part: self.part, offset: chunk.offset }),
        }
    }

    fn check(&self, chunk: &Chunk, bytes: &[u8]) -> Result<(), SplitError> {
        let found = Digest::of(bytes);
        if found == chunk.digest {
            return Ok(());
        }
        let Chunk { offset, bytes, digest: expected } = *chunk;
        Err(SplitError::Digest { part: self.part, offset, bytes, expected, found })
    }
}

#[cfg(test)]
mod tests;
