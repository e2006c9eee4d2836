//! From the initramfs to the OS.

use std::convert::Infallible;
use std::ffi::CString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use anklume_host::mount;
use nix::sys::statfs::{FsType, TMPFS_MAGIC, statfs};

use crate::error::{Error, at};
use crate::root::SYSROOT;

/// File system of an initramfs without `rootfstype=tmpfs` (Linux `include/uapi/linux/magic.h`).
const RAMFS_MAGIC: FsType = FsType(0x8584_58f6);

/// Checks that the OS has the program `next`.
///
/// A link may be absolute and would lead nowhere from here, so that only its existence is looked
/// at.
pub(crate) fn check_next(next: &str) -> Result<(), Error> {
    let path = Path::new(SYSROOT).join(next.trim_start_matches('/'));
    path.symlink_metadata().map(drop).map_err(|_| Error::Incomplete(next.to_owned()))
}

/// Frees the memory of the initramfs, makes [`SYSROOT`] the root and executes `next`.
pub(crate) fn to_os(next: &str) -> Result<Infallible, Error> {
    let (root, sysroot) = (Path::new("/"), Path::new(SYSROOT));
    let program = CString::new(next).map_err(|_| Error::Incomplete(next.to_owned()))?;
    let kind = statfs(root).map_err(|errno| at("examining", root)(errno.into()))?.filesystem_type();
    // Anything else is no initramfs, and not ours to empty.
    if kind == RAMFS_MAGIC || kind == TMPFS_MAGIC {
        let device = fs::metadata(root).map_err(at("examining", root))?.dev();
        empty(root, device);
    }
    std::env::set_current_dir(sysroot).map_err(at("entering", sysroot))?;
    mount::move_to(Path::new("."), root)?;
    std::os::unix::fs::chroot(".").map_err(at("making the root of", sysroot))?;
    std::env::set_current_dir("/").map_err(at("entering", root))?;
    nix::unistd::execv(&program, &[&program])
        .map_err(|errno| at("executing", Path::new(next))(errno.into()))
}

/// Deletes everything in `folder` that lies on `device`. What cannot be deleted costs memory and
/// nothing else.
fn empty(folder: &Path, device: u64) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries.flatten() {
        let path = entry.path();
        match path.symlink_metadata() {
            Ok(metadata) if metadata.dev() != device => {}
            Ok(metadata) if metadata.is_dir() => {
                empty(&path, device);
                let _ = fs::remove_dir(&path);
            }
            _ => _ = fs::remove_file(&path),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_one_file_system_is_emptied() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir_all(dir.path().join("a/b")).unwrap();
        fs::write(dir.path().join("a/b/file"), "x").unwrap();
        std::os::unix::fs::symlink("/proc", dir.path().join("a/link")).unwrap();
        let device = dir.path().metadata().unwrap().dev();
        empty(dir.path(), device + 1);
        assert!(dir.path().join("a/b/file").exists());
        empty(dir.path(), device);
        assert_eq!(fs::read_dir(dir.path()).unwrap().count(), 0);
    }
}
