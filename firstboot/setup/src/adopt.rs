//! A pool that is on the disks already, as on a machine whose boot medium was replaced.

use anklume_gpt::Table;
use anklume_inventory::{Disk, Inventory, Partition};

use crate::action::{Access, Action, Key};
use crate::create::plan_disk;
use crate::plan::{Plan, Step, Work};
use crate::table::{self, LABEL_NEW};
use crate::{Backend, LABEL, Pool, Refused, luks, zfs};

/// Where such a pool is looked at, read-only, before anything else.
pub const LOOK: &str = "/run/anklume/look";

/// A partition that may be one of a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Kernel name of its disk.
    pub disk: String,
    /// The disk in words.
    pub name: String,
    /// Its node.
    pub node: String,
    /// Whether it is encrypted as a whole.
    pub encrypted: bool,
    /// Whether it still has the name of a pool that is being made. If another part of its pool has a pool's name, the
    /// power failed between the two, and the pool is whole: its record is on it before any of the names.
    pub is_unnamed: bool,
    number: usize,
}

/// The partitions with a pool's label.
#[must_use]
pub fn candidates(inventory: &Inventory) -> Vec<Candidate> {
    let mut all = with_unnamed(inventory);
    all.retain(|one| !one.is_unnamed);
    all
}

/// The same, and those with the label of a pool that is being made.
#[must_use]
pub fn with_unnamed(inventory: &Inventory) -> Vec<Candidate> {
    let found = partitions(inventory).filter_map(|(disk, part)| candidate(disk, part));
    found.enumerate().map(|(at, one)| Candidate { number: at.saturating_add(1), ..one }).collect()
}

fn partitions(inventory: &Inventory) -> impl Iterator<Item = (&Disk, &Partition)> {
    let disks = inventory.disks.iter();
    disks.flat_map(|disk| disk.content.partitions.iter().map(move |part| (disk, part)))
}

fn candidate(disk: &Disk, partition: &Partition) -> Option<Candidate> {
    let signatures = &partition.content.signatures;
    let has = |kind: &str| signatures.iter().any(|one| one.kind == kind);
    let encrypted = has("crypto_LUKS");
    let is_unnamed = is_unnamed(partition);
    let labelled = is_unnamed || partition.label.as_deref() == Some(LABEL);
    (labelled && (encrypted || has("btrfs") || has("zfs_member"))).then(|| Candidate {
        disk: disk.name.clone(),
        name: disk.title(anklume_language::Language::English),
        node: format!("/dev/{}", partition.name),
        encrypted,
        is_unnamed,
        number: 0,
    })
}

fn is_unnamed(partition: &Partition) -> bool {
    partition.label.as_deref() == Some(LABEL_NEW)
}

/// What an open volume says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume {
    /// What keeps the data.
    pub backend: Backend,
    /// GUID of the pool of ZFS, or UUID of the file system: all of its parts have the same one.
    pub id: String,
}

impl Volume {
    /// Reads what `blkid -p -o export` prints; what says nothing is tried as BTRFS.
    #[must_use]
    pub fn parse(text: &str) -> Self {
        let value = |name: &str| {
            let mut lines = text.lines().filter_map(|line| line.split_once('='));
            lines.find(|(key, _)| *key == name).map(|(_, value)| value)
        };
        let is_zfs = value("TYPE") == Some("zfs_member");
        let backend = if is_zfs { Backend::Zfs } else { Backend::Btrfs };
        Self { backend, id: value("UUID").unwrap_or_default().to_owned() }
    }
}

/// The parts of one pool that are there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts<'a> {
    /// What keeps the data.
    pub backend: Backend,
    /// Its partitions.
    pub candidates: Vec<&'a Candidate>,
}

impl Parts<'_> {
    /// The nodes of its file system, once it is unlocked.
    #[must_use]
    pub fn volumes(&self) -> Vec<String> {
        self.candidates.iter().map(|one| one.volume()).collect()
    }
}

/// Open volumes by the pool that they are part of: two pools have the same name and the same labels. One of which no
/// part has a pool's label is none yet.
#[must_use]
pub fn by_pool<'a>(open: Vec<(&'a Candidate, Volume)>) -> Vec<Parts<'a>> {
    let mut pools: Vec<(Volume, Parts<'a>)> = Vec::new();
    for (candidate, volume) in open {
        match pools.iter_mut().find(|(known, _)| *known == volume) {
            Some((_, parts)) => parts.candidates.push(candidate),
            None => {
                let parts = Parts { backend: volume.backend, candidates: vec![candidate] };
                pools.push((volume, parts));
            }
        }
    }
    let is_whole = |parts: &Parts<'_>| parts.candidates.iter().any(|one| !one.is_unnamed);
    pools.into_iter().map(|(_, parts)| parts).filter(is_whole).collect()
}

impl Candidate {
    /// Its file system's node, once it is unlocked.
    #[must_use]
    pub fn volume(&self) -> String {
        if self.encrypted { format!("/dev/mapper/{}", self.mapper()) } else { self.node.clone() }
    }

    fn mapper(&self) -> String {
        format!("anklume-look-{}", self.number)
    }

    /// What unlocks it for reading; nothing to do if it is not encrypted.
    #[must_use]
    pub fn unlock(&self) -> Option<Action> {
        self.encrypted.then(|| {
            let open = luks::open(&self.node, &self.mapper(), Key::Passphrase, false);
            open.with([crate::Argument::Text("--readonly".to_owned())])
        })
    }
}

