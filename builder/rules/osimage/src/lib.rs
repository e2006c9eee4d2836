//! Recognises an OS image: a squashfs, then the dm-verity superblock and hash tree over it.
//!
//! An OS is known by its root hash, not by where it lies. [`os_image`] says whether bytes are the
//! OS with a root hash, and if not, what they are instead: another version, a copy that ended early,
//! damage.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

use anklume_bytes::{ReadAt, ReadError};
use anklume_verity::{RootHash, Superblock, root_hash_of};

/// Bytes of a verity block.
const BLOCK_BYTES: u64 = anklume_verity::BLOCK_BYTES;
/// Bytes of a verity superblock that are read.
const SUPERBLOCK_BYTES: u64 = 512;
/// What tells a damaged squashfs from something else.
const SQUASHFS_MAGIC: [u8; 4] = *b"hsqs";

/// An OS image whose hash tree has the wanted root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OsImage {
    /// What the hash tree says about itself.
    pub verity: Superblock,
    /// Bytes of the squashfs up to the next whole block: where the hash tree begins.
    pub data_bytes: u64,
    /// Bytes of everything.
    pub bytes: u64,
}

/// Why bytes are not the wanted OS.
#[derive(Debug, thiserror::Error)]
pub enum NotOurs {
    /// There is something else.
    #[error("no OS image")]
    NoSquashfs,
    /// A squashfs that is damaged, or of a kind that is not built here.
    #[error(transparent)]
    BadSquashfs(#[from] anklume_squashfs::Error),
    /// A squashfs without a hash tree behind it.
    #[error("squashfs without a hash tree: {0}")]
    NoTree(#[source] anklume_verity::Error),
    /// The hash tree is about more or less than the squashfs.
    #[error("squashfs of {squashfs} bytes, but a hash tree over {tree}")]
    Mismatch {
        /// Bytes of the squashfs up to the next whole block.
        squashfs: u64,
        /// Bytes that the hash tree is about.
        tree: u64,
    },
    /// The device ends before the OS does.
    #[error("OS image of {expected} bytes cut at {found}")]
    Cut {
        /// Bytes of the OS image, as far as they are known.
        expected: u64,
        /// Bytes of the device.
        found: u64,
    },
    /// The top of the hash tree has another hash: another version, or damage.
    #[error("OS image with root hash {0}: another version, or damaged")]
    OtherHash(RootHash),
    /// The device cannot be read.
    #[error("cannot be read: {0}")]
    Unreadable(#[from] ReadError),
}

/// Recognises the OS image with root hash `wanted` at the start of `disk`.
///
/// Only the two superblocks and the top block of the tree are read. That is proof enough: every
/// other block is checked against the top one by the kernel when it is read.
///
/// # Errors
/// [`NotOurs`].
pub fn os_image<R: ReadAt + ?Sized>(disk: &R, wanted: RootHash) -> Result<OsImage, NotOurs> {
    let data_bytes = squashfs_bytes(disk)?;
    let found = disk.size();
    let end = data_bytes.saturating_add(BLOCK_BYTES);
    if end > found {
        return Err(NotOurs::Cut { expected: end, found });
    }
    let raw = disk.read_vec(data_bytes, SUPERBLOCK_BYTES, SUPERBLOCK_BYTES)?;
    let verity = Superblock::parse(&raw).map_err(NotOurs::NoTree)?;
    let tree = verity.data_bytes().map_err(NotOurs::NoTree)?;
    if tree != data_bytes {
        return Err(NotOurs::Mismatch { squashfs: data_bytes, tree });
    }
    let layout = verity.layout().map_err(NotOurs::NoTree)?;
    let bytes = data_bytes.saturating_add(layout.bytes);
    if bytes > found {
        return Err(NotOurs::Cut { expected: bytes, found });
    }
    let top = verity.top_block_offset().map_err(NotOurs::NoTree)?;
    let top = disk.read_vec(top, BLOCK_BYTES, BLOCK_BYTES)?;
    let hash = root_hash_of(&verity, &top);
    if hash != wanted {
        return Err(NotOurs::OtherHash(hash));
    }
    Ok(OsImage { verity, data_bytes, bytes })
}

/// Length of the squashfs at the start of `disk`, up to the next whole block.
fn squashfs_bytes<R: ReadAt + ?Sized>(disk: &R) -> Result<u64, NotOurs> {
    let mut raw = [0; anklume_squashfs::SUPERBLOCK_BYTES];
    if disk.size() < BLOCK_BYTES {
        return Err(NotOurs::NoSquashfs);
    }
    disk.read_at(0, &mut raw)?;
    if !raw.starts_with(&SQUASHFS_MAGIC) {
        return Err(NotOurs::NoSquashfs);
    }
    let superblock = anklume_squashfs::Superblock::parse(&raw, disk.size())?;
    superblock.padded_bytes(BLOCK_BYTES).ok_or(NotOurs::NoSquashfs)
}
