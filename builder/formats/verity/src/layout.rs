//! Where the levels of a tree lie.

use crate::Error;

/// Bytes of a data block and of a hash block.
pub const BLOCK_BYTES: u64 = 4096;
/// Bytes of a digest (SHA-256).
pub const DIGEST_BYTES: u64 = 32;
/// The most data blocks of a tree: 1 TiB of data. Bounds what a superblock can ask for; the kernel
/// itself takes more.
pub const MAX_DATA_BLOCKS: u64 = 1 << 28;

/// Digests in a hash block.
pub(crate) const DIGESTS_PER_BLOCK: u64 = 128;
/// [`BLOCK_BYTES`] for slices.
pub(crate) const BLOCK: usize = 4096;
/// [`DIGEST_BYTES`] for slices.
pub(crate) const DIGEST: usize = 32;

/// One level of hash blocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// First byte of the level, counted from the first byte of the superblock.
    pub offset: u64,
    /// Hash blocks in the level, at least one.
    pub blocks: u64,
}

/// All levels of a tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TreeLayout {
    /// Level 0 holds the digests of the data; the last level is the single top block. Empty for
    /// data of one block. On the device they lie in the opposite order, the top block first.
    pub levels: Vec<Level>,
    /// Bytes of superblock block and hash blocks together.
    pub bytes: u64,
}

impl TreeLayout {
    /// First byte of the block whose digest is the root hash, counted from the start of the data,
    /// when the superblock follows the `data_bytes` of data. It is the top hash block, or, where
    /// there is none, the only data block. `None` when the offset does not fit in 64 bits.
    #[must_use]
    pub fn top_block_offset(&self, data_bytes: u64) -> Option<u64> {
        self.levels.last().map_or(Some(0), |top| data_bytes.checked_add(top.offset))
    }
}

/// The levels over `data_blocks` blocks of data (`verity.rst`, "Hash Tree": each level holds the
/// digests of the one below; cryptsetup stores the top level first, right behind the superblock's
/// block).
///
/// # Errors
/// [`Error::DataBlocks`] for no data or more than [`MAX_DATA_BLOCKS`].
pub fn hash_offset_layout(data_blocks: u64) -> Result<TreeLayout, Error> {
    let refused = || Error::DataBlocks { limit: MAX_DATA_BLOCKS, found: data_blocks };
    if data_blocks == 0 || data_blocks > MAX_DATA_BLOCKS {
        return Err(refused());
    }
    let mut counts = Vec::new();
    let mut blocks = data_blocks;
    while blocks > 1 {
        blocks = blocks.div_ceil(DIGESTS_PER_BLOCK);
        counts.push(blocks);
    }
    let mut offset = BLOCK_BYTES;
    let mut levels = Vec::with_capacity(counts.len());
    for &blocks in counts.iter().rev() {
        levels.push(Level { offset, blocks });
        let bytes = blocks.checked_mul(BLOCK_BYTES).ok_or_else(refused)?;
        offset = offset.checked_add(bytes).ok_or_else(refused)?;
    }
    levels.reverse();
    Ok(TreeLayout { levels, bytes: offset })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(data_blocks: u64) -> Vec<u64> {
        let layout = hash_offset_layout(data_blocks).unwrap();
        let counts: Vec<_> = layout.levels.iter().map(|level| level.blocks).collect();
        assert_eq!(layout.bytes, (1 + counts.iter().sum::<u64>()) * BLOCK_BYTES);
        counts
    }

    #[test]
    fn levels_shrink_by_128() {
        assert_eq!(counts(1), [0_u64; 0]);
        assert_eq!(counts(2), [1]);
        assert_eq!(counts(128), [1]);
        assert_eq!(counts(129), [2, 1]);
        assert_eq!(counts(128 * 128), [128, 1]);
        assert_eq!(counts(128 * 128 + 1), [129, 2, 1]);
    }

    #[test]
    fn the_top_level_lies_first_and_levels_touch() {
        let layout = hash_offset_layout(128 * 128 + 1).unwrap();
        let offsets: Vec<_> = layout.levels.iter().map(|level| level.offset / 4096).collect();
        assert_eq!(offsets, [4, 2, 1]);
        assert_eq!(layout.top_block_offset(8192), Some(8192 + 4096));
        assert_eq!(hash_offset_layout(1).unwrap().top_block_offset(4096), Some(0));
    }

    #[test]
    fn no_data_and_too_much_data_are_refused() {
        assert!(matches!(hash_offset_layout(0), Err(Error::DataBlocks { .. })));
        assert!(hash_offset_layout(MAX_DATA_BLOCKS).is_ok());
        assert!(matches!(hash_offset_layout(MAX_DATA_BLOCKS + 1), Err(Error::DataBlocks { .. })));
        assert!(matches!(hash_offset_layout(u64::MAX), Err(Error::DataBlocks { .. })));
    }
}
