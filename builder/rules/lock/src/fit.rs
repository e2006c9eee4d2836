//! Whether a lock belongs to a definition.

use std::collections::BTreeSet;

use crate::{Lock, Requested, TreeName};

/// What a definition asks for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Release of the distribution.
    pub suite: String,
    /// Components of the archive.
    pub components: BTreeSet<String>,
    /// Architecture, as Debian spells it.
    pub architecture: String,
    /// Names of packages.
    pub requested: Requested,
}

/// A way in which a lock does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Misfit {
    /// Another suite, other components or another architecture.
    #[error("{what}: the lock has {locked}, expected {wanted}")]
    Setting {
        /// What differs.
        what: &'static str,
        /// What the lock says.
        locked: String,
        /// What the definition says.
        wanted: String,
    },
    /// A package that is asked for, and was not when the lock was made.
    #[error("{name} was added ({tree})")]
    Added {
        /// The tree.
        tree: TreeName,
        /// Name of the package.
        name: String,
    },
    /// A package that is not asked for any more.
    #[error("{name} was removed ({tree})")]
    Removed {
        /// The tree.
        tree: TreeName,
        /// Name of the package.
        name: String,
    },
}

impl Lock {
    /// Every way in which this lock is not one for `wanted`; empty when it is.
    #[must_use]
    pub fn misfits(&self, wanted: &Wanted) -> Vec<Misfit> {
        let list = |names: &BTreeSet<String>| {
            names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
        };
        let settings = [
            ("suite", self.suite.clone(), wanted.suite.clone()),
            ("components", list(&self.components), list(&wanted.components)),
            ("architecture", self.architecture.clone(), wanted.architecture.clone()),
        ];
        let settings = settings
            .into_iter()
            .filter(|(_, locked, wanted)| locked != wanted)
            .map(|(what, locked, wanted)| Misfit::Setting { what, locked, wanted });
        let names = TreeName::ALL.into_iter().flat_map(|tree| {
            let locked = self.requested(tree);
            let wanted = wanted.requested.of(tree);
            let added = wanted.difference(locked).cloned();
            let removed = locked.difference(wanted).cloned();
            added
                .map(move |name| Misfit::Added { tree, name })
                .chain(removed.map(move |name| Misfit::Removed { tree, name }))
        });
        settings.chain(names).collect()
    }
}
