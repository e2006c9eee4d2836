//! What can be wrong with a table.

use std::fmt;

use anklume_bytes::ReadError;

/// One of the two copies of a table.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TableCopy {
    /// Header in LBA 1.
    Primary,
    /// Header in the last LBA, entries before it.
    Backup,
}

impl fmt::Display for TableCopy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Primary => "primary",
            Self::Backup => "backup",
        })
    }
}

/// A table that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk holds something else than a valid table.
    #[error("{object} at byte {offset}: expected {expected}, found {found}")]
    Corrupt {
        /// Structure and field.
        object: String,
        /// Byte of the disk where the field lies.
        offset: u64,
        /// What a valid table has there.
        expected: String,
        /// What the disk has there.
        found: String,
    },
    /// The table may be valid, but uses something that this crate does not implement.
    #[error("{object} at byte {offset} is not supported: expected {expected}, found {found}")]
    Unsupported {
        /// Structure and field.
        object: String,
        /// Byte of the disk where the field lies.
        offset: u64,
        /// What is supported.
        expected: String,
        /// What the disk has there.
        found: String,
    },
    /// The disk could not be read.
    #[error("reading the {object}: {source}")]
    Io {
        /// Structure that was to be read.
        object: String,
        /// Why it could not be.
        source: ReadError,
    },
    /// The backup is valid but not in the last sector: the image was written to a larger disk.
    #[error("backup table: expected at lba {expected}, found at lba {found}")]
    NotAtEnd {
        /// Last LBA of the disk.
        expected: u64,
        /// LBA of the backup header.
        found: u64,
    },
    /// Neither copy is valid.
    #[error("no partition table: {primary}; {backup}")]
    NoTable {
        /// What is wrong with the primary copy.
        primary: Box<Error>,
        /// What is wrong with the backup copy.
        backup: Box<Error>,
    },
    /// The caller asks for a table that cannot exist.
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
    /// A [`Error::Refused`].
    pub(crate) fn refused(
        object: impl Into<String>,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Self {
        Self::Refused { object: object.into(), expected: expected.into(), found: found.to_string() }
    }
}

/// Where a structure lies, for errors about its fields.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Place {
    /// Copy that the structure belongs to.
    pub(crate) copy: TableCopy,
    /// First byte of the structure on the disk.
    pub(crate) offset: u64,
}

impl Place {
    /// Byte of the disk where the field at `field` (bytes from the start of the structure) lies.
    fn at(self, field: usize) -> u64 {
        self.offset.saturating_add(u64::try_from(field).unwrap_or(u64::MAX))
    }

    /// A [`Error::Corrupt`] about a field.
    pub(crate) fn corrupt(
        self,
        object: &str,
        field: usize,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Error {
        Error::Corrupt {
            object: format!("{} {object}", self.copy),
            offset: self.at(field),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    /// A [`Error::Unsupported`] about a field.
    pub(crate) fn unsupported(
        self,
        object: &str,
        field: usize,
        expected: impl Into<String>,
        found: impl fmt::Display,
    ) -> Error {
        Error::Unsupported {
            object: format!("{} {object}", self.copy),
            offset: self.at(field),
            expected: expected.into(),
            found: found.to_string(),
        }
    }

    /// A [`Error::Io`] about the whole structure.
    pub(crate) fn io(self, object: &str, source: ReadError) -> Error {
        Error::Io { object: format!("{} {object}", self.copy), source }
    }
}
