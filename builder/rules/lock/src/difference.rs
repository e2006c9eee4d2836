//! What changes from one lock to another.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use crate::{Lock, Package, TreeName, version};

/// A package that changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// The tree that it is in.
    pub tree: TreeName,
    /// Its name.
    pub name: String,
    /// How it changes.
    pub kind: ChangeKind,
}

/// How a package changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ChangeKind {
    /// It is new.
    Added {
        /// The new version.
        to: String,
    },
    /// It is gone.
    Removed {
        /// The old version.
        from: String,
    },
    /// A later version, in Debian's [order](version).
    Upgraded {
        /// The old version.
        from: String,
        /// The new version.
        to: String,
    },
    /// An earlier version.
    Downgraded {
        /// The old version.
        from: String,
        /// The new version.
        to: String,
    },
    /// The same version, but another file or another place.
    Replaced {
        /// The version.
        version: String,
    },
}

/// What is different in `new`, sorted by tree and name. Empty when the packages are the same.
#[must_use]
pub fn differences(old: &Lock, new: &Lock) -> Vec<Change> {
    TreeName::ALL.into_iter().flat_map(|tree| of_tree(tree, old, new)).collect()
}

fn of_tree(tree: TreeName, old: &Lock, new: &Lock) -> Vec<Change> {
    let by_name = |lock: &Lock| -> BTreeMap<String, Package> {
        let packages = lock.packages(tree).iter();
        packages.map(|package| (package.name.clone(), package.clone())).collect()
    };
    let (old, new) = (by_name(old), by_name(new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let change = |name: &String| {
        let kind = kind(old.get(name), new.get(name))?;
        Some(Change { tree, name: name.clone(), kind })
    };
    names.into_iter().filter_map(change).collect()
}

fn kind(old: Option<&Package>, new: Option<&Package>) -> Option<ChangeKind> {
    let (old, new) = match (old, new) {
        (Some(old), Some(new)) => (old, new),
        (Some(old), None) => return Some(ChangeKind::Removed { from: old.version.clone() }),
        (None, Some(new)) => return Some(ChangeKind::Added { to: new.version.clone() }),
        (None, None) => return None,
    };
    let (from, to) = (old.version.clone(), new.version.clone());
    match version::compare(&from, &to) {
        Ordering::Less => Some(ChangeKind::Upgraded { from, to }),
        Ordering::Greater => Some(ChangeKind::Downgraded { from, to }),
        Ordering::Equal if old == new => None,
        Ordering::Equal => Some(ChangeKind::Replaced { version: to }),
    }
}

impl ChangeKind {
    /// In one word.
    #[must_use]
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Added { .. } => "added",
            Self::Removed { .. } => "removed",
            Self::Upgraded { .. } => "upgraded",
            Self::Downgraded { .. } => "downgraded",
            Self::Replaced { .. } => "replaced",
        }
    }

    /// The old version, if there is one.
    #[must_use]
    pub fn from(&self) -> Option<&str> {
        match self {
            Self::Added { .. } => None,
            Self::Removed { from }
            | Self::Upgraded { from, .. }
            | Self::Downgraded { from, .. } => Some(from),
            Self::Replaced { version } => Some(version),
        }
    }

    /// The new version, if there is one.
    #[must_use]
    pub fn to(&self) -> Option<&str> {
        match self {
            Self::Removed { .. } => None,
            Self::Added { to } | Self::Upgraded { to, .. } | Self::Downgraded { to, .. } => {
                Some(to)
            }
            Self::Replaced { version } => Some(version),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<10}  {:<9}  {}", self.kind.as_str(), self.tree.as_str(), self.name)?;
        match (self.kind.from(), self.kind.to()) {
            (Some(from), Some(to)) if from != to => write!(f, " {from} -> {to}"),
            (Some(version), _) | (None, Some(version)) => write!(f, " {version}"),
            (None, None) => Ok(()),
        }
    }
}
