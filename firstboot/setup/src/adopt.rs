//! A pool that is on the disks already, as on a machine whose boot medium was replaced.

use anklume_inventory::{Disk, Inventory, Partition};

use crate::action::{Action, Key};
use crate::{Backend, LABEL, luks, zfs};

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
    number: usize,
}

/// The partitions with a pool's label.
#[must_use]
pub fn candidates(inventory: &Inventory) -> Vec<Candidate> {
    let disks = inventory.disks.iter();
    let pairs = disks.flat_map(|disk| disk.content.partitions.iter().map(move |part| (disk, part)));
    let found = pairs.filter_map(|(disk, part)| candidate(disk, part));
    found.enumerate().map(|(at, one)| Candidate { number: at.saturating_add(1), ..one }).collect()
}

fn candidate(disk: &Disk, partition: &Partition) -> Option<Candidate> {
    let signatures = &partition.content.signatures;
    let has = |kind: &str| signatures.iter().any(|one| one.kind == kind);
    let encrypted = has("crypto_LUKS");
    let labelled = partition.label.as_deref() == Some(LABEL);
    (labelled && (encrypted || has("btrfs") || has("zfs_member"))).then(|| Candidate {
        disk: disk.name.clone(),
        name: disk.title(anklume_language::Language::English),
        node: format!("/dev/{}", partition.name),
        encrypted,
        number: 0,
    })
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

/// What mounts the unlocked `volumes` of a pool at [`LOOK`], without a write to any of them.
#[must_use]
pub fn look(volumes: &[String], backend: Backend) -> Vec<Action> {
    let Some(first) = volumes.first() else { return Vec::new() };
    let folder = Action::Folder { path: LOOK.to_owned(), mode: 0o700 };
    match backend {
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
            actions.push(zfs::import(volumes, true, &["-o", "readonly=on"]));
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

/// What undoes [`look`] and [`Candidate::unlock`], whatever part of it was done.
#[must_use]
pub fn look_away(candidates: &[Candidate]) -> Vec<Action> {
    let mut actions =
        vec![Action::attempt("umount", &[LOOK]), Action::attempt("zpool", &["export", zfs::ZPOOL])];
    let encrypted = candidates.iter().filter(|one| one.encrypted);
    actions.extend(encrypted.map(|one| Action::attempt("cryptsetup", &["close", &one.mapper()])));
    actions
}

/// What remembers an adopted pool's record.
#[must_use]
pub fn remember() -> Vec<Action> {
    vec![
        Action::Record { path: crate::paths::RECORD },
        Action::run("anklume", &["persist", "save"]),
    ]
}
