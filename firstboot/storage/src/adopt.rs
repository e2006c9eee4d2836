//! Finding a pool that is on the disks already.

use std::fs;
use std::path::Path;

use anklume_host::process::ProcessError;
use anklume_inventory::Inventory;
use anklume_setup::adopt::{Candidate, LOOK, candidates, look, look_away};
use anklume_setup::{Action, Pool};

use crate::execute::{ExecuteError, Machine, perform};
use crate::keys::Keys;

/// cryptsetup(8): no permission, which is a wrong key.
const WRONG_KEY: i32 = 2;
/// The record on the pool.
const RECORD: &str = "pool.toml";

/// What was found.
#[derive(Debug)]
pub enum Adopted {
    /// A pool, by its own record.
    Pool(Box<Pool>),
    /// No partition that could be one of a pool.
    Nothing,
    /// There are some, and the key opens none of them.
    WrongKey,
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
    let mut unlocked = Vec::new();
    for candidate in candidates {
        let opened = candidate.unlock().map_or(Ok(()), |action| run(&action, keys, machine));
        match opened {
            Ok(()) => unlocked.push(candidate),
            Err(ExecuteError::Program(ProcessError::Failed { code: WRONG_KEY, .. })) => {}
            Err(error) => return Err(error),
        }
    }
    if unlocked.is_empty() {
        return Ok(Adopted::WrongKey);
    }
    for action in look(&unlocked) {
        run(&action, keys, machine)?;
    }
    let path = machine.root().join(LOOK.trim_start_matches('/')).join(RECORD);
    let text = read(&path)?;
    Ok(Adopted::Pool(Box::new(Pool::parse(&text)?)))
}

fn read(path: &Path) -> Result<String, ExecuteError> {
    fs::read_to_string(path)
        .map_err(|source| ExecuteError::Io { object: path.display().to_string(), source })
}

/// None of these actions names a disk or writes a record.
fn run(action: &Action, keys: &Keys, machine: &mut dyn Machine) -> Result<(), ExecuteError> {
    perform(&[], &Pool::none(), action, keys, machine)
}
