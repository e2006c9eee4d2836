//! The ends of files, gathered in fragment blocks.

use std::collections::VecDeque;
use std::sync::Arc;

use sha2::{Digest, Sha256};

use crate::Error;
use crate::codec::Codec;
use crate::layout::{BLOCK_STORED, wide};
use crate::output::{Output, Tail};
use crate::pipeline::{Content, Pipeline};
use crate::store::{Index, key_of};

/// Fragment blocks whose content is kept although they are in the image: duplicates are often close
/// to each other.
const KEPT: usize = 8;

/// The fragment block that is being filled, and the tails that are there.
pub(super) struct Tails {
    block_bytes: usize,
    /// Content of the block that is being filled; nobody else holds it.
    open: Option<Content>,
    /// Number of that block.
    number: u32,
    /// Contents of the blocks that are on their way, and of the last ones that are in the image.
    recent: VecDeque<(u32, Content)>,
    /// The block that was read back last.
    read_back: Option<(u32, Vec<u8>)>,
    known: Index<Known>,
    /// Bytes of tails that were there already.
    pub(super) shared: u64,
}

/// A tail in a fragment block.
#[derive(Debug, Clone, Copy)]
struct Known {
    fragment: u32,
    at: u32,
    length: u32,
}

impl Tails {
    pub(super) fn new(block_bytes: usize) -> Self {
        let (recent, known) = (VecDeque::new(), Index::new());
        Self { block_bytes, open: None, number: 0, recent, read_back: None, known, shared: 0 }
    }

    /// Finds a place for a tail: an earlier one with the same bytes, or the open block. When that
    /// has no room left, its content comes back too, to be compressed.
    pub(super) fn place(
        &mut self,
        bytes: &[u8],
        output: &Output<'_>,
        codec: &mut Codec,
        pipeline: &mut Pipeline,
    ) -> Result<(Tail, Option<Content>), Error> {
        let hash = Sha256::digest(bytes).into();
        let length = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
        let known = self.known.find(key_of(&hash), |known| known.length == length);
        if let Some(known) = known
            && self.content(known.fragment, output, codec)?.get(range(known)) == Some(bytes)
        {
            self.shared = self.shared.saturating_add(length.into());
            let Known { fragment, at, .. } = known;
            return Ok((Tail { fragment, at, length, hash }, None));
        }
        let used = self.open.as_ref().map_or(0, |open| open.len());
        let full = match used.saturating_add(bytes.len()) > self.block_bytes {
            true => self.close(output, pipeline)?,
            false => None,
        };
        let (fragment, at) = (self.number, self.append(bytes, pipeline)?);
        let table_full = Error::TableFull { table: "list of tails", limit: u32::MAX.into() };
        let known = Known { fragment, at, length };
        self.known.insert(key_of(&hash), known).ok_or(table_full)?;
        Ok((Tail { fragment, at, length, hash }, full))
    }

    /// Ends the open block and returns its content, `None` when there is none.
    pub(super) fn close(
        &mut self,
        output: &Output<'_>,
        pipeline: &mut Pipeline,
    ) -> Result<Option<Content>, Error> {
        let Some(content) = self.open.take() else { return Ok(None) };
        self.recent.push_back((self.number, Arc::clone(&content)));
        let next = self.number.checked_add(1).filter(|number| *number < u32::MAX);
        let full = Error::TableFull { table: "fragment table", limit: u32::MAX.into() };
        self.number = next.ok_or(full)?;
        while let Some((number, _)) = self.recent.front() {
            if self.recent.len() <= KEPT || wide(output.fragments.len()) <= u64::from(*number) {
                break;
            }
            if let Some((_, old)) = self.recent.pop_front() {
                pipeline.recycle(old);
            }
        }
        Ok(Some(content))
    }

    /// Appends to the open block, and returns the first byte's place there.
    fn append(&mut self, bytes: &[u8], pipeline: &mut Pipeline) -> Result<u32, Error> {
        let fresh = self.open.is_none();
        let open = self.open.get_or_insert_with(|| pipeline.buffer());
        let content = Arc::get_mut(open).ok_or(Error::Inconsistent { object: "fragment block" })?;
        if fresh {
            content.clear();
        }
        let at = u32::try_from(content.len()).unwrap_or(u32::MAX);
        content.extend_from_slice(bytes);
        Ok(at)
    }

    /// The content of a fragment block, from wherever it is.
    fn content(
        &mut self,
        number: u32,
        output: &Output<'_>,
        codec: &mut Codec,
    ) -> Result<&[u8], Error> {
        if number == self.number {
            return Ok(self.open.as_ref().map_or(&[], |open| open.as_slice()));
        }
        if let Some(at) = self.recent.iter().rposition(|recent| recent.0 == number) {
            return Ok(self.recent.get(at).map_or(&[], |recent| recent.1.as_slice()));
        }
        if self.read_back.as_ref().is_none_or(|read| read.0 != number) {
            self.read(number, output, codec)?;
        }
        Ok(self.read_back.as_ref().map_or(&[], |read| read.1.as_slice()))
    }

    fn read(&mut self, number: u32, output: &Output<'_>, codec: &mut Codec) -> Result<(), Error> {
        let lost = || Error::Inconsistent { object: "fragment block" };
        let placed = usize::try_from(number).ok().and_then(|at| output.fragments.get(at));
        let placed = placed.ok_or_else(lost)?;
        let length = usize::try_from(placed.word & !BLOCK_STORED).map_err(|_| lost())?;
        let mut stored = vec![0; length.min(self.block_bytes)];
        output.image.read(placed.start, &mut stored)?;
        let content = if placed.word & BLOCK_STORED == 0 {
            let mut content = self.read_back.take().map(|read| read.1).unwrap_or_default();
            codec.decompress(&stored, self.block_bytes, &mut content).map_err(|_| lost())?;
            content
        } else {
            stored
        };
        self.read_back = Some((number, content));
        Ok(())
    }
}

/// The bytes of a tail in its block.
fn range(known: Known) -> std::ops::Range<usize> {
    let at = usize::try_from(known.at).unwrap_or(usize::MAX);
    at..at.saturating_add(usize::try_from(known.length).unwrap_or(usize::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compressor;
    use crate::image::Appender;
    use crate::image::tests::Memory;
    use std::sync::mpsc::channel;

    /// Hashes of different tails are made equal here, as an attacker might make the 64 bits that
    /// count.
    #[test]
    fn tails_with_the_same_hash_are_compared() {
        let (memory, mut observer) = (Memory::default(), |_: &crate::Report<'_>| {});
        let output = Output::new(Appender::new(&memory), &mut observer).unwrap();
        let mut codec = Codec::new(Compressor::Zstd { level: 3 }).unwrap();
        let mut pipeline = Pipeline::new(channel().0, channel().1, 4, 4096);
        let mut tails = Tails::new(4096);
        let mut at = |tails: &mut Tails, bytes: &[u8]| {
            tails.place(bytes, &output, &mut codec, &mut pipeline).unwrap().0.at
        };
        assert_eq!(at(&mut tails, b"first"), 0);
        let hash = Sha256::digest(b"other").into();
        tails.known.insert(key_of(&hash), Known { fragment: 0, at: 0, length: 5 }).unwrap();
        assert_eq!(at(&mut tails, b"other"), 5);
        assert_eq!(at(&mut tails, b"first"), 0);
        assert_eq!(tails.shared, 5);
    }
}
