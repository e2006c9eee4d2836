//! The OS partition.

use anklume_bytes::{ReadAt, Window};
use anklume_squashfs::{Pieces, Superblock, Tree};
use anklume_verity::BLOCK_BYTES;

use super::{Cut, CutError, Cuts, Kind, steps};

/// The most bytes of a piece of what is no data block.
const METADATA_STEP: u32 = 64 << 10;
/// Bytes of the verity superblock (`struct verity_sb`); the rest of its block is zero.
const VERITY_BYTES: u64 = 512;

/// Cuts the OS in `partition`: squashfs, padding, and the verity superblock. The hash blocks behind
/// that are only counted, since they are computed from these.
///
/// One chunk is one data block or fragment block as it is stored, so that a file's block is found again
/// wherever it moved; or one metadata block of the inode and directory tables. The other tables, and
/// what lies between blocks, are cut every 64 KiB.
///
/// # Errors
/// [`CutError::Squashfs`], [`CutError::Tables`], [`CutError::Overlap`], [`CutError::Verity`],
/// [`CutError::DataBlocks`], [`CutError::Short`] and [`CutError::Read`].
pub fn cut_os<R: ReadAt + ?Sized>(partition: &R) -> Result<Cuts, CutError> {
    let superblock = Superblock::read(partition)?;
    let image = Window::new(partition, 0, superblock.bytes_used)?;
    let pieces = Tree::read(&image, &superblock)?.pieces();
    if let Some(offset) = pieces.first_fault(superblock.bytes_used) {
        return Err(CutError::Overlap { offset });
    }
    let derived_bytes = derived(partition, data_bytes(&superblock))?;
    let cuts = cut_squashfs(&pieces).into_iter().chain(cut_verity(&superblock)).collect();
    Ok(Cuts { cuts, derived_bytes })
}

/// Bytes of a squashfs and its padding, which dm-verity takes for data.
fn data_bytes(superblock: &Superblock) -> u64 {
    // The superblock was checked against the size of the partition.
    superblock.padded_bytes(BLOCK_BYTES).unwrap_or(u64::MAX)
}

/// Cuts a squashfs, without its padding, in the order of the image. In a squashfs that no writer
/// produces the cuts may overlap; see [`Pieces::first_fault`].
#[must_use]
pub fn cut_squashfs(pieces: &Pieces) -> Vec<Cut> {
    let block = |block: &anklume_squashfs::Stored| Cut {
        start: block.start,
        bytes: block.bytes,
        kind: Kind::Block,
    };
    let metadata = |range: std::ops::Range<u64>| steps(range, METADATA_STEP, Kind::Metadata);
    let mut cuts: Vec<Cut> = pieces.blocks.iter().map(block).collect();
    cuts.extend(pieces.rest.iter().cloned().flat_map(metadata));
    cuts.sort_unstable();
    cuts
}

/// Cuts what follows a squashfs up to the hash blocks: its padding, the verity superblock, and the
/// zeros behind that.
#[must_use]
pub fn cut_verity(superblock: &Superblock) -> Vec<Cut> {
    let data_bytes = data_bytes(superblock);
    let behind = data_bytes.saturating_add(VERITY_BYTES);
    let borders = [
        superblock.bytes_used..data_bytes,
        data_bytes..behind,
        behind..data_bytes.saturating_add(BLOCK_BYTES),
    ];
    borders.into_iter().flat_map(|range| steps(range, METADATA_STEP, Kind::Metadata)).collect()
}

/// Bytes of the hash blocks behind the verity superblock at byte `data_bytes`.
fn derived<R: ReadAt + ?Sized>(partition: &R, data_bytes: u64) -> Result<u64, CutError> {
    let offset = data_bytes;
    let explain = |source| CutError::Verity { offset, source };
    let block = partition.read_vec(offset, BLOCK_BYTES, BLOCK_BYTES)?;
    let verity = anklume_verity::Superblock::parse(&block).map_err(explain)?;
    let expected = data_bytes.div_euclid(BLOCK_BYTES);
    if verity.data_blocks != expected {
        return Err(CutError::DataBlocks { offset, expected, found: verity.data_blocks });
    }
    let tree_bytes = verity.layout().map_err(explain)?.bytes;
    let (expected, found) = (data_bytes.saturating_add(tree_bytes), partition.size());
    if expected > found {
        return Err(CutError::Short { expected, found });
    }
    Ok(tree_bytes.saturating_sub(BLOCK_BYTES))
}
