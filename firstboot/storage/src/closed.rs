//! Whether a pool is open.

use std::fs;

use anklume_host::process::Cmd;
use anklume_setup::{KEYSTORE_MAPPER, LABEL, ZPOOL, paths};

use crate::execute::{ExecuteError, Machine};

/// Makes sure that no pool is open on this machine: there is one place for it, and one name, and what closes a pool
/// after an error would close the other one.
///
/// # Errors
/// [`ExecuteError::PoolOpen`].
pub fn none_is_open(machine: &mut dyn Machine) -> Result<(), ExecuteError> {
    match open_part(machine) {
        Some(object) => Err(ExecuteError::PoolOpen { object }),
        None => Ok(()),
    }
}

/// What there is of an open pool, in words; none if everything is closed.
pub fn open_part(machine: &mut dyn Machine) -> Option<String> {
    let root = machine.root().to_owned();
    // Asking zpool would load the module.
    if root.join("sys/module/zfs").exists() {
        let names = machine.output(&Cmd::new("zpool").args(["list", "-H", "-o", "name"]));
        if String::from_utf8_lossy(&names).lines().any(|name| name == ZPOOL) {
            return Some(format!("the pool {ZPOOL} of ZFS is imported"));
        }
    }
    // A file system in RAM is there while Incus is only tried.
    let words = ["-n", "-o", "FSTYPE", "--mountpoint", paths::POOL];
    let kinds = machine.output(&Cmd::new("findmnt").args(words));
    let kinds = String::from_utf8_lossy(&kinds).into_owned();
    if kinds.lines().any(|kind| !matches!(kind.trim(), "" | "tmpfs")) {
        return Some(format!("one is mounted at {}", paths::POOL));
    }
    let volumes = fs::read_dir(root.join("dev/mapper")).into_iter().flatten().flatten();
    let mut names = volumes.map(|volume| volume.file_name().to_string_lossy().into_owned());
    let is_ours = |name: &String| name.starts_with(&format!("{LABEL}-")) || name == KEYSTORE_MAPPER;
    let name = names.find(is_ours)?;
    Some(format!("the volume {name} is unlocked"))
}
