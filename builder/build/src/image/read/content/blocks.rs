//! The bytes of a squashfs as blocks that an update may re-use.

use std::ops::Range;
use std::sync::atomic::{AtomicU64, Ordering};

use anklume_bytes::ReadAt;
use anklume_compare::Block;
use anklume_squashfs::{File, Stored};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::System;
use crate::image::fault::{self, Fault};

/// The most bytes that are hashed as one.
pub(crate) const PIECE_BYTES_MAX: u64 = 1 << 20;

/// A squashfs whose stored bytes were hashed.
pub(crate) struct Hashed {
    /// Data blocks and fragment blocks in the order of the image, with their hashes.
    blocks: Vec<(Stored, Block)>,
    /// Everything else.
    pub(crate) metadata: Vec<Block>,
}

impl Hashed {
    /// The data blocks and fragment blocks in the order of the image.
    pub(crate) fn blocks(&self) -> Vec<Block> {
        self.blocks.iter().map(|(_, block)| *block).collect()
    }

    /// The hash of a block of a file; none for a hole.
    fn hash(&self, block: Stored) -> Option<&[u8; 32]> {
        let key = (block.start, block.bytes);
        let found = self.blocks.binary_search_by_key(&key, |(at, _)| (at.start, at.bytes)).ok()?;
        self.blocks.get(found).map(|(_, block)| &block.hash)
    }
}

impl System<'_> {
    /// Hashes the stored bytes of everything; `progress` gets the bytes so far.
    pub(crate) fn hash(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<Hashed, Fault> {
        let pieces = self.tree.pieces();
        let done = AtomicU64::new(0);
        let hash = |range: Range<u64>| {
            let block = piece(&self.image, range);
            let block = block.map_err(|error| fault::read(&self.object, self.base, &error))?;
            let before = done.fetch_add(block.stored.into(), Ordering::Relaxed);
            progress(before.saturating_add(block.stored.into()));
            Ok(block)
        };
        let of_block = |at: Stored| Ok((at, hash(at.start..at.end())?));
        let blocks: Result<Vec<_>, Fault> = pieces.blocks.into_par_iter().map(of_block).collect();
        let metadata = pieces.rest.into_iter().flat_map(cut).map(hash).collect::<Result<_, _>>()?;
        Ok(Hashed { blocks: blocks?, metadata })
    }

    /// Digest of all that decides about a file's content: compression, size, and of each block the
    /// bytes and whether they are compressed.
    pub(super) fn stored_form(&self, file: &File, hashed: &Hashed) -> [u8; 32] {
        let mut form = Sha256::new();
        form.update(self.superblock.compression.id().to_le_bytes());
        form.update(self.superblock.block_bytes.to_le_bytes());
        form.update(file.size.to_le_bytes());
        let mut add = |block: Stored| {
            form.update([u8::from(block.compressed)]);
            form.update(hashed.hash(block).unwrap_or(&[0; 32]));
        };
        file.blocks().for_each(&mut add);
        if let Some(tail) = file.tail {
            let number = usize::try_from(tail.fragment).unwrap_or(usize::MAX);
            self.tree.fragments.get(number).copied().into_iter().for_each(&mut add);
            form.update(tail.at.to_le_bytes());
        }
        form.finalize().into()
    }
}

/// A byte range, cut into pieces of at most [`PIECE_BYTES_MAX`] bytes.
pub(crate) fn cut(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let pieces = range.end.saturating_sub(range.start).div_ceil(PIECE_BYTES_MAX);
    (0..pieces).map(move |number| {
        let start = range.start.saturating_add(number.saturating_mul(PIECE_BYTES_MAX));
        start..range.end.min(start.saturating_add(PIECE_BYTES_MAX))
    })
}

/// Hashes the bytes of a range that [`cut`] made.
pub(crate) fn piece<R: ReadAt + ?Sized>(
    image: &R,
    range: Range<u64>,
) -> Result<Block, anklume_bytes::ReadError> {
    let length = range.end.saturating_sub(range.start);
    let bytes = image.read_vec(range.start, length, PIECE_BYTES_MAX)?;
    let stored = u32::try_from(bytes.len()).unwrap_or(u32::MAX);
    Ok(Block { hash: Sha256::digest(&bytes).into(), stored })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranges_are_cut_without_a_rest() {
        let cut = |start, end| {
            let pieces = cut(start..end);
            pieces.map(|piece| (piece.start, piece.end)).collect::<Vec<_>>()
        };
        assert_eq!(cut(5, 5), []);
        assert_eq!(cut(5, 9), [(5, 9)]);
        let most = PIECE_BYTES_MAX;
        assert_eq!(cut(7, 7 + most), [(7, 7 + most)]);
        assert_eq!(cut(7, 8 + most), [(7, 7 + most), (7 + most, 8 + most)]);
    }
}
