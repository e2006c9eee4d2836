//! A tree in memory, checked, for data that passes by.

use crate::build::whole_blocks;
use crate::hash::Hasher;
use crate::layout::{BLOCK, DIGEST};
use crate::verify::parse_superblock;
use crate::{BadBlock, Error, Level, Mismatch, RootHash, TreeLayout};

/// Superblock and hash blocks in memory, of which every hash block is known to be good. It says
/// whether blocks of data are, in any order.
pub struct CheckedTree<'a> {
    hasher: Hasher,
    layout: TreeLayout,
    data_bytes: u64,
    /// For data of one block, which has no hash block.
    root_hash: RootHash,
    bytes: &'a [u8],
}

impl std::fmt::Debug for CheckedTree<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CheckedTree").field("data_bytes", &self.data_bytes).finish_non_exhaustive()
    }
}

impl<'a> CheckedTree<'a> {
    /// Checks a tree from the top block, which `root_hash` stands for, down to the digests of the
    /// data. `bytes` begins with the superblock's block, as [`crate::Tree::bytes`] does, and is at
    /// least [`TreeLayout::bytes`] long; `data_bytes` is the length of the data in front of it.
    ///
    /// # Errors
    /// The errors of [`crate::Superblock::parse`], [`Error::Superblock`] when the superblock tells
    /// another amount of data, [`Error::TreeLength`] when `bytes` ends too early, and
    /// [`Error::Mismatch`] with the first bad hash block.
    pub fn check(bytes: &'a [u8], data_bytes: u64, root_hash: RootHash) -> Result<Self, Error> {
        let superblock = parse_superblock(bytes, data_bytes)?;
        let layout = superblock.layout()?;
        let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if found < layout.bytes {
            return Err(Error::TreeLength { expected: layout.bytes, found });
        }
        let hasher = Hasher::new(&superblock.salt);
        let tree = Self { hasher, layout, data_bytes, root_hash, bytes };
        let mut above: &[u8] = &root_hash.0;
        for (number, level) in tree.layout.levels.iter().enumerate().rev() {
            let blocks = tree.level(level);
            let start = data_bytes.saturating_add(level.offset);
            tree.compare_blocks(blocks, above, Some(number), start)?;
            above = blocks;
        }
        Ok(tree)
    }

    /// Compares `data`, whole blocks that begin `offset` bytes behind the start of the data, with
    /// their digests. Pieces of a megabyte and more keep all cores busy.
    ///
    /// # Errors
    /// [`Error::Mismatch`] with the first bad block, [`Error::NotWholeBlocks`] when offset or length
    /// are none, and [`Error::DataLength`] for more data than the tree is about.
    pub fn compare(&self, offset: u64, data: &[u8]) -> Result<(), Error> {
        let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
        let (first, blocks) = (whole_blocks(offset)?, whole_blocks(bytes)?);
        let end = offset.saturating_add(bytes);
        if end > self.data_bytes {
            return Err(Error::DataLength { expected: self.data_bytes, found: end });
        }
        let digests = match self.layout.levels.first() {
            Some(level) => part(self.level(level), first, blocks, DIGEST),
            None => &self.root_hash.0,
        };
        self.compare_blocks(data, digests, None, offset)
    }

    /// The blocks of `level`; [`CheckedTree::check`] saw that they are there.
    fn level(&self, level: &Level) -> &'a [u8] {
        let offset = usize::try_from(level.offset).unwrap_or(usize::MAX);
        part(self.bytes.get(offset..).unwrap_or_default(), 0, level.blocks, BLOCK)
    }

    /// Compares `blocks`, of which the first lies at byte `start` of the image, with `digests`,
    /// which may be followed by more.
    fn compare_blocks(
        &self,
        blocks: &[u8],
        digests: &[u8],
        level: Option<usize>,
        start: u64,
    ) -> Result<(), Error> {
        let mut found = vec![0; blocks.len().div_euclid(BLOCK).saturating_mul(DIGEST)];
        self.hasher.digest_blocks(blocks, &mut found);
        let (found, _) = found.as_chunks::<DIGEST>();
        let (expected, _) = digests.as_chunks::<DIGEST>();
        for (number, found) in found.iter().enumerate() {
            let expected = expected.get(number).copied().unwrap_or_default();
            if *found != expected {
                let into = u64::try_from(number.saturating_mul(BLOCK)).unwrap_or(u64::MAX);
                let block = BadBlock { level, offset: start.saturating_add(into) };
                let (expected, found) = (RootHash(expected), RootHash(*found));
                return Err(Error::Mismatch(Mismatch { block, expected, found }));
            }
        }
        Ok(())
    }
}

