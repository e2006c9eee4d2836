//! Locks between programs: flock(2).

use std::fs::{File, OpenOptions, TryLockError};
use std::io;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Pause between two tries. flock(2) itself waits without end.
const PAUSE: Duration = Duration::from_millis(20);

/// An exclusive lock; dropped, it is free. The kernel frees it when the program ends, however.
#[derive(Debug)]
pub struct Lock {
    _file: File,
}

impl Lock {
    /// Locks the file at `path`, which is there only for this; it and its folder are made. Waits
    /// for at most `patience`.
    ///
    /// # Errors
    /// What the operating system says, and `TimedOut` when another program holds it for so long.
    pub fn make(path: &Path, patience: Duration) -> io::Result<Self> {
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder)?;
        }
        let mut options = OpenOptions::new();
        // The file stays: who removed it could not know who waits for it.
        let file = options.write(true).create(true).truncate(false).mode(0o600).open(path)?;
        Self::take(file, patience)
    }

    /// Locks a file that exists for something else.
    ///
    /// # Errors
    /// As [`Lock::make`].
    pub fn existing(path: &Path, patience: Duration) -> io::Result<Self> {
        Self::take(File::open(path)?, patience)
    }

    fn take(file: File, patience: Duration) -> io::Result<Self> {
        let started = Instant::now();
        loop {
            match file.try_lock() {
                Ok(()) => return Ok(Self { _file: file }),
                Err(TryLockError::Error(error)) => return Err(error),
                Err(TryLockError::WouldBlock) if started.elapsed() >= patience => {
                    return Err(io::ErrorKind::TimedOut.into());
                }
                Err(TryLockError::WouldBlock) => sleep(PAUSE),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_lock_is_held_by_one_until_it_is_dropped() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/lock");
        let first = Lock::make(&path, Duration::ZERO).unwrap();
        for second in [Lock::make, Lock::existing] {
            let error = second(&path, Duration::ZERO).unwrap_err();
            assert_eq!(error.kind(), io::ErrorKind::TimedOut);
        }
        let other = path.clone();
        let waiting = std::thread::spawn(move || Lock::make(&other, Duration::from_secs(60)));
        drop(first);
        drop(waiting.join().unwrap().unwrap());
        assert!(Lock::existing(&path, Duration::ZERO).is_ok());
        assert!(path.exists());
    }

    #[test]
    fn only_what_exists_is_locked_as_existing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(Lock::existing(&dir.path().join("none"), Duration::ZERO).is_err());
    }
}
