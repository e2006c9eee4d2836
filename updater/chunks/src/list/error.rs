//! What can be wrong with a list.

/// A chunk list that is none.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ListError {
    /// It is not as long as its header says, or shorter than a header.
    #[error("chunk list: expected {expected} bytes, found {found}")]
    Length {
        /// Bytes that a header has, or that the header of this list asks for.
        expected: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// It may be one, but of a format that this crate does not know.
    #[error("chunk list: version at byte 8 is not supported: expected {expected}, found {found}")]
    Version {
        /// The version that is supported.
        expected: u32,
        /// The version of this list.
        found: u32,
    },
    /// A field has a value that no list has.
    #[error("chunk list: {field} at byte {offset}: expected {expected}, found {found}")]
    Field {
        /// Which field.
        field: &'static str,
        /// Byte of the list where it lies.
        offset: u64,
        /// What a list has there.
        expected: String,
        /// What this one has there.
        found: u64,
    },
}
