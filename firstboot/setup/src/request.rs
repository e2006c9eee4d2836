//! What is wanted of disks.

use anklume_language::{Language, say};
use serde::{Deserialize, Serialize};

use crate::ConfirmedDisk;

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
    /// Everything on two disks.
    Mirror,
}

/// How the data is encrypted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Encryption {
    /// The whole partition, by LUKS2.
    #[default]
    Luks2,
    /// Not at all.
    None,
}

/// A new pool on disks whose content is given up.
#[derive(Debug, Clone)]
pub struct NewPool {
    /// The disks.
    pub disks: Vec<ConfirmedDisk>,
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
}

/// Why there is no such pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Refused {
    /// The OS cannot make one.
    NoZfs,
    /// Another number of disks is needed.
    Disks {
        /// For what.
        redundancy: Redundancy,
        /// How many there are.
        found: usize,
    },
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
            Self::Disks { redundancy, found } => {
                let wanted = redundancy.disks();
                say!(
                    language,
                    "expected {wanted} disk(s), found {found}",
                    "{wanted} disque(s) attendu(s), {found} trouvé(s)"
                )
            }
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
    /// How many disks it takes.
    #[must_use]
    pub const fn disks(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Mirror => 2,
        }
    }
}

impl NewPool {
    /// Whether it can be made.
    ///
    /// # Errors
    /// [`Refused`].
    pub(crate) fn check(&self) -> Result<(), Refused> {
        if self.backend == Backend::Zfs {
            return Err(Refused::NoZfs);
        }
        let (redundancy, found) = (self.redundancy, self.disks.len());
        if found != redundancy.disks() {
            return Err(Refused::Disks { redundancy, found });
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
