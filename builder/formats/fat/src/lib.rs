//! FAT file systems with contiguous files at known offsets.
//!
//! Source: Microsoft Extensible Firmware Initiative FAT32 File System Specification, version 1.03.
//! Fields are little-endian.
//!
//! [`plan()`] decides where everything lies and returns the metadata; file contents are written by
//! the caller at the offsets it names, so no file is ever held in memory. [`FileSystem`] reads FAT12,
//! FAT16 and FAT32 file systems of other origin too. Not supported: writing long names, and code
//! pages: bytes above 127 in names are shown as U+FFFD. Long names are skipped when reading; every
//! file that has one has a short name too.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod error;
mod fat_type;
mod layout;
mod name;
mod plan;
mod read;
mod time;

pub use error::Error;
pub use fat_type::FatType;
pub use name::Label;
pub use plan::{FileSpec, Layout, Params, Placement, minimum_bytes, plan};
pub use read::{Entry, Extent, FileSystem, Problem};
