//! Building a tree while the data passes by.

use anklume_bytes::ReadAt;

use crate::hash::Hasher;
use crate::layout::{BLOCK, DIGEST, MAX_DATA_BLOCKS};
use crate::{BLOCK_BYTES, Error, RootHash, Superblock, TreeLayout, hash_offset_layout};

/// What a tree depends on besides its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Params {
    /// Salt, at most 256 bytes.
    pub salt: Vec<u8>,
    /// UUID of the superblock, in the order of its text form.
    pub uuid: [u8; 16],
}

/// A finished tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tree {
    /// Digest of the top block.
    pub root_hash: RootHash,
    /// Superblock (4096 bytes) and hash blocks, as `veritysetup format` writes them to a hash
    /// device; appended right behind the data. A 128th of the data, about.
    pub bytes: Vec<u8>,
}

/// Builds a [`Tree`] from data that comes in pieces. Holds the digests only, never the data.
pub struct Builder {
    hasher: Hasher,
    layout: TreeLayout,
    data_bytes: u64,
    seen_bytes: u64,
    /// Digest of the last piece's last block: the root when there is only one.
    last: [u8; DIGEST],
    /// Superblock, room for the upper levels, and as much of level 0 as is known.
    bytes: Vec<u8>,
}

impl std::fmt::Debug for Builder {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Builder")
            .field("data_bytes", &self.data_bytes)
            .field("seen_bytes", &self.seen_bytes)
            .finish_non_exhaustive()
    }
}

impl Builder {
    /// A tree over `data_bytes` bytes of data, a multiple of 4096.
    ///
    /// # Errors
    /// [`Error::NotWholeBlocks`], [`Error::DataBlocks`] for no data or more than 1 TiB, and
    /// [`Error::SaltLength`].
    pub fn new(params: Params, data_bytes: u64) -> Result<Self, Error> {
        let data_blocks = whole_blocks(data_bytes)?;
        let layout = hash_offset_layout(data_blocks)?;
        let hasher = Hasher::new(&params.salt);
        let superblock = Superblock { data_blocks, salt: params.salt, uuid: params.uuid };
        let mut bytes = superblock.encode()?;
        if let Some(leaves) = layout.levels.first() {
            // All but level 0: a 16384th of the data. Level 0 grows as the data comes.
            bytes.resize(to_usize(leaves.offset, data_blocks)?, 0);
        }
        Ok(Self { hasher, layout, data_bytes, seen_bytes: 0, last: [0; DIGEST], bytes })
    }

    /// Takes the next piece of data: any multiple of 4096 bytes. Pieces of a megabyte and more
    /// keep all cores busy.
    ///
    /// # Errors
    /// [`Error::NotWholeBlocks`], and [`Error::DataLength`] for more data than announced; the
    /// piece is then not taken.
    pub fn update(&mut self, data: &[u8]) -> Result<(), Error> {
        let bytes = u64::try_from(data.len()).unwrap_or(u64::MAX);
        self.take(bytes, |hasher, digests| {
            hasher.digest_blocks(data, digests);
            Ok(())
        })
    }

    /// Takes the next `bytes` bytes of data, a multiple of 4096, from `image`, which holds the data
    /// from its first byte on. All cores read and hash at the same time, each another part, where
    /// [`Builder::update`] makes them wait for the one that reads.
    ///
    /// # Errors
    /// As [`Builder::update`], and [`Error::Read`].
    pub fn update_from<R>(&mut self, image: &R, bytes: u64) -> Result<(), Error>
    where
        R: ReadAt + Sync + ?Sized,
    {
        let offset = self.seen_bytes;
        self.take(bytes, |hasher, digests| {
            hasher.digest_read(image, offset, digests).map_err(Error::Read)
        })
    }

    /// Lets `digest` fill in the digests of the next `bytes` bytes.
    fn take<D>(&mut self, bytes: u64, digest: D) -> Result<(), Error>
    where
        D: FnOnce(&Hasher, &mut [u8]) -> Result<(), Error>,
    {
        let blocks = whole_blocks(bytes)?;
        let seen_bytes = self.seen_bytes.saturating_add(bytes);
        if seen_bytes > self.data_bytes {
            return Err(Error::DataLength { expected: self.data_bytes, found: seen_bytes });
        }
        if self.layout.levels.is_empty() {
            // Data of one block; no bytes, no digest.
            let digests = if blocks == 0 { &mut [] } else { self.last.as_mut_slice() };
            digest(&self.hasher, digests)?;
        } else {
            let start = self.bytes.len();
            let digest_bytes = to_usize(blocks, blocks)?.saturating_mul(DIGEST);
            self.bytes.resize(start.saturating_add(digest_bytes), 0);
            let digests = self.bytes.get_mut(start..).unwrap_or_default();
            let done = digest(&self.hasher, digests);
            if done.is_err() {
                self.bytes.truncate(start);
            }
            done?;
        }
        self.seen_bytes = seen_bytes;
        Ok(())
    }

