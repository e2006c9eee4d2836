//! The folder itself, held open: every name is looked up below the descriptor and never followed.

use std::ffi::{CStr, CString};
use std::fs::{DirBuilder, File};
use std::io::{self, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, SystemTime};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AtFlags, OFlag, open, openat, renameat};
use nix::sys::stat::{FileStat, Mode, SFlag, fstat, fstatat, futimens, mkdirat};
use nix::sys::time::TimeSpec;
use nix::unistd::{UnlinkatFlags, geteuid, unlinkat};

use super::disk_bytes;
use super::evict::Listed;
use crate::Refusal;

/// What the name of a file starts with that is not an entry yet.
const TEMPORARY: &str = "new-";
/// A file that is still temporary after this time was left behind by a writer that was killed.
const LEFTOVER: Duration = Duration::from_secs(3600);
/// Names tried for a temporary file. One is taken only when a process of another container, whose
/// IDs repeat ours, writes at the same time, or was killed.
const ATTEMPTS: u32 = 1000;

/// Why a folder is not used.
pub(super) enum OpenError {
    /// It is not this user's alone.
    Refused(Refusal),
    /// It cannot be made or opened.
    Io(io::Error),
}

/// What has the name of an entry.
pub(super) enum Opened {
    File(File),
    Link,
    Nothing,
}

impl From<Errno> for OpenError {
    fn from(errno: Errno) -> Self {
        Self::Io(errno.into())
    }
}

/// The folder of the entries.
#[derive(Debug)]
pub(super) struct Folder(OwnedFd);

impl Folder {
    /// Opens `name` in `parent`; both are made if they do not exist, and both must belong to this
    /// user and be writable by no one else. `parent` may be a symbolic link, `name` may not.
    pub(super) fn open(parent: &Path, name: &str) -> Result<Self, OpenError> {
        // Fails for what exists and is no folder; so does the next step, with a better reason.
        let _ = DirBuilder::new().recursive(true).mode(0o700).create(parent);
        let folder = OFlag::O_DIRECTORY | OFlag::O_CLOEXEC | OFlag::O_RDONLY;
        let parent = open(parent, folder, Mode::empty())?;
        check(&fstat(&parent)?)?;
        match mkdirat(&parent, name, Mode::S_IRWXU) {
            Ok(()) | Err(Errno::EEXIST) => {}
            // A read-only file system says so even of what exists.
            Err(_) if fstatat(&parent, name, AtFlags::AT_SYMLINK_NOFOLLOW).is_ok() => {}
            Err(errno) => return Err(errno.into()),
        }
        let entries = openat(&parent, name, folder | OFlag::O_NOFOLLOW, Mode::empty())?;
        check(&fstat(&entries)?)?;
        Ok(Self(entries))
    }

    /// Opens an entry for reading; what is opened may be something else than a regular file.
    pub(super) fn open_entry(&self, name: &CStr) -> io::Result<Opened> {
        // Without O_NONBLOCK, opening a FIFO would wait for a writer.
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        match openat(&self.0, name, flags, Mode::empty()) {
            Ok(descriptor) => Ok(Opened::File(File::from(descriptor))),
            Err(Errno::ENOENT) => Ok(Opened::Nothing),
            Err(Errno::ELOOP) => Ok(Opened::Link),
            Err(errno) => Err(errno.into()),
        }
    }

    /// Writes an entry, which appears whole or not at all; one of the same name is replaced.
    ///
    /// Nothing is flushed: what a power cut tears does not pass the check of its seal.
    pub(super) fn write_entry(&self, name: &CStr, bytes: &[u8]) -> io::Result<()> {
        let (mut file, temporary) = self.create_temporary()?;
        let written = file.write_all(bytes).and_then(|()| {
            renameat(&self.0, temporary.as_c_str(), &self.0, name).map_err(io::Error::from)
        });
        if written.is_err() {
            self.remove(&temporary);
        }
        written
    }

