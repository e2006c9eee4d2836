//! What can be wrong with the description of a release.

/// A description of a release that is none, or not of the files that it came with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReleaseError {
    /// Corrupt: longer than any.
    #[error("release.json: {found} bytes, expected at most {limit}")]
    TooLong {
        /// The most bytes it may have.
        limit: u64,
        /// Bytes that there are.
        found: u64,
    },
    /// Corrupt: not JSON, or a field is missing, unknown, there twice or of another kind.
    #[error("release.json: {reason}")]
    Json {
        /// What is wrong, with line and column.
        reason: String,
    },
    /// Unsupported: a form that this program does not know.
    #[error("release.json: release-version is {found}, expected {expected}")]
    Version {
        /// The version that is read.
        expected: u32,
        /// The version that it has.
        found: u64,
    },
    /// Corrupt: a field has a value that no release has.
    #[error("release.json: {field} is {found}, expected {expected}")]
    Field {
        /// Name of the field: `image.name`.
        field: &'static str,
        /// What it may be.
        expected: String,
        /// What it is, shortened.
        found: String,
    },
    /// Corrupt: written in another way than releases are, from that byte on.
    #[error("release.json: byte {offset} is not what encoding its content gives")]
    Encoding {
        /// First byte that differs.
        offset: usize,
    },
}

impl ReleaseError {
    /// What may help, apart from the error.
    #[must_use]
    pub const fn hint(&self) -> &'static str {
        match self {
            Self::Version { .. } => {
                "the release is for a newer updater; install a version in between first"
            }
            _ => {
                "the release was published wrongly; `anklume-build repo check` finds what is wrong"
            }
        }
    }
}