    /// Hashes the upper levels.
    ///
    /// # Errors
    /// [`Error::DataLength`] for less data than announced.
    pub fn finish(mut self) -> Result<Tree, Error> {
        if self.seen_bytes != self.data_bytes {
            return Err(Error::DataLength { expected: self.data_bytes, found: self.seen_bytes });
        }
        let blocks = self.data_bytes.div_euclid(BLOCK_BYTES);
        // Level 0 ends with the padding of its last block.
        self.bytes.resize(to_usize(self.layout.bytes, blocks)?, 0);
        for pair in self.layout.levels.windows(2) {
            let [below, above] = pair else { continue };
            let (upper, lower) = self.bytes.split_at_mut(to_usize(below.offset, blocks)?);
            let digests = upper.get_mut(to_usize(above.offset, blocks)?..).unwrap_or_default();
            let lower_bytes = to_usize(below.blocks, blocks)?.saturating_mul(BLOCK);
            let lower = lower.get(..lower_bytes).unwrap_or_default();
            self.hasher.digest_blocks(lower, digests);
        }
        let root = match self.layout.levels.last() {
            None => self.last,
            Some(top) => {
                let top = self.bytes.get(to_usize(top.offset, blocks)?..).unwrap_or_default();
                self.hasher.digest(top.get(..BLOCK).unwrap_or_default())
            }
        };
        Ok(Tree { root_hash: RootHash(root), bytes: self.bytes })
    }
}

/// `bytes` in blocks.
pub(crate) fn whole_blocks(bytes: u64) -> Result<u64, Error> {
    if bytes.is_multiple_of(BLOCK_BYTES) {
        Ok(bytes.div_euclid(BLOCK_BYTES))
    } else {
        Err(Error::NotWholeBlocks { block_bytes: BLOCK_BYTES, found: bytes })
    }
}

/// A size or offset of a tree in memory; fails only where memory is smaller than the tree.
fn to_usize(value: u64, data_blocks: u64) -> Result<usize, Error> {
    usize::try_from(value)
        .map_err(|_| Error::DataBlocks { limit: MAX_DATA_BLOCKS, found: data_blocks })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        Params { salt: vec![3; 32], uuid: [4; 16] }
    }

    fn data(blocks: usize) -> Vec<u8> {
        (0..blocks * BLOCK).map(|i| (i / BLOCK * 31 + i % 253) as u8).collect()
    }

    #[test]
    fn the_size_of_the_pieces_does_not_matter() {
        let data = data(300);
        let mut trees = [1, 7, 128, 300].map(|blocks: usize| {
            let mut builder = Builder::new(params(), data.len() as u64).unwrap();
            for piece in data.chunks(blocks * BLOCK) {
                builder.update(piece).unwrap();
            }
            builder.finish().unwrap()
        });
        assert_eq!(trees[0].bytes.len() as u64, hash_offset_layout(300).unwrap().bytes);
        trees.sort_by_key(|tree| tree.root_hash);
        assert_eq!(trees[0], trees[3]);
    }

    #[test]
    fn data_read_by_the_builder_gives_the_same_tree() {
        for blocks in [1, 2, 129, 300] {
            let data = data(blocks);
            let mut given = Builder::new(params(), data.len() as u64).unwrap();
            given.update(&data).unwrap();
            let mut read = Builder::new(params(), data.len() as u64).unwrap();
            let first = blocks as u64 / 2 * BLOCK_BYTES;
            read.update_from(data.as_slice(), first).unwrap();
            read.update_from(data.as_slice(), data.len() as u64 - first).unwrap();
            assert_eq!(given.finish().unwrap(), read.finish().unwrap(), "{blocks} blocks");
        }
    }

    #[test]
    fn data_that_cannot_be_read_is_not_taken() {
        let data = data(200);
        let mut builder = Builder::new(params(), data.len() as u64).unwrap();
        let short = &data[..150 * BLOCK];
        let refused = builder.update_from(short, data.len() as u64);
        assert!(matches!(refused, Err(Error::Read(_))), "{refused:?}");
        builder.update_from(data.as_slice(), data.len() as u64).unwrap();
        let mut whole = Builder::new(params(), data.len() as u64).unwrap();
        whole.update(&data).unwrap();
        assert_eq!(builder.finish().unwrap(), whole.finish().unwrap());
    }

    #[test]
    fn the_announced_length_is_kept() {
        assert!(matches!(Builder::new(params(), 4095), Err(Error::NotWholeBlocks { .. })));
        assert!(matches!(Builder::new(params(), 0), Err(Error::DataBlocks { .. })));
        let mut builder = Builder::new(params(), 8192).unwrap();
        assert!(matches!(builder.update(&[0; 100]), Err(Error::NotWholeBlocks { .. })));
        assert!(matches!(builder.update(&data(3)), Err(Error::DataLength { found: 12288, .. })));
        builder.update(&data(1)).unwrap();
        assert!(matches!(builder.finish(), Err(Error::DataLength { found: 4096, .. })));
    }

    #[test]
    fn a_long_salt_is_refused() {
        let params = Params { salt: vec![0; 257], ..params() };
        assert!(matches!(Builder::new(params, 4096), Err(Error::SaltLength { .. })));
    }
}
