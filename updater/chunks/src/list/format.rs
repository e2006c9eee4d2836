//! Bytes of a list.

use anklume_bytes::{le_u32, le_u64};

use super::{ChunkList, Digest, ListError, Part, PartSpec};
use crate::{narrow, wide};

/// Version of the format that is written and read.
pub const FORMAT_VERSION: u32 = 1;

const MAGIC: &[u8; 8] = b"anklchnk";
const HEADER_BYTES: usize = 80;
const RECORD_BYTES: usize = 36;

/// Byte offset of the format's version, `u32`.
const VERSION: usize = 8;
/// Byte offset of a `u32` that is 0.
const RESERVED: usize = 12;
/// Byte offset of the boot part; the OS part follows.
const PARTS: usize = 16;
const PART_BYTES: usize = 32;
/// Byte offsets in a part, each a `u64`.
const IMAGE_OFFSET: usize = 0;
const CHUNK_BYTES: usize = 8;
const DERIVED_BYTES: usize = 16;
const COUNT: usize = 24;

/// A field of a list.
pub(super) struct Place {
    name: &'static str,
    offset: usize,
}

impl Place {
    /// A part in the header.
    pub(super) fn part(part: Part) -> Self {
        match part {
            Part::Boot => Self { name: "boot part", offset: PARTS },
            Part::Os => Self { name: "os part", offset: PARTS.saturating_add(PART_BYTES) },
        }
    }

    fn at(&self, field: usize, name: &'static str) -> Self {
        Self { name, offset: self.offset.saturating_add(field) }
    }

    pub(super) fn image_offset(&self) -> Self {
        self.at(IMAGE_OFFSET, "place in the image file")
    }

    fn chunk_bytes(&self) -> Self {
        self.at(CHUNK_BYTES, "bytes of all chunks")
    }

    pub(super) fn derived(&self) -> Self {
        self.at(DERIVED_BYTES, "bytes that are computed")
    }

    pub(super) fn count(&self) -> Self {
        self.at(COUNT, "number of chunks")
    }

    /// The error that something else is there.
    pub(super) fn field(&self, expected: impl Into<String>, found: u64) -> ListError {
        let (field, offset) = (self.name, wide(self.offset));
        ListError::Field { field, offset, expected: expected.into(), found }
    }

    /// The `u64` that is there; a header was seen to be long enough.
    fn read(&self, bytes: &[u8]) -> u64 {
        le_u64(bytes, self.offset).unwrap_or_default()
    }
}

/// The length of a chunk, by its number in the list.
pub(super) fn record(number: usize) -> Place {
    let offset = HEADER_BYTES.saturating_add(number.saturating_mul(RECORD_BYTES));
    Place { name: "bytes of a chunk", offset }
}

pub(super) fn encode(list: &ChunkList) -> Vec<u8> {
    let records = Part::ALL.map(|part| list.part(part).chunks().len());
    let records = records.into_iter().fold(0, usize::saturating_add);
    let length = HEADER_BYTES.saturating_add(records.saturating_mul(RECORD_BYTES));
    let mut bytes = Vec::with_capacity(length);
    bytes.extend_from_slice(MAGIC);
    bytes.extend_from_slice(&FORMAT_VERSION.to_le_bytes());
    bytes.extend_from_slice(&[0; 4]);
    for part in Part::ALL.map(|part| list.part(part)) {
        let count = wide(part.chunks().len());
        let fields = [part.image_offset(0), part.chunk_bytes(), part.derived_bytes(), count];
        fields.iter().for_each(|field| bytes.extend_from_slice(&field.to_le_bytes()));
    }
    for chunk in Part::ALL.iter().flat_map(|part| list.part(*part).chunks()) {
        bytes.extend_from_slice(&chunk.bytes.to_le_bytes());
        bytes.extend_from_slice(&chunk.digest.0);
    }
    bytes
}

pub(super) fn parse(bytes: &[u8]) -> Result<ChunkList, ListError> {
    check_header(bytes)?;
    let [boot, os] = Part::ALL.map(Place::part);
    check_length(bytes, [&boot, &os])?;
    let (records, _) = bytes.get(HEADER_BYTES..).unwrap_or_default().as_chunks::<RECORD_BYTES>();
    let (of_boot, of_os) =
        records.split_at_checked(narrow(boot.count().read(bytes))).unwrap_or_default();
    let spec = |place: &Place, records: &[[u8; RECORD_BYTES]]| PartSpec {
        image_offset: place.image_offset().read(bytes),
        chunks: records.iter().map(piece).collect(),
        derived_bytes: place.derived().read(bytes),
    };
    let list = ChunkList::new(spec(&boot, of_boot), spec(&os, of_os))?;
    for (place, part) in [(boot, list.part(Part::Boot)), (os, list.part(Part::Os))] {
        let place = place.chunk_bytes();
        let found = place.read(bytes);
        if found != part.chunk_bytes() {
            return Err(place.field(format!("{}, as the chunks say", part.chunk_bytes()), found));
        }
    }
    Ok(list)
}

fn check_header(bytes: &[u8]) -> Result<(), ListError> {
    if bytes.len() < HEADER_BYTES {
        return Err(ListError::Length { expected: wide(HEADER_BYTES), found: wide(bytes.len()) });
    }
    if !bytes.starts_with(MAGIC) {
        let place = Place { name: "magic", offset: 0 };
        let expected = format!("{:#x}, anklchnk", u64::from_le_bytes(*MAGIC));
        return Err(place.field(expected, place.read(bytes)));
    }
    let version = le_u32(bytes, VERSION).unwrap_or_default();
    if version != FORMAT_VERSION {
        return Err(ListError::Version { expected: FORMAT_VERSION, found: version });
    }
    let reserved = le_u32(bytes, RESERVED).unwrap_or_default();
    if reserved != 0 {
        let place = Place { name: "reserved field", offset: RESERVED };
        return Err(place.field("0", reserved.into()));
    }
    Ok(())
}

/// Checks that the records that the header counts are there, and nothing else.
fn check_length(bytes: &[u8], parts: [&Place; 2]) -> Result<(), ListError> {
    let record = wide(RECORD_BYTES);
    let expected = parts.iter().fold(wide(HEADER_BYTES), |sum, part| {
        sum.saturating_add(part.count().read(bytes).saturating_mul(record))
    });
    let found = wide(bytes.len());
    if expected == found { Ok(()) } else { Err(ListError::Length { expected, found }) }
}

fn piece(record: &[u8; RECORD_BYTES]) -> (u32, Digest) {
    let length = le_u32(record, 0).unwrap_or_default();
    let digest = record.last_chunk().copied().unwrap_or_default();
    (length, Digest(digest))
}

#[cfg(test)]
mod tests;
