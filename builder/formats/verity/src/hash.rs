//! Salted digests of blocks.

use anklume_bytes::{ReadAt, ReadError};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use crate::layout::{BLOCK, DIGEST};
use crate::{BLOCK_BYTES, RootHash, Superblock};

/// Blocks that one thread takes at a time: 64 KiB, large against the cost of handing it over.
const BLOCKS_PER_TASK: usize = 16;
/// Blocks that one thread reads at a time: 256 KiB, so that they are still in its cache when it
/// hashes them.
const BLOCKS_PER_READ: usize = 64;

/// SHA-256 that has already read the salt; cloned for every block.
pub(crate) struct Hasher(Sha256);

impl Hasher {
    pub(crate) fn new(salt: &[u8]) -> Self {
        Self(Sha256::new_with_prefix(salt))
    }

    pub(crate) fn digest(&self, block: &[u8]) -> [u8; DIGEST] {
        let mut state = self.0.clone();
        state.update(block);
        state.finalize().into()
    }

    /// Digests the blocks of `blocks`, on all cores when there are many, into `digests`, which
    /// holds 32 bytes for each.
    pub(crate) fn digest_blocks(&self, blocks: &[u8], digests: &mut [u8]) {
        const BLOCKS: usize = BLOCK * BLOCKS_PER_TASK;
        const DIGESTS: usize = DIGEST * BLOCKS_PER_TASK;
        if blocks.len() <= BLOCKS {
            return self.digest_serially(blocks, digests);
        }
        blocks
            .par_chunks(BLOCKS)
            .zip(digests.par_chunks_mut(DIGESTS))
            .for_each(|(blocks, digests)| self.digest_serially(blocks, digests));
    }

    /// Digests the blocks that `image` holds from byte `offset` on into `digests`, which holds 32
    /// bytes for each. Every thread reads what it hashes.
    pub(crate) fn digest_read<R: ReadAt + Sync + ?Sized>(
        &self,
        image: &R,
        offset: u64,
        digests: &mut [u8],
    ) -> Result<(), ReadError> {
        const DIGESTS: usize = DIGEST * BLOCKS_PER_READ;
        let reads = digests.par_chunks_mut(DIGESTS).enumerate();
        reads.try_for_each_init(Vec::new, |buffer, (read, digests)| {
            let blocks = digests.len().div_euclid(DIGEST);
            buffer.resize(blocks.saturating_mul(BLOCK), 0);
            let first = u64::try_from(read.saturating_mul(BLOCKS_PER_READ)).unwrap_or(u64::MAX);
            image.read_at(offset.saturating_add(first.saturating_mul(BLOCK_BYTES)), buffer)?;
            self.digest_serially(buffer, digests);
            Ok(())
        })
    }

    fn digest_serially(&self, blocks: &[u8], digests: &mut [u8]) {
        for (block, digest) in blocks.chunks_exact(BLOCK).zip(digests.chunks_exact_mut(DIGEST)) {
            digest.copy_from_slice(&self.digest(block));
        }
    }
}

/// The root hash of an image, from its superblock and one more block: what is needed to recognise
/// an image, not to trust it.
///
/// `top_block` is the 4096 bytes at [`Superblock::top_block_offset`].
#[must_use]
pub fn root_hash_of(superblock: &Superblock, top_block: &[u8]) -> RootHash {
    RootHash(Hasher::new(&superblock.salt).digest(top_block))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_salt_comes_first() {
        let expected: [u8; 32] = Sha256::digest(b"saltblock").into();
        assert_eq!(Hasher::new(b"salt").digest(b"block"), expected);
    }

    #[test]
    fn many_threads_and_one_agree() {
        let blocks: Vec<u8> = (0..BLOCK * 50).map(|i| (i / 7 % 251) as u8).collect();
        let hasher = Hasher::new(&[7; 32]);
        let (mut parallel, mut serial) = (vec![0; 50 * DIGEST], vec![0; 50 * DIGEST]);
        hasher.digest_blocks(&blocks, &mut parallel);
        hasher.digest_serially(&blocks, &mut serial);
        assert_eq!(parallel, serial);
        assert_eq!(parallel[49 * DIGEST..], hasher.digest(&blocks[49 * BLOCK..]));
    }
}
