//! ZFS: what is asked of zpool and zfs.
//!
//! ```text
//! anklume                 the pool; never mounted itself
//! anklume/keystore        only with ZFS's own encryption: not encrypted; the volume with the keys, the record
//! anklume/data            encrypted, if ZFS encrypts
//! anklume/data/state      the record, accounts
//! anklume/data/incus      /var/lib/incus
//! anklume/data/storage    Incus's storage pool
//! anklume/data/home       /var/home
//! anklume/data/domains    what the domains lie below; never mounted itself
//! anklume/data/domains/*  Incus's storage pool of a domain; if ZFS encrypts, with a key of its own
//! ```

use std::fmt;

use crate::action::{Action, Key};
use crate::paths;
use crate::{Backend, Encryption, Pool, Redundancy};

/// Name of the pool.
pub const ZPOOL: &str = "anklume";
/// What Incus has for its storage pool.
pub(crate) const STORAGE: &str = "anklume/data/storage";
/// What everything lies below that is encrypted.
pub(crate) const DATA: &str = "anklume/data";
/// What lies beside it.
pub(crate) const KEYSTORE: &str = "anklume/keystore";
/// Record and accounts.
pub(crate) const STATE: &str = "anklume/data/state";
/// What domains lie below.
pub(crate) const DOMAINS: &str = "anklume/data/domains";
/// Everything that is mounted of an open pool, or given to Incus, but for domains.
pub(crate) const DATASETS: [&str; 4] = [STATE, "anklume/data/incus", STORAGE, "anklume/data/home"];
/// A pool that was made with it is imported by every ZFS from 2.3 on: the other slot's may be older
/// (zpool-features(7)).
const COMPATIBILITY: &str = "compatibility=openzfs-2.3";

/// A version of ZFS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    /// Major.
    pub major: u16,
    /// Minor.
    pub minor: u16,
    /// Patch.
    pub patch: u16,
}

/// The first version whose encryption does not damage what is sent without `--raw`, which is how Incus sends
/// (openzfs pull request 17340).
pub const SAFE_ENCRYPTION: Version = Version { major: 2, minor: 3, patch: 3 };

impl Version {
    /// Reads the version of a module or a package: `2.3.9-1`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let numbers = text.trim().split(|c: char| !c.is_ascii_digit() && c != '.').next()?;
        let mut parts = numbers.split('.').map(|part| part.parse().ok());
        let (major, minor) = (parts.next()??, parts.next()??);
        let patch = parts.next().unwrap_or(Some(0))?;
        Some(Self { major, minor, patch })
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl Pool {
    /// What Incus has for its storage pool: a folder, or a dataset.
    #[must_use]
    pub const fn storage(&self) -> &'static str {
        match self.backend {
            Backend::Btrfs => paths::STORAGE,
            Backend::Zfs => STORAGE,
        }
    }
}

/// What has to be done before any other command of ZFS.
pub(crate) fn ready() -> Vec<Action> {
    vec![Action::HostId, Action::run("modprobe", &["zfs"])]
}

/// The pool and what is in it, on `volumes`.
pub(crate) fn create(pool: &Pool, volumes: &[String]) -> Vec<Action> {
    let mut actions = ready();
    let autotrim = if pool.discard { "autotrim=on" } else { "autotrim=off" };
    let mut words = vec!["create", "-f"];
    for option in ["ashift=12", autotrim, "cachefile=none", COMPATIBILITY] {
        words.extend(["-o", option]);
    }
    let properties = [
        "acltype=posixacl",
        "xattr=sa",
        "dnodesize=auto",
        "relatime=on",
        "compression=lz4",
        // Names of files stay the bytes that they are: images have some that are not UTF-8.
        "normalization=none",
        "mountpoint=none",
        "canmount=off",
    ];
    for property in properties {
        words.extend(["-O", property]);
    }
    words.push(ZPOOL);
    words.extend(match pool.redundancy {
        Redundancy::Single => None,
        Redundancy::Mirror => Some("mirror"),
        Redundancy::Raidz1 => Some("raidz1"),
        Redundancy::Raidz2 => Some("raidz2"),
    });
    words.extend(volumes.iter().map(String::as_str));
    actions.push(Action::run("zpool", &words));
    actions
}

/// What everything lies below, where ZFS does not encrypt it.
pub(crate) fn create_data() -> Action {
    Action::run("zfs", &["create", "-o", "canmount=off", DATA])
}

/// The datasets of an open pool.
pub(crate) fn create_datasets() -> Vec<Action> {
    let dataset = |options: &[&str], name: &str| {
        let mut words = vec!["create", "-o", "mountpoint=legacy"];
        options.iter().for_each(|option| words.extend(["-o", option]));
        words.push(name);
        Action::run("zfs", &words)
    };
    vec![
        dataset(&[], STATE),
        dataset(&[], "anklume/data/incus"),
        // Incus wants it empty, and sets the rest itself.
        dataset(&[], STORAGE),
        dataset(&["setuid=off", "devices=off"], "anklume/data/home"),
    ]
}

/// Makes the pool that lies on `volumes` known, without mounting anything. With `-d` only these are searched, so that
/// another pool of the same name does not count (zpool-import(8); of two with one name it would take neither).
pub(crate) fn import(volumes: &[String], force: bool, options: &[&str]) -> Action {
    let mut words = vec!["import", "-N", "-o", "cachefile=none"];
    words.extend(options);
    if force {
        words.push("-f");
    }
    for volume in volumes {
        words.extend(["-d", volume.as_str()]);
    }
    words.push(ZPOOL);
    Action::run("zpool", &words)
}

pub(crate) fn mount(options: &[&str], dataset: &str, path: &str) -> Action {
    let mut words = vec!["-t", "zfs"];
    words.extend(options);
    words.extend([dataset, path]);
    Action::run("mount", &words)
}

/// Where the parts of an open pool belong.
pub(crate) fn mount_pool() -> [Action; 3] {
    [
        Action::Folder { path: paths::POOL.to_owned(), mode: 0o700 },
        mount(&[], STATE, paths::POOL),
        roots_alone(),
    ]
}

/// What is mounted has permissions of its own.
pub(crate) fn roots_alone() -> Action {
    Action::run("chmod", &["0700", paths::POOL])
}

pub(crate) fn mount_folders() -> [Action; 4] {
    [
        Action::Folder { path: paths::INCUS.to_owned(), mode: 0o711 },
        mount(&[], "anklume/data/incus", paths::INCUS),
        Action::Folder { path: paths::HOME.to_owned(), mode: 0o755 },
        mount(&["-o", "nodev,nosuid"], "anklume/data/home", paths::HOME),
    ]
}

/// What unlocks a pool on `volumes`, which are open.
pub(crate) fn unlock(pool: &Pool, volumes: &[String], key: Key, force: bool) -> Vec<Action> {
    let mut actions = ready();
    actions.push(import(volumes, force, &[]));
    if pool.encryption == Encryption::Zfs {
        actions.extend(crate::native::unlock(key, &pool.domains));
    }
    actions
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        let version = |text| Version::parse(text).unwrap();
        assert_eq!(version("2.3.9-1"), Version { major: 2, minor: 3, patch: 9 });
        assert_eq!(version("2.4-rc1\n").to_string(), "2.4.0");
        assert!(version("2.3.2-2") < SAFE_ENCRYPTION && version("2.3.10") > SAFE_ENCRYPTION);
        for text in ["", "zfs", "2", "2.x", "2.99999999"] {
            assert_eq!(Version::parse(text), None, "{text}");
        }
    }
}
