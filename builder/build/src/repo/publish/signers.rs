//! Who signs, where keys were replaced since the repository was written to.

use anklume_trust::publish::SecretKey;
use anklume_trust::{Role, Root};

use crate::failure::Failure;
use crate::repo::keyring::KeyRing;
use crate::repo::metadata::Signed;

/// The keys of the roots that readers may trust until this is over: that of the repository, and that of
/// the keys.
///
/// A root that names other keys would be seen before the files that those keys sign, or after: so they
/// are signed with the old keys and the new ones, and count for both. Without the old keys there is no
/// such file. Then the new ones sign alone, and new roots are seen first: machines that ask in between are
/// refused, and ask again.
pub(super) struct Signers<'a> {
    keys: &'a KeyRing,
    /// Root of the repository, if that of the keys is newer.
    older: Option<&'a Root>,
}

impl<'a> Signers<'a> {
    pub(super) fn new(keys: &'a KeyRing, before: Option<&'a Signed>) -> Self {
        let before = before.filter(|before| before.targets().is_some());
        let before = before.map(|before| before.client.root());
        let older = before.filter(|root| root.header.version < keys.root().header.version);
        Self { keys, older }
    }

    /// Whether the keys have root files that the repository lacks.
    pub(super) fn has_new_roots(&self) -> bool {
        self.older.is_some()
    }

    /// Whether a role has other keys than before.
    pub(super) fn is_replaced(&self, role: Role) -> bool {
        self.older.is_some_and(|older| older.role(role) != self.keys.root().role(role))
    }

    /// Whether the keys that a role had before were replaced, and are not here.
    pub(super) fn is_lost(&self, role: Role) -> bool {
        let missing = |older| self.keys.signers(&[older], role).is_err();
        self.is_replaced(role) && self.older.is_some_and(missing)
    }

    /// The keys that sign for a role.
    pub(super) fn of(&self, role: Role) -> Result<Vec<&'a SecretKey>, Failure> {
        let older = self.older.filter(|_| !self.is_lost(role));
        let roots: Vec<&Root> = older.into_iter().chain([self.keys.root()]).collect();
        self.keys.signers(&roots, role)
    }

    /// Checks that the keys that will sign are here.
    pub(super) fn check(&self, targets: bool) -> Result<(), Failure> {
        let targets = targets.then_some(Role::Targets);
        let mut roles = [Role::Timestamp, Role::Snapshot].into_iter().chain(targets);
        roles.try_for_each(|role| self.of(role).map(drop))
    }
}
