//! The plan of a new pool.

use anklume_gpt::Guid;
use anklume_inventory::{Disk, Identity, Partition};

use crate::action::{Access, Action, Key};
use crate::luks::{self, Cost};
use crate::open;
use crate::plan::{Plan, PlanDisk, Step, Work};
use crate::pool::{Pool, PoolDisk};
use crate::request::Refused;
use crate::{
    Backend, ConfirmedDisk, Encryption, LABEL, NewPool, Redundancy, native, paths, table, zfs,
};

/// Random identifiers of what is new.
#[derive(Debug, Clone)]
pub struct Ids {
    /// The pool.
    pub pool: Guid,
    /// Its file system.
    pub file_system: Guid,
    /// Of each disk: its table, its partition, its LUKS volume.
    pub disks: Vec<[Guid; 3]>,
}

/// What both ends of a disk and of each old partition are overwritten with, in bytes: longer than the labels
/// of ZFS, the superblocks of md and DDF, and the backup of a GPT.
pub(crate) const END_BYTES: u64 = 16 << 20;

/// The plan of a pool.
///
/// Until the last step nothing knows of the pool, and a plan that did not get there is made anew: its partitions
/// get their name when its record is on it, and the machine's own record comes last.
///
/// # Errors
/// [`Refused`].
pub fn create(wanted: &NewPool, ids: &Ids) -> Result<Plan, Refused> {
    wanted.check()?;
    let disks: Vec<&Disk> = match &wanted.rest {
        Some(rest) => vec![rest.rest().disk()],
        None => wanted.disks.iter().map(ConfirmedDisk::disk).collect(),
    };
    let found = ids.disks.len();
    if found < disks.len() {
        return Err(Refused::Disks { redundancy: wanted.redundancy, found });
    }
    let pool = record(wanted, ids, &disks);
    let cost = Cost::for_memory(wanted.memory);
    let content = table::Content::of(&pool);
    let first = ids.disks.first().unwrap_or(&[Guid::ZERO; 3]);
    let (mut steps, nodes) = match &wanted.rest {
        Some(rest) => (rest.steps(first, content)?, vec![rest.node()]),
        None => {
            let steps = vec![check(&disks), clear(&disks), partition(&disks, ids, content)?];
            (steps, disks.iter().map(|disk| partition_node(&disk.name, 1)).collect())
        }
    };
    let partitions: Vec<(usize, String)> = nodes.into_iter().enumerate().collect();
    if wanted.encryption == Encryption::Luks2 {
        steps.extend(encrypt(&partitions, &pool, cost));
        steps.push(Step { work: Work::Unlock, actions: open::unlock_new(&pool, &partitions) });
    }
    let volumes = pool.volumes(&partitions);
    match wanted.backend {
        Backend::Btrfs => steps.push(format_btrfs(&pool, &volumes)),
        Backend::Zfs => steps.extend(format_zfs(&pool, &volumes, cost)),
    }
    steps.push(mount(&pool, &volumes));
    let names = match &wanted.rest {
        Some(rest) => rest.name(first, content)?,
        None => names(&disks, ids, content)?,
    };
    steps.push(remember(&pool, names));
    steps.retain(|step| !step.actions.is_empty());
    let disks = disks.iter().map(|disk| plan_disk(disk)).collect();
    Ok(Plan { disks, steps, pool })
}

pub(crate) fn plan_disk(disk: &Disk) -> PlanDisk {
    PlanDisk { name: disk.name.clone(), identity: Identity::of(disk) }
}

fn record(wanted: &NewPool, ids: &Ids, disks: &[&Disk]) -> Pool {
    let mut pool = Pool::new(ids.pool.to_string(), wanted.backend, ids.file_system.to_string());
    pool.redundancy = wanted.redundancy;
    pool.encryption = wanted.encryption;
    pool.discard = wanted.discard;
    pool.recovery_key_saved = wanted.encryption == Encryption::None;
    for (disk, [_, partition, luks]) in disks.iter().zip(&ids.disks) {
        let luks = (wanted.encryption == Encryption::Luks2).then(|| luks.to_string());
        pool.disks.push(PoolDisk {
            name: disk.title(anklume_language::Language::English),
            serial: disk.serial.clone(),
            size: wanted.rest.as_ref().map_or(disk.size, |one| one.rest().bytes()),
            partition: partition.to_string(),
            luks,
            newer: Default::default(),
        });
    }
    pool
}

fn check(disks: &[&Disk]) -> Step {
    let actions = disks
        .iter()
        .enumerate()
        .map(|(disk, _)| Action::CheckIdentity { disk, access: Access::Alone });
    Step { work: Work::Check, actions: actions.collect() }
}

/// From the partitions to the disk: labels of ZFS at the end of a partition would come back with a table
/// that is cut the same way.
fn clear(disks: &[&Disk]) -> Step {
    let mut actions = Vec::new();
    for (index, disk) in disks.iter().enumerate() {
        for partition in &disk.content.partitions {
            actions.extend(clear_partition(partition));
        }
        let node = format!("/dev/{}", disk.name);
        actions.push(Action::run("wipefs", &["--all", "--force", &node]));
        for (offset, bytes) in ends(disk.size) {
            actions.push(Action::Zero { disk: index, access: Access::Alone, offset, bytes });
        }
        actions.push(Action::Flush { disk: index, access: Access::Alone });
        actions.push(Action::run("blockdev", &["--rereadpt", &node]));
    }
    actions.push(Action::run("udevadm", &["settle", "--timeout=60"]));
    Step { work: Work::Clear, actions }
}

