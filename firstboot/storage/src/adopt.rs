//! Finding a pool that is on the disks already.

use std::fs;
use std::path::Path;

use anklume_host::process::Cmd;
use anklume_inventory::{Inventory, zfs_labels};
use anklume_setup::adopt::{Candidate, LOOK, candidates, look, look_away, try_key};
use anklume_setup::{Action, Backend, Encryption, Pool, ZPOOL};

use crate::execute::{ExecuteError, Machine, perform};
use crate::hostid;
use crate::keys::Keys;

/// The record on the pool.
const RECORD: &str = "pool.toml";

/// What was found.
#[derive(Debug)]
pub enum Adopted {
    /// A pool.
    Pool(Box<Existing>),
    /// No partition that could be one of a pool.
    Nothing,
    /// There are some, and the key opens none of them.
    WrongKey,
}

/// A pool that is there.
#[derive(Debug, Clone)]
pub struct Existing {
    /// By its own record.
    pub pool: Pool,
    /// Another machine that used it last and did not close it, by its name.
    pub left_open_by: Option<String>,
}

/// Looks at the pool that the key opens, without writing to it, and closes it again.
///
/// # Errors
/// [`ExecuteError`]: it opens, and is not what it should be.
pub fn adopt(
    inventory: &Inventory,
    keys: &Keys,
    machine: &mut dyn Machine,
) -> Result<Adopted, ExecuteError> {
    let candidates = candidates(inventory);
    if candidates.is_empty() {
        return Ok(Adopted::Nothing);
    }
    let found = look_at(&candidates, keys, machine);
    for action in look_away(&candidates) {
        run(&action, keys, machine)?;
    }
    found
}

fn look_at(
    candidates: &[Candidate],
    keys: &Keys,
    machine: &mut dyn Machine,
) -> Result<Adopted, ExecuteError> {
    // What the key opens comes before what anybody can have put there.
    let (mut by_key, mut open, mut broken) = (Vec::new(), Vec::new(), None);
    for candidate in candidates {
        let Some(unlock) = candidate.unlock() else {
            open.push(candidate.volume());
            continue;
        };
        match run(&unlock, keys, machine) {
            Ok(()) => by_key.push(candidate.volume()),
            Err(error) if error.is_wrong_key() => {}
            // One of two halves that does not open any more.
            Err(error) => broken = Some(error),
        }
    }
    let unlocked = if by_key.is_empty() { open } else { by_key };
    if unlocked.is_empty() {
        return broken.map_or(Ok(Adopted::WrongKey), Err);
    }
    let (backend, volumes) = of_one_kind(unlocked, machine);
    let left_open_by = match backend {
        Backend::Zfs => left_open_by(&volumes, machine),
        Backend::Btrfs => None,
    };
    for action in look(&volumes, backend) {
        run(&action, keys, machine)?;
    }
    let path = machine.root().join(LOOK.trim_start_matches('/')).join(RECORD);
    let pool = Pool::parse(&read(&path)?)?;
    if pool.encryption == Encryption::Zfs {
        match run(&try_key(), keys, machine) {
            Err(error) if error.is_wrong_key() => return Ok(Adopted::WrongKey),
            tried => tried?,
        }
    }
    Ok(Adopted::Pool(Box::new(Existing { pool, left_open_by })))
}

/// Those of the volumes that are of a pool of ZFS; all of them, if none is.
fn of_one_kind(volumes: Vec<String>, machine: &mut dyn Machine) -> (Backend, Vec<String>) {
    let mut is_zfs = |volume: &String| {
        let words = ["-p", "-o", "value", "-s", "TYPE", volume];
        machine.output(&Cmd::new("blkid").args(words)).starts_with(b"zfs_member")
    };
    let (zfs, rest): (Vec<String>, Vec<String>) = volumes.into_iter().partition(|one| is_zfs(one));
    if zfs.is_empty() { (Backend::Btrfs, rest) } else { (Backend::Zfs, zfs) }
}

/// The machine that has the pool open, or was switched off with it open. Not this one.
fn left_open_by(volumes: &[String], machine: &mut dyn Machine) -> Option<String> {
    // Its own ID is made where it is missing: the same as before, on a machine that forgot its pool.
    let _ = hostid::ensure(machine.root());
    let own = hostid::read(machine.root()).ok().flatten().map(u64::from);
    let labels = volumes
        .iter()
        .flat_map(|volume| zfs_labels(&machine.output(&Cmd::new("zdb").args(["-l", volume]))));
    let labels: Vec<_> = labels.filter(|one| one.name.as_deref() == Some(ZPOOL)).collect();
    let open = labels.into_iter().find(|one| !one.exported && one.hostid != own)?;
    Some(open.host.unwrap_or_else(|| "?".to_owned()))
}

fn read(path: &Path) -> Result<String, ExecuteError> {
    fs::read_to_string(path)
        .map_err(|source| ExecuteError::Io { object: path.display().to_string(), source })
}

/// None of these actions names a disk or writes a record.
fn run(action: &Action, keys: &Keys, machine: &mut dyn Machine) -> Result<(), ExecuteError> {
    perform(&[], &Pool::none(), action, keys, machine)
}
