//! Writes squashfs 4.0 images in one pass from a sorted stream of entries.
//!
//! The format is that of the kernel's `fs/squashfs/squashfs_fs.h`, version 4.0, little-endian; where
//! the header is silent, `fs/squashfs/*.c` of Linux and `mksquashfs` of squashfs-tools decide. An
//! image is, in this order: superblock, compressor options, data blocks and fragment blocks, inode
//! table, directory table, fragment table, lookup (export) table, ID table, xattr table, zeros up to
//! a multiple of 4096 bytes.
//!
//! [`write()`] starts threads that hash and compress, and hands a [`Writer`] to the caller, who adds
//! [`Entry`] after [`Entry`]. Everything that decides about the layout happens on the caller's
//! thread in the order of the entries, so the bytes do not depend on the number of threads. Memory
//! is bounded by the blocks in flight; of every inode there stay some dozen bytes, compressed.
//!
//! A [`Precompressor`] fills the cache before there is anything to write.
//!
//! Not supported: compressions other than zstd, POSIX ACLs (the format has no place for them),
//! extended attributes outside `user.`, `trusted.` and `security.`, attribute values stored out of
//! line (readers take them in line at any length).
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod cache;
mod codec;
mod entry;
mod error;
mod image;
mod intake;
mod layout;
mod options;
mod output;
mod pipeline;
mod precompress;
mod report;
mod store;
mod tables;
mod write;

pub use cache::{BlockCache, BlockKey};
pub use entry::{Entry, Kind, MAX_NAME_BYTES, MAX_SYMLINK_BYTES, Xattr, order};
pub use error::{Error, PathFault, XattrFault};
pub use image::Image;
pub use intake::Writer;
pub use options::{Compressor, Options, Tails};
pub use precompress::Precompressor;
pub use report::{Extent, Report, Summary};
pub use write::write;
