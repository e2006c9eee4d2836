//! Which disk the OS was started from.
//!
//! It must never be wiped, and no single sign of it is always there: an OS in RAM has nothing mounted, BIOS
//! has no variables, and a name such as `sda` may be another disk's by now. So every sign counts, and one
//! is enough. Where signs disagree, or a copy of the medium is there, no disk that could be it may be taken.

use std::collections::{BTreeMap, BTreeSet};

use anklume_language::{Language, say};

use crate::text::{and, harmless, names};
use crate::{Disk, Inventory, ReportedMedium};

/// A sign of the disk that the OS was started from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Signal {
    /// The initramfs found the OS on it.
    Reported,
    /// The boot loader says that it was started from it.
    Loader,
    /// The firmware says that it started from it.
    Firmware,
    /// It holds the running OS.
    RootHash,
    /// The root file system lies on it.
    Backing,
}

impl Signal {
    /// All of them, the most certain first.
    pub const ALL: [Self; 5] =
        [Self::Reported, Self::RootHash, Self::Backing, Self::Loader, Self::Firmware];

    /// In words that follow "according to".
    #[must_use]
    pub fn words(self, language: Language) -> String {
        match self {
            Self::Reported => {
                say!(language, "the startup of the system", "le démarrage du système")
            }
            Self::Loader => say!(language, "the boot loader", "le chargeur de démarrage"),
            Self::Firmware => say!(language, "the firmware", "le micrologiciel"),
            Self::RootHash => {
                say!(language, "the system found on it", "le système qui s'y trouve")
            }
            Self::Backing => {
                say!(language, "the root file system", "le système de fichiers racine")
            }
        }
    }
}

/// A disk that may be the boot medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Named {
    /// Its kernel name.
    pub disk: String,
    /// The signs that name it; none for a copy of one that is named.
    pub signals: Vec<Signal>,
}

/// Which disk the OS was started from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum BootMedium {
    /// No sign says anything.
    Unknown,
    /// These signs name a disk, and none that is here: the OS is in RAM, and its medium was taken out. There
    /// is nothing to protect.
    Gone(Vec<Signal>),
    /// All signs that name a disk name this one.
    Found(Named),
    /// Signs name different disks, or copies of the medium are here, as with cloned sticks. None of these
    /// may be taken, and nothing may go on unattended.
    Disputed(Vec<Named>),
}

impl BootMedium {
    /// The signs by which `disk`, a kernel name, is or may be the boot medium; none if it is not.
    #[must_use]
    pub fn names(&self, disk: &str) -> Option<&[Signal]> {
        let named = match self {
            Self::Unknown | Self::Gone(_) => None,
            Self::Found(named) => Some(named).filter(|named| named.disk == disk),
            Self::Disputed(disks) => disks.iter().find(|named| named.disk == disk),
        };
        named.map(|named| named.signals.as_slice())
    }

    /// Whether it is certain which disk it is, or that it is gone. Without certainty nothing may be
    /// destroyed unattended.
    #[must_use]
    pub const fn is_certain(&self) -> bool {
        matches!(self, Self::Gone(_) | Self::Found(_))
    }

    /// In a sentence without a stop.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match self {
            Self::Unknown => say!(
                language,
                "nothing says which disk this system was started from",
                "rien n'indique à partir de quel disque ce système a démarré"
            ),
            Self::Gone(_) => say!(
                language,
                "the medium that this system was started from is not connected any more",
                "le support à partir duquel ce système a démarré n'est plus connecté"
            ),
            Self::Found(named) => {
                let (disk, by) = (harmless(&named.disk), according(language, &named.signals));
                say!(
                    language,
                    "this system was started from {disk} (according to {by})",
                    "ce système a démarré à partir de {disk} (d'après {by})"
                )
            }
            Self::Disputed(disks) => {
                let disks: Vec<String> = disks.iter().map(|named| named.disk.clone()).collect();
                let names = names(language, &disks, disks.len());
                say!(
                    language,
                    "this system may have been started from one of these disks: {names}",
                    "ce système peut avoir démarré à partir de l'un de ces disques : {names}"
                )
            }
        }
    }
}

/// `signals` in words.
pub(crate) fn according(language: Language, signals: &[Signal]) -> String {
    let words: Vec<String> = signals.iter().map(|signal| signal.words(language)).collect();
    and(language, &words, words.len())
}

/// The signs that name `disk`, the most certain first.
#[must_use]
pub fn signals(inventory: &Inventory, disk: &Disk) -> Vec<Signal> {
    if disk.is_virtual() {
        return Vec::new();
    }
    Signal::ALL.into_iter().filter(|signal| is_named(inventory, *signal, disk)).collect()
}

