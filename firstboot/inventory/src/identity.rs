//! What tells a disk from all others.

use anklume_language::{Language, say, size};
use serde::{Deserialize, Serialize};

use crate::Disk;
use crate::text::{harmless, quoted};
use crate::twins::place;

/// What tells a disk from all others. A kernel name such as `sda` does not: it may be another disk's at the
/// next boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Identity {
    /// The link to find it by, below `/dev/disk`; none if there is no good one.
    #[serde(default)]
    pub link: Option<String>,
    /// Serial number.
    #[serde(default)]
    pub serial: Option<String>,
    /// World Wide Name, or NVMe's identifier.
    #[serde(default)]
    pub wwn: Option<String>,
    /// Model.
    #[serde(default)]
    pub model: Option<String>,
    /// Size in bytes.
    pub size: u64,
    /// Sequence number of the disk, of use in this boot only.
    #[serde(default)]
    pub diskseq: Option<u64>,
}

/// Which marks two looks at a disk have to share.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum When {
    /// Both are of one boot: it must not have been taken out in between.
    SameBoot,
    /// They are of different boots.
    AnyBoot,
}

/// In what a disk differs from the one that was meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Difference {
    /// Serial number: the one meant, the one found.
    Serial(Option<String>, Option<String>),
    /// World Wide Name: the one meant, the one found.
    Wwn(Option<String>, Option<String>),
    /// Model: the one meant, the one found.
    Model(Option<String>, Option<String>),
    /// Size in bytes: the one meant, the one found.
    Size(u64, u64),
    /// Place where it is plugged in, for disks that have neither serial number nor World Wide Name.
    Place(Option<String>, Option<String>),
    /// It was taken out, or another one was put in its place.
    Replaced,
}

impl Identity {
    /// The identity of `disk`.
    #[must_use]
    pub fn of(disk: &Disk) -> Self {
        Self {
            link: best_link(disk),
            serial: disk.serial.clone(),
            wwn: disk.wwn.clone(),
            model: disk.model.clone(),
            size: disk.size,
            diskseq: disk.diskseq,
        }
    }

    /// In what `found` differs from this one; nothing if it is the same disk. Links are compared only where
    /// they are all that tells disks apart: their names change with the version of udev.
    #[must_use]
    pub fn differences(&self, found: &Self, when: When) -> Vec<Difference> {
        let nameless = self.serial.is_none() && self.wwn.is_none();
        let pair = |one: &Option<String>, other: &Option<String>| {
            (one != other).then(|| (one.clone(), other.clone()))
        };
        let replaced = when == When::SameBoot
            && self.diskseq.is_some()
            && found.diskseq.is_some()
            && self.diskseq != found.diskseq;
        let of = |pair: Option<(_, _)>, difference: fn(_, _) -> Difference| {
            pair.map(|(meant, found)| difference(meant, found))
        };
        [
            of(pair(&self.serial, &found.serial), Difference::Serial),
            of(pair(&self.wwn, &found.wwn), Difference::Wwn),
            of(pair(&self.model, &found.model), Difference::Model),
            (self.size != found.size).then_some(Difference::Size(self.size, found.size)),
            of(pair(&self.link, &found.link).filter(|_| nameless), Difference::Place),
            replaced.then_some(Difference::Replaced),
        ]
        .into_iter()
        .flatten()
        .collect()
    }
}

