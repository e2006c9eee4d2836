//! The file systems of the OS, mounted at `/sysroot`.

use std::fs::{self, DirBuilder};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, chown};
use std::path::Path;

use anklume_host::mount::{self, Flags};

use crate::error::{Error, at};

/// Where the OS is mounted before it becomes `/`.
pub(crate) const SYSROOT: &str = "/sysroot";
/// What is written to the OS while it runs; forgotten when it ends.
const OVERLAY: &str = "/run/anklume/overlay";
/// Folders of the OS that can be written.
const WRITABLE: [&str; 2] = ["etc", "var"];
/// Folders of the initramfs whose mounts the OS takes over.
const MOVED: [&str; 4] = ["dev", "proc", "sys", "run"];

/// Mounts the squashfs on `device`, and its writable folders.
pub(crate) fn mount_os(device: &Path) -> Result<(), Error> {
    let sysroot = Path::new(SYSROOT);
    fs::create_dir_all(sysroot).map_err(at("making", sysroot))?;
    mount::mount("squashfs", device, sysroot, Flags::MS_RDONLY, "")?;
    let overlay = Path::new(OVERLAY);
    make_folder(overlay, 0o700)?;
    let flags = Flags::MS_NOSUID | Flags::MS_NODEV;
    mount::mount("tmpfs", Path::new("tmpfs"), overlay, flags, "mode=0700")?;
    WRITABLE.iter().try_for_each(|name| make_writable(name))
}

/// Puts a folder in RAM over the folder `name` of the OS.
fn make_writable(name: &str) -> Result<(), Error> {
    let lower = Path::new(SYSROOT).join(name);
    let folder = Path::new(OVERLAY).join(name);
    let (upper, work) = (folder.join("upper"), folder.join("work"));
    let metadata = fs::metadata(&lower).map_err(|_| Error::Incomplete(format!("/{name}")))?;
    make_folder(&folder, 0o700)?;
    make_folder(&work, 0o700)?;
    // Owner and mode of the folder itself are those of its upper layer.
    make_folder(&upper, metadata.mode() & 0o7777)?;
    chown(&upper, Some(metadata.uid()), Some(metadata.gid())).map_err(at("owning", &upper))?;
    // An index would tie the upper layer to this very mount of the lower one, for NFS; a
    // distribution's kernel may have it on.
    let options = format!(
        "lowerdir={},upperdir={},workdir={},index=off",
        lower.display(),
        upper.display(),
        work.display()
    );
    mount::mount("overlay", Path::new("overlay"), &lower, Flags::empty(), &options)?;
    Ok(())
}

/// Moves the mounts of the initramfs into the OS.
pub(crate) fn move_mounts() -> Result<(), Error> {
    for name in MOVED {
        let target = Path::new(SYSROOT).join(name);
        if !target.is_dir() {
            return Err(Error::Incomplete(format!("/{name}")));
        }
        mount::move_to(&Path::new("/").join(name), &target)?;
    }
    Ok(())
}

/// Makes a folder with exactly these permissions: process 1 starts with whatever mask the kernel
/// gave it.
fn make_folder(path: &Path, mode: u32) -> Result<(), Error> {
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(at("making", path))?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
    fs::set_permissions(path, permissions).map_err(at("setting the mode of", path))
}