/// The disk that the OS was started from.
#[must_use]
pub fn boot_medium(inventory: &Inventory) -> BootMedium {
    let named: BTreeMap<&str, Vec<Signal>> = inventory
        .disks
        .iter()
        .map(|disk| (disk.name.as_str(), signals(inventory, disk)))
        .filter(|(_, signals)| !signals.is_empty())
        .collect();
    if named.is_empty() {
        let speak = |signal: &Signal| speaks(inventory, *signal);
        let signals: Vec<Signal> = Signal::ALL.into_iter().filter(speak).collect();
        return if signals.is_empty() { BootMedium::Unknown } else { BootMedium::Gone(signals) };
    }
    let guids: BTreeSet<&str> = inventory
        .disks
        .iter()
        .filter(|disk| named.contains_key(disk.name.as_str()))
        .flat_map(guids)
        .collect();
    let may_be = |disk: &&Disk| {
        named.contains_key(disk.name.as_str())
            || (!disk.is_virtual() && self::guids(disk).any(|guid| guids.contains(guid)))
    };
    let mut disks: Vec<Named> = inventory
        .disks
        .iter()
        .filter(may_be)
        .map(|disk| Named {
            disk: disk.name.clone(),
            signals: named.get(disk.name.as_str()).cloned().unwrap_or_default(),
        })
        .collect();
    match disks.pop() {
        Some(only) if disks.is_empty() => BootMedium::Found(only),
        Some(last) => {
            disks.push(last);
            BootMedium::Disputed(disks)
        }
        None => BootMedium::Unknown,
    }
}

/// Whether `signal` says anything at all.
fn speaks(inventory: &Inventory, signal: Signal) -> bool {
    let boot = &inventory.boot;
    match signal {
        Signal::Reported => boot.reported.is_some(),
        Signal::Loader => boot.loader_partition.is_some(),
        Signal::Firmware => boot.firmware_partition.is_some(),
        Signal::RootHash => !boot.root_hash_partitions.is_empty(),
        Signal::Backing => !boot.backing.is_empty(),
    }
}

/// Whether `signal` names `disk`.
fn is_named(inventory: &Inventory, signal: Signal, disk: &Disk) -> bool {
    let boot = &inventory.boot;
    let holds = |guid: &String| {
        let of = |partition: &crate::Partition| {
            partition.guid.as_ref().is_some_and(|own| own.eq_ignore_ascii_case(guid))
        };
        disk.content.partitions.iter().any(of)
    };
    match signal {
        Signal::Reported => {
            boot.reported.as_ref().is_some_and(|medium| is_reported(inventory, medium, disk))
        }
        Signal::Loader => boot.loader_partition.as_ref().is_some_and(holds),
        Signal::Firmware => boot.firmware_partition.as_ref().is_some_and(holds),
        Signal::RootHash => boot.root_hash_partitions.iter().any(holds),
        Signal::Backing => boot.backing.contains(&disk.name),
    }
}

/// Whether `disk` is the medium of the initramfs's report.
///
/// A sequence number that is still there settles it. If it is not, the medium may have been taken out and
/// put back: then the serial number or the table's GUID tells, and the kernel's name only if the report
/// has nothing better.
fn is_reported(inventory: &Inventory, medium: &ReportedMedium, disk: &Disk) -> bool {
    let is_here = |seq: u64| inventory.disks.iter().any(|disk| disk.diskseq == Some(seq));
    if let Some(seq) = medium.diskseq
        && is_here(seq)
    {
        return disk.diskseq == Some(seq);
    }
    let same = |reported: &Option<String>, own: &Option<String>| match (reported, own) {
        (Some(reported), Some(own)) => Some(reported.trim().eq_ignore_ascii_case(own)),
        _ => None,
    };
    let marks =
        [same(&medium.serial, &disk.serial), same(&medium.table_guid, &disk.content.table_guid)];
    if marks.contains(&Some(true)) {
        return true;
    }
    let renumbered = medium.diskseq.is_some() && disk.diskseq.is_some();
    !marks.contains(&Some(false)) && !renumbered && medium.disk == disk.name
}

