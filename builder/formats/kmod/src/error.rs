//! What can be wrong with an index.

use crate::ModuleName;

/// An index that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// A line that does not have the shape of its file. Family: corrupt.
    #[error("{file} line {line}: expected {expected}, found {found:?}")]
    Line {
        /// Name of the file.
        file: &'static str,
        /// Line number, from 1.
        line: usize,
        /// What the line must look like.
        expected: &'static str,
        /// The line, cut to its first 80 characters.
        found: String,
    },
    /// Two paths give the same module name. Family: corrupt.
    #[error("{file} line {line}: module {name} is at {found} and at {first}")]
    Twice {
        /// Name of the file.
        file: &'static str,
        /// Line number of the second one, from 1.
        line: usize,
        /// Name of the module.
        name: ModuleName,
        /// Path of the first one.
        first: String,
        /// Path of the second one.
        found: String,
    },
    /// A module needs one that the index does not have. Family: corrupt.
    #[error("modules.dep: {module} needs {needs}, which is neither a module nor built in")]
    Dangling {
        /// The module.
        module: ModuleName,
        /// What it needs.
        needs: ModuleName,
    },
    /// No module, alias or built-in of this name. Family: unsupported.
    #[error("no module named {0}")]
    Unknown(ModuleName),
}
