//! What this machine knows of its pool.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anklume_host::lock::Lock;
use anklume_setup::{Pool, paths};

use anklume_failure::{Context, Failure, Kind};

/// Held by who changes the pool, or asks for it.
const LOCK: &str = "/run/anklume/setup.lock";

/// The pool's record, if there is one.
pub(crate) fn read() -> Result<Option<Pool>, Failure> {
    read_at(Path::new(paths::RECORD))
}

/// The pool's record; without one there is nothing to be done.
pub(crate) fn known() -> Result<Pool, Failure> {
    read()?.ok_or_else(|| {
        Failure::refused("this machine knows of no data disk")
            .hint("`anklume setup` finds or makes one")
    })
}

/// The record in a file, if there is one.
pub(crate) fn read_at(path: &Path) -> Result<Option<Pool>, Failure> {
    let text = match fs::read_to_string(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        text => text.context(path.display())?,
    };
    Pool::parse(&text).map(Some).map_err(|error| {
        Failure::new(Kind::Damaged, format!("{}: {error}", path.display())).hint(
            "remove it, and `anklume setup` finds the pool again: a copy is on the pool itself",
        )
    })
}

/// Gives a record that cannot be read another name, so that the machine goes on as one that knows of no pool.
pub(crate) fn set_aside(path: &Path) -> Result<(), Failure> {
    fs::rename(path, path.with_extension("toml.bad")).context(path.display())
}

/// Whether the pool is part of the machine now.
pub(crate) fn is_open() -> bool {
    let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap_or_default();
    is_mounted(&mounts, paths::POOL)
}

/// Whether `path` is the fifth field of a line (proc_pid_mountinfo(5)).
fn is_mounted(mounts: &str, path: &str) -> bool {
    mounts.lines().any(|line| line.split(' ').nth(4) == Some(path))
}

/// Keeps others from setting up or opening at the same time; none if somebody does.
pub(crate) fn lock() -> Option<Lock> {
    Lock::make(Path::new(LOCK), Duration::ZERO).ok()
}

/// As [`lock`], for commands.
pub(crate) fn lock_or_refuse() -> Result<Lock, Failure> {
    lock().ok_or_else(|| {
        Failure::refused("the machine is being set up at another console")
            .hint("end that first, or wait for it")
    })
}

/// Refuses who is not root.
pub(crate) fn need_root(what: &str) -> Result<(), Failure> {
    if anklume_host::user::is_root() {
        return Ok(());
    }
    Err(Failure::needs_root(format!("{what} needs root")))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_that_cannot_be_read_is_set_aside_and_kept() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pool.toml");
        fs::write(&path, "version = 2\n").unwrap();
        assert!(read_at(&path).is_err());
        set_aside(&path).unwrap();
        assert_eq!(read_at(&path).unwrap(), None);
        let kept = fs::read_to_string(folder.path().join("pool.toml.bad")).unwrap();
        assert_eq!(kept, "version = 2\n");
    }

    #[test]
    fn a_mount_is_found_by_its_place() {
        let mounts = "25 1 0:22 / /run/anklume rw - tmpfs tmpfs rw\n\
                      30 25 0:40 / /run/anklume/pool rw,noatime - btrfs /dev/dm-1 rw\n";
        assert!(is_mounted(mounts, "/run/anklume/pool"));
        assert!(!is_mounted(mounts, "/run/anklume/po"));
        assert!(!is_mounted("", "/run/anklume/pool"));
    }
}
