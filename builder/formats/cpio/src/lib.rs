//! cpio archives in the newc format, as the kernel unpacks them into its first root file system.
//!
//! The format is that of `Documentation/driver-api/early-userspace/buffer-format.rst` in the
//! kernel: for each entry a header of ASCII digits, the name and the data, each padded with zeros
//! to four bytes, and at the end an entry named `TRAILER!!!`. Archives may follow each other, with
//! zeros between them: the microcode archive comes first and uncompressed, because the kernel
//! looks for it before it can decompress anything.
//!
//! [`Writer`] makes the same bytes of the same calls: owner 0, one time stamp, inode numbers that
//! count up. [`Reader`] reads one archive. Checksummed archives (magic `070702`) and the older
//! formats are not supported; hard links are neither written nor resolved.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod error;
mod layout;
mod read;
mod write;

pub use error::{Error, NameProblem};
pub use layout::{Kind, MAX_NAME_BYTES};
pub use read::{Entry, Reader};
pub use write::{PARENT_MODE, Writer};
