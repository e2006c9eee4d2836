//! The mounted partition as a folder: reading, writing and setting aside, each whole or not at all.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, symlink};
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Version of the layout that this program writes.
pub const LAYOUT_VERSION: u32 = 1;
const VERSION_FILE: &str = "VERSION";
const VERSION_WORD: &str = "anklume-persist";
/// Folder of what is kept.
const SYSTEM: &str = "system";
/// Folder of what was set aside.
const DAMAGED: &str = "damaged";
/// Ends the name of a file that is being written.
const PART: &str = ".part";

/// Why something of the partition could not be read or written.
#[derive(Debug, thiserror::Error)]
#[error("{action} {}: {source}", path.display())]
pub struct Error {
    /// What was being done, as in `reading`.
    pub action: &'static str,
    /// The file.
    pub path: PathBuf,
    /// What the operating system said.
    pub source: io::Error,
}

pub(crate) fn at<'a>(action: &'static str, path: &'a Path) -> impl FnOnce(io::Error) -> Error + 'a {
    move |source| Error { action, path: path.to_owned(), source }
}

/// The partition, mounted at a folder.
#[derive(Debug, Clone)]
pub struct Tree {
    root: PathBuf,
}

impl Tree {
    /// The partition mounted at `root`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Version of its layout; `None` if it was never used.
    ///
    /// # Errors
    /// [`Error`] when it cannot be read; of kind `InvalidData` when it is no version.
    pub fn version(&self) -> Result<Option<u32>, Error> {
        let path = self.root.join(VERSION_FILE);
        let Some(content) = read(&path, 64)? else { return Ok(None) };
        let text = String::from_utf8_lossy(&content);
        let version = text.trim_end().strip_prefix(VERSION_WORD).map(str::trim);
        let version = version.and_then(|version| version.parse().ok());
        version.map(Some).ok_or_else(|| {
            let expected = format!("expected `{VERSION_WORD} NUMBER`");
            at("reading", &path)(io::Error::new(io::ErrorKind::InvalidData, expected))
        })
    }

    /// Makes the layout of a partition that was never used.
    ///
    /// # Errors
    /// [`Error`] when it cannot be written.
    pub fn initialise(&self) -> Result<(), Error> {
        let text = format!("{VERSION_WORD} {LAYOUT_VERSION}\n");
        write(&self.root.join(VERSION_FILE), text.as_bytes(), 0o644)
    }

    /// Sets a version aside that is none, and writes that of the layout.
    ///
    /// # Errors
    /// [`Error`] when that cannot be written.
    pub fn renew_version(&self) -> Result<(), Error> {
        self.set_aside(&self.root.join(VERSION_FILE))?;
        self.initialise()
    }

    /// Where something of the OS is kept.
    pub(crate) fn kept(&self, path: &str) -> PathBuf {
        self.root.join(SYSTEM).join(path)
    }

    /// Moves a damaged file away, and returns its new place.
    pub(crate) fn set_aside(&self, path: &Path) -> Result<PathBuf, Error> {
        let place = self.place_for_damaged(path)?;
        fs::rename(path, &place).map_err(at("setting aside", path))?;
        place.parent().map_or(Ok(()), sync_folder)?;
        Ok(place)
    }

    /// Gives a damaged file a second name among what was set aside: it is about to be replaced.
    ///
    /// # Errors
    /// [`Error`] when it cannot be written.
    pub fn keep_damaged(&self, path: &Path) -> Result<PathBuf, Error> {
        let place = self.place_for_damaged(path)?;
        fs::hard_link(path, &place).map_err(at("setting aside", path))?;
        place.parent().map_or(Ok(()), sync_folder)?;
        Ok(place)
    }

    /// A free name for a damaged file.
    fn place_for_damaged(&self, path: &Path) -> Result<PathBuf, Error> {
        let folder = self.root.join(DAMAGED);
        // Durable before anything is moved into it: else a power cut could take both.
        make_folders(&folder)?;
        let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
        let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let free = (0..1000_u32)
            .map(|number| match number {
                0 => folder.join(format!("{now}-{name}")),
                _ => folder.join(format!("{now}.{number}-{name}")),
            })
            .find(|place| place.symlink_metadata().is_err());
        free.ok_or_else(|| at("naming", path)(io::ErrorKind::AlreadyExists.into()))
    }
}

/// Reads a regular file of at most `most` bytes; `None` if there is nothing. What is longer, or no
/// regular file, is an error of kind `InvalidData`.
pub(crate) fn read(path: &Path, most: u64) -> Result<Option<Vec<u8>>, Error> {
    let invalid =
        |what: &str| at("reading", path)(io::Error::new(io::ErrorKind::InvalidData, what));
    match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(at("reading", path)(error)),
        Ok(metadata) if !metadata.is_file() => return Err(invalid("no regular file")),
        Ok(metadata) if metadata.len() > most => return Err(invalid("longer than it may be")),
        Ok(_) => {}
    }
    let mut content = Vec::new();
    // It may have been replaced since: no link is followed, no pipe waited for.
    let flags = nix::fcntl::OFlag::O_NOFOLLOW | nix::fcntl::OFlag::O_NONBLOCK;
    let file = OpenOptions::new().read(true).custom_flags(flags.bits()).open(path);
    let file = file.map_err(at("reading", path))?;
    file.take(most.saturating_add(1)).read_to_end(&mut content).map_err(at("reading", path))?;
    Ok(Some(content))
}

