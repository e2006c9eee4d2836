//! Contents of files.

use std::ops::ControlFlow;

use anklume_bytes::ReadAt;

use super::codec::Codec;
use super::error::{Place, TableError};
use super::inode::File;
use super::metadata::read;
use super::read::Tree;
use super::stored::Stored;
use crate::Superblock;
use crate::layout::BLOCK_BYTES_MAX;

/// What blocks are called in errors.
const OBJECT: &str = "data block";

/// Reads files. Holds the fragment block that was read last: files are read fastest in the order in
/// which their ends lie in the fragment blocks.
pub struct Contents<'a, R: ?Sized> {
    image: &'a R,
    fragments: &'a [Stored],
    block_bytes: u32,
    codec: Codec,
    /// A data block, decompressed.
    content: Vec<u8>,
    /// Number and content of a fragment block.
    fragment: Option<(u32, Vec<u8>)>,
}

impl<'a, R: ReadAt + ?Sized> Contents<'a, R> {
    /// A reader of the files of `tree`, which is that of `image`.
    pub fn new(image: &'a R, superblock: &Superblock, tree: &'a Tree) -> Self {
        Self {
            image,
            fragments: &tree.fragments,
            block_bytes: superblock.block_bytes,
            codec: Codec::new(superblock.compression),
            content: Vec::new(),
            fragment: None,
        }
    }

    /// Gives the content of `file` to `take`, at most a block at a time, until that breaks.
    ///
    /// A file may have more content in holes than there is time: the size of one is in
    /// [`File::size`].
    ///
    /// # Errors
    /// [`TableError::Corrupt`] for a block that does not decompress to what it should,
    /// [`TableError::Unsupported`] for a compression, and [`TableError::Read`].
    pub fn read(
        &mut self,
        file: &File,
        take: &mut dyn FnMut(&[u8]) -> ControlFlow<()>,
    ) -> Result<(), TableError> {
        let block_bytes = u64::from(self.block_bytes);
        let mut left = file.size;
        for block in file.blocks() {
            let length = left.min(block_bytes);
            left = left.saturating_sub(length);
            let mut content = std::mem::take(&mut self.content);
            let result = self.block(block, length, &mut content);
            self.content = content;
            result?;
            if take(&self.content).is_break() {
                return Ok(());
            }
        }
        let Some(tail) = file.tail else { return Ok(()) };
        let content = self.fragment(tail.fragment)?;
        let start = usize::try_from(tail.at).unwrap_or(usize::MAX);
        let end = start.saturating_add(usize::try_from(tail.bytes).unwrap_or(usize::MAX));
        let Some(bytes) = content.get(start..end) else {
            let found = format!("{} bytes", content.len());
            let place = self.fragments.get(usize::try_from(tail.fragment).unwrap_or(usize::MAX));
            let place = Place::image(place.map_or(0, |block| block.start));
            return Err(TableError::corrupt(
                "fragment block",
                place,
                format!("{end} bytes"),
                found,
            ));
        };
        let _ = take(bytes);
        Ok(())
    }

    /// The content of a data block, which has `length` bytes.
    fn block(
        &mut self,
        block: Stored,
        length: u64,
        content: &mut Vec<u8>,
    ) -> Result<(), TableError> {
        if block.is_hole() {
            content.clear();
            content.resize(usize::try_from(length).unwrap_or_default(), 0);
            return Ok(());
        }
        self.decompress(block, content)?;
        let found = u64::try_from(content.len()).unwrap_or(u64::MAX);
        match found == length {
            true => Ok(()),
            false => {
                let (place, expected) = (Place::image(block.start), format!("{length} bytes"));
                Err(TableError::corrupt(OBJECT, place, expected, format!("{found} bytes")))
            }
        }
    }

    fn decompress(&mut self, block: Stored, content: &mut Vec<u8>) -> Result<(), TableError> {
        let most = BLOCK_BYTES_MAX.into();
        let stored = self.image.read_vec(block.start, block.bytes.into(), most);
        let stored = stored.map_err(|error| read(OBJECT, error))?;
        if !block.compressed {
            *content = stored;
            return Ok(());
        }
        let limit = usize::try_from(self.block_bytes).unwrap_or_default();
        self.codec.decompress(OBJECT, block.start, &stored, limit, content)
    }

    /// The content of a fragment block.
    fn fragment(&mut self, number: u32) -> Result<&[u8], TableError> {
        let held = self.fragment.take();
        let mut content = match held {
            Some((held, content)) if held == number => {
                return Ok(&self.fragment.insert((number, content)).1);
            }
            Some((_, content)) => content,
            None => Vec::new(),
        };
        let block = usize::try_from(number).ok().and_then(|number| self.fragments.get(number));
        // The tail was checked against the number of fragments.
        let Some(&block) = block else {
            let place = Place::image(0);
            return Err(TableError::corrupt("fragment", place, "a fragment block", number));
        };
        self.decompress(block, &mut content)?;
        Ok(&self.fragment.insert((number, content)).1)
    }
}
