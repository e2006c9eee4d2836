//! What is wanted of disks.

use anklume_language::{Language, say};
use serde::{Deserialize, Serialize};

use crate::zfs::{SAFE_ENCRYPTION, Version};
use crate::{ConfirmedDisk, ConfirmedRest};

/// What keeps the data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Backend {
    /// BTRFS.
    Btrfs,
    /// ZFS.
    Zfs,
}

/// How data is spread over several disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Redundancy {
    /// One disk; when it fails, the data is lost.
    #[default]
    Single,
    /// Everything on two disks or more: on each of them with ZFS, on two of them with BTRFS.
    Mirror,
    /// Parity for one disk that fails; ZFS only.
    Raidz1,
    /// Parity for two disks that fail; ZFS only.
    Raidz2,
}

/// How the data is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// The whole partition, by LUKS2.
    #[default]
    Luks2,
    /// The datasets, by ZFS: with one key, and each domain's with its own. The keys are in a LUKS2 volume on the
    /// pool. Names and sizes of datasets stay readable.
    Zfs,
    /// Not at all.
    None,
}

/// A new pool on disks whose content is given up.
#[derive(Debug, Clone)]
pub struct NewPool {
    /// The disks; none if it is made on [`rest`](Self::rest).
    pub disks: Vec<ConfirmedDisk>,
    /// The rest of the boot disk, in place of disks.
    pub rest: Option<ConfirmedRest>,
    /// What keeps the data.
    pub backend: Backend,
    /// How it is spread.
    pub redundancy: Redundancy,
    /// How it is encrypted.
    pub encryption: Encryption,
    /// Whether the disks are told what is free. On an encrypted disk that shows how much is used, and where.
    pub discard: bool,
    /// RAM of the machine, in bytes.
    pub memory: u64,
    /// The OS's ZFS; none if it has none.
    pub zfs: Option<Version>,
}

/// What only ZFS has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OnlyZfs {
    /// Parity.
    Raidz,
    /// Encryption of datasets.
    Encryption,
}

/// Why there is no such pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The OS cannot make one.
    NoZfs,
    /// Encryption of this ZFS is not safe.
    OldZfs(Version),
    /// Only ZFS has it.
    OnlyZfs(OnlyZfs),
    /// Another number of disks is needed.
    Disks {
        /// For what.
        redundancy: Redundancy,
        /// How many there are.
        found: usize,
    },
    /// The rest of the boot disk, and other disks.
    RestAndDisks,
    /// A disk is named twice.
    Twice(String),
    /// A partition table cannot be made.
    Table {
        /// Kernel name of the disk.
        disk: String,
        /// Why.
        why: String,
    },
}

impl Refused {
    /// In words.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match self {
            Self::NoZfs => say!(
                language,
                "this OS has no ZFS; BTRFS is there",
                "ce système n'a pas ZFS ; BTRFS est disponible"
            ),
            Self::OldZfs(found) => say!(
                language,
                "ZFS {found} may damage encrypted snapshots that are sent; {SAFE_ENCRYPTION} is needed",
                "ZFS {found} peut abîmer les instantanés chiffrés envoyés ; il faut {SAFE_ENCRYPTION}"
            ),
            Self::OnlyZfs(OnlyZfs::Raidz) => {
                say!(language, "only ZFS has raidz", "seul ZFS a raidz")
            }
            Self::OnlyZfs(OnlyZfs::Encryption) => {
                say!(language, "only ZFS has this encryption", "seul ZFS a ce chiffrement")
            }
            Self::Disks { redundancy, found } => {
                let wanted = redundancy.least();
                match redundancy {
                    Redundancy::Single => say!(
                        language,
                        "expected {wanted} disk, found {found}",
                        "{wanted} disque attendu, {found} trouvé(s)"
                    ),
                    _ => say!(
                        language,
                        "expected {wanted} disks or more, found {found}",
                        "{wanted} disques ou plus attendus, {found} trouvé(s)"
                    ),
                }
            }
            Self::RestAndDisks => say!(
                language,
                "the rest of the boot disk is not combined with other disks",
                "le reste du disque de démarrage ne se combine pas avec d'autres disques"
            ),
            Self::Twice(disk) => {
                say!(language, "{disk} is named twice", "{disk} est nommé deux fois")
            }
            Self::Table { disk, why } => say!(
                language,
                "{disk} cannot be partitioned: {why}",
                "{disk} ne peut pas être partitionné : {why}"
            ),
        }
    }
}

