//! Another recovery key, or another passphrase.
//!
//! Each of them has a slot of its own on every disk. A new key first goes into a spare slot of every disk and is
//! tried there; only then it takes the place of the old one, disk by disk. So at every moment the old key or the new
//! one opens each disk, and whoever has both can begin anew after a power cut.

use crate::action::{Action, Argument, Key};
use crate::luks::Cost;
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
    let (mut add, mut swap) = (Vec::new(), Vec::new());
    for node in nodes {
        add.push(kill(node, PARK, Key::Passphrase).may_fail());
        let parked = add_key(node, PARK, Key::Passphrase, Key::Passphrase, &argon(memory));
        add.push(parked.may_fail());
        add.push(kill(node, SPARE, Key::Passphrase).may_fail());
        add.push(add_key(node, SPARE, Key::Passphrase, Key::New, &cost(slot, memory)));
        add.push(luks::prove(node, SPARE, Key::New));
        swap.push(kill(node, number, Key::New).may_fail());
        swap.push(add_key(node, number, Key::New, Key::New, &cost(slot, memory)));
        swap.push(luks::prove(node, number, Key::New));
        swap.push(kill(node, PARK, Key::New));
        swap.push(kill(node, SPARE, Key::New));
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

fn remember(pool: &Pool, open: bool) -> Vec<Action> {
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

/// A recovery key has 256 random bits, so that guesses need not be made costly.
fn cost(slot: KeySlot, memory: u64) -> Vec<String> {
    match slot {
        KeySlot::Passphrase => argon(memory),
        KeySlot::Recovery => words(&["--pbkdf", "pbkdf2", "--pbkdf-force-iterations", "1000"]),
    }
}

fn argon(memory: u64) -> Vec<String> {
    let Cost { memory, passes, threads } = Cost::for_memory(memory);
    let (memory, passes, threads) = (memory.to_string(), passes.to_string(), threads.to_string());
    words(&[
        "--pbkdf",
        "argon2id",
        "--pbkdf-memory",
        &memory,
        "--pbkdf-parallel",
        &threads,
        "--pbkdf-force-iterations",
        &passes,
    ])
}

/// Adds `new`, by leave of `known`. It fails if the slot is taken.
fn add_key(node: &str, slot: u8, known: Key, new: Key, cost: &[String]) -> Action {
    Action::run("cryptsetup", &["luksAddKey", "--batch-mode", "--new-key-slot", &slot.to_string()])
        .with(cost.iter().cloned().map(Argument::Text))
        .with([text("--key-file"), Argument::KeyFile(known)])
        .with([text(node), Argument::KeyFile(new)])
}

/// Empties a slot; cryptsetup does so only if `remains` opens another one.
fn kill(node: &str, slot: u8, remains: Key) -> Action {
    Action::run("cryptsetup", &["luksKillSlot", "--batch-mode"])
        .with([text("--key-file"), Argument::KeyFile(remains)])
        .with([text(node), text(&slot.to_string())])
}

fn text(word: &str) -> Argument {
    Argument::Text(word.to_owned())
}

fn words(words: &[&str]) -> Vec<String> {
    words.iter().map(|word| (*word).to_owned()).collect()
}
