//! The part of an answer file that is about disks.

use anklume_inventory::{Bus, Disk, Inventory, parse_size};
use anklume_language::{Language, say};
use serde::{Deserialize, Serialize};

use crate::confirm::{ConfirmedDisk, NotConfirmed};
use crate::domain::{self, DomainName};
use crate::rest::{ConfirmedRest, NoRest, Rest};
use crate::zfs::Version;
use crate::{Backend, Encryption, NewPool, Redundancy, Refused};

/// What is to become of the machine's disks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Data {
    /// What is wanted.
    pub what: What,
    /// What keeps the data.
    #[serde(default = "btrfs")]
    pub backend: Backend,
    /// How it is spread.
    #[serde(default)]
    pub redundancy: Redundancy,
    /// How it is encrypted.
    #[serde(default)]
    pub encryption: Encryption,
    /// Whether the disks are told what is free.
    #[serde(default)]
    pub discard: bool,
    /// Where the passphrase comes from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub passphrase: Option<SecretSource>,
    /// Where the recovery key comes from. Without it, one is made that nobody sees; another one can be made
    /// later.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recovery_key: Option<SecretSource>,
    /// Whether a pool may be opened that another machine used last and did not close. Two machines that use
    /// one pool at once destroy it.
    #[serde(default)]
    pub force: bool,
    /// Whether a mirror of BTRFS may be opened although a disk of it is missing.
    #[serde(default)]
    pub degraded: bool,
    /// Whether the pool is made on the rest of the disk that the OS was started from, in place of disks.
    #[serde(default)]
    pub rest_of_boot_disk: bool,
    /// Domains that are made on a new pool.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub domains: Vec<DomainName>,
    /// The disks of a new pool, or disks of the one that is there. Each must fit exactly one of the machine.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub disks: Vec<DiskFilter>,
}

/// What is wanted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum What {
    /// A new pool; what is on the disks is given up.
    New,
    /// The pool that is there.
    Open,
    /// Incus in RAM.
    Try,
    /// Nothing yet.
    Later,
}

/// Where a secret comes from: it is never in the answer file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SecretSource {
    /// A credential of systemd (systemd.io/CREDENTIALS) with this name.
    Credential(String),
    /// A file beside the answer file, without the end of its line.
    File(String),
}

/// What a disk must be. Everything that is given must fit.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct DiskFilter {
    /// Serial number, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub serial: Option<String>,
    /// World Wide Name, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wwn: Option<String>,
    /// A link below `/dev/disk`: `by-path/pci-0000:00:05.0`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub link: Option<String>,
    /// Model, whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub model: Option<String>,
    /// How it is connected.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bus: Option<Bus>,
    /// Smallest size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_least: Option<String>,
    /// Largest size.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at_most: Option<String>,
}

const fn btrfs() -> Backend {
    Backend::Btrfs
}

/// Why a file does not lead to a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MatchError {
    /// Something is not as it must be.
    Field {
        /// Which, as `data.disks[0].at-least`.
        field: String,
        /// Why.
        why: String,
    },
    /// Not exactly one disk fits.
    Count {
        /// Which of the file's disks, from 0.
        filter: usize,
        /// Kernel names of those that fit.
        fits: Vec<String>,
    },
    /// The boot disk has no rest.
    NoRest(NoRest),
    /// A disk that fits must not be taken.
    Disk {
        /// Its kernel name.
        disk: String,
        /// Why.
        why: NotConfirmed,
    },
}

impl MatchError {
    /// In words.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match self {
            Self::Field { field, why } => format!("{field}: {why}"),
            Self::Count { filter, fits } if fits.is_empty() => {
                say!(
                    language,
                    "data.disks[{filter}]: no disk fits",
                    "data.disks[{filter}] : aucun disque ne convient"
                )
            }
            Self::Count { filter, fits } => {
                let fits = fits.join(", ");
                say!(
                    language,
                    "data.disks[{filter}]: more than one disk fits: {fits}",
                    "data.disks[{filter}] : plusieurs disques conviennent : {fits}"
                )
            }
            Self::NoRest(why) => {
                let why = why.words(language);
                say!(
                    language,
                    "the rest of the boot disk cannot be taken: {why}",
                    "le reste du disque de démarrage ne peut pas être pris : {why}"
                )
            }
            Self::Disk { disk, why } => {
                let why = why.words(language);
                say!(language, "{disk}: {why}", "{disk} : {why}")
            }
        }
    }
}

