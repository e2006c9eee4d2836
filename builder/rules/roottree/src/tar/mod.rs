//! The tar format: POSIX.1-2017, `pax` utility, "ustar Interchange Format" and "pax Extended
//! Header", with GNU long names and base-256 numbers (GNU tar manual, "Basic Tar Format").
//!
//! Not supported: sparse files, multi-volume archives, global headers that change entries, hard
//! links that carry content.

mod header;
mod layout;
mod pax;
mod walk;
mod write;

pub(crate) use layout::{BLOCK_BYTES, padding};
pub(crate) use walk::{Member, Type, Walker};
pub(crate) use write::{HeaderFields, encode};

/// An extended attribute of a file.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Attribute {
    /// Name with its prefix, such as `security.capability`.
    pub name: Box<str>,
    /// Value, any bytes.
    pub value: Box<[u8]>,
}
