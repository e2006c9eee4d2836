//! What can be wrong with an archive, a change or a reader.

use crate::path::PathError;
use anklume_bytes::ReadError;

/// An operation on the root tree that did not happen.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The archive is damaged.
    #[error("tar archive at byte {offset}: {what}")]
    Corrupt {
        /// Byte of the archive at which the damaged header starts.
        offset: u64,
        /// What is wrong.
        what: Corruption,
    },
    /// The archive is sound, but holds something that an OS image cannot.
    #[error("tar archive at byte {offset}: {what} is not supported")]
    Unsupported {
        /// Byte of the archive at which the header starts.
        offset: u64,
        /// The unsupported thing.
        what: String,
    },
    /// The archive cannot be read.
    #[error("reading the root tree: {0}")]
    Read(#[from] ReadError),
    /// The new archive cannot be written.
    #[error("writing the root tree: {0}")]
    Write(#[source] std::io::Error),
    /// The content of an added file cannot be read.
    #[error("reading {key} for the root tree: {source}")]
    Source {
        /// The key of [`crate::Content::Source`].
        key: String,
        /// What the operating system said.
        source: std::io::Error,
    },
    /// An added file is not as long as was said.
    #[error("{key} changed while it was read: expected {expected} bytes, found {found}")]
    SourceLength {
        /// The key of [`crate::Content::Source`].
        key: String,
        /// Bytes announced.
        expected: u64,
        /// Bytes read; one more than expected when the file is longer.
        found: u64,
    },
    /// A path that no tree can have.
    #[error("path {path:?}: {reason}")]
    Path {
        /// The path as given.
        path: String,
        /// What is wrong with it.
        reason: PathError,
    },
    /// Nothing has this name.
    #[error("no {path} in the root tree")]
    NotFound {
        /// The path, relative to the root.
        path: String,
    },
    /// Symbolic links lead to each other.
    #[error("{path} has more than {limit} symbolic links on its way")]
    LinkLoop {
        /// The path, relative to the root.
        path: String,
        /// The most links that are followed.
        limit: usize,
    },
    /// Something of this name exists, but of another kind.
    #[error("{path} is {found}, expected {expected}")]
    WrongKind {
        /// The path, relative to the root.
        path: String,
        /// The kind that was asked for.
        expected: &'static str,
        /// The kind that the tree has.
        found: &'static str,
    },
    /// A file is larger than the caller is ready to hold.
    #[error("{path} has {size} bytes, more than the limit of {limit}")]
    TooLarge {
        /// The path, relative to the root.
        path: String,
        /// Its size in bytes.
        size: u64,
        /// The limit in bytes.
        limit: u64,
    },
}

/// Damage of a tar archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Corruption {
    /// The sum over a header is not what the header says.
    #[error("header checksum is {found:#o}, expected {expected:#o}")]
    Checksum {
        /// The sum that the header records.
        expected: u64,
        /// The sum over its bytes.
        found: u64,
    },
    /// A number is neither octal nor base-256, or too large for its field.
    #[error("{field} is not a number in range")]
    Number {
        /// Name of the field or the PAX record.
        field: &'static str,
    },
    /// A name or record is not UTF-8, which Debian Policy section 10.10 requires of file names.
    #[error("{field} is not UTF-8")]
    NotUtf8 {
        /// Name of the field.
        field: &'static str,
    },
    /// PAX records do not follow each other.
    #[error("malformed PAX record at byte {at} of the extended header")]
    Pax {
        /// Byte of the extended header's data.
        at: usize,
    },
    /// A name that no tree can have.
    #[error("{field} {path:?}: {reason}")]
    Path {
        /// Name of the field.
        field: &'static str,
        /// The path as the archive has it.
        path: String,
        /// What is wrong with it.
        reason: PathError,
    },
    /// Content where none can be.
    #[error("{kind} {path} has a size of {found}, expected 0")]
    Size {
        /// Kind of the entry.
        kind: &'static str,
        /// Path of the entry.
        path: String,
        /// The size field in bytes.
        found: u64,
    },
    /// The archive ends within an entry or without its two zero blocks.
    #[error("the archive ends early: expected {needed} more bytes, found {found}")]
    EndsEarly {
        /// Bytes that must follow.
        needed: u64,
        /// Bytes that do.
        found: u64,
    },
    /// Two entries that are not both directories have one path.
    #[error("{path} occurs twice, first at byte {first}")]
    Duplicate {
        /// The path.
        path: String,
        /// Byte of the first one's header.
        first: u64,
    },
    /// A hard link to nothing, to a directory or to a later entry.
    #[error("hard link {path} leads to {target}, which is not an earlier file")]
    HardLink {
        /// Path of the link.
        path: String,
        /// Its target.
        target: String,
    },
    /// An entry whose directory is not in the archive.
    #[error("{path} lies in {parent}, which is not a directory of the archive")]
    Parent {
        /// Path of the entry.
        path: String,
        /// Path of its directory.
        parent: String,
    },
    /// More extended headers before one entry than any writer makes.
    #[error("more than {limit} extended headers before one entry")]
    TooManyHeaders {
        /// The most that are read.
        limit: usize,
    },
}