impl Difference {
    /// In a sentence without a stop.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        let shown = |text: &Option<String>| match text {
            Some(text) => quoted(language, text),
            None => say!(language, "none", "rien"),
        };
        match self {
            Self::Serial(meant, found) => {
                let (meant, found) = (shown(meant), shown(found));
                say!(
                    language,
                    "the serial number should be {meant}, it is {found}",
                    "le numéro de série devrait être {meant}, c'est {found}"
                )
            }
            Self::Wwn(meant, found) => {
                let (meant, found) = (shown(meant), shown(found));
                say!(
                    language,
                    "the World Wide Name should be {meant}, it is {found}",
                    "le World Wide Name devrait être {meant}, c'est {found}"
                )
            }
            Self::Model(meant, found) => {
                let (meant, found) = (shown(meant), shown(found));
                say!(
                    language,
                    "the model should be {meant}, it is {found}",
                    "le modèle devrait être {meant}, c'est {found}"
                )
            }
            Self::Size(meant, found) if size(language, *meant) == size(language, *found) => say!(
                language,
                "the size should be {meant} bytes, it is {found}",
                "la taille devrait être de {meant} octets, elle est de {found}"
            ),
            Self::Size(meant, found) => {
                let (meant, found) = (size(language, *meant), size(language, *found));
                say!(
                    language,
                    "the size should be {meant}, it is {found}",
                    "la taille devrait être de {meant}, elle est de {found}"
                )
            }
            Self::Place(meant, found) => {
                let (meant, found) = (shown(meant), shown(found));
                say!(
                    language,
                    "it should be plugged in at {meant}, it is at {found}",
                    "il devrait être branché à {meant}, il est à {found}"
                )
            }
            Self::Replaced => say!(
                language,
                "the disk was taken out or replaced in the meantime",
                "le disque a été retiré ou remplacé entre-temps"
            ),
        }
    }
}

/// The link to find `disk` by: one that names the disk itself, whatever it is connected to, before one that
/// names the way to it. Of several alike, the first in order.
fn best_link(disk: &Disk) -> Option<String> {
    const RANKS: [&str; 7] = ["wwn-", "nvme-eui.", "nvme-", "ata-", "scsi-", "mmc-", ""];
    // Links of what lies on the disk, or of a partition.
    const FOREIGN: [&str; 4] = ["lvm-pv-uuid-", "dm-", "md-", "bcache-"];
    let rank = |link: &str| RANKS.iter().position(|prefix| link.starts_with(prefix));
    let names = disk.links.iter().filter_map(|link| link.strip_prefix("by-id/"));
    names
        .filter(|link| !FOREIGN.iter().any(|prefix| link.starts_with(prefix)))
        .filter(|link| !is_of_partition(link))
        .min_by_key(|link| (rank(link), *link))
        .map(|link| format!("by-id/{link}"))
        .or_else(|| place(disk).cloned())
}

fn is_of_partition(link: &str) -> bool {
    let number = link.rsplit_once("-part").map(|(_, number)| number);
    number.is_some_and(|number| !number.is_empty() && number.chars().all(|c| c.is_ascii_digit()))
}

/// How many characters confirm.
const CONFIRMED: usize = 4;

/// What a person types to confirm that `disk` may be wiped: the last four letters and digits of its serial
/// number (all of a shorter one), without one those of its World Wide Name, without both the kernel name.
#[must_use]
pub fn confirmation(disk: &Disk) -> String {
    let end = |text: &String| -> Option<String> {
        let letters: Vec<char> = text.chars().filter(char::is_ascii_alphanumeric).collect();
        let end = letters.get(letters.len().saturating_sub(CONFIRMED)..).unwrap_or_default();
        (!end.is_empty()).then(|| end.iter().collect())
    };
    let serial = disk.serial.as_ref().and_then(end);
    serial.or_else(|| disk.wwn.as_ref().and_then(end)).unwrap_or_else(|| harmless(&disk.name))
}

