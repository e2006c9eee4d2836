//! The folder of a repository.

use std::fs::{self, File};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_host::file::{OutputFile, remove_unfinished};
use anklume_host::lock::Lock;

use crate::failure::{Context, Failure};

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
        let begun = remove_unfinished(&path).and_then(|()| OutputFile::create_replacing(&path));
        begun.map_err(|error| self.not_written(name, &error))
    }

    /// Makes a folder and those above it. A name is only there for good once the folder that it stands
    /// in was flushed.
    fn make_folders(&self, folder: &str) -> io::Result<()> {
        let mut parent = self.root.clone();
        for part in folder.split('/') {
            let path = parent.join(part);
            match fs::create_dir(&path) {
                Ok(()) => File::open(&parent)?.sync_all()?,
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            parent = path;
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
