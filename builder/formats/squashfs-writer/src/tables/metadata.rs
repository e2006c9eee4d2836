//! Metadata blocks: 8192 bytes each, compressed, behind a `u16` with their length and the bit
//! [`METADATA_STORED`] for those stored as they are (`squashfs_read_data` of
//! `fs/squashfs/block.c`).

use crate::Error;
use crate::codec::Codec;
use crate::image::Appender;
use crate::layout::{METADATA_BYTES, METADATA_STORED, wide};
use crate::store::Segments;

/// A place in a table: byte offset of the metadata block from the table's start, and byte offset in
/// the block before compression.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Place {
    pub(super) block: u32,
    pub(super) offset: u16,
}

impl Place {
    /// The place as inode and attribute references have it.
    pub(super) fn reference(self) -> u64 {
        u64::from(self.block) << 16 | u64::from(self.offset)
    }

    /// The place that is written like this.
    pub(super) fn from_reference(reference: u64) -> Self {
        let offset = u16::try_from(reference & 0xffff).unwrap_or(0);
        Self { block: u32::try_from(reference >> 16).unwrap_or(0), offset }
    }
}

/// A table under construction, compressed as it grows.
pub(super) struct Metadata {
    name: &'static str,
    /// What does not yet fill a block; always less than one.
    buffer: Vec<u8>,
    /// The same, compressed; here so that its room is used again.
    stored: Vec<u8>,
    blocks: Segments,
    /// Bytes in [`Metadata::blocks`].
    length: u32,
}

impl Metadata {
    pub(super) fn new(name: &'static str) -> Self {
        let buffer = Vec::with_capacity(METADATA_BYTES);
        Self { name, buffer, stored: Vec::new(), blocks: Segments::default(), length: 0 }
    }

    /// Where the next byte goes.
    pub(super) fn place(&self) -> Place {
        let offset = u16::try_from(self.buffer.len()).unwrap_or(u16::MAX);
        Place { block: self.length, offset }
    }

    pub(super) fn push(&mut self, codec: &mut Codec, mut bytes: &[u8]) -> Result<(), Error> {
        while !bytes.is_empty() {
            let room = METADATA_BYTES.saturating_sub(self.buffer.len());
            let (now, later) = bytes.split_at(room.min(bytes.len()));
            self.buffer.extend_from_slice(now);
            bytes = later;
            if self.buffer.len() == METADATA_BYTES {
                self.close_block(codec)?;
            }
        }
        Ok(())
    }

    /// Appends the whole table, and returns its length in bytes.
    pub(super) fn append_to(
        mut self,
        codec: &mut Codec,
        image: &mut Appender<'_>,
    ) -> Result<u32, Error> {
        self.close_block(codec)?;
        self.blocks.pieces().try_for_each(|piece| image.append(piece))?;
        Ok(self.length)
    }

    fn close_block(&mut self, codec: &mut Codec) -> Result<(), Error> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let header = compress(codec, &self.buffer, &mut self.stored)?;
        let block = if header & METADATA_STORED == 0 { &self.stored } else { &self.buffer };
        self.blocks.push(&header.to_le_bytes());
        self.blocks.push(block);
        let grown = u32::try_from(block.len()).ok().and_then(|length| length.checked_add(2));
        let length = grown.and_then(|grown| self.length.checked_add(grown));
        let full = Error::TableFull { table: self.name, limit: u32::MAX.into() };
        self.length = length.ok_or(full)?;
        self.buffer.clear();
        Ok(())
    }
}

/// Compresses a block, and returns its header. When the header has [`METADATA_STORED`], the block
/// itself is to be stored.
fn compress(codec: &mut Codec, block: &[u8], stored: &mut Vec<u8>) -> Result<u16, Error> {
    let compressed = codec.compress(block, stored).map_err(Error::Compress)?;
    let (length, bit) = if compressed { (stored.len(), 0) } else { (block.len(), METADATA_STORED) };
    Ok(u16::try_from(length).unwrap_or(u16::MAX) | bit)
}

