//! ISO 9660 volumes with El Torito, Rock Ridge and Joliet whose files alias sectors of partitions.
//!
//! An anklume image is a GPT disk and an ISO 9660 volume at once. [`plan`] lays out what the second
//! view needs, from byte 32768 on, in front of the first partition: volume descriptors, path
//! tables, directories, boot catalog, BIOS boot image and small files. Large files are not stored
//! here: a directory record points at bytes that a partition holds. [`Volume`] reads such a volume,
//! and those of xorriso and genisoimage; [`check`] looks for what does not fit together.
//!
//! Sources: ECMA-119 (4th edition, the text of ISO 9660), El Torito Bootable CD-ROM Format 1.0,
//! Joliet Specification (1995), SUSP 1.12 and RRIP 1.12 (its 1.09 form, `RRIP_1991A`, is written).
//!
//! Not supported: files of several extents (so none above 4 GiB - 1), interleaved files, logical
//! blocks other than 2048 bytes, further sessions, zisofs, and moved deep directories (`CL`, `PL`,
//! `RE`), which are listed where they are stored.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod check;
mod date;
mod error;
mod extent;
pub mod fuzzing;
mod layout;
mod names;
mod read;
mod write;

pub use check::{Problem, check};
pub use error::{Error, PlanError};
pub use extent::Extent;
pub use layout::{AREA_OFFSET, SECTOR_BYTES};
pub use read::{BootCatalog, BootEntry, Names, Node, Volume};
pub use write::{Area, EfiImage, Entry, FileSpec, Params, Placement, plan};
