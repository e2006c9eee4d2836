//! Plans: steps in words, each with the actions that it is made of.

use anklume_inventory::Identity;
use anklume_language::Language;

use crate::{Action, Pool};

/// What is done to a machine, in order.
#[derive(Debug, Clone)]
pub struct Plan {
    /// The disks that actions name by their index, as they were confirmed.
    pub disks: Vec<PlanDisk>,
    /// The steps.
    pub steps: Vec<Step>,
    /// The pool that there is afterwards, as its record says it.
    pub pool: Pool,
}

/// A disk of a plan.
#[derive(Debug, Clone)]
pub struct PlanDisk {
    /// Kernel name, as of this boot.
    pub name: String,
    /// What it must say of itself when it is opened.
    pub identity: Identity,
}

/// A part of a plan that people see as one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// What it is for.
    pub work: Work,
    /// What it does.
    pub actions: Vec<Action>,
}

/// What a step is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Work {
    /// Look at the disks once more.
    Check,
    /// Remove what is on the disks.
    Clear,
    /// Overwrite the ends of free space.
    ClearSpace,
    /// Make a partition table.
    Partition,
    /// Encrypt, and add the recovery key.
    Encrypt,
    /// Close everything and open it again with each key.
    Prove,
    /// Open what is encrypted.
    Unlock,
    /// Make the file system.
    Format,
    /// Make its folders.
    Folders,
    /// Make it part of the machine.
    Mount,
    /// Make a domain.
    Domain,
    /// Remember the pool.
    Remember,
    /// Take it out of the machine.
    Unmount,
    /// Close what is encrypted.
    Lock,
    /// Try a key on every disk.
    TryKey,
    /// Add a new key beside the old ones.
    AddKey,
    /// Put it in the place of the old one.
    SwapKey,
}

impl Work {
    /// In words.
    #[must_use]
    pub fn words(self, language: Language) -> &'static str {
        let (english, french) = match self {
            Self::Check => ("Look at the disk once more", "Vérifier le disque une dernière fois"),
            Self::Clear => ("Erase what is on the disk", "Effacer le contenu du disque"),
            Self::ClearSpace => ("Clear the free space", "Nettoyer l'espace libre"),
            Self::Partition => ("Make a partition table", "Créer une table de partitions"),
            Self::Encrypt => (
                "Encrypt the disk, with the passphrase and the recovery key",
                "Chiffrer le disque, avec la phrase de passe et la clé de secours",
            ),
            Self::Prove => {
                ("Try both keys on the closed disk", "Essayer les deux clés sur le disque fermé")
            }
            Self::Unlock => ("Unlock the disk", "Déverrouiller le disque"),
            Self::Format => ("Make the file system", "Créer le système de fichiers"),
            Self::Folders => ("Make its folders", "Créer ses dossiers"),
            Self::Mount => ("Make it part of the machine", "L'intégrer à la machine"),
            Self::Domain => ("Make the domain", "Créer le domaine"),
            Self::Remember => ("Remember it for every start", "Le retenir pour chaque démarrage"),
            Self::Unmount => ("Take it out of the machine", "Le retirer de la machine"),
            Self::Lock => ("Lock the disk", "Verrouiller le disque"),
            Self::TryKey => ("Try the key", "Essayer la clé"),
            Self::AddKey => (
                "Add the new key beside the old ones, and try it",
                "Ajouter la nouvelle clé à côté des anciennes, et l'essayer",
            ),
            Self::SwapKey => {
                ("Put it in the place of the old one", "La mettre à la place de l'ancienne")
            }
        };
        language.pick(english, french)
    }
}

impl Plan {
    /// Whether something on a disk is overwritten by it.
    #[must_use]
    pub fn destroys(&self) -> bool {
        self.steps.iter().flat_map(|step| &step.actions).any(Action::destroys)
    }
}
