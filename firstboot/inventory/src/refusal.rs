//! Why a disk may not be taken.

use anklume_language::{Language, say, size};

use crate::boot::according;
use crate::text::{and, harmless, names};
use crate::{Holder, Signal};

/// The most items that are listed.
const LISTED: usize = 3;

/// Why a disk may not be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refusal {
    /// The OS was started from it, according to these signs.
    BootMedium(Vec<Signal>),
    /// The OS may have been started from it: signs disagree, or it is a copy.
    BootDisputed {
        /// The signs that name it; none if it is a copy of one that is named.
        signals: Vec<Signal>,
        /// Kernel names of the other disks that it may have been.
        others: Vec<String>,
    },
    /// It, a partition, or something that lies on it is mounted, there.
    Mounted(Vec<String>),
    /// It belongs to a BTRFS file system that is mounted, there, by another of its disks.
    PartOfMounted(Vec<String>),
    /// These devices lie on it and hold it open.
    Held(Vec<Holder>),
    /// It belongs to an imported ZFS pool of this name.
    ImportedPool(String),
    /// It is one of several paths to a disk, which this device stands for.
    MultipathPath(Holder),
    /// It refuses writes.
    ReadOnly,
    /// A drive without a medium.
    NoMedium,
    /// It has fewer bytes than [`crate::MINIMUM_BYTES`].
    TooSmall {
        /// Its size in bytes.
        found: u64,
        /// The least size in bytes.
        minimum: u64,
    },
    /// A management controller, of this kind, lends it over the network.
    Lent(&'static str),
    /// It cannot be told from these disks.
    Ambiguous(Vec<String>),
    /// A floppy disk drive.
    Floppy,
    /// A CD or DVD drive.
    Optical,
    /// A loop device: a file.
    File,
    /// A disk in RAM.
    Memory,
    /// A part of an eMMC chip that is set apart for booting.
    EmmcArea,
    /// Another kind of block device: as `lsblk` names it, or the kernel.
    NoDisk(String),
    /// The host would have to manage its zones.
    Zoned,
}

impl Refusal {
    /// In a sentence without a stop, about the disk as "it".
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match self {
            Self::BootMedium(signals) => boot(language, signals),
            Self::BootDisputed { signals, others } => disputed(language, signals, others),
            Self::Mounted(mounts) => mounted(language, mounts),
            Self::PartOfMounted(mounts) => {
                let at = places(language, mounts);
                say!(
                    language,
                    "it is part of a BTRFS file system that is mounted on {at}",
                    "il fait partie d'un système de fichiers BTRFS monté sur {at}"
                )
            }
            Self::Held(holders) => held(language, holders),
            Self::ImportedPool(pool) => {
                say!(
                    language,
                    "it is part of the open ZFS pool {pool}",
                    "il fait partie du pool ZFS ouvert {pool}"
                )
            }
            Self::MultipathPath(holder) => {
                let name = name(holder);
                say!(
                    language,
                    "it is one of several paths to the disk {name}",
                    "c'est l'un des chemins vers le disque {name}"
                )
            }
            Self::TooSmall { found, minimum } => {
                let (found, minimum) = (size(language, *found), size(language, *minimum));
                say!(
                    language,
                    "it is too small: it has {found}, at least {minimum} are needed",
                    "il est trop petit : il a {found}, il faut au moins {minimum}"
                )
            }
            Self::Lent(controller) => say!(
                language,
                "it is a virtual medium of the server's management controller ({controller})",
                "c'est un support virtuel du contrôleur de gestion du serveur ({controller})"
            ),
            Self::Ambiguous(others) => {
                let others = names(language, others, LISTED);
                say!(
                    language,
                    "it cannot be told apart from {others}",
                    "il ne peut pas être distingué de {others}"
                )
            }
            Self::NoDisk(kind) => {
                let kind = harmless(kind);
                say!(
                    language,
                    "it is no disk of a known kind ({kind})",
                    "ce n'est pas un disque d'un genre connu ({kind})"
                )
            }
            _ => self.simple(language),
        }
    }

    /// The words of a reason without details.
    fn simple(&self, language: Language) -> String {
        let (english, french) = match self {
            Self::ReadOnly => ("it is read-only", "il est en lecture seule"),
            Self::NoMedium => ("there is no medium in it", "il ne contient aucun support"),
            Self::Floppy => ("it is a floppy disk drive", "c'est un lecteur de disquettes"),
            Self::Optical => ("it is a CD or DVD drive", "c'est un lecteur de CD ou de DVD"),
            Self::File => ("it is a file (loop device)", "c'est un fichier (périphérique loop)"),
            Self::Memory => ("it is in RAM", "il est en mémoire vive"),
            Self::EmmcArea => (
                "it is the boot area of an eMMC chip",
                "c'est la zone de démarrage d'une puce eMMC",
            ),
            Self::Zoned => (
                "it is a zoned disk (host-managed SMR), which needs special software",
                "c'est un disque à zones (SMR géré par l'hôte), qui exige un logiciel spécial",
            ),
            _ => ("it cannot be used", "il ne peut pas être utilisé"),
        };
        language.pick(english, french).to_owned()
    }
}

fn boot(language: Language, signals: &[Signal]) -> String {
    let by = according(language, signals);
    say!(
        language,
        "this system was started from it (according to {by})",
        "ce système a démarré à partir de lui (d'après {by})"
    )
}

