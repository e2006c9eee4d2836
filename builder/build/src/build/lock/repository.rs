//! The local repository of a lock: a folder of exactly its package files, and an index of them.

use std::fs;
use std::path::{Path, PathBuf};

use anklume_host::process::Cmd;
use anklume_lock::{Lock, Package, repository};
use rayon::prelude::*;

use super::super::packages::{Pool, digest};
use crate::failure::{Context, Failure};

/// A local repository, removed in the end.
#[derive(Debug)]
pub(in super::super) struct Repository {
    pool: Pool,
}

impl Repository {
    /// Makes the repository of `packages`, whose checked files are in `debs`, in a folder beside it.
    pub(super) fn make(lock: &Lock, packages: &[Package], debs: &Path) -> Result<Self, Failure> {
        let repository = Self { pool: Pool::make(packages, debs)? };
        let what = || format!("writing {}", repository.index().display());
        fs::create_dir(repository.index()).context(what())?;
        let paragraph = |package: &Package| paragraph(package, &debs.join(package.file_name()));
        let index: String = packages.par_iter().map(paragraph).collect::<Result<_, Failure>>()?;
        let bytes = u64::try_from(index.len()).unwrap_or(u64::MAX);
        let release = repository::release(lock, bytes, digest(index.as_bytes()).context(what())?);
        fs::write(repository.index().join("Packages"), index).context(what())?;
        fs::write(repository.index().join("Release"), release).context(what())?;
        Ok(repository)
    }

    /// The folder of package files.
    pub(super) fn debs(&self) -> PathBuf {
        self.pool.debs()
    }

    /// The folder of `Packages` and `Release`.
    pub(super) fn index(&self) -> PathBuf {
        self.pool.folder().join("index")
    }
}

fn paragraph(package: &Package, file: &Path) -> Result<String, Failure> {
    let output = Cmd::new("dpkg-deb").arg("--field").arg(file).output();
    let output = output.map_err(|error| Failure::process(&format!("reading {package}"), &error))?;
    let control = String::from_utf8_lossy(&output.stdout);
    repository::paragraph(package, &control).map_err(Failure::failed)
}
