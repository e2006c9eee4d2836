//! Checking an image against its tree.

use anklume_bytes::ReadAt;

use crate::build::whole_blocks;
use crate::hash::Hasher;
use crate::layout::{BLOCK, DIGEST, DIGESTS_PER_BLOCK};
use crate::{BLOCK_BYTES, BadBlock, Error, RootHash, Superblock, TreeLayout, root_hash_of};

/// Blocks read at a time: 4 MiB.
const CHUNK_BLOCKS: usize = 1024;
/// Bad blocks after which the walk ends.
const MAX_BAD: usize = 16;

/// Checks every hash block and every data block, and returns the root hash.
///
/// `image` holds `data_bytes` of data, then superblock and tree; what follows is not looked at.
/// With `expected` the result can be trusted; without, it only says that the image is consistent.
/// The walk goes from the top block down, and a digest is used only from a block that was itself
/// found good in the same read, so a device that changes its answers is caught too. `progress`
/// gets the data bytes behind it, always growing. Memory: 4 MiB for each level of the tree, of
/// which an image of 64 GiB has four. Padding inside hash blocks is hashed but need not be zero, as
/// in the kernel; padding of the superblock is not looked at.
///
/// # Errors
/// [`Error::Read`], the errors of [`Superblock::parse`], [`Error::Superblock`] when the superblock
/// tells another amount of data, [`Error::RootHash`] when the top block is not the expected one, and
/// [`Error::Blocks`] naming the first bad blocks.
pub fn verify<R: ReadAt + ?Sized>(
    image: &R,
    data_bytes: u64,
    expected: Option<RootHash>,
    progress: &mut dyn FnMut(u64),
) -> Result<RootHash, Error> {
    let superblock = read_superblock(image, data_bytes)?;
    let top_block = image.read_vec(superblock.top_block_offset()?, BLOCK_BYTES, BLOCK_BYTES)?;
    let found = root_hash_of(&superblock, &top_block);
    if let Some(expected) = expected.filter(|expected| *expected != found) {
        return Err(Error::RootHash { expected, found });
    }
    let layout = superblock.layout()?;
    let height = layout.levels.len();
    let mut walk = Walk {
        image,
        data_blocks: superblock.data_blocks,
        data_bytes,
        hasher: Hasher::new(&superblock.salt),
        layout,
        progress,
        bad: Vec::new(),
        buffers: vec![Vec::new(); height.saturating_add(1)],
    };
    walk.check(height, 0, &found.0)?;
    if walk.bad.is_empty() { Ok(found) } else { Err(Error::Blocks { bad: walk.bad }) }
}

/// The superblock behind the data; it must agree about the amount of data.
fn read_superblock<R: ReadAt + ?Sized>(image: &R, data_bytes: u64) -> Result<Superblock, Error> {
    parse_superblock(&image.read_vec(data_bytes, BLOCK_BYTES, BLOCK_BYTES)?, data_bytes)
}

/// The superblock that `block` begins with; it must be about `data_bytes` bytes of data.
pub(crate) fn parse_superblock(block: &[u8], data_bytes: u64) -> Result<Superblock, Error> {
    let data_blocks = whole_blocks(data_bytes)?;
    let superblock = Superblock::parse(block)?;
    if superblock.data_blocks == data_blocks {
        return Ok(superblock);
    }
    Err(Error::Superblock {
        field: "data blocks",
        offset: crate::superblock::DATA_BLOCKS,
        expected: data_blocks.to_string(),
        found: superblock.data_blocks.to_string(),
    })
}

/// The walk over one image.
struct Walk<'a, R: ?Sized> {
    image: &'a R,
    data_blocks: u64,
    data_bytes: u64,
    hasher: Hasher,
    layout: TreeLayout,
    progress: &'a mut dyn FnMut(u64),
    bad: Vec<BadBlock>,
    /// One read buffer for each height, kept between visits.
    buffers: Vec<Vec<u8>>,
}