fn disputed(language: Language, signals: &[Signal], others: &[String]) -> String {
    let others = names(language, others, LISTED);
    if signals.is_empty() {
        return say!(
            language,
            "it is a copy of {others}, from which this system was started",
            "c'est une copie de {others}, à partir duquel ce système a démarré"
        );
    }
    let by = according(language, signals);
    say!(
        language,
        "this system was started from it (according to {by}) or from {others}",
        "ce système a démarré à partir de lui (d'après {by}) ou de {others}"
    )
}

/// Places where something is mounted.
fn places(language: Language, mounts: &[String]) -> String {
    names(language, mounts, LISTED)
}

fn mounted(language: Language, mounts: &[String]) -> String {
    let (swap, mounts): (Vec<String>, Vec<String>) =
        mounts.iter().cloned().partition(|mount| mount == "[SWAP]");
    let at = places(language, &mounts);
    match (mounts.is_empty(), swap.is_empty()) {
        (true, _) => say!(language, "it is used as swap", "il sert d'espace d'échange (swap)"),
        (false, true) => say!(language, "it is mounted on {at}", "il est monté sur {at}"),
        (false, false) => say!(
            language,
            "it is used as swap and mounted on {at}",
            "il sert d'espace d'échange (swap) et est monté sur {at}"
        ),
    }
}

fn held(language: Language, holders: &[Holder]) -> String {
    let users: Vec<String> = holders
        .iter()
        .map(|holder| format!("{} {}", family(language, holder), name(holder)))
        .collect();
    let users = and(language, &users, LISTED);
    say!(language, "it is in use by {users}", "il est utilisé par {users}")
}

/// The name of a holder that people know it by.
fn name(holder: &Holder) -> String {
    harmless(holder.label.as_ref().unwrap_or(&holder.name))
}

/// What kind of device holds the disk: by its kind, else by its name.
fn family(language: Language, holder: &Holder) -> String {
    match (holder.kind.as_deref().unwrap_or_default(), holder.name.as_str()) {
        ("lvm", _) => "LVM".to_owned(),
        ("crypt", _) => say!(language, "the open volume", "le volume ouvert"),
        ("mpath", _) => "multipath".to_owned(),
        (kind, name) if kind.starts_with("raid") || kind == "md" || name.starts_with("md") => {
            say!(language, "the RAID array", "la grappe RAID")
        }
        (_, name) if name.starts_with("bcache") => "bcache".to_owned(),
        (_, name) if name.starts_with("dm-") => "device-mapper".to_owned(),
        _ => say!(language, "the device", "le périphérique"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One of each.
    fn all() -> Vec<Refusal> {
        let holder = |name: &str, kind: Option<&str>, label: Option<&str>| Holder {
            name: name.to_owned(),
            label: label.map(str::to_owned),
            kind: kind.map(str::to_owned),
        };
        let texts = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        vec![
            Refusal::BootMedium(vec![Signal::Reported, Signal::Loader]),
            Refusal::BootDisputed { signals: vec![], others: texts(&["sda"]) },
            Refusal::BootDisputed { signals: vec![Signal::Backing], others: texts(&["sda"]) },
            Refusal::Mounted(texts(&["/"])),
            Refusal::Mounted(texts(&["[SWAP]"])),
            Refusal::Mounted(texts(&["[SWAP]", "/\u{1b}"])),
            Refusal::PartOfMounted(texts(&["/mnt"])),
            Refusal::Held(vec![
                holder("dm-0", Some("lvm"), Some("vg-root")),
                holder("dm-1", Some("crypt"), None),
                holder("md127", None, None),
                holder("dm-2", None, None),
            ]),
            Refusal::Held(vec![holder("bcache0", Some("disk"), None)]),
            Refusal::ImportedPool("tank".to_owned()),
            Refusal::MultipathPath(holder("dm-0", Some("mpath"), Some("mpatha"))),
            Refusal::ReadOnly,
            Refusal::NoMedium,
            Refusal::TooSmall { found: 4 << 30, minimum: 8 << 30 },
            Refusal::Lent("AMI MegaRAC"),
            Refusal::Ambiguous(texts(&["sdb", "sdc"])),
            Refusal::Floppy,
            Refusal::Optical,
            Refusal::File,
            Refusal::Memory,
            Refusal::EmmcArea,
            Refusal::NoDisk("tape".to_owned()),
            Refusal::Zoned,
        ]
    }

    #[test]
    fn each_reason_has_words_of_its_own_in_both_languages() {
        let mut words: Vec<String> = Vec::new();
        for refusal in all() {
            for language in Language::ALL {
                let text = refusal.words(language);
                assert!(!text.contains(|character: char| character.is_control()), "{text}");
                assert!(!words.contains(&text), "{text}");
                words.push(text);
            }
        }
        let useless = |text: &String| text.contains("cannot be used");
        assert!(!words.iter().any(useless));
    }

    #[test]
    fn words_name_what_it_is_about() {
        let words = |index: usize| all()[index].words(Language::English);
        assert_eq!(
            words(0),
            "this system was started from it (according to the startup of the system and the boot loader)"
        );
        assert_eq!(words(5), "it is used as swap and mounted on /?");
        assert_eq!(
            words(7),
            "it is in use by LVM vg-root, the open volume dm-1, the RAID array md127 and \
             device-mapper dm-2"
        );
        assert_eq!(words(13), "it is too small: it has 4.0 GiB, at least 8.0 GiB are needed");
    }
}
