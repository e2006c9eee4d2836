//! GUID partition table and protective MBR.
//!
//! Source: UEFI 2.10, section 5.3 (GPT) and 5.2 (MBR). Fields are little-endian, positions are in
//! logical blocks (LBA) of 512 or 4096 bytes.
//!
//! [`Table::encode`] gives the bytes of both copies of a table, [`read`] says what a disk holds and
//! which copy is damaged. Partition numbers are kept, holes included. Not supported: more than
//! 128 entries when writing, more than 1024 when reading, hybrid MBRs.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod check;
mod entry;
mod error;
mod guid;
mod header;
mod layout;
pub mod mbr;
mod read;
mod table;
mod write;

pub use error::{Error, TableCopy};
pub use guid::{Guid, ParseGuidError};
pub use read::{Read, read};
pub use table::{Partition, Table};
pub use write::{Encoded, Piece};
