//! Where parts are cut.
//!
//! What did not change between two versions must be cut the same way in both, wherever it lies, or
//! else it is fetched again. So these rules are part of the contract between versions: a list that is
//! cut in another way is as valid, but little of what a machine has is found in it.

mod boot;
mod error;
mod os;
mod rolling;

use std::ops::Range;

use anklume_bytes::{ReadAt, ReadError};

use crate::{CHUNK_BYTES_MAX, Digest, PartSpec, wide};

pub use boot::cut_boot;
pub use error::CutError;
pub use os::{cut_os, cut_squashfs, cut_verity};

/// What a [`Cut`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A data block or fragment block of the squashfs, as it is stored.
    Block,
    /// Superblocks and tables of the squashfs and of dm-verity, and padding.
    Metadata,
    /// A piece of the boot partition.
    Boot,
}

/// A chunk to be: where it begins and ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Cut {
    /// First byte in the partition.
    pub start: u64,
    /// Number of bytes, 1 to [`CHUNK_BYTES_MAX`].
    pub bytes: u32,
    /// What it is.
    pub kind: Kind,
}

impl Cut {
    /// First byte behind it.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.start.saturating_add(self.bytes.into())
    }

    /// Hashes its bytes, which lie in `partition`.
    ///
    /// # Errors
    /// Those of [`ReadAt::read_vec`].
    pub fn digest<R: ReadAt + ?Sized>(&self, partition: &R) -> Result<Digest, ReadError> {
        let bytes = partition.read_vec(self.start, self.bytes.into(), CHUNK_BYTES_MAX.into())?;
        Ok(Digest::of(&bytes))
    }
}

/// A part, cut from byte 0 to its end without gaps.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cuts {
    /// The chunks to be, in order.
    pub cuts: Vec<Cut>,
    /// Bytes that follow them and are computed: those of the hash tree.
    pub derived_bytes: u64,
}

impl Cuts {
    /// Hashes all of `partition`, one chunk after the other. Who has several cores calls
    /// [`Cut::digest`] on them, and [`Cuts::spec`].
    ///
    /// # Errors
    /// Those of [`ReadAt::read_vec`].
    pub fn hash<R: ReadAt + ?Sized>(&self, partition: &R) -> Result<Vec<Digest>, ReadError> {
        self.cuts.iter().map(|cut| cut.digest(partition)).collect()
    }

    /// The part, whose chunks have these digests and which begins at byte `image_offset` of the image
    /// file.
    #[must_use]
    pub fn spec(&self, digests: &[Digest], image_offset: u64) -> PartSpec {
        let bytes = self.cuts.iter().map(|cut| cut.bytes);
        let chunks = bytes.zip(digests.iter().copied()).collect();
        PartSpec { image_offset, chunks, derived_bytes: self.derived_bytes }
    }
}

/// A byte range, cut into pieces of `step` bytes and the rest.
fn steps(range: Range<u64>, step: u32, kind: Kind) -> impl Iterator<Item = Cut> {
    let mut start = range.start;
    std::iter::from_fn(move || {
        let left = range.end.checked_sub(start).filter(|left| *left > 0)?;
        let bytes = u32::try_from(left).unwrap_or(u32::MAX).min(step.max(1));
        let cut = Cut { start, bytes, kind };
        start = cut.end();
        Some(cut)
    })
}

/// A length of a buffer, which is a piece of a chunk.
fn length(bytes: usize) -> u32 {
    u32::try_from(wide(bytes)).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_without_a_rest() {
        let steps = |start, end| {
            let pieces = steps(start..end, 10, Kind::Boot);
            pieces.map(|piece| (piece.start, piece.end())).collect::<Vec<_>>()
        };
        assert_eq!(steps(5, 5), []);
        assert_eq!(steps(5, 9), [(5, 9)]);
        assert_eq!(steps(7, 17), [(7, 17)]);
        assert_eq!(steps(7, 28), [(7, 17), (17, 27), (27, 28)]);
    }
}
