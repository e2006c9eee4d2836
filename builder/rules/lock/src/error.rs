//! What is wrong with a lock file.

/// A lock file that cannot be used, and where in it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {problem}")]
pub struct Error {
    /// The file, as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// What is wrong there.
    pub problem: Problem,
}

/// What is wrong with a lock file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// Corrupt: more text than any lock needs.
    #[error("lock has {found} bytes, expected at most {limit}")]
    TooLong {
        /// Bytes of the text.
        found: usize,
        /// The most that is read.
        limit: usize,
    },
    /// Corrupt: not TOML, an unknown or missing key, or a value that its rule refuses.
    #[error("{message}")]
    Content {
        /// What the parser says.
        message: String,
    },
    /// Corrupt: a tree has a package twice.
    #[error("package `{name}` is in the {tree} list twice")]
    Duplicate {
        /// Name of the package.
        name: String,
        /// The list.
        tree: &'static str,
    },
    /// Corrupt: a package was asked for that is not there.
    #[error("package `{name}` was asked for, but is not in the {tree} list")]
    Absent {
        /// Name of the package.
        name: String,
        /// The list.
        tree: &'static str,
    },
    /// Unsupported: the file is of another version of the builder.
    #[error("lock-version is {found}, expected {expected}")]
    Version {
        /// The number in the file.
        found: i64,
        /// The number that this version reads.
        expected: i64,
    },
}
