//! Whether a tree holds what its lock says.

use std::collections::BTreeMap;

use crate::Package;

/// A package of a tree that is not as its lock says.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Mismatch {
    /// Locked, but not installed.
    #[error("{name} {version} is not installed")]
    Missing {
        /// Name of the package.
        name: String,
        /// The locked version.
        version: String,
    },
    /// Installed, but not locked.
    #[error("{name} {version} is not in the lock")]
    Unexpected {
        /// Name of the package.
        name: String,
        /// The installed version.
        version: String,
    },
    /// Installed in another version or for another architecture.
    #[error("{name} is {found}, expected {expected}")]
    Other {
        /// Name of the package.
        name: String,
        /// Locked version and architecture.
        expected: String,
        /// Installed version and architecture.
        found: String,
    },
}

/// Compares what is locked with the (name, version, architecture) of what is installed.
#[must_use]
pub fn mismatches(locked: &[Package], installed: &[(&str, &str, &str)]) -> Vec<Mismatch> {
    let mut found: BTreeMap<&str, (&str, &str)> = BTreeMap::new();
    let mut all = Vec::new();
    let unexpected = |name: &str, version: &str| Mismatch::Unexpected {
        name: name.to_owned(),
        version: version.to_owned(),
    };
    for (name, version, architecture) in installed {
        // A second architecture of a package is never locked.
        if let Some((other, _)) = found.insert(name, (version, architecture)) {
            all.push(unexpected(name, other));
        }
    }
    for package in locked {
        let name = package.name.clone();
        let expected = (package.version.as_str(), package.architecture.as_str());
        match found.remove(package.name.as_str()) {
            None => all.push(Mismatch::Missing { name, version: package.version.clone() }),
            Some(found) if found != expected => all.push(Mismatch::Other {
                name,
                expected: format!("{} {}", expected.0, expected.1),
                found: format!("{} {}", found.0, found.1),
            }),
            Some(_) => {}
        }
    }
    all.extend(found.iter().map(|(name, (version, _))| unexpected(name, version)));
    all
}
