//! What to know before a disk is taken.

use anklume_language::{Language, say};

use crate::text::plural;
use crate::{Bus, Disk};

/// Wear in percent from which on a drive is near its end.
const WORN: u16 = 90;

/// Something that does not refuse a disk, but that a person should know.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Warning {
    /// Its own check (SMART) failed.
    Failing,
    /// This much of its life is used up, in percent.
    Worn(u16),
    /// So many sectors were replaced or wait for it.
    BadSectors(u64),
    /// What is on it could not be read.
    Unread,
    /// There is something on it.
    NotEmpty,
    /// It is connected by USB.
    Usb,
    /// It turns, and accepts discards: a drive whose shingles (SMR) its own firmware manages.
    Shingled,
    /// It turns.
    Rotational,
    /// Its logical sectors have so many bytes, not 512.
    LargeSectors(u32),
}

impl Warning {
    /// In a sentence without a stop, about the disk as "it".
    #[must_use]
    pub fn words(self, language: Language) -> String {
        match self {
            Self::Failing => say!(
                language,
                "its own check (SMART) says that it is failing",
                "son propre contrôle (SMART) annonce une panne"
            ),
            Self::Worn(percent) => say!(
                language,
                "{percent} % of its expected life is used up",
                "{percent} % de sa durée de vie prévue sont consommés"
            ),
            Self::BadSectors(count) if plural(language, count) => say!(
                language,
                "{count} of its sectors are bad or were replaced",
                "{count} de ses secteurs sont défectueux ou ont été remplacés"
            ),
            Self::BadSectors(count) => say!(
                language,
                "{count} of its sectors is bad or was replaced",
                "{count} de ses secteurs est défectueux ou a été remplacé"
            ),
            Self::Unread => say!(
                language,
                "what is on it could not be read, and would be lost",
                "ce qu'il contient n'a pas pu être lu, et serait perdu"
            ),
            Self::NotEmpty => say!(
                language,
                "it is not empty: everything on it would be lost",
                "il n'est pas vide : tout ce qu'il contient serait perdu"
            ),
            Self::Usb => say!(
                language,
                "it is connected by USB: it can be pulled out by accident",
                "il est connecté en USB : il peut être débranché par accident"
            ),
            Self::Shingled => say!(
                language,
                "it seems to be a shingled hard disk (SMR): writing much to it is very slow",
                "il semble être un disque dur SMR : y écrire beaucoup est très lent"
            ),
            Self::Rotational => say!(
                language,
                "it is a hard disk: much slower than an SSD for containers",
                "c'est un disque dur : bien plus lent qu'un SSD pour des conteneurs"
            ),
            Self::LargeSectors(bytes) => say!(
                language,
                "its sectors have {bytes} bytes: good for data, but old machines cannot start from it",
                "ses secteurs ont {bytes} octets : bien pour des données, mais d'anciennes machines ne \
                 peuvent pas démarrer à partir de lui"
            ),
        }
    }
}

/// What to know of `disk` before it is taken, the most serious first.
#[must_use]
pub fn warnings(disk: &Disk) -> Vec<Warning> {
    let health = &disk.health;
    // A virtual disk says that it turns when nobody told it otherwise.
    let turns = disk.rotational
        && matches!(disk.bus, Bus::Ata | Bus::Scsi | Bus::Usb)
        && !disk.model.as_deref().unwrap_or_default().starts_with("QEMU");
    let is_stick = disk.bus == Bus::Usb && disk.removable;
    let bad_sectors = health.bad_sectors.filter(|count| *count > 0);
    let worn = health.wear.filter(|percent| *percent >= WORN);
    let unread = disk.contents().any(|content| content.unread);
    let turning = match (turns && !is_stick, disk.discard) {
        (false, _) => None,
        (true, true) => Some(Warning::Shingled),
        (true, false) => Some(Warning::Rotational),
    };
    let sector = Some(disk.logical_sector).filter(|bytes| *bytes != 512);
    [
        (health.passed == Some(false)).then_some(Warning::Failing),
        worn.map(Warning::Worn),
        bad_sectors.map(Warning::BadSectors),
        unread.then_some(Warning::Unread),
        (!disk.is_empty()).then_some(Warning::NotEmpty),
        (disk.bus == Bus::Usb).then_some(Warning::Usb),
        turning,
        sector.map(Warning::LargeSectors),
    ]
    .into_iter()
    .flatten()
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(change: impl FnOnce(&mut Disk)) -> Vec<Warning> {
        let json = serde_json::json!({
            "name": "sda", "size": 1, "logical-sector": 512, "physical-sector": 4096, "bus": "ata",
        });
        let mut disk: Disk = serde_json::from_value(json).unwrap();
        change(&mut disk);
        warnings(&disk)
    }

    #[test]
    fn a_good_empty_ssd_needs_no_warning() {
        assert_eq!(of(|disk| disk.health.passed = Some(true)), []);
        assert_eq!(of(|disk| disk.health.wear = Some(89)), []);
        assert_eq!(of(|disk| disk.health.bad_sectors = Some(0)), []);
    }

    #[test]
    fn health_is_told_first() {
        let warnings = of(|disk| {
            disk.health.passed = Some(false);
            disk.health.wear = Some(90);
            disk.health.bad_sectors = Some(1);
            disk.content.table = Some("gpt".to_owned());
            disk.logical_sector = 4096;
            disk.rotational = true;
        });
        let expected = [
            Warning::Failing,
            Warning::Worn(90),
            Warning::BadSectors(1),
            Warning::NotEmpty,
            Warning::Rotational,
            Warning::LargeSectors(4096),
        ];
        assert_eq!(warnings, expected);
        for warning in expected {
            assert_ne!(warning.words(Language::English), warning.words(Language::French));
        }
    }

    #[test]
    fn a_disk_that_turns_is_told_from_one_that_says_so() {
        let turning = |disk: &mut Disk| disk.rotational = true;
        assert_eq!(of(turning), [Warning::Rotational]);
        let shingled = of(|disk| {
            turning(disk);
            disk.discard = true;
        });
        assert_eq!(shingled, [Warning::Shingled]);
        let virtual_disk = of(|disk| {
            turning(disk);
            disk.bus = Bus::Virtio;
        });
        assert_eq!(virtual_disk, []);
        let stick = of(|disk| {
            turning(disk);
            disk.bus = Bus::Usb;
            disk.removable = true;
        });
        assert_eq!(stick, [Warning::Usb]);
    }

    #[test]
    fn what_could_not_be_read_is_told() {
        assert_eq!(of(|disk| disk.content.unread = true), [Warning::Unread]);
    }
}
