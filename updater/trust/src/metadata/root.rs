//! `root.json`: which keys the roles have (TUF 1.0, section 4.3).

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::{Body, Header, object};
use crate::key::{PublicKey, read_keys};
use crate::node::Node;
use crate::{Error, Role, RoleKeys};

/// What a root file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Root {
    /// Version and times.
    pub header: Header,
    /// Whether names of files hold their version or digest: [`Root::file`].
    pub consistent_snapshot: bool,
    /// Keys of the root role: they sign the next root file.
    pub root: RoleKeys,
    /// Keys of the timestamp role.
    pub timestamp: RoleKeys,
    /// Keys of the snapshot role.
    pub snapshot: RoleKeys,
    /// Keys of the targets role.
    pub targets: RoleKeys,
}

impl Root {
    /// The keys of a role.
    #[must_use]
    pub const fn role(&self, role: Role) -> &RoleKeys {
        match role {
            Role::Root => &self.root,
            Role::Timestamp => &self.timestamp,
            Role::Snapshot => &self.snapshot,
            Role::Targets => &self.targets,
        }
    }

    /// Name of a role's file. Root files always hold their version in it, `timestamp.json` never,
    /// the others if snapshots are consistent (TUF 1.0, section 6.2).
    #[must_use]
    pub fn file(&self, role: Role, version: u64) -> String {
        match role {
            Role::Root => role.versioned_file(version),
            Role::Snapshot | Role::Targets if self.consistent_snapshot => {
                role.versioned_file(version)
            }
            Role::Timestamp | Role::Snapshot | Role::Targets => role.file().into(),
        }
    }

    /// Whether a role has other keys than in `other`.
    pub(crate) fn rotates(&self, other: &Self, role: Role) -> bool {
        self.role(role).keys() != other.role(role).keys()
    }
}

impl Body for Root {
    const ROLE: Role = Role::Root;

    fn header(&self) -> &Header {
        &self.header
    }

    fn read(signed: &Node<'_>) -> Result<Self, Error> {
        let keys = read_keys(&signed.get("keys")?)?;
        let roles = signed.get("roles")?;
        let role = |role: Role| RoleKeys::read(&roles.get(role.name())?, &keys);
        let consistent = signed.find("consistent_snapshot")?;
        Ok(Self {
            header: Header::read(signed)?,
            consistent_snapshot: consistent.map_or(Ok(false), |node| node.flag())?,
            root: role(Role::Root)?,
            timestamp: role(Role::Timestamp)?,
            snapshot: role(Role::Snapshot)?,
            targets: role(Role::Targets)?,
        })
    }

    fn fields(&self) -> Map<String, Value> {
        let keys: BTreeMap<String, Value> = Role::ALL
            .iter()
            .flat_map(|role| self.role(*role).keys())
            .map(|key: PublicKey| (key.id().to_string(), key.object()))
            .collect();
        let roles: BTreeMap<&str, Value> =
            Role::ALL.iter().map(|role| (role.name(), self.role(*role).object())).collect();
        object([
            ("consistent_snapshot", json!(self.consistent_snapshot)),
            ("keys", json!(keys)),
            ("roles", json!(roles)),
        ])
    }
}