impl Redundancy {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Single, Self::Mirror, Self::Raidz1, Self::Raidz2];

    /// The least number of disks that it takes.
    #[must_use]
    pub const fn least(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Mirror => 2,
            Self::Raidz1 => 3,
            Self::Raidz2 => 4,
        }
    }

    /// Whether it is one of so many disks.
    #[must_use]
    pub const fn fits(self, disks: usize) -> bool {
        match self {
            Self::Single => disks == 1,
            _ => disks >= self.least(),
        }
    }

    /// How many of so many disks may fail.
    #[must_use]
    pub const fn spare(self, backend: Backend, disks: usize) -> usize {
        match (self, backend) {
            (Self::Single, _) => 0,
            (Self::Mirror, Backend::Zfs) => disks.saturating_sub(1),
            (Self::Mirror, Backend::Btrfs) | (Self::Raidz1, _) => 1,
            (Self::Raidz2, _) => 2,
        }
    }

    /// Whether only ZFS has it.
    #[must_use]
    pub const fn only_zfs(self) -> bool {
        matches!(self, Self::Raidz1 | Self::Raidz2)
    }
}

impl Encryption {
    /// As files name it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Luks2 => "luks2",
            Self::Zfs => "zfs",
            Self::None => "none",
        }
    }

    /// Whether somebody has to type something.
    #[must_use]
    pub const fn has_key(self) -> bool {
        !matches!(self, Self::None)
    }

    /// Whether an OS with this ZFS can make it on `backend`.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(self, backend: Backend, zfs: Option<Version>) -> Result<(), Refused> {
        match (self, backend, zfs) {
            (Self::Zfs, Backend::Btrfs, _) => Err(Refused::OnlyZfs(OnlyZfs::Encryption)),
            (Self::Zfs, Backend::Zfs, Some(found)) if found < SAFE_ENCRYPTION => {
                Err(Refused::OldZfs(found))
            }
            _ => Ok(()),
        }
    }
}

impl Backend {
    /// Whether an OS with this ZFS can make it.
    ///
    /// # Errors
    /// [`Refused`].
    pub fn check(self, zfs: Option<Version>) -> Result<(), Refused> {
        match (self, zfs) {
            (Self::Zfs, None) => Err(Refused::NoZfs),
            _ => Ok(()),
        }
    }
}

impl NewPool {
    /// Whether it can be made.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn check(&self) -> Result<(), Refused> {
        self.backend.check(self.zfs)?;
        self.encryption.check(self.backend, self.zfs)?;
        let places = self.disks.len().saturating_add(usize::from(self.rest.is_some()));
        let (redundancy, found) = (self.redundancy, places);
        if redundancy.only_zfs() && self.backend != Backend::Zfs {
            return Err(Refused::OnlyZfs(OnlyZfs::Raidz));
        }
        if !redundancy.fits(found) {
            return Err(Refused::Disks { redundancy, found });
        }
        if self.rest.is_some() && !self.disks.is_empty() {
            return Err(Refused::RestAndDisks);
        }
        let mut names: Vec<&str> =
            self.disks.iter().map(|disk| disk.disk().name.as_str()).collect();
        names.sort_unstable();
        let twice = names.windows(2).find_map(|pair| match pair {
            [one, other] if one == other => Some((*one).to_owned()),
            _ => None,
        });
        twice.map_or(Ok(()), |name| Err(Refused::Twice(name)))
    }
}