/// Appends a table that is found by an index: its metadata blocks, then the `u64` position of each
/// of them. Returns the position of the index. Entries never cross the end of a metadata block, as
/// the length of all kinds of them divides 8192.
pub(super) fn indexed_table<const N: usize>(
    codec: &mut Codec,
    image: &mut Appender<'_>,
    entries: impl Iterator<Item = [u8; N]>,
    head: impl FnOnce(u64) -> Vec<u8>,
) -> Result<u64, Error> {
    let (mut block, mut stored) = (Vec::with_capacity(METADATA_BYTES), Vec::new());
    let mut index = Vec::new();
    let mut entries = entries.peekable();
    while let Some(entry) = entries.next() {
        block.extend_from_slice(&entry);
        if block.len() < METADATA_BYTES && entries.peek().is_some() {
            continue;
        }
        index.extend(image.position().to_le_bytes());
        let header = compress(codec, &block, &mut stored)?;
        image.append(&header.to_le_bytes())?;
        image.append(if header & METADATA_STORED == 0 { &stored } else { &block })?;
        block.clear();
    }
    let start = image.position();
    image.append(&head(start))?;
    image.append(&index)?;
    Ok(start)
}

/// The number of something, when the format has 32 bits for it.
pub(super) fn count(table: &'static str, count: usize) -> Result<u32, Error> {
    u32::try_from(count)
        .map_err(|_| Error::TableFull { table, limit: wide(count).min(u32::MAX.into()) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Compressor;
    use crate::image::tests::Memory;

    #[test]
    fn places_name_a_block_and_a_byte_in_it() {
        let mut codec = Codec::new(Compressor::Zstd { level: 3 }).unwrap();
        let mut table = Metadata::new("test");
        table.push(&mut codec, &[1; METADATA_BYTES - 1]).unwrap();
        assert_eq!(table.place(), Place { block: 0, offset: 8191 });
        table.push(&mut codec, &[1; 3]).unwrap();
        let place = table.place();
        assert!(place.block > 2 && place.offset == 2, "{place:?}");
        assert_eq!(Place::from_reference(place.reference()), place);
        let memory = Memory::default();
        let mut image = Appender::new(&memory);
        let length = table.append_to(&mut codec, &mut image).unwrap();
        image.finish(&[]).unwrap();
        let bytes = memory.0.borrow();
        assert_eq!(bytes.len() as u32, length);
        // Two bytes do not compress.
        assert_eq!(bytes[place.block as usize..], [2, 0x80, 1, 1]);
    }

    #[test]
    fn a_full_block_leaves_nothing_behind() {
        let mut codec = Codec::new(Compressor::Zstd { level: 3 }).unwrap();
        let mut table = Metadata::new("test");
        table.push(&mut codec, &[1; METADATA_BYTES]).unwrap();
        assert_eq!(table.place().offset, 0);
        let length = table.length;
        let memory = Memory::default();
        let mut image = Appender::new(&memory);
        assert_eq!(table.append_to(&mut codec, &mut image).unwrap(), length);
    }

    #[test]
    fn an_index_follows_its_blocks() {
        let mut codec = Codec::new(Compressor::Zstd { level: 3 }).unwrap();
        let memory = Memory::default();
        let mut image = Appender::new(&memory);
        image.append(&[0xaa; 10]).unwrap();
        let entries = (0..2049_u32).map(|i| i.wrapping_mul(0x9e37_79b1).to_le_bytes());
        let start = indexed_table(&mut codec, &mut image, entries, |at| vec![at as u8]).unwrap();
        image.finish(&[]).unwrap();
        let bytes = memory.0.borrow();
        assert_eq!(bytes[start as usize], start as u8);
        let index = &bytes[start as usize + 1..];
        assert_eq!(index.len(), 2 * 8);
        assert_eq!(index[..8], 10_u64.to_le_bytes());
        let second = u64::from_le_bytes(index[8..].try_into().unwrap()) as usize;
        assert_eq!(bytes[second..second + 2], [4, 0x80]);
        assert_eq!(second + 2 + 4, start as usize);
    }
}
