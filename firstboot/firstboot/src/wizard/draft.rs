//! What was answered so far.

use anklume_dialog::{Hints, Kind, decide};
use anklume_inventory::Inventory;
use anklume_language::Language;
use anklume_passphrase::RecoveryKey;
use anklume_settings::{Admin, Network, Settings};
use anklume_setup::adopt::disks_of;
use anklume_setup::{
    Backend, ConfirmedDisk, ConfirmedRest, Data, DiskFilter, Encryption, NewPool, NoRest, Plan,
    Pool, Redundancy, Rest, SecretSource, Version, What,
};
use zeroize::Zeroizing;

use crate::answers::Answers;
use crate::data::Agreed;
use crate::log::Log;
use crate::wizard::world::{Here, World};

/// What is wanted of the network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum NetworkWish {
    /// What there is stays.
    Keep,
    /// What the machine does without settings: DHCP on every cable. Ours are removed.
    Automatic,
    /// This one, in place of ours.
    This(Box<Network>),
}

/// What was answered so far. Secrets are wiped when it is dropped.
pub(crate) struct Draft {
    /// The disks, as of when the wizard began.
    pub(crate) inventory: Inventory,
    /// Whether the person types on a keyboard of this machine, not through a line.
    pub(crate) has_keyboard: bool,
    /// Console keymap that was chosen, for warnings about passphrases.
    pub(crate) keymap: &'static str,
    /// The pool that this machine has already, in words.
    pub(crate) own_pool: Option<String>,
    /// Which step of how many.
    pub(crate) step: (usize, usize),
    /// Whether nothing will be done.
    pub(crate) dry_run: bool,
    pub(crate) what: What,
    /// The rest of the boot disk.
    pub(crate) rest: Result<Rest, NoRest>,
    /// Whether that is taken, in place of disks.
    pub(crate) takes_rest: bool,
    pub(crate) confirmed_rest: Option<ConfirmedRest>,
    /// Indices of the disks in the inventory.
    pub(crate) disks: Vec<usize>,
    /// Those of them that were confirmed, in the same order.
    pub(crate) confirmed: Vec<ConfirmedDisk>,
    pub(crate) backend: Backend,
    pub(crate) redundancy: Redundancy,
    pub(crate) encryption: Encryption,
    pub(crate) discard: bool,
    pub(crate) passphrase: Option<Zeroizing<String>>,
    pub(crate) recovery: Option<RecoveryKey>,
    pub(crate) recovery_saved: bool,
    /// A pool that was found, with the key that opened it.
    pub(crate) existing: Option<Pool>,
    /// Although what it is opened.
    pub(crate) agreed: Agreed,
    pub(crate) settings: Settings,
    pub(crate) network: NetworkWish,
    /// Whether it is only about an account until the machine is switched off.
    pub(crate) for_now: bool,
    /// What is asked of the machine meanwhile.
    pub(crate) world: Box<dyn World>,
    pub(crate) admin: Option<Admin>,
    /// Whether the accounts on the disk are enough.
    pub(crate) keep_accounts: bool,
    /// What is going to be done to disks.
    pub(crate) plan: Option<Plan>,
    /// What was done.
    pub(crate) log: Log,
}

impl Draft {
    pub(crate) fn new(inventory: Inventory, hints: &Hints) -> Self {
        Self {
            inventory,
            has_keyboard: decide(hints) == Kind::Screen
                && hints.name.as_deref().is_some_and(|name| name.starts_with("tty")),
            keymap: "us",
            own_pool: None,
            step: (1, 1),
            dry_run: false,
            what: What::New,
            rest: Err(NoRest::Unknown),
            takes_rest: false,
            confirmed_rest: None,
            disks: Vec::new(),
            confirmed: Vec::new(),
            backend: Backend::Btrfs,
            redundancy: Redundancy::Single,
            encryption: Encryption::Luks2,
            discard: false,
            passphrase: None,
            recovery: None,
            recovery_saved: false,
            existing: None,
            agreed: Agreed::default(),
            settings: Settings::default(),
            network: NetworkWish::Keep,
            for_now: false,
            world: Box::new(Here),
            admin: None,
            keep_accounts: false,
            plan: None,
            log: Log::default(),
        }
    }

    /// The OS's ZFS.
    pub(crate) fn zfs(&self) -> Option<Version> {
        self.inventory.zfs.as_deref().and_then(Version::parse)
    }

    /// The pool that is wanted, once its disks are confirmed.
    pub(crate) fn pool(&self) -> Option<NewPool> {
        let rest = self.confirmed_rest.clone().filter(|_| self.takes_rest);
        if self.confirmed.len() != self.disks.len() || self.disks.is_empty() == rest.is_none() {
            return None;
        }
        Some(NewPool {
            disks: self.confirmed.clone(),
            rest,
            backend: self.backend,
            redundancy: self.redundancy,
            encryption: self.encryption,
            discard: self.discard,
            memory: self.inventory.memory,
            zfs: self.zfs(),
        })
    }

    /// All settings of the machine.
    pub(crate) fn machine(&self) -> Settings {
        let networks = match &self.network {
            NetworkWish::Keep | NetworkWish::Automatic => Vec::new(),
            NetworkWish::This(network) => vec![Network::clone(network)],
        };
        Settings { admin: self.admin.clone(), networks, ..self.settings.clone() }
    }

    /// Nothing that was typed in secret gets into the log.
    pub(crate) fn hide_secrets(&mut self) {
        let machine = self.machine();
        let recovery = self.recovery.as_ref().map(|key| key.expose());
        for secret in
            self.passphrase.as_ref().map(|typed| typed.as_str()).into_iter().chain(recovery)
        {
            self.log.hide(secret);
        }
        machine.each_secret(&mut |secret| self.log.hide(secret));
    }

    /// The answer file that does the same.
    pub(crate) fn answers(&self, language: Language) -> Answers {
        let new = self.what == What::New;
        let needs_key = match self.what {
            What::New => self.encryption.has_key(),
            What::Open => self.existing.as_ref().is_none_or(|pool| pool.encryption.has_key()),
            What::Try | What::Later => false,
        };
        let secret = || SecretSource::Credential("anklume.passphrase".to_owned());
        let data = Data {
            what: self.what,
            backend: self.backend,
            redundancy: self.redundancy,
            encryption: self.encryption,
            discard: self.discard,
            passphrase: needs_key.then(secret),
            recovery_key: None,
            force: self.agreed.force,
            degraded: self.agreed.degraded,
            rest_of_boot_disk: new && self.takes_rest,
            domains: Vec::new(),
            disks: self.disk_filters(),
        };
        let answers = Answers::new(language, data, self.machine());
        match self.network {
            NetworkWish::Automatic => answers.without(
                "the network: a machine without settings of its own has DHCP on every cable; others keep theirs",
            ),
            NetworkWish::Keep | NetworkWish::This(_) => answers,
        }
    }

    /// The disks of a new pool; or those that tell which pool is to be opened, as far as they can be told apart.
    fn disk_filters(&self) -> Vec<DiskFilter> {
        match self.what {
            What::New => self.confirmed.iter().map(|one| DiskFilter::of(one.disk())).collect(),
            What::Open => {
                let found = self.existing.iter().flat_map(|pool| disks_of(pool, &self.inventory));
                let filters = found.map(DiskFilter::of);
                filters.filter(|filter| *filter != DiskFilter::default()).collect()
            }
            What::Try | What::Later => Vec::new(),
        }
    }
}