fn clear_partition(partition: &Partition) -> Vec<Action> {
    // The extended partition of an MBR has no content of its own.
    if matches!(partition.kind.as_deref(), Some("0x5" | "0xf" | "0x85")) {
        return Vec::new();
    }
    let node = format!("/dev/{}", partition.name);
    // wipefs removes what makes a signature known, but one at a time, and a member of a ZFS pool has hundreds.
    vec![
        Action::run("wipefs", &["--all", "--force", &node]),
        Action::ZeroEnds { node, bytes: END_BYTES },
    ]
}

/// First byte and length of the two ends.
fn ends(size: u64) -> Vec<(u64, u64)> {
    if size <= END_BYTES.saturating_mul(2) {
        return vec![(0, size)];
    }
    vec![(0, END_BYTES), (size.saturating_sub(END_BYTES), END_BYTES)]
}

fn partition(disks: &[&Disk], ids: &Ids, content: table::Content) -> Result<Step, Refused> {
    let mut actions = Vec::new();
    for (index, (disk, guids)) in disks.iter().zip(&ids.disks).enumerate() {
        actions.extend(table::write(index, disk, guids, content)?);
        actions.push(Action::run("blockdev", &["--rereadpt", &format!("/dev/{}", disk.name)]));
    }
    actions.push(Action::run("udevadm", &["settle", "--timeout=60"]));
    Ok(Step { work: Work::Partition, actions })
}

fn encrypt(partitions: &[(usize, String)], pool: &Pool, cost: Cost) -> [Step; 2] {
    let mut actions = Vec::new();
    let mut proofs = Vec::new();
    for ((_, node), disk) in partitions.iter().zip(&pool.disks) {
        let uuid = disk.luks.as_deref().unwrap_or_default();
        actions.extend([luks::format(node, uuid, cost), luks::add_recovery(node)]);
        proofs.extend([luks::prove(node, 0, Key::Passphrase), luks::prove(node, 1, Key::Recovery)]);
    }
    [
        Step { work: Work::Encrypt, actions },
        // What a key opens is on the disk, not in the memory of the program that wrote it: the caller
        // takes the keys from where a person will.
        Step { work: Work::Prove, actions: proofs },
    ]
}

fn format_btrfs(pool: &Pool, volumes: &[String]) -> Step {
    let profile = match pool.redundancy {
        Redundancy::Single => ("single", "dup"),
        _ => ("raid1", "raid1"),
    };
    let options = ["--force", "--uuid", &pool.file_system, "--label", LABEL];
    let profiles = ["--data", profile.0, "--metadata", profile.1];
    let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
    let arguments = [options.as_slice(), &profiles, &volumes].concat();
    Step { work: Work::Format, actions: vec![Action::run("mkfs.btrfs", &arguments)] }
}

fn format_zfs(pool: &Pool, volumes: &[String], cost: Cost) -> Vec<Step> {
    let mut format = Step { work: Work::Format, actions: zfs::create(pool, volumes) };
    if pool.encryption != Encryption::Zfs {
        format.actions.push(zfs::create_data());
        format.actions.extend(zfs::create_datasets());
        return vec![format];
    }
    let step = |work, actions| Step { work, actions };
    vec![
        format,
        step(Work::Encrypt, native::create(pool, cost)),
        step(Work::Prove, native::prove()),
        step(Work::Unlock, native::unlock(Key::Passphrase, &pool.domains)),
        step(Work::Folders, zfs::create_datasets()),
    ]
}

/// Folders of the pool, made once, and then everything as at every start.
fn mount(pool: &Pool, volumes: &[String]) -> Step {
    let mut actions = open::mount_pool(pool, volumes, false);
    if pool.backend == Backend::Btrfs {
        for (subvolume, mode) in [("incus", "0711"), ("storage", "0711"), ("home", "0755")] {
            let path = format!("{}/{subvolume}", paths::POOL);
            actions.push(Action::run("btrfs", &["subvolume", "create", &path]));
            actions.push(Action::run("chmod", &[mode, &path]));
        }
    }
    actions.extend(open::mount_folders(pool, volumes, false));
    Step { work: Work::Mount, actions }
}

fn names(disks: &[&Disk], ids: &Ids, content: table::Content) -> Result<Vec<Action>, Refused> {
    let mut actions = Vec::new();
    for (index, (disk, guids)) in disks.iter().zip(&ids.disks).enumerate() {
        actions.extend(table::name(index, disk, guids, content)?);
    }
    Ok(actions)
}

/// First on the pool itself: it is what a machine with another boot medium reads.
fn remember(pool: &Pool, names: Vec<Action>) -> Step {
    let beside = (pool.encryption == Encryption::Zfs).then_some(paths::RECORD_BESIDE_KEYS);
    let files = beside.into_iter().chain([paths::RECORD_ON_POOL]);
    let mut actions: Vec<Action> = files.map(|path| Action::Record { path }).collect();
    actions.extend(names);
    actions.push(Action::Record { path: paths::RECORD });
    // What is kept is copied a moment later by itself; after this it is.
    actions.push(Action::run("anklume", &["persist", "save"]));
    Step { work: Work::Remember, actions }
}

/// The node of a disk's partition: a name that ends with a digit has a `p` before the number.
pub(crate) fn partition_node(disk: &str, number: u32) -> String {
    let separator = if disk.ends_with(|c: char| c.is_ascii_digit()) { "p" } else { "" };
    format!("/dev/{disk}{separator}{number}")
}