/// GUIDs that only a copy of the disk has as well: of its table and its partitions. Zeros are no GUID.
fn guids(disk: &Disk) -> impl Iterator<Item = &str> {
    let partitions = disk.content.partitions.iter().filter_map(|one| one.guid.as_deref());
    let is_zero = |guid: &str| guid.split('-').next().is_some_and(|s| s.chars().all(|c| c == '0'));
    disk.content.table_guid.as_deref().into_iter().chain(partitions).filter(move |g| !is_zero(g))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{BootSignals, Content, Partition};

    fn disk(name: &str, diskseq: Option<u64>, serial: Option<&str>, guid: &str) -> Disk {
        let partition = serde_json::json!({"name": "p", "number": 1, "size": 1, "guid": guid});
        let partition: Partition = serde_json::from_value(partition).unwrap();
        let content = Content { partitions: vec![partition], ..Content::default() };
        let json = serde_json::json!({
            "name": name, "size": 1, "logical-sector": 512, "physical-sector": 512, "bus": "usb",
            "diskseq": diskseq, "serial": serial, "content": content,
        });
        serde_json::from_value(json).unwrap()
    }

    fn inventory(boot: BootSignals, disks: Vec<Disk>) -> Inventory {
        Inventory { version: 1, memory: 0, boot, imported_pools: Vec::new(), zfs: None, disks }
    }

    fn reported(disk: &str, diskseq: Option<u64>, serial: Option<&str>) -> BootSignals {
        let (disk, serial) = (disk.to_owned(), serial.map(str::to_owned));
        let medium = ReportedMedium { disk, diskseq, serial, table_guid: None };
        BootSignals { reported: Some(medium), ..BootSignals::default() }
    }

    fn found(medium: &BootMedium) -> &str {
        let BootMedium::Found(named) = medium else { panic!("{medium:?}") };
        &named.disk
    }

    #[test]
    fn a_sequence_number_settles_it_against_a_name_and_a_serial_number() {
        let disks =
            vec![disk("sda", Some(9), Some("S"), "a"), disk("sdb", Some(4), Some("S"), "b")];
        let medium = boot_medium(&inventory(reported("sda", Some(4), Some("S")), disks));
        assert_eq!(found(&medium), "sdb");
    }

    #[test]
    fn a_medium_that_was_put_back_is_found_by_its_serial_number() {
        let disks =
            vec![disk("sda", Some(9), Some("T"), "a"), disk("sdb", Some(8), Some("S"), "b")];
        let medium = boot_medium(&inventory(reported("sda", Some(4), Some("S")), disks));
        assert_eq!(found(&medium), "sdb");
    }

    #[test]
    fn another_disk_with_the_name_of_the_medium_is_not_it() {
        let same_name = |disk| boot_medium(&inventory(reported("sda", Some(4), None), vec![disk]));
        let gone = BootMedium::Gone(vec![Signal::Reported]);
        assert_eq!(same_name(disk("sda", Some(5), None, "a")), gone);
        // Without a sequence number, the name is all that there is.
        assert_eq!(found(&same_name(disk("sda", None, None, "a"))), "sda");
        let other = reported("sda", None, Some("S"));
        let other = boot_medium(&inventory(other, vec![disk("sda", None, Some("T"), "a")]));
        assert_eq!(other, gone);
    }

    #[test]
    fn guids_match_in_any_case_and_zeros_match_nothing() {
        let boot = BootSignals { loader_partition: Some("ABCD".into()), ..BootSignals::default() };
        let disks = vec![disk("sda", None, None, "abcd"), disk("sdb", None, None, "00000000-01")];
        assert_eq!(found(&boot_medium(&inventory(boot, disks))), "sda");
        let boot = BootSignals { backing: vec!["sda".into()], ..BootSignals::default() };
        let zeros = ["sda", "sdb"].map(|name| disk(name, None, None, "00000000-01"));
        assert_eq!(found(&boot_medium(&inventory(boot, zeros.to_vec()))), "sda");
    }

    #[test]
    fn what_is_in_ram_is_no_medium() {
        let boot = BootSignals { backing: vec!["loop0".into()], ..BootSignals::default() };
        let medium = boot_medium(&inventory(boot, vec![disk("loop0", None, None, "a")]));
        assert_eq!(medium, BootMedium::Gone(vec![Signal::Backing]));
        let silent = boot_medium(&inventory(BootSignals::default(), Vec::new()));
        assert_eq!(silent, BootMedium::Unknown);
        assert!(medium.is_certain() && !silent.is_certain());
    }

    #[test]
    fn different_disks_and_copies_are_a_dispute() {
        let boot = BootSignals {
            backing: vec!["sda".into()],
            loader_partition: Some("b".into()),
            ..BootSignals::default()
        };
        let disks = ["a", "b"].map(|id| disk(&format!("sd{id}"), None, None, id)).to_vec();
        let medium = boot_medium(&inventory(boot, disks));
        assert_eq!(medium.names("sda"), Some([Signal::Backing].as_slice()));
        assert_eq!(medium.names("sdb"), Some([Signal::Loader].as_slice()));
        assert!(!medium.is_certain());

        let boot = BootSignals { backing: vec!["sda".into()], ..BootSignals::default() };
        let copies = ["sda", "sdb"].map(|name| disk(name, None, None, "same")).to_vec();
        let medium = boot_medium(&inventory(boot, copies));
        assert_eq!(medium.names("sdb"), Some([].as_slice()), "{medium:?}");
        assert_eq!(medium.names("sdc"), None);
    }
}
