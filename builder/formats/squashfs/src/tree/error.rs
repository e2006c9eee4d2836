//! What can be wrong with the tables of an image.

use std::fmt;

use anklume_bytes::ReadError;

/// A byte of an image, or of what a metadata block of it decompresses to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// Byte of the image: of the structure, or of the metadata block that holds it.
    pub byte: u64,
    /// Byte of the metadata block's content, where the structure lies in one.
    pub within: Option<u64>,
}

impl Place {
    /// A byte of the image itself.
    pub(crate) fn image(byte: u64) -> Self {
        Self { byte, within: None }
    }
}

impl fmt::Display for Place {
    /// `byte 96`, or `byte 96, 5 bytes into the metadata block`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "byte {}", self.byte)?;
        match self.within {
            Some(within) => write!(f, ", {within} bytes into the metadata block"),
            None => Ok(()),
        }
    }
}

/// A tree, or a file's content, that cannot be read or trusted.
#[derive(Debug, thiserror::Error)]
pub enum TableError {
    /// Corrupt: something has a value that no writer produces.
    #[error("squashfs {object} at {place}: expected {expected}, found {found}")]
    Corrupt {
        /// The structure or its field, as the kernel spells it.
        object: &'static str,
        /// Where it lies.
        place: Place,
        /// What a valid image holds.
        expected: String,
        /// What this one holds.
        found: String,
    },
    /// Unsupported: a compression that this crate was not built with, or does not know.
    #[error("squashfs {object} at {place}: supported is {expected}, found {found}")]
    Unsupported {
        /// The structure or its field, as the kernel spells it.
        object: &'static str,
        /// Where it lies.
        place: Place,
        /// What is supported.
        expected: &'static str,
        /// What this image holds.
        found: String,
    },
    /// Unsupported: more than this crate is ready to hold.
    #[error("squashfs {object}: more than the {limit} that are read")]
    TooMany {
        /// What there is too much of.
        object: &'static str,
        /// The most that is read.
        limit: u64,
    },
    /// I/O: the image could not be read.
    #[error("squashfs {object}: {source}")]
    Read {
        /// What was read.
        object: &'static str,
        /// What the reader said.
        source: ReadError,
    },
}

impl TableError {
    /// A [`TableError::Corrupt`].
    pub(crate) fn corrupt(
        object: &'static str,
        place: Place,
        expected: impl fmt::Display,
        found: impl fmt::Display,
    ) -> Self {
        Self::Corrupt { object, place, expected: expected.to_string(), found: found.to_string() }
    }
}
