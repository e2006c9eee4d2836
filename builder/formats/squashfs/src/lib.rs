//! The squashfs superblock: what an OS image says about itself in its first 96 bytes.
//!
//! The structure is `struct squashfs_super_block` of the kernel (`fs/squashfs/squashfs_fs.h`),
//! version 4.0, little-endian; the checks are those of `fs/squashfs/super.c` and some more. It is
//! enough to recognise an image and to know where it ends. Files are not read here.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod compression;
mod error;
mod layout;
mod options;
mod read;

pub use compression::Compression;
pub use error::Error;
pub use layout::SUPERBLOCK_BYTES;
pub use read::{Superblock, Tables};
