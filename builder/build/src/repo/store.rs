//! The folder of a repository.

use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_host::file::{OutputFile, remove_unfinished};
use anklume_host::lock::Lock;

use crate::failure::{Context, Failure};

/// What everybody may do with a file and with a folder: a web server is another user than the publisher,
/// whose umask may be for his own files.
const FILE_MODE: u32 = 0o644;
const FOLDER_MODE: u32 = 0o755;

/// A repository's folder.
#[derive(Debug)]
pub(super) struct Repository {
    root: PathBuf,
}

impl Repository {
    /// The folder at `root`.
    pub(super) fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Makes the folder at `root`, and those above it, if there is none.
    pub(super) fn make(root: &Path) -> Result<Self, Failure> {
        make_all(root).context(format!("creating {}", root.display()))?;
        Ok(Self::at(root))
    }

    /// A file of it.
    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    pub(super) fn root(&self) -> &Path {
        &self.root
    }

    /// Keeps other publishers out; readers need no lock.
    pub(super) fn lock(&self) -> Result<Lock, Failure> {
        let what = || self.root.display();
        Lock::existing(&self.root, Duration::ZERO).map_err(|error| match error.kind() {
            io::ErrorKind::TimedOut => {
                Failure::refused(format!("the repository {} is being written to", what()))
                    .hint("wait for the other anklume-build to end")
            }
            _ => Failure::failed(format!("the repository {}: {error}", what())),
        })
    }

    /// The bytes of a small file, `None` where there is none.
    pub(super) fn read(&self, name: &str, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
        read(&self.path(name), limit)
    }

    /// Makes `bytes` the content of a file, for good: file and folder are flushed. A file that has this
    /// content is left alone.
    pub(super) fn write(&self, name: &str, bytes: &[u8]) -> Result<(), Failure> {
        let limit = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
        if matches!(self.read(name, limit), Ok(Some(found)) if found == bytes) {
            return Ok(());
        }
        let output = self.begin(name)?;
        let written = output.file().write_all(bytes).and_then(|()| output.finish());
        written.map_err(|error| self.not_written(name, &error))
    }

    /// Begins a file, which gets its name when it is finished.
    pub(super) fn begin(&self, name: &str) -> Result<OutputFile, Failure> {
        let path = self.path(name);
        if let Some((folder, _)) = name.rsplit_once('/') {
            self.make_folders(folder).map_err(|error| self.not_written(name, &error))?;
        }
        // What a killed program left would never go away.
        let begun = remove_unfinished(&path).and_then(|()| {
            let output = OutputFile::create_replacing(&path)?;
            let opened = open_to_all(output.file(), FILE_MODE);
            opened.map(|()| output)
        });
        begun.map_err(|error| self.not_written(name, &error))
    }

    /// Makes a folder and those above it.
    fn make_folders(&self, folder: &str) -> io::Result<()> {
        let mut path = self.root.clone();
        for part in folder.split('/') {
            path.push(part);
            make_folder(&path)?;
        }
        Ok(())
    }

    pub(super) fn not_written(&self, name: &str, error: &io::Error) -> Failure {
        let failure = Failure::failed(format!("writing {}: {error}", self.path(name).display()));
        match error.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => failure.hint(
                "make room and publish again; until then readers find the repository as it was",
            ),
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                failure.hint("the repository must be writable for whoever publishes")
            }
            _ => failure,
        }
    }
}

/// Makes a folder and those above it, where there is none.
fn make_all(folder: &Path) -> io::Result<()> {
    if folder.is_dir() {
        return Ok(());
    }
    if let Some(parent) = folder.parent().filter(|parent| !parent.as_os_str().is_empty()) {
        make_all(parent)?;
    }
    make_folder(folder)
}

/// Makes a folder that everybody can read, if there is none. A name is only there for good once the folder
/// that it stands in was flushed.
fn make_folder(path: &Path) -> io::Result<()> {
    match fs::create_dir(path) {
        Ok(()) => {}
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists && path.is_dir() => {
            return Ok(());
        }
        Err(error) => return Err(error),
    }
    open_to_all(&File::open(path)?, FOLDER_MODE)?;
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    File::open(parent.unwrap_or(Path::new(".")))?.sync_all()
}

/// Adds what everybody may do to the mode of a file; what a group may do beyond that is kept. A file
/// system that has no modes of its own keeps those that it shows.
fn open_to_all(file: &File, mode: u32) -> io::Result<()> {
    let found = file.metadata()?.permissions().mode();
    if found & mode == mode {
        return Ok(());
    }
    match file.set_permissions(Permissions::from_mode((found & 0o7777) | mode)) {
        Err(error) if error.kind() == io::ErrorKind::PermissionDenied => Ok(()),
        done => done,
    }
}

/// The bytes of a small file, `None` where there is none.
pub(super) fn read(path: &Path, limit: u64) -> Result<Option<Vec<u8>>, Failure> {
    let what = || format!("reading {}", path.display());
    let metadata = match path.symlink_metadata() {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        metadata => metadata.context(what())?,
    };
    // A link may lead out of the repository, where a web server does not follow; a pipe never ends.
    if !metadata.is_file() {
        return Err(Failure::damaged(format!("{}: not a regular file", path.display())));
    }
    let mut bytes = Vec::new();
    let file = File::open(path).context(what())?;
    file.take(limit.saturating_add(1)).read_to_end(&mut bytes).context(what())?;
    if u64::try_from(bytes.len()).unwrap_or(u64::MAX) > limit {
        let found = metadata.len();
        let path = path.display();
        return Err(Failure::damaged(format!("{path}: {found} bytes, expected at most {limit}")));
    }
    Ok(Some(bytes))
}
