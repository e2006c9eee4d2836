//! Domains: groups of containers that are kept apart from each other.
//!
//! Each has a storage pool of Incus on a dataset or subvolume of its own. Where ZFS encrypts, the dataset has a key
//! of its own: 32 random bytes that lie beside the key of the data, in the volume with the keys. Whoever opens the
//! pool loads all of them; which there are is in the pool's record.
//!
//! A key is on the disk before a dataset is encrypted with it, and the records are written when both are there. So
//! what a power cut leaves is a key or a dataset that no record knows, and the same plan goes on with it.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use thiserror::Error;

use crate::action::{Action, Key};
use crate::plan::{Plan, Step, Work};
use crate::pool::Pool;
use crate::rekey::remember;
use crate::{Backend, Encryption, native, paths, zfs};

/// What the name of a domain's bridge begins with.
pub const BRIDGE_PREFIX: &str = "ank-";
/// Longest name in bytes: with [`BRIDGE_PREFIX`] it is that of an interface of the kernel, which has at most 15
/// (`IFNAMSIZ` without its NUL).
const MOST_BYTES: usize = 11;
/// What belongs to no domain has it.
const TAKEN: &str = "default";
/// Most domains of a pool.
pub(crate) const MOST_DOMAINS: usize = 64;
/// What the name of a dataset gets that lay in the place of a domain's. No domain's name has a colon.
const SET_ASIDE: &str = ":foreign";

/// Name of a domain: also that of its storage pool and its profile, and the end of its bridge's.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct DomainName(String);

/// Why a text is no name of a domain.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum DomainFault {
    /// Its characters or its length.
    #[error(
        "domain {0:?}: expected 1 to {MOST_BYTES} of a-z, A-Z, 0-9, '.', '_' and '-', the first one a letter or digit"
    )]
    Name(String),
    /// It is that of what belongs to no domain.
    #[error("domain {TAKEN:?}: expected another name, this one is for what belongs to no domain")]
    Taken,
    /// Two of one name.
    #[error("domain {0:?}: it is there twice")]
    Twice(String),
    /// So many.
    #[error("{0} domains, expected at most {MOST_DOMAINS}")]
    Many(usize),
}

impl DomainName {
    /// Checks a name.
    ///
    /// # Errors
    /// [`DomainFault::Name`] and [`DomainFault::Taken`].
    pub fn new(text: &str) -> Result<Self, DomainFault> {
        let known = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        let begins = text.starts_with(|c: char| c.is_ascii_alphanumeric());
        if !begins || text.len() > MOST_BYTES || !text.chars().all(known) {
            return Err(DomainFault::Name(text.to_owned()));
        }
        if text == TAKEN { Err(DomainFault::Taken) } else { Ok(Self(text.to_owned())) }
    }

    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The name of its bridge.
    #[must_use]
    pub fn bridge(&self) -> String {
        format!("{BRIDGE_PREFIX}{self}")
    }

    /// Its dataset, on a pool of ZFS.
    #[must_use]
    pub fn dataset(&self) -> String {
        format!("{}/{self}", zfs::DOMAINS)
    }

    /// The name of another dataset that lay in the place of its own: see [`Action::OwnKeys`]. If one has it already, a
    /// number is added.
    #[must_use]
    pub fn set_aside(&self) -> String {
        set_aside(&self.dataset())
    }
}

/// The name that a dataset gets which is not a domain's.
#[must_use]
pub fn set_aside(dataset: &str) -> String {
    format!("{dataset}{SET_ASIDE}")
}

impl FromStr for DomainName {
    type Err = DomainFault;

    fn from_str(text: &str) -> Result<Self, DomainFault> {
        Self::new(text)
    }
}

impl TryFrom<String> for DomainName {
    type Error = DomainFault;

    fn try_from(text: String) -> Result<Self, DomainFault> {
        Self::new(&text)
    }
}

impl From<DomainName> for String {
    fn from(name: DomainName) -> Self {
        name.0
    }
}

impl fmt::Display for DomainName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Checks what the names alone do not say.
///
/// # Errors
/// [`DomainFault::Twice`] and [`DomainFault::Many`].
pub(crate) fn check(domains: &[DomainName]) -> Result<(), DomainFault> {
    if domains.len() > MOST_DOMAINS {
        return Err(DomainFault::Many(domains.len()));
    }
    let mut before: Vec<&DomainName> = Vec::new();
    for name in domains {
        if before.contains(&name) {
            return Err(DomainFault::Twice(name.to_string()));
        }
        before.push(name);
    }
    Ok(())
}

impl Pool {
    /// What Incus has for the storage pool of a domain: a folder, or a dataset.
    #[must_use]
    pub fn storage_of(&self, domain: &DomainName) -> String {
        match self.backend {
            Backend::Btrfs => format!("{}/{domain}", paths::DOMAINS),
            Backend::Zfs => domain.dataset(),
        }
    }

    /// The same pool with more domains; those that it has stay.
    ///
    /// # Errors
    /// [`DomainFault::Many`].
    pub fn with_domains(&self, domains: &[DomainName]) -> Result<Self, DomainFault> {
        let mut pool = self.clone();
        for name in domains {
            if !pool.domains.contains(name) {
                pool.domains.push(name.clone());
            }
        }
        check(&pool.domains)?;
        Ok(pool)
    }
}

