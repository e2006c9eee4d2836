//! One virtual machine at a time, across threads and test programs.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::Failure;

/// Held while a machine runs. Two emulated machines on few processors are slower than one after
/// the other, and deadlines would measure the neighbour.
#[derive(Debug)]
pub(crate) struct Lock {
    /// Open as long as the lock is held; the kernel lets go when the process dies.
    _file: File,
}

impl Lock {
    /// Waits for its turn, without a deadline: the holder has one.
    pub(crate) fn acquire() -> Result<Self, Failure> {
        let path = folder()?.join("one-vm.lock");
        let file = File::create(&path).map_err(Failure::file("create", &path))?;
        file.lock().map_err(Failure::file("lock", &path))?;
        Ok(Self { _file: file })
    }
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
