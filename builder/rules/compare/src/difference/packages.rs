//! Packages that came, went or changed.

use std::cmp::Ordering;
use std::collections::BTreeMap;

use serde::Serialize;

use super::{Total, pairs};
use crate::image::Package;
use crate::version::compare_versions;

/// Packages that came, went or changed, each list sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Packages {
    /// All packages of the first image.
    pub before: Total,
    /// All packages of the second image.
    pub after: Total,
    /// Packages that only the second image has.
    pub added: Vec<PackageEntry>,
    /// Packages that only the first image has.
    pub removed: Vec<PackageEntry>,
    /// Packages with another version or installed size.
    pub changed: Vec<PackageChange>,
    /// Number of packages with the same version and size.
    pub unchanged: u64,
}

/// A package of one image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageEntry {
    /// Name.
    pub name: String,
    /// Version and size.
    #[serde(flatten)]
    pub state: PackageState,
}

/// What may change about a package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageState {
    /// Version.
    pub version: String,
    /// Installed size in bytes.
    pub bytes: u64,
}

/// A package that both images have, in different states.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PackageChange {
    /// Name.
    pub name: String,
    /// In the first image.
    pub before: PackageState,
    /// In the second image.
    pub after: PackageState,
    /// Which of the versions is the newer one.
    pub direction: Direction,
}

/// The way that a version went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Direction {
    /// To a newer version.
    Upgraded,
    /// To an older version.
    Downgraded,
    /// Neither: the size is another one, or the version is spelled in another way.
    SameVersion,
}

impl From<&Package> for PackageState {
    fn from(package: &Package) -> Self {
        Self { version: package.version.clone(), bytes: package.installed_bytes }
    }
}

pub(super) fn compare(
    before: &BTreeMap<String, Package>,
    after: &BTreeMap<String, Package>,
) -> Packages {
    let total = |map: &BTreeMap<_, Package>| Total::of(map.values().map(|p| p.installed_bytes));
    let mut packages =
        Packages { before: total(before), after: total(after), ..Packages::default() };
    let entry = |name: &String, package: &Package| PackageEntry {
        name: name.clone(),
        state: package.into(),
    };
    for (name, before, after) in pairs(before, after) {
        match (before, after) {
            (None, Some(after)) => packages.added.push(entry(name, after)),
            (Some(before), None) => packages.removed.push(entry(name, before)),
            (Some(before), Some(after)) if before != after => {
                packages.changed.push(change(name, before, after));
            }
            _ => packages.unchanged = packages.unchanged.saturating_add(1),
        }
    }
    packages
}

fn change(name: &str, before: &Package, after: &Package) -> PackageChange {
    let direction = match compare_versions(&before.version, &after.version) {
        Ordering::Less => Direction::Upgraded,
        Ordering::Equal => Direction::SameVersion,
        Ordering::Greater => Direction::Downgraded,
    };
    PackageChange { name: name.to_owned(), before: before.into(), after: after.into(), direction }
}