/// The plan that makes a domain on a pool that is open, or finishes one whose making was cut off. Where ZFS encrypts,
/// [`Key::Passphrase`] opens the volume with the keys, whichever of its keys it is.
///
/// # Errors
/// [`DomainFault::Many`].
pub fn create(pool: &Pool, name: &DomainName) -> Result<Plan, DomainFault> {
    let pool = pool.with_domains(std::slice::from_ref(name))?;
    let step = |work, actions| Step { work, actions };
    let steps = match (pool.backend, pool.encryption) {
        (Backend::Btrfs, _) => vec![step(Work::Domain, subvolume(&pool.storage_of(name)))],
        (Backend::Zfs, Encryption::Zfs) => vec![
            step(Work::Unlock, native::open_keystore(Key::Passphrase)),
            step(Work::Domain, native::create_domain(name)),
            step(Work::Lock, native::close_keystore().into()),
        ],
        (Backend::Zfs, _) => vec![step(Work::Domain, datasets(name, &[]).into())],
    };
    let remember = step(Work::Remember, remember(&pool, true));
    let steps = steps.into_iter().chain([remember]).collect();
    Ok(Plan { disks: Vec::new(), steps, pool })
}

/// The plan that undoes what a part of [`create`] or [`catch_up`] left open.
#[must_use]
pub fn abandon(pool: &Pool) -> Plan {
    let steps = vec![Step { work: Work::Lock, actions: native::abandon().into() }];
    Plan { disks: Vec::new(), steps, pool: pool.clone() }
}

/// The plan that follows when a pool was opened by the record `own` of a machine, and that on it says something else, as
/// after a change with another stick: the keys of domains that `own` lacks are loaded, and both records become
/// [`Pool::with_record_on_it`]. None if they are that already.
#[must_use]
pub fn catch_up(own: &Pool, on_pool: &Pool) -> Option<Plan> {
    let pool = own.with_record_on_it(on_pool);
    if pool == *own && pool == *on_pool {
        return None;
    }
    let lacking = pool.domains.iter().filter(|name| !own.domains.contains(name));
    let lacking: Vec<DomainName> = lacking.cloned().collect();
    let mut steps = Vec::new();
    if pool.encryption == Encryption::Zfs && !lacking.is_empty() {
        let mut actions = native::open_keystore(Key::Passphrase);
        actions.extend(native::load_domains(&lacking));
        actions.extend(native::close_keystore());
        actions.push(own_keys(&lacking));
        steps.push(Step { work: Work::Unlock, actions });
    }
    steps.push(Step { work: Work::Remember, actions: remember(&pool, pool != *on_pool) });
    Some(Plan { disks: Vec::new(), steps, pool })
}

/// What makes sure that nothing else lies in the place of a domain.
pub(crate) fn own_keys(domains: &[DomainName]) -> Action {
    Action::OwnKeys { datasets: domains.iter().map(DomainName::dataset).collect() }
}

/// The dataset of a domain and what it lies below.
pub(crate) fn datasets(name: &DomainName, options: &[&str]) -> [Action; 2] {
    let dataset = |name: String, options: &[&str]| Action::Dataset {
        name,
        options: options.iter().map(|option| (*option).to_owned()).collect(),
    };
    [
        dataset(zfs::DOMAINS.to_owned(), &["canmount=off"]),
        // Incus wants it empty, and sets the rest itself.
        dataset(name.dataset(), &[&["mountpoint=legacy"], options].concat()),
    ]
}

fn subvolume(path: &str) -> Vec<Action> {
    vec![
        Action::Folder { path: paths::DOMAINS.to_owned(), mode: 0o711 },
        Action::Subvolume { path: path.to_owned() },
        Action::run("chmod", &["0711", path]),
        // Before a record says that it is there.
        Action::run("btrfs", &["filesystem", "sync", paths::POOL]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_bridges_without_what_they_begin_with() {
        for (text, good) in [
            ("work", true),
            ("a", true),
            ("1.b_c-d", true),
            ("abcdefghijk", true),
            ("abcdefghijkl", false),
            ("default", false),
            ("Default", true),
            ("-a", false),
            (".", false),
            ("..", false),
            ("a/b", false),
            ("a:b", false),
            ("a b", false),
            ("a\n", false),
            ("é", false),
            ("", false),
        ] {
            assert_eq!(DomainName::new(text).is_ok(), good, "{text:?}");
        }
        let longest = DomainName::new("abcdefghijk").unwrap();
        assert_eq!(longest.bridge(), "ank-abcdefghijk");
        assert_eq!(longest.bridge().len(), 15);
    }

    #[test]
    fn domains_are_few_and_each_is_there_once() {
        let name = |number: usize| DomainName::new(&format!("d{number}")).unwrap();
        let most: Vec<_> = (0..MOST_DOMAINS).map(name).collect();
        assert_eq!(check(&most), Ok(()));
        assert_eq!(Pool::none().with_domains(&most).unwrap().domains, most);
        let many: Vec<_> = (0..=MOST_DOMAINS).map(name).collect();
        assert_eq!(check(&many), Err(DomainFault::Many(MOST_DOMAINS + 1)));
        assert!(Pool::none().with_domains(&many).is_err());
        assert_eq!(check(&[name(1), name(2), name(1)]), Err(DomainFault::Twice("d1".to_owned())));
    }
}
