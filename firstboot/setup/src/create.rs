//! The plan of a new pool.

use anklume_gpt::Guid;
use anklume_inventory::{Disk, Identity, Partition};

use crate::action::{Action, Key};
use crate::luks::{self, Cost};
use crate::open;
use crate::plan::{Plan, PlanDisk, Step, Work};
use crate::pool::{Pool, PoolDisk};
use crate::request::Refused;
use crate::{ConfirmedDisk, Encryption, LABEL, NewPool, Redundancy, paths, table};

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
const END_BYTES: u64 = 16 << 20;

/// The plan of a pool.
///
/// Until the last step, its record, nothing knows of the pool: a plan that did not get there is made anew.
///
/// # Errors
/// [`Refused`].
pub fn create(wanted: &NewPool, ids: &Ids) -> Result<Plan, Refused> {
    wanted.check()?;
    let disks: Vec<&Disk> = wanted.disks.iter().map(ConfirmedDisk::disk).collect();
    let found = ids.disks.len();
    if found < disks.len() {
        return Err(Refused::Disks { redundancy: wanted.redundancy, found });
    }
    let pool = record(wanted, ids, &disks);
    let encrypted = wanted.encryption == Encryption::Luks2;
    let mut steps = vec![check(&disks), clear(&disks), partition(&disks, ids, encrypted)?];
    let partitions: Vec<String> = disks.iter().map(|disk| partition_node(&disk.name)).collect();
    if encrypted {
        steps.extend(encrypt(&partitions, &pool, Cost::for_memory(wanted.memory)));
    }
    steps.push(open::unlock(&pool, &partitions, Key::Passphrase));
    steps.push(format(&pool, &open::volumes(&pool, &partitions)));
    steps.push(mount(&pool, &partitions));
    steps.push(remember());
    steps.retain(|step| !step.actions.is_empty());
    let disks = wanted.disks.iter().map(plan_disk).collect();
    Ok(Plan { disks, steps, pool })
}

fn plan_disk(confirmed: &ConfirmedDisk) -> PlanDisk {
    let disk = confirmed.disk();
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
            size: disk.size,
            partition: partition.to_string(),
            luks,
        });
    }
    pool
}

fn check(disks: &[&Disk]) -> Step {
    let actions = disks.iter().enumerate().map(|(disk, _)| Action::CheckIdentity { disk });
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
            actions.push(Action::Zero { disk: index, offset, bytes });
        }
        actions.push(Action::Flush { disk: index });
        actions.push(Action::run("blockdev", &["--rereadpt", &node]));
    }
    actions.push(Action::run("udevadm", &["settle", "--timeout=60"]));
    Step { work: Work::Clear, actions }
}

fn clear_partition(partition: &Partition) -> Option<Action> {
    // The extended partition of an MBR has no content of its own.
    let extended = matches!(partition.kind.as_deref(), Some("0x5" | "0xf" | "0x85"));
    let node = format!("/dev/{}", partition.name);
    (!extended).then(|| Action::run("wipefs", &["--all", "--force", &node]))
}

/// First byte and length of the two ends.
fn ends(size: u64) -> Vec<(u64, u64)> {
    if size <= END_BYTES.saturating_mul(2) {
        return vec![(0, size)];
    }
    vec![(0, END_BYTES), (size.saturating_sub(END_BYTES), END_BYTES)]
}

fn partition(disks: &[&Disk], ids: &Ids, encrypted: bool) -> Result<Step, Refused> {
    let mut actions = Vec::new();
    for (index, (disk, [table_guid, partition_guid, _])) in disks.iter().zip(&ids.disks).enumerate()
    {
        for (object, piece) in table::pieces(disk, *table_guid, *partition_guid, encrypted)? {
            actions.push(Action::Write { disk: index, object, piece });
        }
        actions.push(Action::Flush { disk: index });
        actions.push(Action::run("blockdev", &["--rereadpt", &format!("/dev/{}", disk.name)]));
    }
    actions.push(Action::run("udevadm", &["settle", "--timeout=60"]));
    Ok(Step { work: Work::Partition, actions })
}

fn encrypt(partitions: &[String], pool: &Pool, cost: Cost) -> [Step; 2] {
    let mut actions = Vec::new();
    let mut proofs = Vec::new();
    for (node, disk) in partitions.iter().zip(&pool.disks) {
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

fn format(pool: &Pool, volumes: &[String]) -> Step {
    let profile = match pool.redundancy {
        Redundancy::Single => ("single", "dup"),
        Redundancy::Mirror => ("raid1", "raid1"),
    };
    let options = ["--force", "--uuid", &pool.file_system, "--label", LABEL];
    let profiles = ["--data", profile.0, "--metadata", profile.1];
    let volumes: Vec<&str> = volumes.iter().map(String::as_str).collect();
    let arguments = [options.as_slice(), &profiles, &volumes].concat();
    Step { work: Work::Format, actions: vec![Action::run("mkfs.btrfs", &arguments)] }
}

/// Folders of the pool, made once, and then everything as at every start.
fn mount(pool: &Pool, partitions: &[String]) -> Step {
    let mut actions = open::mount_pool(pool, partitions);
    for (subvolume, mode) in [("incus", "0711"), ("storage", "0711"), ("home", "0755")] {
        let path = format!("{}/{subvolume}", paths::POOL);
        actions.push(Action::run("btrfs", &["subvolume", "create", &path]));
        actions.push(Action::run("chmod", &[mode, &path]));
    }
    actions.extend(open::mount_folders(pool, partitions));
    Step { work: Work::Mount, actions }
}

/// First on the pool itself: it is what a machine with another boot medium reads.
fn remember() -> Step {
    let records = [paths::RECORD_ON_POOL, paths::RECORD].map(|path| Action::Record { path });
    let mut actions = Vec::from(records);
    // What is kept is copied a moment later by itself; after this it is.
    actions.push(Action::run("anklume", &["persist", "save"]));
    Step { work: Work::Remember, actions }
}

/// The node of a disk's first partition: a name that ends with a digit has a `p` before the number.
fn partition_node(disk: &str) -> String {
    let separator = if disk.ends_with(|c: char| c.is_ascii_digit()) { "p" } else { "" };
    format!("/dev/{disk}{separator}1")
}
