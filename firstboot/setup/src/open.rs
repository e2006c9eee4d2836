//! Plans that open a pool, and close it.

use anklume_inventory::{Disk, Identity, Inventory, Partition};
use anklume_language::{Language, say};

use crate::action::{Action, Key};
use crate::luks;
use crate::plan::{Plan, PlanDisk, Step, Work};
use crate::pool::{Pool, PoolDisk, mapper_name};
use crate::{Backend, Encryption, domain, native, paths, zfs};

/// Where parts of a pool are mounted, in the order in which they are unmounted.
const PLACES: [&str; 4] = [paths::HOME, paths::INCUS, paths::POOL, paths::LOCKED];
/// Options of every mount of the pool.
const OPTIONS: &str = "noatime,compress=zstd:1";

/// Where a pool's partitions are on this machine now.
#[derive(Debug, Clone)]
pub struct Found {
    disks: Vec<(usize, Disk, String)>,
    missing: Vec<String>,
    force: bool,
}

impl Found {
    /// Disks that are not there, in words; the data is, without them.
    #[must_use]
    pub fn missing(&self) -> &[String] {
        &self.missing
    }

    /// The same, for a pool that another machine used last and did not close.
    #[must_use]
    pub fn by_force(mut self, force: bool) -> Self {
        self.force |= force;
        self
    }

    /// Whether it is opened by force.
    #[must_use]
    pub const fn is_forced(&self) -> bool {
        self.force
    }

    /// Where the LUKS volumes of `pool` are. Its one volume, where ZFS encrypts, is there while the pool is open.
    pub(crate) fn luks_nodes<'a>(&'a self, pool: &Pool) -> Vec<&'a str> {
        match pool.encryption {
            Encryption::Luks2 => self.disks.iter().map(|(_, _, node)| node.as_str()).collect(),
            Encryption::Zfs => vec![paths::KEYSTORE],
            Encryption::None => Vec::new(),
        }
    }

    fn partitions(&self) -> Vec<(usize, String)> {
        self.disks.iter().map(|(index, _, node)| (*index, node.clone())).collect()
    }
}

/// Why a pool is not opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotFound {
    /// Disks that are not there, in words.
    Missing(Vec<String>),
    /// The same partition on several disks: one is a copy of the other.
    Twice {
        /// GUID of the partition.
        partition: String,
        /// Kernel names of the disks.
        disks: Vec<String>,
    },
}

impl NotFound {
    /// In words.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match self {
            Self::Missing(disks) => {
                let disks = disks.join(", ");
                say!(language, "not connected: {disks}", "non branché : {disks}")
            }
            Self::Twice { partition, disks } => {
                let disks = disks.join(", ");
                say!(
                    language,
                    "partition {partition} is on several disks ({disks}): unplug the copy",
                    "la partition {partition} est sur plusieurs disques ({disks}) : débranchez la copie"
                )
            }
        }
    }
}

/// Finds the partitions of `pool`. Some may be missing, as long as the data is there without them.
///
/// # Errors
/// [`NotFound`].
pub fn find(pool: &Pool, inventory: &Inventory) -> Result<Found, NotFound> {
    let mut disks = Vec::new();
    let mut missing = Vec::new();
    for (index, wanted) in pool.disks.iter().enumerate() {
        match places(wanted, inventory).as_slice() {
            [] => missing.push(wanted.name.clone()),
            [(disk, partition)] => {
                disks.push((index, (*disk).clone(), format!("/dev/{}", partition.name)));
            }
            several => {
                let disks = several.iter().map(|(disk, _)| disk.name.clone()).collect();
                return Err(NotFound::Twice { partition: wanted.partition.clone(), disks });
            }
        }
    }
    if missing.len() > pool.spare() {
        return Err(NotFound::Missing(missing));
    }
    Ok(Found { disks, missing, force: false })
}

fn places<'a>(wanted: &PoolDisk, inventory: &'a Inventory) -> Vec<(&'a Disk, &'a Partition)> {
    let all = inventory.disks.iter();
    let pairs = all.flat_map(|disk| disk.content.partitions.iter().map(move |part| (disk, part)));
    pairs.filter(|(_, part)| part.guid.as_deref() == Some(&wanted.partition)).collect()
}

