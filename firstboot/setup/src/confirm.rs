//! Disks that somebody named.

use anklume_inventory::{Disk, Inventory, Refusal, Verdict, confirmation, confirms, judge};
use anklume_language::{Language, say};

/// A disk that may be taken, and that somebody named as the one to give up. See the crate's documentation
/// for why there is no other way to one.
#[derive(Debug, Clone)]
pub struct ConfirmedDisk {
    disk: Disk,
}

/// Why a disk is not confirmed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NotConfirmed {
    /// It must not be taken.
    Refused(Vec<Refusal>),
    /// Something else was typed.
    Typed {
        /// What was expected.
        expected: String,
    },
}

impl ConfirmedDisk {
    /// Somebody typed the end of its serial number.
    ///
    /// # Errors
    /// [`NotConfirmed`].
    pub fn typed(inventory: &Inventory, disk: &Disk, typed: &str) -> Result<Self, NotConfirmed> {
        if let Verdict::Refused(why) = judge(inventory, disk) {
            return Err(NotConfirmed::Refused(why));
        }
        if !confirms(disk, typed) {
            return Err(NotConfirmed::Typed { expected: confirmation(disk) });
        }
        Ok(Self { disk: disk.clone() })
    }

    /// A file names it by what no other disk of the machine has.
    pub(crate) fn named_in_answers(
        inventory: &Inventory,
        disk: &Disk,
    ) -> Result<Self, NotConfirmed> {
        match judge(inventory, disk) {
            Verdict::Refused(why) => Err(NotConfirmed::Refused(why)),
            Verdict::Eligible => Ok(Self { disk: disk.clone() }),
        }
    }

    /// The disk.
    #[must_use]
    pub fn disk(&self) -> &Disk {
        &self.disk
    }
}

impl NotConfirmed {
    /// In words.
    #[must_use]
    pub fn words(&self, language: Language) -> String {
        match self {
            Self::Refused(why) => {
                why.iter().map(|refusal| refusal.words(language)).collect::<Vec<_>>().join("; ")
            }
            Self::Typed { expected } => say!(
                language,
                "that is not {expected}, the end of its serial number",
                "ce n'est pas {expected}, la fin de son numéro de série"
            ),
        }
    }
}
