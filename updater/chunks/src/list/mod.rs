//! Chunk lists.

mod chunk;
mod error;
mod format;
mod part;

pub use chunk::{CHUNK_BYTES_MAX, Chunk, Digest};
pub use error::ListError;
pub use format::FORMAT_VERSION;
pub use part::{Part, PartList, PartSpec};

use std::ops::Range;

use format::{Place, record};

/// What an OS version is made of; see the crate's documentation for its parts.
///
/// # Format
///
/// Integers are little-endian; records lie one behind the other, and nothing follows the last one.
///
/// | byte | type | field |
/// |---|---|---|
/// | 0 | 8 bytes | `anklchnk` |
/// | 8 | `u32` | version of the format, 1 |
/// | 12 | `u32` | 0 |
/// | 16 | 32 bytes | the boot part |
/// | 48 | 32 bytes | the OS part |
/// | 80 | 36 bytes each | the chunks of the boot part, then those of the OS part |
///
/// A part:
///
/// | byte | type | field |
/// |---|---|---|
/// | 0 | `u64` | first byte of the part in the image file |
/// | 8 | `u64` | bytes of all its chunks together |
/// | 16 | `u64` | bytes that follow them and are computed: the hash tree; 0 for the boot part |
/// | 24 | `u64` | number of chunks, at least 1 |
///
/// A chunk:
///
/// | byte | type | field |
/// |---|---|---|
/// | 0 | `u32` | bytes, 1 to [`CHUNK_BYTES_MAX`] |
/// | 4 | 32 bytes | SHA-256 of its bytes; 32 zero bytes where they are all zero |
///
/// A list has one encoding only: [`ChunkList::parse`] accepts nothing that [`ChunkList::encode`] does
/// not write.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ChunkList {
    boot: PartList,
    os: PartList,
}

impl ChunkList {
    /// The list of a version with these two parts.
    ///
    /// # Errors
    /// [`ListError::Field`] for a part without chunks, a chunk without bytes or with more than
    /// [`CHUNK_BYTES_MAX`], a boot part with computed bytes, sums above 64 bits, and parts that
    /// overlap in the image file.
    pub fn new(boot: PartSpec, os: PartSpec) -> Result<Self, ListError> {
        if boot.derived_bytes != 0 {
            let found = boot.derived_bytes;
            return Err(Place::part(Part::Boot).derived().field("0", found));
        }
        let boot = PartList::new(boot, Place::part(Part::Boot), 0)?;
        let os = PartList::new(os, Place::part(Part::Os), boot.chunks().len())?;
        let (first, second) = (boot.image_range(), os.image_range());
        if first.start < second.end && second.start < first.end {
            let expected = format!("a place outside bytes {} to {}", first.start, first.end);
            return Err(Place::part(Part::Os).image_offset().field(expected, second.start));
        }
        Ok(Self { boot, os })
    }

    /// Reads the list `bytes` of a version that is part of an image file of `image_bytes` bytes.
    ///
    /// Both lengths are what was signed: nothing is allocated before `bytes` turned out to have the
    /// length that its header gives, and what is allocated is less than twice that length.
    ///
    /// # Errors
    /// [`ListError::Length`] for more or fewer bytes than the header says, [`ListError::Version`] for
    /// another version, [`ListError::Field`] for everything that no list has, and for a part that
    /// does not lie in the image file.
    pub fn parse(bytes: &[u8], image_bytes: u64) -> Result<Self, ListError> {
        let list = format::parse(bytes)?;
        for part in Part::ALL {
            let end = list.part(part).image_range().end;
            if end > image_bytes {
                let expected = format!("an end at most at byte {image_bytes}");
                return Err(Place::part(part).image_offset().field(expected, end));
            }
        }
        Ok(list)
    }

    /// The list as bytes.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        format::encode(self)
    }

    /// The chunks of a part, and where it lies.
    #[must_use]
    pub fn part(&self, part: Part) -> &PartList {
        match part {
            Part::Boot => &self.boot,
            Part::Os => &self.os,
        }
    }

    /// The part that a byte range of the image file belongs to, and the range in that part; `None`
    /// if it is empty or does not lie in one part.
    #[must_use]
    pub fn locate(&self, image: &Range<u64>) -> Option<(Part, Range<u64>)> {
        Part::ALL.into_iter().find_map(|part| {
            let place = self.part(part).image_range();
            let inside = place.start <= image.start && image.end <= place.end;
            if !inside || image.is_empty() {
                return None;
            }
            let start = image.start.checked_sub(place.start)?;
            Some((part, start..image.end.checked_sub(place.start)?))
        })
    }
}

/// The chunks of a part, and their bytes; `before` chunks are listed before them.
fn chunks(pieces: Vec<(u32, Digest)>, before: usize) -> Result<(Vec<Chunk>, u64), ListError> {
    let mut chunks = Vec::with_capacity(pieces.len());
    let mut offset = 0_u64;
    for (number, (bytes, digest)) in pieces.into_iter().enumerate() {
        let place = || record(before.saturating_add(number));
        if bytes == 0 || bytes > CHUNK_BYTES_MAX {
            return Err(place().field(format!("1 to {CHUNK_BYTES_MAX}"), bytes.into()));
        }
        chunks.push(Chunk { offset, bytes, digest });
        let end = offset.checked_add(bytes.into());
        offset = end.ok_or_else(|| place().field("a sum below 2^64", bytes.into()))?;
    }
    Ok((chunks, offset))
}
