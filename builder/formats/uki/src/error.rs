//! What can be wrong with an image.

use anklume_bytes::ReadError;

/// An image that cannot be read or extended.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Corrupt: a structure ends behind the end of the file, or of what is read of its headers.
    #[error("pe image: {structure} at byte {offset} ends behind byte {found}")]
    Short {
        /// What is cut off.
        structure: &'static str,
        /// First byte of the structure.
        offset: u64,
        /// Where the bytes end.
        found: u64,
    },
    /// Corrupt: a field has a value that no valid image has.
    #[error("pe image: {field} at byte {offset} is {found:#x}, expected {expected}")]
    Field {
        /// Name of the field, as the PE format spells it.
        field: &'static str,
        /// Byte offset of the field.
        offset: u64,
        /// What a valid image holds.
        expected: &'static str,
        /// What this one holds.
        found: u64,
    },
    /// Corrupt: a section's data is not in the file.
    #[error(
        "pe section {name}: {bytes} bytes at byte {offset} end behind the file at byte {found}"
    )]
    SectionOutside {
        /// Name of the section.
        name: String,
        /// First byte of the data.
        offset: u64,
        /// Bytes of the data.
        bytes: u64,
        /// Where the file ends.
        found: u64,
    },
    /// Unsupported: a valid image of a kind that is not handled.
    #[error("pe image: {field} at byte {offset} is {found:#x}, supported is only {expected}")]
    Unsupported {
        /// Name of the field, as the PE format spells it.
        field: &'static str,
        /// Byte offset of the field.
        offset: u64,
        /// What is supported.
        expected: &'static str,
        /// What this image holds.
        found: u64,
    },
    /// Unsupported: the stub carries a signature, which adding a section would break.
    #[error("pe image: signed, its certificates are {bytes} bytes at byte {offset}")]
    Signed {
        /// First byte of the certificates.
        offset: u64,
        /// Bytes of the certificates.
        bytes: u64,
    },
    /// Unsupported: data that belongs to no section follows the last one. Firmware and signing
    /// tools do not agree on how to hash an image with such a gap.
    #[error("pe image: data at byte {offset} belongs to no section")]
    Trailing {
        /// First byte behind the sections.
        offset: u64,
    },
    /// Unsupported: the headers have no room for more sections.
    #[error("pe image: {needed} bytes of section headers, the headers have room for {room}")]
    NoHeaderRoom {
        /// Bytes that the new section headers take.
        needed: u64,
        /// Bytes behind the section table that are free.
        room: u64,
    },
    /// The image has no such section.
    #[error("pe image: no section {name}")]
    NoSection {
        /// Name of the section.
        name: String,
    },
    /// The caller's section name is refused.
    #[error("pe section {name:?}: {problem}")]
    Name {
        /// The name.
        name: String,
        /// What is wrong with it.
        problem: NameProblem,
    },
    /// The caller's section has no data.
    #[error("pe section {name}: has no data")]
    Empty {
        /// Name of the section.
        name: String,
    },
    /// The image would be larger than its 32-bit fields can tell.
    #[error("pe section {name}: {bytes} bytes make the image larger than 4 GiB")]
    TooLarge {
        /// Name of the section that does not fit any more.
        name: String,
        /// Its bytes.
        bytes: u64,
    },
    /// I/O: the image could not be read.
    #[error("pe image: {0}")]
    Read(#[from] ReadError),
}

/// Why a section name is refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameProblem {
    /// Not 1 to 8 bytes of printable ASCII.
    #[error("is not 1 to 8 characters of printable ascii")]
    Form,
    /// The stub or the same profile has such a section already.
    #[error("is there already")]
    Repeated,
    /// The kernel must be the last section of its profile.
    #[error("must be the last section of its profile")]
    NotLast,
}
