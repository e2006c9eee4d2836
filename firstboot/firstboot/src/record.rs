//! What this machine knows of its pool.

use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use anklume_host::lock::Lock;
use anklume_setup::{Pool, paths};
use anklume_storage::is_mounted;

use anklume_failure::{Context, Failure, Kind};

/// Held by who changes the pool, or asks for it.
const LOCK: &str = "/run/anklume/setup.lock";

/// How long shutdown waits for who holds it.
const AT_SHUTDOWN: Duration = Duration::from_secs(5);

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

/// The same as the pool itself says it, if it is open: another machine may have changed it since this one wrote its own.
pub(crate) fn newest() -> Result<Pool, Failure> {
    let own = known()?;
    match is_open() {
        true => newest_of(own, Path::new(paths::RECORD_ON_POOL)),
        false => Ok(own),
    }
}

fn newest_of(own: Pool, path: &Path) -> Result<Pool, Failure> {
    Ok(match read_on_pool(path, &own)? {
        Some(on_pool) => own.with_record_on_it(&on_pool),
        None => own,
    })
}

/// The record that is on a pool, if there is one; `own` is that of this machine, by which the pool was opened.
///
/// Nothing may be written in its place that was made without having read it.
pub(crate) fn read_on_pool(path: &Path, own: &Pool) -> Result<Option<Pool>, Failure> {
    let hint =
        "the pool is open all the same; an OS as new as the one that wrote the record reads it";
    let found = read_at(path).map_err(|failure| failure.hint(hint))?;
    match found {
        Some(found) if !own.is_same(&found) => {
            let (path, found, own) = (path.display(), &found.id, &own.id);
            let why = format!(
                "{path}: the record of pool {found}, or with another encryption; expected that of {own}"
            );
            Err(Failure::new(Kind::Damaged, why)
                .hint("`anklume data close`, remove /etc/anklume/pool.toml, and `anklume setup` looks for the pool anew"))
        }
        found => Ok(found),
    }
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
    is_mounted(paths::POOL)
}

/// Keeps others from setting up or opening at the same time; none if somebody does.
pub(crate) fn lock() -> Option<Lock> {
    Lock::make(Path::new(LOCK), Duration::ZERO).ok()
}

/// As [`lock`], for commands.
pub(crate) fn lock_or_refuse() -> Result<Lock, Failure> {
    lock().ok_or_else(held)
}

fn held() -> Failure {
    Failure::refused("the machine is being set up at another console")
        .hint("end that first, or wait for it")
}

/// For closing the pool. A person is refused while another console opens or closes it, or asks for it.
///
/// At shutdown nobody is there to try again, and the data has to be locked: whoever closes or opens the pool at that
/// moment is waited for, but not for long. A console that holds the lock for a person who does not answer was told to
/// end already, and does not matter; nor does a hand-typed `data close`, since closing what is closed does nothing.
pub(crate) fn lock_to_close(at_shutdown: bool) -> Result<Option<Lock>, Failure> {
    lock_to_close_at(Path::new(LOCK), at_shutdown.then_some(AT_SHUTDOWN))
}

fn lock_to_close_at(path: &Path, patience: Option<Duration>) -> Result<Option<Lock>, Failure> {
    match patience {
        Some(patience) => Ok(Lock::make(path, patience).ok()),
        None => Lock::make(path, Duration::ZERO).map(Some).map_err(|_| held()),
    }
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

    fn record(id: u8, more: &str) -> String {
        let uuid = |last: u8| format!("00000000-0000-0000-0000-00000000000{last}");
        let (id, file_system) = (uuid(id), uuid(5));
        format!(
            "version = 1\n{more}\nid = '{id}'\nbackend = 'btrfs'\nredundancy = 'single'\n\
             encryption = 'none'\ndiscard = false\nfile-system = '{file_system}'\n\
             recovery-key-saved = false\n[[disks]]\nname = 'X'\nsize = 1\npartition = '{file_system}'\n"
        )
    }

    #[test]
    fn the_record_on_the_pool_counts_if_it_is_that_of_this_pool() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("pool.toml");
        let own = Pool::parse(&record(1, "")).unwrap();
        assert_eq!(newest_of(own.clone(), &path).unwrap(), own);
        let newer = record(1, "domains = ['work']\ncolour = 'red'");
        fs::write(&path, &newer).unwrap();
        assert_eq!(newest_of(own.clone(), &path).unwrap(), Pool::parse(&newer).unwrap());
        for (text, expected) in [
            (record(2, ""), "expected that of 00000000-0000-0000-0000-000000000001"),
            (newer.replace("btrfs", "zfs"), "the record of pool"),
            (newer.replace("version = 1", "version = 2"), "a newer OS wrote it"),
        ] {
            fs::write(&path, text).unwrap();
            let why = newest_of(own.clone(), &path).unwrap_err().to_string();
            assert!(why.contains(expected), "{why}");
        }
    }

    #[test]
    fn closing_takes_the_lock_and_shutdown_does_not_wait_for_it_for_ever() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("lock");
        let shutdown = Some(Duration::from_millis(50));
        let held = lock_to_close_at(&path, None).unwrap();
        assert!(held.is_some());
        assert!(lock_to_close_at(&path, None).is_err());
        assert!(lock_to_close_at(&path, shutdown).unwrap().is_none());
        drop(held);
        let at_shutdown = lock_to_close_at(&path, shutdown).unwrap();
        assert!(at_shutdown.is_some() && lock_to_close_at(&path, None).is_err());
    }
}