impl<R: ReadAt + ?Sized> Walk<'_, R> {
    /// Checks the blocks at `height` from number `first` on against `digests`, and everything below
    /// those that are good. Height 0 is the data, height 1 is level 0 of the tree, and so on, so
    /// the recursion is as deep as the tree is high.
    fn check(&mut self, height: usize, first: u64, digests: &[u8]) -> Result<(), Error> {
        let mut buffer = self.buffers.get_mut(height).map(std::mem::take).unwrap_or_default();
        let mut block = first;
        for expected in digests.chunks(CHUNK_BLOCKS.saturating_mul(DIGEST)) {
            if self.bad.len() >= MAX_BAD {
                break;
            }
            let blocks = expected.len().div_euclid(DIGEST);
            buffer.resize(blocks.saturating_mul(BLOCK), 0);
            self.image.read_at(self.offset(height, block), &mut buffer)?;
            let good = self.compare(height, block, &buffer, expected);
            block = block.saturating_add(u64::try_from(blocks).unwrap_or(u64::MAX));
            match height.checked_sub(1) {
                Some(below) => self.check_below(below, block, &buffer, &good)?,
                None => (self.progress)(block.saturating_mul(BLOCK_BYTES)),
            }
        }
        if let Some(kept) = self.buffers.get_mut(height) {
            *kept = buffer;
        }
        Ok(())
    }

    /// Checks what the good ones of the hash blocks in `buffer` stand for; `end` is the number of
    /// the block behind the last of them.
    fn check_below(
        &mut self,
        below: usize,
        end: u64,
        buffer: &[u8],
        good: &[bool],
    ) -> Result<(), Error> {
        let total = match below.checked_sub(1) {
            None => self.data_blocks,
            Some(level) => self.layout.levels.get(level).map_or(0, |level| level.blocks),
        };
        let count = u64::try_from(good.len()).unwrap_or(u64::MAX);
        let mut first = end.saturating_sub(count).saturating_mul(DIGESTS_PER_BLOCK);
        let mut rest = buffer;
        for run in good.chunk_by(|a, b| a == b) {
            let (digests, behind) =
                rest.split_at_checked(run.len().saturating_mul(BLOCK)).unwrap_or((rest, &[]));
            rest = behind;
            // The last hash block of a level ends with padding, which stands for no block.
            let blocks = u64::try_from(digests.len().div_euclid(DIGEST)).unwrap_or(u64::MAX);
            let real = usize::try_from(total.saturating_sub(first)).unwrap_or(usize::MAX);
            let digests = digests.get(..real.saturating_mul(DIGEST)).unwrap_or(digests);
            if run.first() == Some(&true) {
                self.check(below, first, digests)?;
            }
            first = first.saturating_add(blocks);
        }
        Ok(())
    }

    /// Which blocks of `buffer` have the expected digests; the others are noted as bad.
    fn compare(&mut self, height: usize, first: u64, buffer: &[u8], expected: &[u8]) -> Vec<bool> {
        let mut found = vec![0; expected.len()];
        self.hasher.digest_blocks(buffer, &mut found);
        let good: Vec<bool> = found
            .chunks_exact(DIGEST)
            .zip(expected.chunks_exact(DIGEST))
            .map(|(found, expected)| found == expected)
            .collect();
        for (block, good) in (first..).zip(&good) {
            if !good && self.bad.len() < MAX_BAD {
                let offset = self.offset(height, block);
                self.bad.push(BadBlock { level: height.checked_sub(1), offset });
            }
        }
        good
    }

    /// First byte of block `block` at `height`, counted from the start of the data.
    fn offset(&self, height: usize, block: u64) -> u64 {
        let start = height.checked_sub(1).map_or(0, |level| {
            let level = self.layout.levels.get(level).map_or(0, |level| level.offset);
            self.data_bytes.saturating_add(level)
        });
        start.saturating_add(block.saturating_mul(BLOCK_BYTES))
    }
}