/// `count` items of `item` bytes from number `first` on; nothing when they are not all there.
fn part(bytes: &[u8], first: u64, count: u64, item: usize) -> &[u8] {
    let at = |number: u64| usize::try_from(number).unwrap_or(usize::MAX).saturating_mul(item);
    bytes.get(at(first)..at(first.saturating_add(count))).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BLOCK_BYTES, Builder, Params, Tree};

    fn data(blocks: usize) -> Vec<u8> {
        (0..blocks * BLOCK).map(|i| (i / BLOCK * 31 + i % 253) as u8).collect()
    }

    fn tree(data: &[u8]) -> Tree {
        let params = Params { salt: vec![9; 32], uuid: [1; 16] };
        let mut builder = Builder::new(params, data.len() as u64).unwrap();
        builder.update(data).unwrap();
        builder.finish().unwrap()
    }

    #[test]
    fn sound_data_is_accepted_whatever_the_pieces() {
        for blocks in [1, 2, 128, 129, 300] {
            let (data, tree) = (data(blocks), tree(&data(blocks)));
            let checked = CheckedTree::check(&tree.bytes, data.len() as u64, tree.root_hash);
            let checked = checked.unwrap();
            for piece in [1, 7, 256] {
                let mut offset = 0;
                for piece in data.chunks(piece * BLOCK) {
                    checked.compare(offset, piece).unwrap();
                    offset += piece.len() as u64;
                }
            }
        }
    }

    #[test]
    fn a_changed_block_of_data_is_named_with_both_digests() {
        for blocks in [1, 300] {
            let (mut data, tree) = (data(blocks), tree(&data(blocks)));
            let checked = CheckedTree::check(&tree.bytes, data.len() as u64, tree.root_hash);
            let checked = checked.unwrap();
            let bad = blocks - 1;
            let right = checked.hasher.digest(&data[bad * BLOCK..][..BLOCK]);
            data[bad * BLOCK + 100] ^= 1;
            let first = blocks / 2;
            let offset = first as u64 * BLOCK_BYTES;
            let error = checked.compare(offset, &data[first * BLOCK..]).unwrap_err();
            let Error::Mismatch(mismatch) = error else { panic!("{error}") };
            let block = BadBlock { level: None, offset: bad as u64 * BLOCK_BYTES };
            assert_eq!((mismatch.block, mismatch.expected.0), (block, right));
            assert_eq!(mismatch.found.0, checked.hasher.digest(&data[bad * BLOCK..]));
        }
    }

    #[test]
    fn a_changed_hash_block_is_named_at_every_level() {
        let (data, tree) = (data(300), tree(&data(300)));
        let data_bytes = data.len() as u64;
        // Superblock, the top block, three blocks of digests.
        for (block, level) in [(1, 1), (2, 0), (3, 0), (4, 0)] {
            let mut bytes = tree.bytes.clone();
            bytes[block * BLOCK + 5] ^= 1;
            let error = CheckedTree::check(&bytes, data_bytes, tree.root_hash).unwrap_err();
            let Error::Mismatch(mismatch) = error else { panic!("{error}") };
            let offset = data_bytes + block as u64 * BLOCK_BYTES;
            assert_eq!(mismatch.block, BadBlock { level: Some(level), offset });
        }
        let other = RootHash([7; 32]);
        let error = CheckedTree::check(&tree.bytes, data_bytes, other).unwrap_err();
        assert!(matches!(error, Error::Mismatch(Mismatch { expected, .. }) if expected == other));
    }

    #[test]
    fn other_lengths_are_refused() {
        let (data, tree) = (data(300), tree(&data(300)));
        let data_bytes = data.len() as u64;
        let root = tree.root_hash;
        let short = CheckedTree::check(&tree.bytes[..4 * BLOCK], data_bytes, root);
        assert!(matches!(short, Err(Error::TreeLength { expected: 20480, found: 16384 })));
        let none = CheckedTree::check(&[], data_bytes, root);
        assert!(matches!(none, Err(Error::ShortSuperblock { .. })));
        let less = CheckedTree::check(&tree.bytes, data_bytes - BLOCK_BYTES, root);
        assert!(matches!(less, Err(Error::Superblock { field: "data blocks", .. })));
        let checked = CheckedTree::check(&tree.bytes, data_bytes, root).unwrap();
        let more = checked.compare(data_bytes, &data[..BLOCK]);
        assert!(matches!(more, Err(Error::DataLength { .. })));
        assert!(matches!(checked.compare(1, &data[..BLOCK]), Err(Error::NotWholeBlocks { .. })));
        assert!(matches!(checked.compare(0, &data[..1]), Err(Error::NotWholeBlocks { .. })));
    }
}
