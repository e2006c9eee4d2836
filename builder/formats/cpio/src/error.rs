//! What can be wrong with an archive.

/// An archive that cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Corrupt: the archive ends inside an entry or without its trailer.
    #[error("cpio entry at byte {offset}: {what} ends at byte {expected}, the archive at {found}")]
    Short {
        /// First byte of the entry's header.
        offset: usize,
        /// The part of the entry that is cut off.
        what: &'static str,
        /// Where that part should end.
        expected: u64,
        /// Where the archive ends.
        found: usize,
    },
    /// Corrupt: no header where one should be.
    #[error("cpio entry at byte {offset}: magic is {found:?}, expected \"070701\"")]
    Magic {
        /// First byte of the entry's header.
        offset: usize,
        /// What stands there.
        found: String,
    },
    /// Corrupt: a header field is not eight hexadecimal digits.
    #[error("cpio entry at byte {offset}: {field} is {found:?}, expected 8 hexadecimal digits")]
    Field {
        /// First byte of the entry's header.
        offset: usize,
        /// Name of the field.
        field: &'static str,
        /// What stands there.
        found: String,
    },
    /// Corrupt: a name without its closing NUL, or with another one inside.
    #[error(
        "cpio entry at byte {offset}: the name of {found} bytes does not end with its only nul"
    )]
    NameEnd {
        /// First byte of the entry's header.
        offset: usize,
        /// Length of the name field in bytes.
        found: u32,
    },
    /// Corrupt: a name longer than the kernel takes.
    #[error("cpio entry at byte {offset}: the name has {found} bytes, expected 1 to {limit}")]
    NameLength {
        /// First byte of the entry's header.
        offset: usize,
        /// The most bytes, with the closing NUL.
        limit: u32,
        /// Bytes that the header tells.
        found: u32,
    },
    /// Unsupported: an archive of another cpio format.
    #[error("cpio entry at byte {offset}: format {found:?} is not supported, only \"070701\"")]
    Format {
        /// First byte of the entry's header.
        offset: usize,
        /// The magic that stands there.
        found: String,
    },
    /// The caller's name cannot be an entry's.
    #[error("cpio name {name:?}: {problem}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// The caller's data or archive is larger than the format can tell.
    #[error("cpio entry {name:?}: {what} is {found}, expected at most {limit}")]
    TooLarge {
        /// Name of the entry.
        name: String,
        /// What is too large.
        what: &'static str,
        /// The largest value, inclusive.
        limit: u64,
        /// The value asked for.
        found: u64,
    },
    /// The caller asked for an end that no padding reaches.
    #[error(
        "cpio archive: cannot be padded to a multiple of {found} bytes, expected a multiple of 4"
    )]
    Alignment {
        /// The alignment asked for, in bytes.
        found: u64,
    },
    /// I/O: the archive could not be written.
    #[error("writing cpio archive at byte {offset}: {source}")]
    Write {
        /// First byte that was not written.
        offset: u64,
        /// What the output said.
        source: std::io::Error,
    },
}

/// Why a name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// It is empty, or begins or ends with a slash, or has two in a row.
    #[error("has an empty part")]
    EmptyPart,
    /// One of its parts is `.` or `..`.
    #[error("has a part that is . or ..")]
    DotPart,
    /// It contains a NUL byte.
    #[error("contains a nul")]
    Nul,
    /// It is the name that ends an archive.
    #[error("is the name of the trailer")]
    Trailer,
    /// Longer than the kernel takes.
    #[error("is longer than 4095 bytes")]
    TooLong,
    /// An entry of this name was written before, and is not the same directory.
    #[error("was written before")]
    Repeated,
    /// A part before its last one was written as something else than a directory.
    #[error("lies below something that is not a directory")]
    NotBelowDirectory,
}
