//! Why an inventory has no bill of materials.

/// An inventory that cannot be written down.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Corrupt: something has no name, version or architecture.
    #[error("{object}: {field} is empty")]
    Empty {
        /// The package, `image` or `distribution`.
        object: String,
        /// Name of the field.
        field: &'static str,
    },
    /// Corrupt: dpkg installs a package once for each architecture.
    #[error("package {name}: installed more than once for {architecture}")]
    Duplicate {
        /// Name of the package.
        name: String,
        /// Its architecture.
        architecture: String,
    },
    /// Corrupt: the licence is no expression of SPDX 2.3, annex D. References to licence texts
    /// (`LicenseRef-`) are refused too: no document of ours holds the text.
    #[error("package {package}: licence {found:?} is no expression of known licences")]
    Licence {
        /// Name of the package.
        package: String,
        /// The expression, at most its first 80 characters.
        found: String,
    },
    /// Unsupported: times have four digits for the year (RFC 3339, section 5.6).
    #[error("image epoch is {found}, expected at most {limit}")]
    Epoch {
        /// Last second of the year 9999.
        limit: u64,
        /// The epoch, in seconds since 1970.
        found: u64,
    },
    /// The document could not be made into text.
    #[error("bill of materials: {0}")]
    Json(#[from] serde_json::Error),
}
