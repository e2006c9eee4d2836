//! Writes a version into the slot that does not run, and makes it the one that boots.
//!
//! This crate knows no file and no device: partitions are [`anklume_bytes::ReadAt`] and
//! [`anklume_bytes::WriteAt`], the image file is an [`Image`], the boot record a [`BootRecord`].
//!
//! # Order
//! The power may fail between any two writes, and any write may be lost that was not flushed. Whatever
//! is left, some slot boots that is whole, and [`prepare`] finishes the job when it is called again.
//!
//! 1. Everything about the request is compared with the target; nothing was written so far.
//! 2. The boot record says that the target does not boot (durable in both copies, read back).
//! 3. The *mark* is taken off, and that is flushed. An OS is recognised by its content, by `anklume-init`
//!    too: squashfs superblock, verity superblock, top block of the hash tree. The mark is the block of
//!    the verity superblock. A slot that is overwritten must not pass for what it was, nor for what it
//!    will be: the other slot may hold the same version, and its kernel takes the first OS that it
//!    recognises.
//! 4. Boot part and OS part are written from start to end, with zeros in place of the mark, and flushed.
//!    Every chunk was compared with the list before; the hash tree is computed on the way, and its root
//!    hash is the signed one.
//! 5. Everything is read back past the caches and compared: each chunk's digest, the hash tree, and the
//!    root hash of what was read.
//! 6. The mark is written, flushed and read back. Only now does it look like an OS.
//! 7. [`activate`]: the boot record says that the target is on trial.
//!
//! Nothing is written but the bytes of both parts in the target's two partitions. What lies behind the
//! parts stays as it is, because nobody looks there: free clusters of a FAT file system have no content,
//! squashfs and hash tree end where their superblocks say. Superblocks of other file systems lie in the
//! first MiB of a partition, which a part covers, or in its last one, which the first boot cleared when it
//! made the partition and in which nothing but OS versions was written since.
//!
//! # Memory
//! For a list of `n` chunks and `s` seeds of about as many, and data of `d` bytes:
//! about `250 × n × (s + 1)` bytes for what is known and planned, `d / 128` for the hash tree (which
//! exists once at a time), and [`BUFFERS_BYTES`]. For 1 GiB in 10 000 chunks and one seed: 5 + 8 + 5 MB. What
//! the caller's source and disks hold comes on top.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod activate;
mod ahead;
mod error;
mod group;
mod image;
mod prepare;
mod progress;
mod read_back;
mod record;
mod request;
mod scan;
mod stream;
mod survey;
mod target;
mod writer;

pub use activate::{activate, verify};
pub use error::{Error, Fault, Mismatch, Refused, SurveyError};
pub use image::Image;
pub use prepare::{Prepared, Summary, prepare};
pub use progress::{Phase, Progress, Report};
pub use record::BootRecord;
pub use request::Request;
pub use survey::survey;
pub use target::{Partition, Seed, Target};
pub use writer::WRITE_BYTES;

pub use anklume_layout::Slot;

/// The most bytes of all buffers together: one that is filled for writing, two for reading ahead, one
/// chunk that arrives in pieces, and one piece that is copied within the target.
pub const BUFFERS_BYTES: u64 = 5 << 20;

/// A length as an offset.
fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// An offset as a length; the largest one where it does not fit.
fn narrow(offset: u64) -> usize {
    usize::try_from(offset).unwrap_or(usize::MAX)
}
