//! Chunk lists of OS versions, and what an update fetches, copies and writes.
//!
//! An OS version consists of two parts ([`Part`]): the FAT file system of the boot partition up to
//! its last used byte, and the OS partition: squashfs, dm-verity superblock, hash tree. A
//! [`ChunkList`] says of each part which consecutive chunks it is made of and where in the image file
//! (the ISO) it lies. The image file itself is what is downloaded, in byte ranges.
//!
//! 1. [`cut_boot`] and [`cut_os`] say where a part is cut, so that what did not change between two
//!    versions is cut the same way in both.
//! 2. [`Seeds`] knows where chunks lie that a machine has already.
//! 3. [`plan`] decides where each chunk of the new version comes from, in the order in which the
//!    target is written.
//! 4. [`Splitter`] checks bytes that arrive, from wherever, against the list.
//!
//! The hash tree has no chunks: it is computed from the data ([`anklume_verity::Builder`], with the
//! salt and the UUID of the verity superblock, which is a chunk). The root hash tells whether that
//! went well.
//!
//! Nothing here reads or writes a device, and no list is trusted: a list may be anything, memory is
//! bounded by its length, and whoever carries out a plan compares every chunk with its digest before
//! writing it.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod cut;
mod list;
mod plan;
mod seeds;
mod splitter;

pub use cut::{Cut, CutError, Cuts, Kind, cut_boot, cut_os, cut_squashfs, cut_verity};
pub use list::{
    CHUNK_BYTES_MAX, Chunk, ChunkList, Digest, FORMAT_VERSION, ListError, Part, PartList, PartSpec,
};
pub use plan::{Cost, Operation, Options, Plan, Source, plan};
pub use seeds::{Origin, Place, Seeds};
pub use splitter::{SplitError, Splitter};

/// A length as an offset.
fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// An offset as a length; the largest one where it does not fit.
fn narrow(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
