//! What can be wrong with a file system.

use std::fmt;

use anklume_bytes::ReadError;

/// A file system that cannot be read or planned.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes are not a valid FAT file system.
    #[error("{object} at byte {offset}: expected {expected}, found {found}")]
    Corrupt {
        /// Structure and field, or file.
        object: String,
        /// Byte of the file system where it lies.
        offset: u64,
        /// What a valid file system has there.
        expected: String,
        /// What this one has there.
        found: String,
    },
    /// The file system may be valid, but exceeds what this crate implements.
    #[error("{object} at byte {offset} is not supported: expected {expected}, found {found}")]
    Unsupported {
        /// Structure and field, or file.
        object: String,
        /// Byte of the file system where it lies.
        offset: u64,
        /// What is supported.
        expected: String,
        /// What this file system has there.
        found: String,
    },
    /// The file system could not be read.
    #[error("reading {object}: {source}")]
    Io {
        /// Structure or file that was to be read.
        object: String,
        /// Why it could not be.
        source: ReadError,
    },
    /// The caller asks for a file system that cannot exist.
    #[error("{object}: expected {expected}, found {found}")]
    Refused {
        /// Which input.
        object: String,
        /// What it may be.
        expected: String,
        /// What it is.
        found: String,
    },
}

impl Error {
    pub(crate) fn corrupt(
        object: impl Into<String>,
        offset: u64,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Self {
        let (object, expected, found) = (object.into(), expected.into(), found.to_string());
        Self::Corrupt { object, offset, expected, found }
    }

    pub(crate) fn unsupported(
        object: impl Into<String>,
        offset: u64,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Self {
        let (object, expected, found) = (object.into(), expected.into(), found.to_string());
        Self::Unsupported { object, offset, expected, found }
    }

    pub(crate) fn refused(
        object: impl Into<String>,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Self {
        let (object, expected, found) = (object.into(), expected.into(), found.to_string());
        Self::Refused { object, expected, found }
    }

    /// For `map_err` on a read of `object`.
    pub(crate) fn io(object: impl Into<String>) -> impl FnOnce(ReadError) -> Self {
        let object = object.into();
        |source| Self::Io { object, source }
    }
}