/// Whether `typed` is the [`confirmation`] of `disk`, in any case and with any spaces.
#[must_use]
pub fn confirms(disk: &Disk, typed: &str) -> bool {
    let plain = |text: &str| -> String {
        text.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
    };
    plain(typed) == plain(&confirmation(disk))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn disk(serial: Option<&str>, wwn: Option<&str>, links: &[&str]) -> Disk {
        let json = serde_json::json!({
            "name": "sda", "size": 1000, "logical-sector": 512, "physical-sector": 512, "bus": "ata",
            "serial": serial, "wwn": wwn, "links": links, "model": "M", "diskseq": 3,
        });
        serde_json::from_value(json).unwrap()
    }

    #[test]
    fn the_best_link_names_the_disk_and_not_the_way_to_it() {
        for (links, best) in [
            (vec!["by-path/pci-1", "by-id/ata-X", "by-id/wwn-0x5"], Some("by-id/wwn-0x5")),
            (vec!["by-id/nvme-X_1", "by-id/nvme-X", "by-id/nvme-eui.1"], Some("by-id/nvme-eui.1")),
            (vec!["by-id/nvme-X_1", "by-id/nvme-X"], Some("by-id/nvme-X")),
            (vec!["by-id/lvm-pv-uuid-1", "by-id/dm-name-x", "by-id/usb-S"], Some("by-id/usb-S")),
            (vec!["by-id/wwn-0x5-part1", "by-id/ata-X"], Some("by-id/ata-X")),
            (vec!["by-id/ata-my-part-1"], Some("by-id/ata-my-part-1")),
            (vec!["by-path/pci-2", "by-path/pci-1"], Some("by-path/pci-1")),
            (vec!["by-id/lvm-pv-uuid-1"], None),
        ] {
            assert_eq!(best_link(&disk(None, None, &links)).as_deref(), best);
            let backwards: Vec<_> = links.into_iter().rev().collect();
            assert_eq!(best_link(&disk(None, None, &backwards)).as_deref(), best);
        }
    }

    #[test]
    fn a_disk_is_the_one_that_was_meant_or_it_is_said_why_not() {
        let meant = Identity::of(&disk(Some("S1"), None, &["by-id/ata-1"]));
        let differences = |change: fn(&mut Identity), when| {
            let mut found = meant.clone();
            change(&mut found);
            meant.differences(&found, when)
        };
        assert_eq!(differences(|found| found.link = None, When::SameBoot), []);
        assert_eq!(differences(|found| found.diskseq = Some(4), When::AnyBoot), []);
        assert_eq!(differences(|found| found.diskseq = None, When::SameBoot), []);
        let replaced = differences(|found| found.diskseq = Some(4), When::SameBoot);
        assert_eq!(replaced, [Difference::Replaced]);
        let other = |found: &mut Identity| {
            found.serial = None;
            found.wwn = Some("W".to_owned());
            found.model = None;
            found.size = 999;
        };
        let owned = |text: &str| Some(text.to_owned());
        let expected = [
            Difference::Serial(owned("S1"), None),
            Difference::Wwn(None, owned("W")),
            Difference::Model(owned("M"), None),
            Difference::Size(1000, 999),
        ];
        assert_eq!(differences(other, When::AnyBoot), expected);
        let words = expected[3].words(Language::English);
        assert_eq!(words, "the size should be 1000 bytes, it is 999 bytes");
    }

    #[test]
    fn sizes_that_read_alike_are_told_in_bytes() {
        let words = Difference::Size(1 << 40, (1 << 40) + 512).words(Language::English);
        assert_eq!(words, "the size should be 1099511627776 bytes, it is 1099511628288");
    }

    #[test]
    fn the_place_counts_for_a_disk_without_a_name() {
        let meant = Identity::of(&disk(None, None, &["by-path/pci-1"]));
        let found = Identity::of(&disk(None, None, &["by-path/pci-2"]));
        let owned = |text: &str| Some(text.to_owned());
        let expected = [Difference::Place(owned("by-path/pci-1"), owned("by-path/pci-2"))];
        assert_eq!(meant.differences(&found, When::AnyBoot), expected);
    }

    #[test]
    fn the_end_of_the_serial_number_confirms() {
        for (serial, wwn, expected) in [
            (Some("S5Y1NX0R"), None, "NX0R"),
            (Some("WD-AB 12-c_"), None, "B12c"),
            (Some("d1"), Some("0x5002538e40a22954"), "d1"),
            (Some("--"), Some("eui.0025385b71b0a1f2"), "a1f2"),
            (None, None, "sda"),
        ] {
            assert_eq!(confirmation(&disk(serial, wwn, &[])), expected);
        }
        let disk = disk(Some("S5Y1NX0R"), None, &[]);
        for yes in ["NX0R", "nx0r", " n x 0 r\n"] {
            assert!(confirms(&disk, yes), "{yes}");
        }
        for no in ["", " ", "NX0", "1NX0R", "sda", "NXOR"] {
            assert!(!confirms(&disk, no), "{no}");
        }
    }
}
