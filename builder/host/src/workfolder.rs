//! A folder for unfinished files that does not outlive its process by much.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::{Path, PathBuf};

/// Beginning of the folders' names.
const PREFIX: &str = ".anklume-build-";
/// File that the owner of a folder holds a lock on.
const LOCK: &str = "lock";

/// A folder beside what will be made, on the same disk. It is removed when dropped; when the
/// process is killed before, the next [`WorkFolder::create`] in the same place removes it.
#[derive(Debug)]
pub struct WorkFolder {
    path: PathBuf,
    /// Locked as long as the process lives (flock(2)).
    _lock: File,
}

impl WorkFolder {
    /// Makes a folder in `parent`, and removes those that nobody owns any more.
    ///
    /// # Errors
    /// What the operating system says of the new folder.
    pub fn create(parent: &Path) -> io::Result<Self> {
        remove_abandoned(parent);
        let path = unused(parent)?;
        let unlocked = path.join("new");
        let lock = File::create(&unlocked)?;
        lock.try_lock().map_err(|error| match error {
            TryLockError::Error(error) => error,
            TryLockError::WouldBlock => io::ErrorKind::WouldBlock.into(),
        })?;
        // Only now: without a lock, another process would take the folder for an abandoned one.
        fs::rename(unlocked, path.join(LOCK))?;
        Ok(Self { path, _lock: lock })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for WorkFolder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A new, empty folder with a name that no other has.
fn unused(parent: &Path) -> io::Result<PathBuf> {
    let process = std::process::id();
    for number in 0..1000_u32 {
        let path = parent.join(format!("{PREFIX}{process}-{number}"));
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(error),
        }
    }
    Err(io::ErrorKind::AlreadyExists.into())
}

/// Removes folders whose lock nobody holds. Whatever goes wrong, they only stay.
fn remove_abandoned(parent: &Path) {
    for entry in fs::read_dir(parent).into_iter().flatten().flatten() {
        let ours = entry.file_name().to_str().is_some_and(|name| name.starts_with(PREFIX));
        let Ok(lock) = File::open(entry.path().join(LOCK)) else { continue };
        if ours && lock.try_lock().is_ok() {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_abandoned_folders_are_removed() {
        let parent = std::env::temp_dir().join(format!("anklume-work-{}", std::process::id()));
        fs::create_dir_all(parent.join("other")).unwrap();
        let abandoned = parent.join(format!("{PREFIX}1-0"));
        fs::create_dir(&abandoned).unwrap();
        fs::write(abandoned.join(LOCK), "").unwrap();
        fs::write(abandoned.join("half.iso"), "half").unwrap();
        let beginning = parent.join(format!("{PREFIX}2-0"));
        fs::create_dir(&beginning).unwrap();
        fs::write(parent.join("other").join(LOCK), "").unwrap();
        let first = WorkFolder::create(&parent).unwrap();
        assert!(!abandoned.exists(), "nobody owns it");
        assert!(beginning.exists(), "its owner has not locked it yet");
        assert!(parent.join("other").exists(), "it has another name");
        let second = WorkFolder::create(&parent).unwrap();
        assert!(first.path().exists(), "its owner is at work");
        assert_ne!(first.path(), second.path());
        drop(first);
        drop(second);
        assert_eq!(fs::read_dir(&parent).unwrap().count(), 2);
        fs::remove_dir_all(&parent).unwrap();
    }
}