impl Data {
    /// What can be said without a machine.
    ///
    /// # Errors
    /// [`MatchError::Field`].
    pub fn check(&self) -> Result<(), MatchError> {
        let wrong = |field: &str, why: &str| {
            Err(MatchError::Field { field: field.to_owned(), why: why.to_owned() })
        };
        self.disks.iter().enumerate().try_for_each(|(index, filter)| filter.check(index))?;
        if self.what != What::New {
            if !self.domains.is_empty() {
                return wrong("data.domains", "only a new pool gets domains");
            }
            return match (self.what, self.disks.is_empty(), self.rest_of_boot_disk) {
                (What::Open, _, false) | (_, true, false) => Ok(()),
                (_, _, true) => wrong("data.rest-of-boot-disk", "only a new pool takes it"),
                (..) => wrong("data.disks", "nothing is done to disks"),
            };
        }
        if self.rest_of_boot_disk && !self.disks.is_empty() {
            return wrong("data.rest-of-boot-disk", "not together with disks");
        }
        if self.backend != Backend::Zfs && self.redundancy.only_zfs() {
            return wrong("data.redundancy", "only zfs has raidz1 and raidz2");
        }
        if self.backend != Backend::Zfs && self.encryption == Encryption::Zfs {
            return wrong("data.encryption", "only zfs has it; luks2 is for every backend");
        }
        let places = self.disks.len().saturating_add(usize::from(self.rest_of_boot_disk));
        let (redundancy, found) = (self.redundancy, places);
        if !redundancy.fits(found) {
            let why = Refused::Disks { redundancy, found }.words(Language::English);
            return wrong("data.disks", &why);
        }
        if self.encryption.has_key() && self.passphrase.is_none() {
            return wrong("data.passphrase", "an encrypted pool needs one");
        }
        if let Err(why) = domain::check(&self.domains) {
            return wrong("data.domains", &why.to_string());
        }
        Ok(())
    }

    /// What a new pool takes on this machine; `rest` is that of its boot disk.
    ///
    /// # Errors
    /// [`MatchError`]. A filter that fits no disk or two ends it: nothing is guessed.
    pub fn find(
        &self,
        inventory: &Inventory,
        rest: Result<Rest, NoRest>,
    ) -> Result<NewPool, MatchError> {
        self.check()?;
        let rest = match self.rest_of_boot_disk {
            true => Some(ConfirmedRest::named_in_answers(rest.map_err(MatchError::NoRest)?)),
            false => None,
        };
        let mut disks = Vec::new();
        for disk in self.fitting(inventory)? {
            let confirmed = ConfirmedDisk::named_in_answers(inventory, disk)
                .map_err(|why| MatchError::Disk { disk: disk.name.clone(), why })?;
            disks.push(confirmed);
        }
        Ok(NewPool {
            disks,
            rest,
            backend: self.backend,
            redundancy: self.redundancy,
            encryption: self.encryption,
            discard: self.discard,
            memory: inventory.memory,
            zfs: inventory.zfs.as_deref().and_then(Version::parse),
        })
    }

    /// Kernel names of the disks that are named, which say what pool is to be opened; nothing is done to them.
    ///
    /// # Errors
    /// [`MatchError`], as [`Data::find`].
    pub fn named(&self, inventory: &Inventory) -> Result<Vec<String>, MatchError> {
        self.check()?;
        Ok(self.fitting(inventory)?.into_iter().map(|disk| disk.name.clone()).collect())
    }

    fn fitting<'a>(&self, inventory: &'a Inventory) -> Result<Vec<&'a Disk>, MatchError> {
        let mut disks = Vec::new();
        for (filter, wanted) in self.disks.iter().enumerate() {
            let fits: Vec<&Disk> =
                inventory.disks.iter().filter(|disk| wanted.fits(disk)).collect();
            let [disk] = fits.as_slice() else {
                let fits = fits.iter().map(|disk| disk.name.clone()).collect();
                return Err(MatchError::Count { filter, fits });
            };
            disks.push(*disk);
        }
        Ok(disks)
    }
}

impl DiskFilter {
    /// The filter that fits this disk and no other one.
    #[must_use]
    pub fn of(disk: &Disk) -> Self {
        let serial = disk.serial.clone();
        let wwn = if serial.is_none() { disk.wwn.clone() } else { None };
        let by_path = || disk.links.iter().find(|link| link.starts_with("by-path/")).cloned();
        let link = if serial.is_none() && wwn.is_none() { by_path() } else { None };
        Self { serial, wwn, link, ..Self::default() }
    }

    fn check(&self, index: usize) -> Result<(), MatchError> {
        let field = |name: &str| format!("data.disks[{index}].{name}");
        if self.serial.is_none() && self.wwn.is_none() && self.link.is_none() {
            let why = "expected serial, wwn or link: a disk is given up only by name".to_owned();
            return Err(MatchError::Field { field: format!("data.disks[{index}]"), why });
        }
        for (name, size) in [("at-least", &self.at_least), ("at-most", &self.at_most)] {
            let Some(size) = size else { continue };
            let wrong = |why| MatchError::Field { field: field(name), why };
            parse_size(size).map_err(|error| wrong(error.to_string()))?;
        }
        Ok(())
    }

    fn fits(&self, disk: &Disk) -> bool {
        let same =
            |wanted: &Option<String>, found: &Option<String>| wanted.is_none() || wanted == found;
        let bound =
            |wanted: &Option<String>| wanted.as_deref().and_then(|size| parse_size(size).ok());
        same(&self.serial, &disk.serial)
            && same(&self.wwn, &disk.wwn)
            && same(&self.model, &disk.model)
            && self.link.as_ref().is_none_or(|link| disk.links.contains(link))
            && self.bus.is_none_or(|bus| bus == disk.bus)
            && bound(&self.at_least).is_none_or(|least| disk.size >= least)
            && bound(&self.at_most).is_none_or(|most| disk.size <= most)
    }
}