/// The plan that opens a pool with `key` and makes it part of the machine.
#[must_use]
pub fn open(pool: &Pool, found: &Found, key: Key) -> Plan {
    let partitions = found.partitions();
    let nodes = pool.volumes(&partitions);
    let degraded = !found.missing.is_empty();
    let mut unlock = match pool.encryption {
        Encryption::Luks2 => unlock_volumes(pool, &partitions, key),
        Encryption::Zfs | Encryption::None => Vec::new(),
    };
    if pool.backend == Backend::Zfs {
        unlock.extend(zfs::unlock(pool, &nodes, key, found.force));
    }
    if pool.encryption == Encryption::Zfs {
        unlock.push(Action::Encrypted {
            root: zfs::DATA.to_owned(),
            datasets: zfs::DATASETS.map(str::to_owned).into(),
            apart: Some(zfs::DOMAINS.to_owned()),
        });
        if !pool.domains.is_empty() {
            unlock.push(domain::own_keys(&pool.domains));
        }
    }
    let mut mount = mount_pool(pool, &nodes, degraded);
    mount.extend(mount_folders(pool, &nodes, degraded));
    let mut steps = vec![
        Step { work: Work::Unlock, actions: unlock },
        Step { work: Work::Mount, actions: mount },
    ];
    steps.retain(|step| !step.actions.is_empty());
    let disks = found
        .disks
        .iter()
        .map(|(_, disk, _)| PlanDisk { name: disk.name.clone(), identity: Identity::of(disk) });
    Plan { disks: disks.collect(), steps, pool: pool.clone() }
}

/// The plan that closes a pool that is open. What keeps it open is an error.
#[must_use]
pub fn close(pool: &Pool) -> Plan {
    let mut lock = Vec::new();
    if pool.backend == Backend::Zfs {
        lock.push(Action::run("zpool", &["export", zfs::ZPOOL]));
    }
    if pool.encryption == Encryption::Luks2 {
        // Of a disk that is missing there is none.
        lock.extend(pool.mapper_names().map(|name| luks::close(&name)));
    }
    let mut unmount = Vec::new();
    if pool.encryption == Encryption::Zfs {
        // Of somebody who added a domain and was cut off.
        unmount.extend(native::abandon());
    }
    unmount.extend(PLACES.map(|path| Action::Unmount { path }));
    closing(pool, unmount, lock)
}

/// The plan that closes whatever part of a pool is open.
#[must_use]
pub fn abandon(pool: &Pool) -> Plan {
    let attempt = |path| Action::attempt("umount", &["--recursive", path]);
    let mut unmount: Vec<Action> = PLACES.map(attempt).into();
    unmount.extend(native::abandon());
    let mut lock = Vec::new();
    if pool.backend == Backend::Zfs {
        lock.push(Action::attempt("zpool", &["export", zfs::ZPOOL]));
    }
    if pool.encryption == Encryption::Luks2 {
        let names = pool.mapper_names();
        lock.extend(names.map(|name| Action::attempt("cryptsetup", &["close", &name])));
    }
    closing(pool, unmount, lock)
}

fn closing(pool: &Pool, unmount: Vec<Action>, lock: Vec<Action>) -> Plan {
    let mut steps = vec![
        Step { work: Work::Unmount, actions: unmount },
        Step { work: Work::Lock, actions: lock },
    ];
    steps.retain(|step| !step.actions.is_empty());
    Plan { disks: Vec::new(), steps, pool: pool.clone() }
}

/// Opens the LUKS volumes of a new pool.
pub(crate) fn unlock_new(pool: &Pool, partitions: &[(usize, String)]) -> Vec<Action> {
    unlock_volumes(pool, partitions, Key::Passphrase)
}

fn unlock_volumes(pool: &Pool, partitions: &[(usize, String)], key: Key) -> Vec<Action> {
    let open =
        |(index, node): &(usize, String)| luks::open(node, &mapper_name(*index), key, pool.discard);
    partitions.iter().map(open).collect()
}

/// The pool as a whole, on open volumes.
pub(crate) fn mount_pool(pool: &Pool, volumes: &[String], degraded: bool) -> Vec<Action> {
    if pool.backend == Backend::Zfs {
        return zfs::mount_pool().into();
    }
    let mut actions = Vec::new();
    if pool.disks.len() > 1 {
        let nodes: Vec<&str> = volumes.iter().map(String::as_str).collect();
        actions.push(Action::run("btrfs", &[&["device", "scan"], nodes.as_slice()].concat()));
    }
    actions.push(Action::Folder { path: paths::POOL.to_owned(), mode: 0o700 });
    actions.push(mount(volumes, "subvolid=5", degraded, paths::POOL));
    actions.push(zfs::roots_alone());
    actions
}

/// What lies in other places of the machine.
pub(crate) fn mount_folders(pool: &Pool, volumes: &[String], degraded: bool) -> Vec<Action> {
    if pool.backend == Backend::Zfs {
        return zfs::mount_folders().into();
    }
    let mut actions = Vec::new();
    let folders =
        [("subvol=incus", paths::INCUS, 0o711), ("nodev,nosuid,subvol=home", paths::HOME, 0o755)];
    for (options, path, mode) in folders {
        actions.push(Action::Folder { path: path.to_owned(), mode });
        actions.push(mount(volumes, options, degraded, path));
    }
    actions
}

fn mount(volumes: &[String], subvolume: &str, degraded: bool, path: &str) -> Action {
    let degraded = if degraded { ",degraded" } else { "" };
    let options = format!("{OPTIONS}{degraded},{subvolume}");
    let volume = volumes.first().map_or("", String::as_str);
    Action::run("mount", &["-t", "btrfs", "-o", &options, volume, path])
}
