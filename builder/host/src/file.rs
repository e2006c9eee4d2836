//! Files: random-access reading, and output that appears whole or not at all.

use std::ffi::OsString;
use std::fs::{File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{FileExt, FileTypeExt};
use std::path::{Path, PathBuf};

use anklume_bytes::{ReadAt, ReadError};

/// A regular file or block device, read at offsets.
#[derive(Debug)]
pub struct FileReader {
    file: File,
    size: u64,
}

impl FileReader {
    /// Opens `path` for reading.
    ///
    /// # Errors
    /// What the operating system says; a directory or a pipe is refused.
    pub fn open(path: &Path) -> io::Result<Self> {
        use std::os::unix::fs::OpenOptionsExt;
        // Without O_NONBLOCK, opening a FIFO would wait for a writer before it can be refused.
        let file = OpenOptions::new()
            .read(true)
            .custom_flags(nix::fcntl::OFlag::O_NONBLOCK.bits())
            .open(path)?;
        let metadata = file.metadata()?;
        if !metadata.is_file() && !metadata.file_type().is_block_device() {
            return Err(io::Error::other("neither a regular file nor a block device"));
        }
        Self::new(file)
    }

    /// Reads a file that is open already.
    ///
    /// # Errors
    /// What the operating system says about its length.
    pub fn new(file: File) -> io::Result<Self> {
        // A block device's length is where seeking to its end leads.
        let size = io::Seek::seek(&mut &file, io::SeekFrom::End(0))?;
        Ok(Self { file, size })
    }

    /// Makes the next read of `length` bytes from byte `offset` on ask the device: the kernel drops
    /// what it keeps of whole pages in that range. It may refuse without a word.
    pub fn forget_cached(&self, offset: u64, length: u64) {
        use nix::fcntl::{PosixFadviseAdvice, posix_fadvise};
        let (Ok(offset), Ok(length)) = (offset.try_into(), length.try_into()) else { return };
        let advice = PosixFadviseAdvice::POSIX_FADV_DONTNEED;
        let _ = posix_fadvise(&self.file, offset, length, advice);
    }

    /// The file itself.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }
}

impl ReadAt for FileReader {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        if offset.checked_add(length).is_none_or(|end| end > self.size) {
            return Err(ReadError::OutOfBounds { offset, length, size: self.size });
        }
        self.file.read_exact_at(buffer, offset).map_err(|source| ReadError::Io {
            offset,
            length,
            source,
        })
    }
}

/// Bytes that an ordinary user may still write to the file system of `path`; `None` when it does not
/// say.
#[must_use]
pub fn free_bytes(path: &Path) -> Option<u64> {
    let stat = nix::sys::statvfs::statvfs(path).ok()?;
    stat.blocks_available().checked_mul(stat.fragment_size())
}

/// Whether this program may make files in `folder`, as far as permissions and a read-only file system
/// say (access(2)).
#[must_use]
pub fn is_writable_folder(folder: &Path) -> bool {
    use nix::unistd::{AccessFlags, access};
    folder.is_dir() && access(folder, AccessFlags::W_OK | AccessFlags::X_OK).is_ok()
}

/// A file under construction beside its final name. Dropped before [`OutputFile::finish`], it is
/// removed: a half-written file never has the final name.
#[derive(Debug)]
pub struct OutputFile {
    file: File,
    partial: PathBuf,
    target: PathBuf,
    replaces: bool,
    finished: bool,
}

/// What the name of a file that is to become `target` begins and ends with; the number of the process
/// is between.
fn partial_name(target: &Path) -> io::Result<(OsString, &'static str)> {
    let name = target.file_name().ok_or_else(|| io::Error::other("not a file name"))?;
    let mut begin = OsString::from(".");
    begin.push(name);
    begin.push(".");
    Ok((begin, ".part"))
}