/// Writes a file so that after a power cut there is the old one or the new one.
pub(crate) fn write(path: &Path, content: &[u8], mode: u32) -> Result<(), Error> {
    let part = part_of(path)?;
    let mut file = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(mode)
        .open(&part)
        .map_err(at("creating", &part))?;
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(mode);
    file.set_permissions(permissions)
        .and_then(|()| file.write_all(content))
        .and_then(|()| file.sync_all())
        .map_err(at("writing", &part))?;
    into_place(&part, path)
}

/// Makes a symbolic link, as [`write`].
pub(crate) fn link(path: &Path, target: &Path) -> Result<(), Error> {
    let part = part_of(path)?;
    symlink(target, &part).map_err(at("creating", &part))?;
    into_place(&part, path)
}

/// Removes a file; whether there was one.
pub(crate) fn remove(path: &Path) -> Result<bool, Error> {
    match fs::remove_file(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(at("removing", path)(error)),
    }
    path.parent().map_or(Ok(()), sync_folder)?;
    Ok(true)
}

/// Name of the file under way, with its folder made and what an earlier cut left removed.
fn part_of(path: &Path) -> Result<PathBuf, Error> {
    if let Some(folder) = path.parent() {
        make_folders(folder)?;
    }
    let part = part_name(path);
    match fs::remove_file(&part) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(at("removing", &part)(error)),
        _ => Ok(part),
    }
}

fn part_name(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(PART);
    path.with_file_name(name)
}

/// Removes what a cut left of a file that was being written. If that itself is lost, the next time does
/// it: nothing is flushed.
pub(crate) fn remove_leftover(path: &Path) -> Result<(), Error> {
    let part = part_name(path);
    match part.symlink_metadata() {
        Ok(metadata) if !metadata.is_dir() => fs::remove_file(&part).map_err(at("removing", &part)),
        _ => Ok(()),
    }
}

/// The name of the file that a leftover was to become.
pub(crate) fn leftover_of(name: &str) -> Option<&str> {
    name.strip_suffix(PART)
}

fn into_place(part: &Path, path: &Path) -> Result<(), Error> {
    fs::rename(part, path).map_err(at("renaming", part))?;
    path.parent().map_or(Ok(()), sync_folder)
}

/// Makes a folder and those above it, durable.
fn make_folders(folder: &Path) -> Result<(), Error> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(above) = folder.parent() {
        make_folders(above)?;
    }
    fs::create_dir(folder).map_err(at("making", folder))?;
    folder.parent().map_or(Ok(()), sync_folder)
}

fn sync_folder(folder: &Path) -> Result<(), Error> {
    File::open(folder).and_then(|file| file.sync_all()).map_err(at("writing", folder))
}

/// Whether something is there, and what: for overlays, a deletion is a character device 0:0.
pub(crate) fn present(path: &Path) -> bool {
    use std::os::unix::fs::FileTypeExt;
    let whiteout =
        |metadata: &fs::Metadata| metadata.file_type().is_char_device() && metadata.rdev() == 0;
    path.symlink_metadata().is_ok_and(|metadata| !whiteout(&metadata))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_made_once_and_read() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        assert_eq!(tree.version().unwrap(), None);
        tree.initialise().unwrap();
        assert_eq!(tree.version().unwrap(), Some(1));
        fs::write(dir.path().join("VERSION"), "anklume-persist 7\n").unwrap();
        assert_eq!(tree.version().unwrap(), Some(7));
        fs::write(dir.path().join("VERSION"), "\0\0\0").unwrap();
        assert!(tree.version().is_err());
    }

    #[test]
    fn a_file_is_replaced_and_leftovers_go() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("a/b/file");
        write(&path, b"one", 0o600).unwrap();
        fs::write(dir.path().join("a/b/file.part"), "torn").unwrap();
        write(&path, b"two", 0o644).unwrap();
        assert_eq!(read(&path, 3).unwrap().unwrap(), b"two");
        assert_eq!(path.metadata().unwrap().mode() & 0o7777, 0o644);
        assert_eq!(fs::read_dir(dir.path().join("a/b")).unwrap().count(), 1);
        assert!(read(&path, 2).is_err() && read(dir.path(), 9).is_err());
        assert!(remove(&path).unwrap() && !remove(&path).unwrap());
    }

    #[test]
    fn what_is_set_aside_is_kept() {
        let dir = tempfile::tempdir().unwrap();
        let tree = Tree::at(dir.path());
        for content in ["one", "two"] {
            let path = dir.path().join("machine-id");
            fs::write(&path, content).unwrap();
            let place = tree.set_aside(&path).unwrap();
            assert!(!path.exists());
            assert_eq!(fs::read_to_string(place).unwrap(), content);
        }
    }
}
