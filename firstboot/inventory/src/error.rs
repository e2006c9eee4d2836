//! What can be wrong with what the tools of the machine said, or with a saved inventory.

/// A text is not what it should be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// More bytes than any machine's disks need.
    #[error("{object} has {found} bytes, expected at most {maximum}")]
    TooLarge {
        /// Whose output, or which file.
        object: &'static str,
        /// Its length in bytes.
        found: usize,
        /// The limit in bytes.
        maximum: usize,
    },
    /// Not JSON.
    #[error("{object} is not JSON: {reason}")]
    NotJson {
        /// Whose output, or which file.
        object: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// JSON of another shape.
    #[error("{object}: {reason}")]
    Shape {
        /// Whose output, or which file.
        object: &'static str,
        /// What was expected and found, and where.
        reason: String,
    },
    /// An inventory that another version of this program saved.
    #[error("the inventory has version {found}, expected {expected}")]
    Version {
        /// Version of the file.
        found: u64,
        /// The version that is understood.
        expected: u32,
    },
    /// Two disks with one name: whatever is said of that name would be said of either.
    #[error("the inventory has two disks named `{name}`")]
    TwoDisks {
        /// Their kernel name.
        name: String,
    },
}
