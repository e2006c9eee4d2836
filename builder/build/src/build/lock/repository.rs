//! The local repository of a lock: a folder of exactly its package files, and an index of them.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anklume_host::process::Cmd;
use anklume_lock::{Lock, Package, repository};

use super::fetch::digest;
use crate::failure::{Context, Failure};

/// A local repository, removed in the end.
#[derive(Debug)]
pub(super) struct Repository {
    folder: tempfile::TempDir,
}

impl Repository {
    /// Makes the repository of `packages`, whose checked files are in `debs`, in a folder beside it.
    pub(super) fn make(lock: &Lock, packages: &[Package], debs: &Path) -> Result<Self, Failure> {
        let parent = debs.parent().unwrap_or(debs);
        let folder = tempfile::Builder::new().prefix(".repository-").tempdir_in(parent);
        let folder = folder.context(format!("a folder in {}", parent.display()))?;
        let repository = Self { folder };
        let what = || format!("writing {}", repository.folder.path().display());
        fs::create_dir(repository.debs()).context(what())?;
        fs::create_dir(repository.index()).context(what())?;
        let mut index = String::new();
        for package in packages {
            let name = package.file_name();
            let file = debs.join(&name);
            link(&file, &repository.debs().join(&name)).context(what())?;
            index += &paragraph(package, &file)?;
        }
        let bytes = u64::try_from(index.len()).unwrap_or(u64::MAX);
        let release = repository::release(lock, bytes, digest(index.as_bytes()).context(what())?);
        fs::write(repository.index().join("Packages"), index).context(what())?;
        fs::write(repository.index().join("Release"), release).context(what())?;
        Ok(repository)
    }

    /// The folder of package files.
    pub(super) fn debs(&self) -> PathBuf {
        self.folder.path().join("debs")
    }

    /// The folder of `Packages` and `Release`.
    pub(super) fn index(&self) -> PathBuf {
        self.folder.path().join("index")
    }
}

fn paragraph(package: &Package, file: &Path) -> Result<String, Failure> {
    let output = Cmd::new("dpkg-deb").arg("--field").arg(file).output();
    let output = output.map_err(|error| Failure::process(&format!("reading {package}"), &error))?;
    let control = String::from_utf8_lossy(&output.stdout);
    repository::paragraph(package, &control).map_err(Failure::failed)
}

/// A second name for the file, or a copy where the file system has none.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    io::copy(&mut File::open(from)?, &mut File::create(to)?).map(|_| ())
}
