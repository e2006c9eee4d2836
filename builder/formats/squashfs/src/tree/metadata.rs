//! Tables: metadata blocks, one behind the other, and indexes of them.

use anklume_bytes::{ReadAt, ReadError};

use super::codec::Codec;
use super::error::{Place, TableError};
use crate::layout::{
    INDEX_ENTRY, METADATA_BYTES, METADATA_HEADER, METADATA_LENGTH, METADATA_STORED,
};

/// The most bytes of a table that are held, decompressed. An OS of 100 thousand files has about a
/// tenth of it.
pub const TABLE_BYTES_MAX: u64 = 64 << 20;

/// A table, decompressed.
pub(super) struct Metadata {
    pub(super) bytes: Vec<u8>,
    /// Of each metadata block the first byte in the image, and the first byte in `bytes`.
    blocks: Vec<(u64, usize)>,
    /// First byte in the image.
    start: u64,
    /// First byte behind it in the image.
    end: u64,
}

impl Metadata {
    /// Reads the metadata blocks from byte `start` of the image up to byte `end`.
    ///
    /// A block is its length (`u16`, bit 15 set if it is stored as it is) and its bytes; it holds at
    /// most 8 KiB of content (`fs/squashfs/block.c`, `squashfs_read_data`).
    pub(super) fn read<R: ReadAt + ?Sized>(
        image: &R,
        codec: &mut Codec,
        object: &'static str,
        start: u64,
        end: u64,
    ) -> Result<Self, TableError> {
        let mut table = Self { bytes: Vec::new(), blocks: Vec::new(), start, end };
        let mut content = Vec::new();
        let mut at = start;
        while at < end {
            let held = u64::try_from(table.bytes.len()).unwrap_or(u64::MAX);
            if held >= TABLE_BYTES_MAX {
                return Err(TableError::TooMany { object, limit: TABLE_BYTES_MAX });
            }
            table.blocks.push((at, table.bytes.len()));
            at = block(image, codec, object, (at, end), &mut content)?;
            table.bytes.extend_from_slice(&content);
        }
        Ok(table)
    }

    /// Reads a table of `count` entries of `entry` bytes through its index at byte `index` of the
    /// image: `u64` each, the first bytes of the metadata blocks, all of which but the last are
    /// full (`fs/squashfs/fragment.c`, `fs/squashfs/id.c`).
    pub(super) fn indexed<R: ReadAt + ?Sized>(
        image: &R,
        codec: &mut Codec,
        object: &'static str,
        index: u64,
        (count, entry): (u32, usize),
    ) -> Result<Self, TableError> {
        let entry = u64::try_from(entry).unwrap_or(u64::MAX);
        let bytes = u64::from(count).saturating_mul(entry);
        if bytes > TABLE_BYTES_MAX {
            return Err(TableError::TooMany { object, limit: TABLE_BYTES_MAX });
        }
        let blocks = bytes.div_ceil(METADATA_BYTES);
        let length = blocks.saturating_mul(INDEX_ENTRY);
        let list = image.read_vec(index, length, TABLE_BYTES_MAX).map_err(|e| read(object, e))?;
        let mut table = Self { bytes: Vec::new(), blocks: Vec::new(), start: index, end: index };
        let mut content = Vec::new();
        for pointer in list.as_chunks::<8>().0 {
            let at = u64::from_le_bytes(*pointer);
            table.blocks.push((at, table.bytes.len()));
            block(image, codec, object, (at, index), &mut content)?;
            table.bytes.extend_from_slice(&content);
            table.start = table.start.min(at);
        }
        let found = u64::try_from(table.bytes.len()).unwrap_or(u64::MAX);
        if found != bytes {
            let expected = format!("{bytes} bytes of entries");
            return Err(TableError::corrupt(object, Place::image(index), expected, found));
        }
        Ok(table)
    }

    /// First byte of the table in the image.
    pub(super) fn start(&self) -> u64 {
        self.start
    }

    /// The byte ranges of the metadata blocks in the image, with their lengths in front.
    pub(super) fn ranges(&self) -> impl Iterator<Item = std::ops::Range<u64>> + '_ {
        let starts = self.blocks.iter().map(|(start, _)| *start);
        let ends = starts.clone().skip(1).chain([self.end]);
        starts.zip(ends).map(|(start, end)| start..end)
    }

    /// Where in the table's content byte `offset` of the block lies that begins `block` bytes
    /// behind the start of the table.
    pub(super) fn position(&self, block: u64, offset: u16) -> Option<usize> {
        let start = self.start.checked_add(block)?;
        let number = self.blocks.binary_search_by_key(&start, |(start, _)| *start).ok()?;
        let (_, first) = self.blocks.get(number)?;
        let next = self.blocks.get(number.checked_add(1)?).map_or(self.bytes.len(), |next| next.1);
        let position = first.checked_add(usize::from(offset))?;
        (position < next).then_some(position)
    }

    /// The reference of a byte of the content, as directories and the superblock spell it: first
    /// byte of its block, counted from the start of the table, shifted left by 16 bits, and byte of
    /// the block's content.
    pub(super) fn reference(&self, position: usize) -> u64 {
        let place = self.place(position);
        place.byte.saturating_sub(self.start) << 16 | place.within.unwrap_or_default()
    }

    /// Where a byte of the content comes from.
    pub(super) fn place(&self, position: usize) -> Place {
        let number = self.blocks.partition_point(|(_, first)| *first <= position);
        let block = number.checked_sub(1).and_then(|last| self.blocks.get(last));
        match block {
            Some((byte, first)) => {
                let within = u64::try_from(position.saturating_sub(*first)).unwrap_or(u64::MAX);
                Place { byte: *byte, within: Some(within) }
            }
            None => Place::image(self.start),
        }
    }
}

/// Reads the block at byte `at` of the image, which ends before byte `end`, into `content`; the first
/// byte behind it.
fn block<R: ReadAt + ?Sized>(
    image: &R,
    codec: &mut Codec,
    object: &'static str,
    (at, end): (u64, u64),
    content: &mut Vec<u8>,
) -> Result<u64, TableError> {
    let bad = |found: String| {
        let expected = format!("a metadata block of 1 to {METADATA_BYTES} bytes before byte {end}");
        TableError::corrupt(object, Place::image(at), expected, found)
    };
    let body = at.saturating_add(METADATA_HEADER);
    if body > end {
        return Err(bad("none".to_owned()));
    }
    let mut header = [0; 2];
    image.read_at(at, &mut header).map_err(|error| read(object, error))?;
    let header = u16::from_le_bytes(header);
    let length = header & !METADATA_STORED;
    let behind = body.saturating_add(u64::from(length));
    if length == 0 || u64::from(length) > METADATA_BYTES || behind > end {
        return Err(bad(format!("{length} bytes")));
    }
    let stored = image.read_vec(body, length.into(), METADATA_BYTES);
    let stored = stored.map_err(|error| read(object, error))?;
    match header & METADATA_STORED {
        0 => codec.decompress(object, at, &stored, METADATA_LENGTH, content)?,
        _ => *content = stored,
    }
    if content.is_empty() {
        return Err(TableError::corrupt(object, Place::image(at), "content", "none"));
    }
    Ok(behind)
}

pub(super) fn read(object: &'static str, source: ReadError) -> TableError {
    TableError::Read { object, source }
}
