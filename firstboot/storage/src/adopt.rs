//! Finding a pool that is on the disks already.

use std::path::Path;
use std::{fs, io};

use anklume_host::file::FileReader;
use anklume_host::process::Cmd;
use anklume_inventory::{Inventory, zfs_labels};
use anklume_language::Language;
use anklume_setup::adopt::{
    Candidate, LOOK, Parts, Volume, by_pool, candidates, lock, look, look_away, name, try_key,
    unnamed, with_unnamed,
};
use anklume_setup::{Action, Backend, Encryption, Pool, Refused, ZPOOL};

use crate::closed::none_is_open;
use crate::execute::{ExecuteError, Machine, execute, perform};
use crate::hostid;
use crate::keys::Keys;

/// The record on the pool.
const RECORD: &str = "pool.toml";

/// What was found.
#[derive(Debug)]
pub enum Adopted {
    /// A pool; or several that the key opens.
    Pools(Vec<Existing>),
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
    /// Kernel names of the disks that it was found on.
    pub disks: Vec<String>,
}

/// Looks at the pools that the key opens, whatever encrypts them, without writing to them, and closes them again. Those
/// without a key are found where the key opens none.
///
/// # Errors
/// [`ExecuteError`]: a pool is open already; or one opens, is not what it should be, and there is no other one.
pub fn adopt(
    inventory: &Inventory,
    keys: &Keys,
    machine: &mut dyn Machine,
) -> Result<Adopted, ExecuteError> {
    if candidates(inventory).is_empty() {
        return Ok(Adopted::Nothing);
    }
    let candidates = with_unnamed(inventory);
    // Afterwards a pool with that name is closed: it has to be one that was opened here.
    none_is_open(machine)?;
    let found = look_at(&candidates, keys, machine);
    for action in lock(&candidates) {
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
            open.push((candidate, volume(candidate, machine)));
            continue;
        };
        match run(&unlock, keys, machine) {
            Ok(()) => by_key.push((candidate, volume(candidate, machine))),
            // One that is not whole may be anything.
            Err(error) if error.is_wrong_key() || candidate.is_unnamed => {}
            // One of two halves that does not open any more.
            Err(error) => broken = Some(error),
        }
    }
    let (by_key, mut open) = (by_pool(by_key), by_pool(open));
    let is_opened = !by_key.is_empty();
    // Of the rest, the key can still be that of one that ZFS encrypts.
    open.retain(|parts| !is_opened || parts.backend == Backend::Zfs);
    let mut pools = Vec::new();
    for parts in by_key.into_iter().chain(open) {
        let found = existing(&parts, keys, machine);
        for action in look_away(parts.backend) {
            run(&action, keys, machine)?;
        }
        match found {
            Ok(found) => pools.extend(found),
            Err(error) => broken = Some(error),
        }
    }
    // One without a key counts where the key opens nothing at all.
    let has_key = |one: &Existing| one.pool.encryption.has_key();
    if is_opened || pools.iter().any(has_key) {
        pools.retain(has_key);
    }
    match (pools.is_empty(), broken) {
        (false, _) => Ok(Adopted::Pools(pools)),
        (true, Some(error)) => Err(error),
        (true, None) => Ok(Adopted::WrongKey),
    }
}

/// One pool, by its own record; none, if it has a key and this is another one.
fn existing(
    parts: &Parts<'_>,
    keys: &Keys,
    machine: &mut dyn Machine,
) -> Result<Option<Existing>, ExecuteError> {
    let left_open_by = match parts.backend {
        Backend::Zfs => left_open_by(&parts.volumes(), machine),
        Backend::Btrfs => None,
    };
    for action in look(parts) {
        run(&action, keys, machine)?;
    }
    let path = machine.root().join(LOOK.trim_start_matches('/')).join(RECORD);
    let pool = Pool::parse(&read(&path)?)?;
    is_encrypted_so(&pool, parts)?;
    if pool.encryption == Encryption::Zfs {
        match run(&try_key(), keys, machine) {
            Err(error) if error.is_wrong_key() => return Ok(None),
            tried => tried?,
        }
    }
    let disks = parts.candidates.iter().map(|one| one.disk.clone()).collect();
    Ok(Some(Existing { pool, left_open_by, disks }))
}

/// Whether a record says of LUKS what is so: one on a disk that anybody could write to may say anything.
fn is_encrypted_so(pool: &Pool, parts: &Parts<'_>) -> Result<(), ExecuteError> {
    let encryption = pool.encryption;
    let is_luks = parts.candidates.iter().any(|one| one.encrypted);
    if is_luks == (encryption == Encryption::Luks2) {
        return Ok(());
    }
    let found = if is_luks { "LUKS2 on it" } else { "no LUKS2 on it" };
    let why = format!("its record says encryption = {:?}, found {found}", encryption.name());
    let object = format!("the pool on {}", parts.volumes().join(", "));
    Err(ExecuteError::Io { object, source: io::Error::other(why) })
}

/// What is on a partition, which is unlocked.
fn volume(candidate: &Candidate, machine: &mut dyn Machine) -> Volume {
    let words = ["-p", "-o", "export", &candidate.volume()];
    let said = machine.output(&Cmd::new("blkid").args(words));
    Volume::parse(&String::from_utf8_lossy(&said))
}

/// Gives the parts of `pool`, which is open, their name, where the power failed before they had it.
///
/// # Errors
/// [`ExecuteError`].
pub fn finish_names(
    pool: &Pool,
    inventory: &Inventory,
    machine: &mut dyn Machine,
) -> Result<(), ExecuteError> {
    let mut disks = Vec::new();
    for disk in unnamed(pool, inventory) {
        let object = format!("/dev/{}", disk.name);
        let failed = |source| ExecuteError::Io { object: object.clone(), source };
        let reader = FileReader::open(Path::new(&object)).map_err(io::Error::other);
        let sector = u64::from(disk.logical_sector);
        let read = reader.and_then(|open| gpt(&open, sector)).map_err(failed)?;
        disks.push((disk.clone(), read.table));
    }
    if disks.is_empty() {
        return Ok(());
    }
    let refused = |why: Refused| ExecuteError::Io {
        object: "the names of the partitions".to_owned(),
        source: io::Error::other(why.words(Language::English)),
    };
    let plan = name(pool, &disks).map_err(refused)?;
    execute(&plan, &Keys::default(), machine, &mut |_, _| ())
}

fn gpt(reader: &FileReader, sector: u64) -> io::Result<anklume_gpt::Read> {
    anklume_gpt::read(reader, sector).map_err(io::Error::other)
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
