//! The storage of domains, as it is.

use std::io;
use std::path::Path;

use anklume_host::file::{OutputFile, remove_unfinished};
use anklume_host::process::Cmd;
use anklume_setup::domain::set_aside;
use anklume_setup::{Backend, DomainName, Encryption, Pool};

use crate::execute::{ExecuteError, Machine, under};
use crate::random;

/// How often something that is no domain's is given another name.
const MOST_SET_ASIDE: usize = 100;

/// How the storage of a domain is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DomainState {
    /// It can be used.
    Open,
    /// Its key is not loaded.
    Locked,
    /// It is not there.
    Missing,
    /// Something else lay in its place, and has another name now: [`DomainName::set_aside`], perhaps with a number.
    SetAside,
    /// Something else lies in its place, or below it: it does not have its key.
    Foreign,
}

/// How the storage of a domain is on `pool`, which is open.
pub fn domain_state(pool: &Pool, name: &DomainName, machine: &mut dyn Machine) -> DomainState {
    let there = |is_there| if is_there { DomainState::Open } else { DomainState::Missing };
    match (pool.backend, pool.encryption) {
        (Backend::Btrfs, _) => there(under(machine, &pool.storage_of(name)).is_dir()),
        (Backend::Zfs, Encryption::Zfs) => match key_of(&name.dataset(), machine) {
            None if is_dataset(&name.set_aside(), machine) => DomainState::SetAside,
            None => DomainState::Missing,
            Some((root, _)) if is_foreign(&name.dataset(), &root, machine) => DomainState::Foreign,
            Some((_, true)) => DomainState::Open,
            Some((_, false)) => DomainState::Locked,
        },
        (Backend::Zfs, _) => there(is_dataset(&name.dataset(), machine)),
    }
}

/// Whose key a dataset is encrypted with (`-` without one), and whether that is loaded; none if there is no such
/// dataset.
pub(crate) fn key_of(dataset: &str, machine: &mut dyn Machine) -> Option<(String, bool)> {
    let words = ["get", "-H", "-o", "value", "encryptionroot,keystatus", dataset];
    let said = machine.output(&Cmd::new("zfs").args(words));
    let said = String::from_utf8_lossy(&said).into_owned();
    let mut lines = said.lines();
    Some((lines.next()?.to_owned(), lines.next() == Some("available")))
}

/// The first dataset at `root` and below that is not encrypted with the key of `root`, and whose key it has (`-` without
/// one). What lies below `apart` does not count.
pub(crate) fn another_key(
    root: &str,
    apart: Option<&str>,
    machine: &mut dyn Machine,
) -> Option<(String, String)> {
    let words = ["get", "-H", "-r", "-t", "filesystem,volume", "-o", "name,value"];
    let said = machine.output(&Cmd::new("zfs").args(words).args(["encryptionroot", root]));
    let said = String::from_utf8_lossy(&said).into_owned();
    let all: Vec<(&str, &str)> = said.lines().filter_map(|line| line.split_once('\t')).collect();
    // Nothing that was seen is nothing that was looked at.
    if !all.iter().any(|(name, _)| *name == root) {
        return Some((root.to_owned(), "?".to_owned()));
    }
    let is_apart = |name: &str| {
        let below = apart.and_then(|apart| name.strip_prefix(apart));
        below.is_some_and(|rest| rest.starts_with('/'))
    };
    let found = all.into_iter().find(|(name, key)| *key != root && !is_apart(name));
    found.map(|(name, key)| (name.to_owned(), key.to_owned()))
}

/// Whether this dataset, which is encrypted with the key of `root`, has none of its own, or something below it another
/// one: Incus would use that, too.
fn is_foreign(dataset: &str, root: &str, machine: &mut dyn Machine) -> bool {
    root != dataset || another_key(dataset, None, machine).is_some()
}

/// Whether there is such a dataset.
pub(crate) fn is_dataset(name: &str, machine: &mut dyn Machine) -> bool {
    let said = machine.output(&Cmd::new("zfs").args(["list", "-H", "-o", "name", name]));
    said.trim_ascii() == name.as_bytes()
}

/// Gives what lies in the place of these datasets, and is not encrypted as a whole with a key of its own, another name.
pub(crate) fn own_keys(datasets: &[String], machine: &mut dyn Machine) -> Result<(), ExecuteError> {
    for dataset in datasets {
        match key_of(dataset, machine) {
            Some((root, _)) if is_foreign(dataset, &root, machine) => {
                let name = free_name(&set_aside(dataset), machine);
                machine.run(&Cmd::new("zfs").args(["rename", dataset, &name]))?;
            }
            _ => {}
        }
    }
    Ok(())
}

/// This name, or the same with a number, if there is a dataset that has it: that of an earlier time.
fn free_name(name: &str, machine: &mut dyn Machine) -> String {
    let numbered = (2..=MOST_SET_ASIDE).map(|number| format!("{name}-{number}"));
    let mut names = std::iter::once(name.to_owned()).chain(numbered);
    names.find(|name| !is_dataset(name, machine)).unwrap_or_else(|| name.to_owned())
}

/// A new random key in this file, on the disk when this returns; one that is there stays.
pub(crate) fn new_key(path: &Path) -> io::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::PermissionsExt;
    // Of a try that was cut off.
    remove_unfinished(path)?;
    let output = match OutputFile::create(path) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => return Ok(()),
        output => output?,
    };
    output.file().set_permissions(std::fs::Permissions::from_mode(0o400))?;
    output.file().write_all(random::key()?.as_slice())?;
    output.finish()
}
