//! The folder of keys: root files, and secret keys by what the root files say of them.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_trust::publish::SecretKey;
use anklume_trust::{Moment, PublicKey, Role, Root};

use super::metadata::{self, Signed};
use super::store;
use crate::failure::{Context, Failure, Kind};

/// How the names of secret keys end.
const EXTENSION: &str = "pem";
/// The most bytes of such a file.
const KEY_BYTES_MAX: u64 = 4096;

/// The keys that are here.
pub(super) struct KeyRing {
    folder: PathBuf,
    keys: Vec<SecretKey>,
    /// The chain of root files.
    signed: Signed,
}

impl KeyRing {
    /// Reads the keys in `folder`. Root keys need not be there: they are kept elsewhere.
    pub(super) fn read(folder: &Path, now: Moment) -> Result<Self, Failure> {
        let shown = folder.display();
        let file = |name: &str, limit| store::read(&folder.join(name), limit);
        let first = Role::Root.versioned_file(1);
        let Some(anchor) = file(&first, Role::Root.limit())? else {
            return Err(Failure::refused(format!("the keys {shown}: {first} is not there"))
                .hint("`anklume-build keys new DIR` makes keys; --keys names their folder"));
        };
        let roots = |name: &str, limit| match name.ends_with(Role::Root.file()) {
            true => file(name, limit),
            false => Ok(None),
        };
        let signed = metadata::read(&anchor, now, &roots).map_err(|failure| {
            Failure::new(Kind::Refused, format!("the keys {shown}: {}", failure.message()))
                .hint("the root files of the folder must follow from one another")
        })?;
        Ok(Self { folder: folder.to_owned(), keys: read_keys(folder)?, signed })
    }

    pub(super) fn folder(&self) -> &Path {
        &self.folder
    }

    /// The newest root file of the folder.
    pub(super) fn root(&self) -> &Root {
        self.signed.client.root()
    }

    /// Names and bytes of the root files, in their order.
    pub(super) fn roots(&self) -> &[(String, Vec<u8>)] {
        &self.signed.roots
    }

    /// The keys of a role that are here.
    pub(super) fn of(&self, root: &Root, role: Role) -> Vec<&SecretKey> {
        let named = root.role(role).keys();
        self.keys.iter().filter(|key| named.contains(&key.public())).collect()
    }

    /// The keys that sign for a role, so that each of `roots` has enough of its own among them.
    pub(super) fn signers(&self, roots: &[&Root], role: Role) -> Result<Vec<&SecretKey>, Failure> {
        for root in roots {
            let (named, needed) = (root.role(role).keys(), root.role(role).threshold());
            let here = self.of(root, role).len();
            if u32::try_from(here).unwrap_or(u32::MAX) < needed {
                let version = root.header.version;
                let ids: Vec<String> = named.iter().map(short).collect();
                return Err(Failure::refused(format!(
                    "the keys {}: {here} keys of the {role} role of root {version}, expected \
                     {needed} of {}",
                    self.folder.display(),
                    ids.join(", ")
                ))
                .hint(missing(role)));
            }
        }
        let named: BTreeSet<PublicKey> =
            roots.iter().flat_map(|root| root.role(role).keys()).collect();
        Ok(self.keys.iter().filter(|key| named.contains(&key.public())).collect())
    }
}

/// What to do about a key that is not here.
fn missing(role: Role) -> &'static str {
    match role {
        Role::Root => {
            "copy the root keys from where they are kept into the folder, for this command"
        }
        Role::Targets => "copy the targets key into the folder; it signs releases",
        Role::Timestamp | Role::Snapshot => {
            "copy the key into the folder; if it is lost, `anklume-build keys rotate` replaces it"
        }
    }
}

/// The first digits of a key, as the README of the folder has them.
pub(super) fn short(key: &PublicKey) -> String {
    key.to_string().chars().take(16).collect()
}

fn read_keys(folder: &Path) -> Result<Vec<SecretKey>, Failure> {
    let what = || format!("the keys {}", folder.display());
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).context(what())? {
        let path = entry.context(what())?.path();
        if path.extension().is_some_and(|extension| extension == EXTENSION) {
            paths.push(path);
        }
    }
    paths.sort();
    let mut keys: Vec<SecretKey> = Vec::new();
    for path in paths {
        let bytes = zeroize::Zeroizing::new(store::read(&path, KEY_BYTES_MAX)?.unwrap_or_default());
        // A power cut may leave a file without its content; whoever needs its key says so.
        if bytes.is_empty() {
            continue;
        }
        let refused = |reason: &str| {
            Failure::refused(format!("the key {}: {reason}", path.display()))
                .hint("keys are files of `anklume-build keys`, or of `openssl genpkey -algorithm ed25519`")
        };
        let text = std::str::from_utf8(&bytes).map_err(|_| refused("not text"))?;
        let key = SecretKey::from_pem(text).map_err(|error| refused(&error.to_string()))?;
        // The same key twice would sign twice.
        if keys.iter().all(|known| known.public() != key.public()) {
            keys.push(key);
        }
    }
    Ok(keys)
}