/// What mounts an unlocked pool at [`LOOK`], without a write to any of its parts.
#[must_use]
pub fn look(parts: &Parts<'_>) -> Vec<Action> {
    let volumes = parts.volumes();
    let Some(first) = volumes.first() else { return Vec::new() };
    let folder = Action::Folder { path: LOOK.to_owned(), mode: 0o700 };
    match parts.backend {
        Backend::Btrfs => {
            let nodes: Vec<&str> = volumes.iter().map(String::as_str).collect();
            // The log of a file system that was not closed is not replayed: that would write. One of two
            // disks is enough.
            let options = "ro,degraded,rescue=nologreplay,subvolid=5";
            vec![
                Action::attempt("btrfs", &[&["device", "scan"], nodes.as_slice()].concat()),
                folder,
                Action::run("mount", &["-t", "btrfs", "-o", options, first, LOOK]),
            ]
        }
        Backend::Zfs => {
            let mut actions = zfs::ready();
            // By force, since nothing is written: it may be one that another machine did not close.
            actions.push(zfs::import(&volumes, true, &["-o", "readonly=on"]));
            actions.push(folder);
            // Whichever there is to be read without a key.
            for dataset in [zfs::STATE, zfs::KEYSTORE] {
                actions.push(zfs::mount(&["-o", "ro"], dataset, LOOK).may_fail());
            }
            actions
        }
    }
}

/// What tries the key of a pool that ZFS encrypts, which is mounted at [`LOOK`].
#[must_use]
pub fn try_key() -> Action {
    luks::prove_any(&format!("{LOOK}/keystore"), Key::Passphrase)
}

/// What undoes [`look`], whatever part of it was done.
#[must_use]
pub fn look_away(backend: Backend) -> Vec<Action> {
    // Whoever had the disk can have put both of what is mounted there on it, one on the other.
    let mut actions = vec![Action::Unmount { path: LOOK }];
    if backend == Backend::Zfs {
        actions.push(Action::attempt("zpool", &["export", zfs::ZPOOL]));
    }
    actions
}

/// What undoes [`Candidate::unlock`], of those that are unlocked.
#[must_use]
pub fn lock(candidates: &[Candidate]) -> Vec<Action> {
    let encrypted = candidates.iter().filter(|one| one.encrypted);
    encrypted.map(|one| Action::attempt("cryptsetup", &["close", &one.mapper()])).collect()
}

/// The disks that `pool` is on.
pub fn disks_of<'a>(pool: &Pool, inventory: &'a Inventory) -> impl Iterator<Item = &'a Disk> {
    let own = |disk: &&Disk| disk.content.partitions.iter().any(|part| is_part_of(pool, part));
    inventory.disks.iter().filter(own)
}

fn is_part_of(pool: &Pool, part: &Partition) -> bool {
    pool.disks.iter().any(|one| Some(&one.partition) == part.guid.as_ref())
}

/// The disks whose part of `pool` did not get its name any more.
#[must_use]
pub fn unnamed<'a>(pool: &Pool, inventory: &'a Inventory) -> Vec<&'a Disk> {
    let found =
        partitions(inventory).filter(|(_, part)| is_unnamed(part) && is_part_of(pool, part));
    found.map(|(disk, _)| disk).collect()
}

/// The plan that gives parts of `pool`, which is open, their name, on disks with these tables.
///
/// # Errors
/// [`Refused::Table`].
pub fn name(pool: &Pool, disks: &[(Disk, Table)]) -> Result<Plan, Refused> {
    let mut actions = Vec::new();
    for (index, (disk, table)) in disks.iter().enumerate() {
        let mut table = table.clone();
        let own = |guid: String| pool.disks.iter().any(|one| one.partition == guid);
        for part in &mut table.partitions {
            if part.name == LABEL_NEW && own(part.unique_guid.to_string()) {
                LABEL.clone_into(&mut part.name);
            }
        }
        actions.push(Action::CheckIdentity { disk: index, access: Access::InUse });
        actions.extend(table::replace(index, disk, &table)?);
    }
    let disks = disks.iter().map(|(disk, _)| plan_disk(disk)).collect();
    let steps = vec![Step { work: Work::Remember, actions }];
    Ok(Plan { disks, steps, pool: pool.clone() })
}

/// What remembers an adopted pool's record.
#[must_use]
pub fn remember() -> Vec<Action> {
    vec![
        Action::Record { path: crate::paths::RECORD },
        Action::run("anklume", &["persist", "save"]),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    fn candidate(number: usize) -> Candidate {
        let (disk, node) = (format!("sd{number}"), format!("/dev/sd{number}1"));
        let is_unnamed = number == 4;
        Candidate { name: disk.clone(), disk, node, encrypted: true, is_unnamed, number }
    }

    #[test]
    fn parts_of_two_pools_are_told_apart() {
        let all = [1, 2, 3, 4].map(candidate);
        let zfs = |id| Volume::parse(&format!("LABEL=anklume\nUUID={id}\nTYPE=zfs_member\n"));
        let btrfs = |id| Volume::parse(&format!("UUID={id}\nUUID_SUB=9\nTYPE=btrfs\n"));
        let volumes = [zfs("1"), btrfs("1"), zfs("2"), zfs("1")];
        let pools = by_pool(all.iter().zip(volumes).collect());
        let parts = |of: &[usize]| of.iter().map(|at| &all[*at]).collect::<Vec<_>>();
        let expected = [
            (Backend::Zfs, parts(&[0, 3])),
            (Backend::Btrfs, parts(&[1])),
            (Backend::Zfs, parts(&[2])),
        ];
        let expected = expected.map(|(backend, candidates)| Parts { backend, candidates });
        assert_eq!(pools, expected);
        // Of a setup that was cut off.
        assert!(by_pool(vec![(&all[3], zfs("3"))]).is_empty());
    }
}
