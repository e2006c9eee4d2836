//! Another recovery key, or another passphrase.
//!
//! Each of them has a slot of its own on every disk. A new key first goes into a spare slot of every disk and is
//! tried there; only then it takes the place of the old one, disk by disk. So at every moment the old key or the new
//! one opens each disk, and whoever has both can begin anew after a power cut.

use crate::action::{Action, Key};
use crate::luks::{Cost, Kept};
use crate::open::Found;
use crate::plan::{Plan, Step, Work};
use crate::pool::Pool;
use crate::{Encryption, luks, paths};

/// The last slot of LUKS2, where a new key is tried. Nothing else uses it.
const SPARE: u8 = 31;
/// The slot before it, where the key that was typed waits: after a power cut it may be in no other slot than the
/// spare one, which is needed.
const PARK: u8 = 30;

/// Which key is replaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum KeySlot {
    /// What is typed at every start: slot 0.
    Passphrase,
    /// What was written down: slot 1.
    Recovery,
}

impl KeySlot {
    const fn number(self) -> u8 {
        match self {
            Self::Passphrase => 0,
            Self::Recovery => 1,
        }
    }
}

/// Tries [`Key::Passphrase`], which may be the recovery key, on every disk. Nothing is changed.
#[must_use]
pub fn check(pool: &Pool, found: &Found) -> Plan {
    let nodes = found.luks_nodes(pool).into_iter();
    let actions = nodes.map(|node| luks::prove_any(node, Key::Passphrase)).collect();
    Plan {
        disks: Vec::new(),
        steps: vec![Step { work: Work::TryKey, actions }],
        pool: pool.clone(),
    }
}

/// Puts [`Key::New`] in place of the key in `slot`; [`Key::Passphrase`] is one that opens the disks now. `memory` is
/// that of the machine in bytes, `open` whether the pool is part of it. The record of the plan says that a new
/// recovery key is saved: whoever carries the plan out has made sure.
#[must_use]
pub fn replace(pool: &Pool, found: &Found, slot: KeySlot, memory: u64, open: bool) -> Plan {
    let nodes = found.luks_nodes(pool);
    let mut pool = pool.clone();
    pool.recovery_key_saved |= slot == KeySlot::Recovery;
    let number = slot.number();
    let (kept, chosen) = (kept(slot, memory), Kept::Chosen(Cost::for_memory(memory)));
    let (mut add, mut swap) = (Vec::new(), Vec::new());
    for node in nodes {
        add.push(luks::empty(node, PARK, Key::Passphrase).may_fail());
        let parked = luks::add(node, PARK, Key::Passphrase, Key::Passphrase, chosen);
        add.push(parked.may_fail());
        add.push(luks::empty(node, SPARE, Key::Passphrase).may_fail());
        add.push(luks::add(node, SPARE, Key::Passphrase, Key::New, kept));
        add.push(luks::prove(node, SPARE, Key::New));
        swap.push(luks::empty(node, number, Key::New).may_fail());
        swap.push(luks::add(node, number, Key::New, Key::New, kept));
        swap.push(luks::prove(node, number, Key::New));
        swap.push(luks::empty(node, PARK, Key::New));
        swap.push(luks::empty(node, SPARE, Key::New));
    }
    let mut steps = vec![
        Step { work: Work::AddKey, actions: add },
        Step { work: Work::SwapKey, actions: swap },
    ];
    if slot == KeySlot::Recovery {
        steps.push(Step { work: Work::Remember, actions: remember(&pool, open) });
    }
    Plan { disks: Vec::new(), steps, pool }
}

/// The records of `pool`: first on it, if it is open, then that of the machine.
pub(crate) fn remember(pool: &Pool, open: bool) -> Vec<Action> {
    let mut on_pool = Vec::new();
    if open {
        on_pool.push(Action::Record { path: paths::RECORD_ON_POOL });
        if pool.encryption == Encryption::Zfs {
            on_pool.push(Action::Record { path: paths::RECORD_BESIDE_KEYS });
        }
    }
    let here =
        [Action::Record { path: paths::RECORD }, Action::run("anklume", &["persist", "save"])];
    on_pool.into_iter().chain(here).collect()
}

fn kept(slot: KeySlot, memory: u64) -> Kept {
    match slot {
        KeySlot::Passphrase => Kept::Chosen(Cost::for_memory(memory)),
        KeySlot::Recovery => Kept::Random,
    }
}