    fn create_temporary(&self) -> io::Result<(File, CString)> {
        /// Shared by all stores of this process: two of them may use the same folder.
        static NEXT: AtomicU64 = AtomicU64::new(0);
        let flags =
            OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        for _ in 0..ATTEMPTS {
            let number = NEXT.fetch_add(1, Ordering::Relaxed);
            let name = CString::new(format!("{TEMPORARY}{}-{number}", std::process::id()))?;
            match openat(&self.0, name.as_c_str(), flags, Mode::S_IRUSR | Mode::S_IWUSR) {
                Ok(descriptor) => return Ok((File::from(descriptor), name)),
                Err(Errno::EEXIST) => {}
                Err(errno) => return Err(errno.into()),
            }
        }
        Err(Errno::EEXIST.into())
    }

    /// Removes a file. False when that was not possible, most often because it is gone already.
    pub(super) fn remove(&self, name: &CStr) -> bool {
        unlinkat(&self.0, name, UnlinkatFlags::NoRemoveDir).is_ok()
    }

    /// All entries, damaged ones included; whatever is not a regular file with the name of one is
    /// left out, and so is what disappears meanwhile.
    pub(super) fn list(&self) -> io::Result<Vec<Listed>> {
        let mut entries = Vec::new();
        self.each_file(is_entry, |name, stat| {
            let bytes = u64::try_from(stat.st_size).unwrap_or_default();
            let used = (stat.st_mtime, stat.st_mtime_nsec);
            entries.push(Listed { name: name.to_owned(), disk_bytes: disk_bytes(bytes), used });
        })?;
        Ok(entries)
    }

    /// Removes temporary files that nobody can be writing any more.
    pub(super) fn remove_leftovers(&self) {
        let Some(oldest) = SystemTime::now()
            .checked_sub(LEFTOVER)
            .and_then(|time| time.duration_since(SystemTime::UNIX_EPOCH).ok())
            .and_then(|time| i64::try_from(time.as_secs()).ok())
        else {
            return;
        };
        // What is not removed now is removed after a later build.
        let _ = self.each_file(is_temporary, |name, stat| {
            if stat.st_mtime < oldest {
                self.remove(name);
            }
        });
    }

    /// Calls `with` for every regular file whose name is `wanted`.
    fn each_file(
        &self,
        wanted: impl Fn(&[u8]) -> bool,
        mut with: impl FnMut(&CStr, &FileStat),
    ) -> io::Result<()> {
        // A descriptor of its own: threads that list share no position.
        let flags = OFlag::O_RDONLY | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let mut folder = Dir::openat(&self.0, ".", flags, Mode::empty())?;
        for file in folder.iter() {
            let file = file?;
            let name = file.file_name();
            if !wanted(name.to_bytes()) {
                continue;
            }
            let Ok(stat) = fstatat(&self.0, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
            if is_kind(&stat, SFlag::S_IFREG) {
                with(name, &stat);
            }
        }
        Ok(())
    }
}

/// Notes that an entry was used: its time of modification is now.
pub(super) fn note_use(file: &impl AsFd) -> io::Result<()> {
    Ok(futimens(file, &TimeSpec::UTIME_NOW, &TimeSpec::UTIME_NOW)?)
}

/// Whether an error of [`Folder::write_entry`] is about this entry, so that the next may succeed:
/// a folder has its name.
pub(super) fn is_passing(error: &io::Error) -> bool {
    use io::ErrorKind as Kind;
    matches!(error.kind(), Kind::AlreadyExists | Kind::IsADirectory | Kind::DirectoryNotEmpty)
}

/// Whether `name` is a key in hexadecimal.
fn is_entry(name: &[u8]) -> bool {
    name.len() == 64 && name.iter().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Whether `name` is one that [`Folder::create_temporary`] makes.
fn is_temporary(name: &[u8]) -> bool {
    let number = |text: &[u8]| !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    name.strip_prefix(TEMPORARY.as_bytes()).is_some_and(|rest| {
        let parts: Vec<&[u8]> = rest.split(|&byte| byte == b'-').collect();
        parts.len() == 2 && parts.into_iter().all(number)
    })
}

fn is_kind(stat: &FileStat, kind: SFlag) -> bool {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT == kind
}

/// Refuses a folder that others may write into.
fn check(stat: &FileStat) -> Result<(), OpenError> {
    let expected = geteuid().as_raw();
    if stat.st_uid != expected {
        return Err(OpenError::Refused(Refusal::Owner { expected, found: stat.st_uid }));
    }
    let found = stat.st_mode & 0o7777;
    if found & 0o022 != 0 {
        return Err(OpenError::Refused(Refusal::Mode { found }));
    }
    Ok(())
}