/// Removes what programs left behind that were to replace `target` and did not get to the end. No other
/// program may be about to.
///
/// # Errors
/// What the operating system says.
pub fn remove_unfinished(target: &Path) -> io::Result<()> {
    let (begin, end) = partial_name(target)?;
    let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty());
    for entry in std::fs::read_dir(folder.unwrap_or(Path::new(".")))? {
        let entry = entry?;
        let name = entry.file_name();
        let rest = name.as_encoded_bytes().strip_prefix(begin.as_encoded_bytes());
        let process = rest.and_then(|rest| rest.strip_suffix(end.as_bytes()));
        if process.is_some_and(|process| process.iter().all(u8::is_ascii_digit)) {
            std::fs::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Longest that the name of a file under construction is beyond that of the finished one, in bytes.
pub const PARTIAL_NAME_BYTES: usize = 1 + 1 + 10 + ".part".len();

impl OutputFile {
    /// Begins a file that is to become `target`.
    ///
    /// # Errors
    /// What the operating system says, and `AlreadyExists` when `target` exists.
    pub fn create(target: &Path) -> io::Result<Self> {
        if target.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let mut output = Self::create_replacing(target)?;
        output.replaces = false;
        Ok(output)
    }

    /// As [`OutputFile::create`], for files that may replace an older version of themselves.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn create_replacing(target: &Path) -> io::Result<Self> {
        let (mut name, end) = partial_name(target)?;
        name.push(std::process::id().to_string());
        name.push(end);
        Self::begin(target.with_file_name(name), target)
    }

    /// A file that may replace an older version of itself or not, and which is made in `folder`;
    /// that must lie on the same file system.
    ///
    /// # Errors
    /// What the operating system says, and `AlreadyExists` when there is something to replace.
    pub fn create_in(folder: &Path, target: &Path, replaces: bool) -> io::Result<Self> {
        if !replaces && target.symlink_metadata().is_ok() {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let name = target.file_name().ok_or_else(|| io::Error::other("not a file name"))?;
        let mut output = Self::begin(folder.join(name), target)?;
        output.replaces = replaces;
        Ok(output)
    }

    fn begin(partial: PathBuf, target: &Path) -> io::Result<Self> {
        let file =
            OpenOptions::new().read(true).write(true).create(true).truncate(true).open(&partial)?;
        Ok(Self { file, partial, target: target.to_owned(), replaces: true, finished: false })
    }

    /// The file, for writing.
    #[must_use]
    pub fn file(&self) -> &File {
        &self.file
    }

    /// Where the unfinished file is.
    #[must_use]
    pub fn partial_path(&self) -> &Path {
        &self.partial
    }

    /// Flushes to the disk and gives the file its final name.
    ///
    /// # Errors
    /// What the operating system says, and `AlreadyExists` when another program was faster to make a
    /// target that was not to be replaced; the target is then unchanged.
    pub fn finish(mut self) -> io::Result<()> {
        self.file.sync_all()?;
        if self.replaces {
            std::fs::rename(&self.partial, &self.target)?;
        } else {
            rename_new(&self.partial, &self.target)?;
        }
        self.finished = true;
        let parent = self.target.parent().filter(|p| !p.as_os_str().is_empty());
        File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
    }
}

/// Makes `bytes` the content of `target`: whoever opens it finds the old content or the new.
///
/// # Errors
/// What the operating system says. The target is then unchanged, unless only flushing its folder failed.
pub fn replace(target: &Path, bytes: &[u8]) -> io::Result<()> {
    let output = OutputFile::create_replacing(target)?;
    output.file().write_all(bytes)?;
    output.finish()
}

/// Renames a file to a name that nothing has.
fn rename_new(from: &Path, to: &Path) -> io::Result<()> {
    // A link is never made over a file, a rename is.
    match std::fs::hard_link(from, to) {
        Ok(()) => std::fs::remove_file(from),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Err(error),
        // Sticks are often FAT, which has no links.
        Err(_) if to.symlink_metadata().is_ok() => Err(io::ErrorKind::AlreadyExists.into()),
        Err(_) => std::fs::rename(from, to),
    }
}

impl Drop for OutputFile {
    fn drop(&mut self) {
        if !self.finished {
            let _ = std::fs::remove_file(&self.partial);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;

    #[test]
    fn a_folder_is_writable_unless_its_mode_says_otherwise() {
        use std::os::unix::fs::PermissionsExt;
        let directory = std::env::temp_dir().join(format!("anklume-mode-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        assert!(is_writable_folder(&directory));
        assert!(!is_writable_folder(&directory.join("none")));
        assert!(!is_writable_folder(Path::new("/dev/null")));
        // No mode keeps root out.
        if !crate::process::effective_user_is_root() {
            let read_only = std::fs::Permissions::from_mode(0o555);
            std::fs::set_permissions(&directory, read_only).unwrap();
            assert!(!is_writable_folder(&directory));
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }

    #[test]
    fn what_was_left_unfinished_is_removed() {
        let directory = std::env::temp_dir().join(format!("anklume-left-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let target = directory.join("x");
        let output = OutputFile::create_replacing(&target).unwrap();
        for name in ["x", ".x.part", ".x.1.part.old", ".x.a.part", ".xx.1.part"] {
            std::fs::write(directory.join(name), "").unwrap();
        }
        remove_unfinished(&target).unwrap();
        assert!(!output.partial_path().exists());
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 5);
        std::fs::remove_dir_all(&directory).unwrap();
        assert!(remove_unfinished(&target).is_err());
    }

    #[test]
    fn a_file_appears_whole_or_not_at_all() {
        let directory = std::env::temp_dir().join(format!("anklume-file-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let target = directory.join("x.iso");
        let output = OutputFile::create_replacing(&target).unwrap();
        output.file().write_all(b"half").unwrap();
        drop(output);
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 0);
        let output = OutputFile::create_replacing(&target).unwrap();
        output.file().write_all(b"whole").unwrap();
        assert!(!target.exists());
        output.finish().unwrap();
        assert_eq!(std::fs::read(&target).unwrap(), b"whole");
        assert!(OutputFile::create(&target).is_err());
        let late = directory.join("y.iso");
        let output = OutputFile::create(&late).unwrap();
        std::fs::write(&late, b"faster").unwrap();
        assert_eq!(output.finish().unwrap_err().kind(), io::ErrorKind::AlreadyExists);
        assert_eq!(std::fs::read(&late).unwrap(), b"faster");
        assert_eq!(std::fs::read_dir(&directory).unwrap().count(), 2);
        let output = OutputFile::create_replacing(&late).unwrap();
        let extra = output.partial_path().file_name().unwrap().len() - "y.iso".len();
        assert!(extra <= PARTIAL_NAME_BYTES, "{extra}");
        output.finish().unwrap();
        assert_eq!(std::fs::read(&late).unwrap(), b"");
        assert!(FileReader::open(&directory).is_err());
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
