//! What can go wrong.

use std::fmt;
use std::io;

use anklume_bytes::ReadError;

/// A path in a message.
fn text(path: &[u8]) -> String {
    format!("/{}", path.escape_ascii())
}

/// What is wrong with a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PathFault {
    /// An empty name: a slash at the start, at the end, or after another one.
    EmptyName,
    /// `.` or `..`.
    Dots,
    /// A zero byte.
    Zero,
    /// A name of more than [`crate::MAX_NAME_BYTES`].
    LongName,
    /// It was there before.
    Duplicate,
    /// It sorts before the one that came last.
    Unsorted,
    /// No directory holds it; the root comes first, and a directory before its content.
    NoParent,
    /// The root is no directory.
    RootNotDirectory,
}

impl fmt::Display for PathFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::EmptyName => "it has an empty name",
            Self::Dots => "it has a name . or ..",
            Self::Zero => "it has a zero byte",
            Self::LongName => "it has a name of more than 256 bytes",
            Self::Duplicate => "it was there before",
            Self::Unsorted => "it sorts before the one that came last",
            Self::NoParent => "there is no directory that holds it",
            Self::RootNotDirectory => "the root must be a directory",
        })
    }
}

/// What is wrong with an extended attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum XattrFault {
    /// It is not below `user.`, `trusted.` or `security.`, the only ones of the format.
    Prefix,
    /// Nothing follows the prefix, there is a zero byte, or the name is longer than 255 bytes.
    Name,
    /// The value is longer than 65536 bytes, Linux's limit.
    Value,
    /// It was there before.
    Duplicate,
}

impl fmt::Display for XattrFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Prefix => "squashfs has user., trusted. and security. only",
            Self::Name => "its name is empty, has a zero byte, or is longer than 255 bytes",
            Self::Value => "its value is longer than 65536 bytes",
            Self::Duplicate => "it was there before",
        })
    }
}

/// An image that was not written. After an error, nothing is to be expected of what the image holds.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Unsupported: no block size of the format.
    #[error("squashfs block size: {found} bytes, expected a power of two, 4096 to 1048576")]
    BlockBytes {
        /// Bytes asked for.
        found: u32,
    },
    /// Unsupported: no level of the compressor.
    #[error("squashfs compression: level {found}, expected 1 to 22")]
    Level {
        /// Level asked for.
        found: u8,
    },
    /// Corrupt: a path that cannot be added.
    #[error("squashfs entry {}: {fault}", text(.path))]
    Path {
        /// Path of the entry.
        path: Vec<u8>,
        /// What is wrong with it.
        fault: PathFault,
    },
    /// Corrupt: a hard link to what is not there, comes later, or is a directory.
    #[error("squashfs entry {}: a hard link to {}, expected an earlier path that is no directory", text(.path), text(.target))]
    HardLink {
        /// Path of the entry.
        path: Vec<u8>,
        /// What it links to.
        target: Vec<u8>,
    },
    /// Corrupt: the reader did not deliver what the entry says.
    #[error("squashfs entry {}: expected {expected} bytes of content, found {}", text(.path), if *.found > *.expected { "more".to_owned() } else { .found.to_string() })]
    ContentLength {
        /// Path of the entry.
        path: Vec<u8>,
        /// Size of the entry, in bytes.
        expected: u64,
        /// Bytes that came, at most one more than expected.
        found: u64,
    },
    /// Unsupported: a value that the format, or Linux, has no place for.
    #[error("squashfs entry {}: {field} is {found}, expected {expected}", text(.path))]
    Field {
        /// Path of the entry.
        path: Vec<u8>,
        /// What has the value.
        field: &'static str,
        /// What is possible.
        expected: &'static str,
        /// What was asked for.
        found: u64,
    },
    /// Unsupported: an extended attribute.
    #[error("squashfs entry {}: extended attribute {}: {fault}", text(.path), .name.escape_ascii())]
    Xattr {
        /// Path of the entry.
        path: Vec<u8>,
        /// Name of the attribute.
        name: Vec<u8>,
        /// What is wrong with it.
        fault: XattrFault,
    },
    /// Unsupported: a table that outgrows the format.
    #[error("squashfs {table}: more than {limit}")]
    TableFull {
        /// What is full.
        table: &'static str,
        /// The most that it can hold.
        limit: u64,
    },
    /// Corrupt: an entry was refused, and the caller went on.
    #[error("squashfs image: an entry was refused before")]
    Abandoned,
    /// Corrupt: what the writer has put aside cannot be read again.
    #[error("squashfs {object}: not what was written")]
    Inconsistent {
        /// What it is about.
        object: &'static str,
    },
    /// I/O: the content of a file could not be read.
    #[error("squashfs entry {}: reading its content at byte {offset}: {source}", text(.path))]
    Content {
        /// Path of the entry.
        path: Vec<u8>,
        /// First byte that is missing.
        offset: u64,
        /// What the reader said.
        source: io::Error,
    },
    /// I/O: the image could not be written.
    #[error("squashfs image: writing {length} bytes at byte {offset}: {source}")]
    Write {
        /// First byte.
        offset: u64,
        /// Bytes to write.
        length: u64,
        /// What the device said.
        source: io::Error,
    },
    /// I/O: what was written could not be read back.
    #[error("squashfs image: {0}")]
    ReadBack(#[from] ReadError),
    /// I/O: the compressor failed, for want of memory.
    #[error("squashfs compression: {0}")]
    Compress(io::Error),
    /// I/O: a thread could not be started.
    #[error("squashfs compression: starting a thread: {0}")]
    Thread(io::Error),
    /// I/O: a thread ended without a result.
    #[error("squashfs compression: a thread ended early")]
    ThreadEnded,
}
