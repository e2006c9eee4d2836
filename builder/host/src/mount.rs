//! Mounts, with errors that say what was to go where.

use std::io;
use std::path::{Path, PathBuf};

use nix::mount::{MntFlags, MsFlags};

/// What a mount allows; see mount(2).
pub type Flags = MsFlags;

/// `MS_NOSYMFOLLOW` (Linux 5.10, `include/uapi/linux/mount.h`).
const NO_SYMLINK_FOLLOW: nix::libc::c_ulong = 256;

/// Flags for a file system that anybody may have written: no programs, no devices, and no symbolic link in
/// it is followed.
#[must_use]
pub fn closed() -> Flags {
    let flags = MsFlags::MS_NOSUID | MsFlags::MS_NODEV | MsFlags::MS_NOEXEC;
    flags | MsFlags::from_bits_retain(NO_SYMLINK_FOLLOW)
}

/// A mount that did not happen.
#[derive(Debug, thiserror::Error)]
#[error("{action} {what} at {target}: {source}")]
pub struct Error {
    /// What was being done, as in `mounting`.
    pub action: &'static str,
    /// File system type, with the device if it has one.
    pub what: String,
    /// The place.
    pub target: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

/// Mounts a file system of type `kind` at `target`, which exists. `source` is a device, or for a
/// file system without one a name that shows up in the list of mounts.
///
/// # Errors
/// [`Error`] with what the operating system said.
pub fn mount(
    kind: &str,
    source: &Path,
    target: &Path,
    flags: Flags,
    options: &str,
) -> Result<(), Error> {
    let data = (!options.is_empty()).then_some(options);
    nix::mount::mount(Some(source), target, Some(kind), flags, data).map_err(|errno| Error {
        action: "mounting",
        what: format!("{kind} of {}", source.display()),
        target: target.to_owned(),
        source: errno.into(),
    })
}

/// Shows the folder `from` at `to` as well.
///
/// # Errors
/// [`Error`] with what the operating system said.
pub fn bind(from: &Path, to: &Path) -> Result<(), Error> {
    nix::mount::mount(Some(from), to, None::<&str>, MsFlags::MS_BIND, None::<&str>).map_err(
        |errno| Error {
            action: "binding",
            what: from.display().to_string(),
            target: to.to_owned(),
            source: errno.into(),
        },
    )
}

/// Moves the mount at `from` to `to`.
///
/// # Errors
/// [`Error`] with what the operating system said.
pub fn move_to(from: &Path, to: &Path) -> Result<(), Error> {
    nix::mount::mount(Some(from), to, None::<&str>, MsFlags::MS_MOVE, None::<&str>).map_err(
        |errno| Error {
            action: "moving",
            what: from.display().to_string(),
            target: to.to_owned(),
            source: errno.into(),
        },
    )
}

/// Unmounts what is at `target`, and waits for its last writes.
///
/// # Errors
/// [`Error`] with what the operating system said.
pub fn unmount(target: &Path) -> Result<(), Error> {
    nix::mount::umount2(target, MntFlags::UMOUNT_NOFOLLOW).map_err(|errno| Error {
        action: "unmounting",
        what: "the file system".to_owned(),
        target: target.to_owned(),
        source: errno.into(),
    })
}

/// Takes what is at `target` out of sight. The file system lives on for those who have something of
/// it open, and ends with the last of them.
///
/// # Errors
/// [`Error`] with what the operating system said.
pub fn detach(target: &Path) -> Result<(), Error> {
    let flags = MntFlags::MNT_DETACH | MntFlags::UMOUNT_NOFOLLOW;
    nix::mount::umount2(target, flags).map_err(|errno| Error {
        action: "detaching",
        what: "the file system".to_owned(),
        target: target.to_owned(),
        source: errno.into(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_says_what_and_where() {
        // Nobody can mount there, not even root: the target does not exist.
        let error = mount("tmpfs", Path::new("tmpfs"), Path::new("/none/x"), Flags::empty(), "")
            .unwrap_err();
        let text = error.to_string();
        assert!(text.starts_with("mounting tmpfs of tmpfs at /none/x: "), "{text}");
    }
}
