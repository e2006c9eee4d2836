//! Content of files, cut into blocks.

use std::io::{self, Read};

use crate::layout::wide;
use crate::{Entry, Error};

/// The content of one file while it is read.
pub(super) struct Content<'a> {
    entry: &'a Entry<'a>,
    reader: &'a mut dyn Read,
    size: u64,
    /// Bytes read so far.
    offset: u64,
}

impl<'a> Content<'a> {
    pub(super) fn new(entry: &'a Entry<'a>, size: u64, reader: &'a mut dyn Read) -> Self {
        Self { entry, reader, size, offset: 0 }
    }

    /// Bytes that are still to be read.
    pub(super) fn rest(&self) -> u64 {
        self.size.saturating_sub(self.offset)
    }

    /// Replaces what is in `bytes` by the next `length` bytes.
    pub(super) fn fill(&mut self, bytes: &mut Vec<u8>, length: u64) -> Result<(), Error> {
        bytes.resize(usize::try_from(length).unwrap_or(usize::MAX), 0);
        let mut rest = bytes.as_mut_slice();
        while !rest.is_empty() {
            let count = match self.reader.read(rest) {
                Ok(0) => return Err(self.wrong_length(self.offset)),
                Ok(count) => count.min(rest.len()),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) => return Err(self.failed(error)),
            };
            self.offset = self.offset.saturating_add(wide(count));
            rest = rest.get_mut(count..).unwrap_or_default();
        }
        Ok(())
    }

    /// Makes sure that nothing follows.
    pub(super) fn end(mut self) -> Result<(), Error> {
        let mut more = Vec::new();
        let result = (&mut self.reader).take(1).read_to_end(&mut more);
        result.map_err(|source| self.failed(source))?;
        match more.is_empty() {
            true => Ok(()),
            false => Err(self.wrong_length(self.size.saturating_add(1))),
        }
    }

    fn failed(&self, source: io::Error) -> Error {
        Error::Content { path: self.entry.path.to_vec(), offset: self.offset, source }
    }

    fn wrong_length(&self, found: u64) -> Error {
        Error::ContentLength { path: self.entry.path.to_vec(), expected: self.size, found }
    }
}

/// Whether a block is a hole.
pub(crate) fn is_zero(block: &[u8]) -> bool {
    // Most blocks show in their first bytes that they are not; the rest is compared fast.
    let (chunks, rest) = block.as_chunks::<64>();
    chunks.iter().all(|chunk| *chunk == [0; 64]) && rest.iter().all(|byte| *byte == 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_byte_makes_a_block() {
        let mut block = vec![0; 4096 + 13];
        assert!(is_zero(&block) && is_zero(&[]));
        for at in [0, 63, 64, 4095, 4108] {
            block[at] = 1;
            assert!(!is_zero(&block), "{at}");
            block[at] = 0;
        }
    }
}
