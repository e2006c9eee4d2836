//! As many virtual machines at a time as there are processors for, across threads and test programs.

use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;

use crate::Failure;

/// Machines have a gigabyte or two each: no more than this many run at a time.
const MOST: usize = 4;

/// Held while a machine runs. Emulated machines that share a processor are slower than one after the
/// other, and deadlines would measure the neighbour.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Open as long as the lock is held; the kernel lets go when the process dies.
    _file: File,
}

impl Lock {
    /// Waits for the turn of a machine with `cpus` processors, without a deadline: the holders have one.
    pub(crate) fn acquire(cpus: u32) -> Result<Self, Failure> {
        Self::acquire_in(&folder()?, room(cpus))
    }

    /// Of the folder's locks, of which there are `machines`.
    fn acquire_in(folder: &Path, machines: usize) -> Result<Self, Failure> {
        loop {
            for number in 0..machines {
                let path = folder.join(format!("vm-{number}.lock"));
                let file = File::create(&path).map_err(Failure::file("create", &path))?;
                match file.try_lock() {
                    Ok(()) => return Ok(Self { _file: file }),
                    Err(TryLockError::WouldBlock) => {}
                    Err(TryLockError::Error(error)) => {
                        return Err(Failure::file("lock", &path)(error));
                    }
                }
            }
            thread::sleep(Duration::from_millis(100));
        }
    }
}

/// How many machines with `cpus` processors may run at a time.
pub(crate) fn room(cpus: u32) -> usize {
    let processors = thread::available_parallelism().map_or(1, usize::from);
    let machines = processors / usize::try_from(cpus).unwrap_or(usize::MAX).max(1);
    machines.clamp(1, MOST)
}

/// Cargo's folder for what tests leave behind: `tmp` in the target directory.
///
/// Cargo tells only integration tests where it is (`CARGO_TARGET_TMPDIR`), so the path is derived
/// from the test program's own, `<target>/<profile>/deps/<program>`.
pub(crate) fn folder() -> Result<PathBuf, Failure> {
    let program = std::env::current_exe().map_err(Failure::file("locate", "the test program"))?;
    let target = program.ancestors().nth(3).unwrap_or(Path::new("/tmp"));
    let folder = target.join("tmp");
    fs::create_dir_all(&folder).map_err(Failure::file("create", &folder))?;
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[test]
    fn no_more_machines_run_than_there_is_room_for() {
        let folder = tempfile::tempdir().unwrap();
        let acquire = || Lock::acquire_in(folder.path(), 2).unwrap();
        let (first, second) = (acquire(), acquire());
        let (sender, receiver) = mpsc::channel();
        thread::scope(|scope| {
            scope.spawn(|| {
                let third = acquire();
                sender.send(()).unwrap();
                drop(third);
            });
            assert!(receiver.recv_timeout(Duration::from_millis(300)).is_err());
            drop(first);
            receiver.recv().unwrap();
        });
        drop(second);
    }
}
