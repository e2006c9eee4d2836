//! Plans that open a pool, and close it.

use anklume_inventory::{Disk, Identity, Inventory, Partition};
use anklume_language::{Language, say};

use crate::action::{Action, Key};
use crate::luks;
use crate::plan::{Plan, PlanDisk, Step, Work};
use crate::pool::{Pool, PoolDisk};
use crate::{Encryption, paths};

/// Options of every mount of the pool.
const OPTIONS: &str = "noatime,compress=zstd:1";

/// Where a pool's partitions are on this machine now.
#[derive(Debug, Clone)]
pub struct Found {
    disks: Vec<(Disk, String)>,
}

impl Found {
    /// Nodes of the partitions, in the order of the pool's disks.
    pub(crate) fn nodes(&self) -> impl Iterator<Item = &str> {
        self.disks.iter().map(|(_, node)| node.as_str())
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

/// Finds the partitions of `pool`.
///
/// # Errors
/// [`NotFound`].
pub fn find(pool: &Pool, inventory: &Inventory) -> Result<Found, NotFound> {
    let mut disks = Vec::new();
    let mut missing = Vec::new();
    for wanted in &pool.disks {
        match places(wanted, inventory).as_slice() {
            [] => missing.push(wanted.name.clone()),
            [(disk, partition)] => {
                disks.push(((*disk).clone(), format!("/dev/{}", partition.name)));
            }
            several => {
                let disks = several.iter().map(|(disk, _)| disk.name.clone()).collect();
                return Err(NotFound::Twice { partition: wanted.partition.clone(), disks });
            }
        }
    }
    if missing.is_empty() { Ok(Found { disks }) } else { Err(NotFound::Missing(missing)) }
}

fn places<'a>(wanted: &PoolDisk, inventory: &'a Inventory) -> Vec<(&'a Disk, &'a Partition)> {
    let all = inventory.disks.iter();
    let pairs = all.flat_map(|disk| disk.content.partitions.iter().map(move |part| (disk, part)));
    pairs.filter(|(_, part)| part.guid.as_deref() == Some(&wanted.partition)).collect()
}

/// The plan that opens a pool with `key` and makes it part of the machine.
#[must_use]
pub fn open(pool: &Pool, found: &Found, key: Key) -> Plan {
    let partitions: Vec<String> = found.disks.iter().map(|(_, node)| node.clone()).collect();
    let mut actions = mount_pool(pool, &partitions);
    actions.extend(mount_folders(pool, &partitions));
    let mount = Step { work: Work::Mount, actions };
    let mut steps = vec![unlock(pool, &partitions, key), mount];
    steps.retain(|step| !step.actions.is_empty());
    let disks = found
        .disks
        .iter()
        .map(|(disk, _)| PlanDisk { name: disk.name.clone(), identity: Identity::of(disk) });
    Plan { disks: disks.collect(), steps, pool: pool.clone() }
}

/// The plan that closes a pool, whatever part of it is open.
#[must_use]
pub fn close(pool: &Pool) -> Plan {
    let unmount = [paths::HOME, paths::INCUS, paths::POOL]
        .map(|path| Action::attempt("umount", &["--recursive", path]));
    let lock = match pool.encryption {
        Encryption::None => Vec::new(),
        Encryption::Luks2 => pool.mapper_names().map(|name| luks::close(&name)).collect(),
    };
    let mut steps = vec![
        Step { work: Work::Unmount, actions: unmount.into() },
        Step { work: Work::Lock, actions: lock },
    ];
    steps.retain(|step| !step.actions.is_empty());
    Plan { disks: Vec::new(), steps, pool: pool.clone() }
}

/// The volumes that the file system lies on.
pub(crate) fn volumes(pool: &Pool, partitions: &[String]) -> Vec<String> {
    match pool.encryption {
        Encryption::None => partitions.to_vec(),
        Encryption::Luks2 => {
            pool.mapper_names().map(|name| format!("/dev/mapper/{name}")).collect()
        }
    }
}

pub(crate) fn unlock(pool: &Pool, partitions: &[String], key: Key) -> Step {
    let actions = match pool.encryption {
        Encryption::None => Vec::new(),
        Encryption::Luks2 => partitions
            .iter()
            .zip(pool.mapper_names())
            .map(|(node, name)| luks::open(node, &name, key, pool.discard))
            .collect(),
    };
    Step { work: Work::Unlock, actions }
}

/// The pool as a whole.
pub(crate) fn mount_pool(pool: &Pool, partitions: &[String]) -> Vec<Action> {
    let volumes = volumes(pool, partitions);
    let mut actions = Vec::new();
    if volumes.len() > 1 {
        let nodes: Vec<&str> = volumes.iter().map(String::as_str).collect();
        actions.push(Action::run("btrfs", &[&["device", "scan"], nodes.as_slice()].concat()));
    }
    actions.push(Action::Folder { path: paths::POOL.to_owned(), mode: 0o700 });
    actions.push(mount(&volumes, "subvolid=5", paths::POOL));
    actions
}

/// What lies in other places of the machine.
pub(crate) fn mount_folders(pool: &Pool, partitions: &[String]) -> Vec<Action> {
    let volumes = volumes(pool, partitions);
    let mut actions = Vec::new();
    let folders =
        [("subvol=incus", paths::INCUS, 0o711), ("nodev,nosuid,subvol=home", paths::HOME, 0o755)];
    for (options, path, mode) in folders {
        actions.push(Action::Folder { path: path.to_owned(), mode });
        actions.push(mount(&volumes, options, path));
    }
    actions
}

fn mount(volumes: &[String], subvolume: &str, path: &str) -> Action {
    let options = format!("{OPTIONS},{subvolume}");
    let volume = volumes.first().map_or("", String::as_str);
    Action::run("mount", &["-t", "btrfs", "-o", &options, volume, path])
}
