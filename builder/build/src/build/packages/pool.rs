//! A folder of package files for mmdebstrap, which takes whole folders.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use anklume_host::workfolder::WorkFolder;
use anklume_lock::Package;

use crate::failure::{Context, Failure};

/// A folder of exactly some package files, beside that of the cache. Removed in the end.
#[derive(Debug)]
pub(in super::super) struct Pool {
    folder: WorkFolder,
}

impl Pool {
    /// Makes the folder of the files of `packages`, which are in `debs`.
    pub(in super::super) fn make(packages: &[Package], debs: &Path) -> Result<Self, Failure> {
        let parent = debs.parent().unwrap_or(debs);
        let folder = WorkFolder::create(parent);
        let folder = folder.context(format!("a folder in {}", parent.display()))?;
        let pool = Self { folder };
        let what = || format!("writing {}", pool.folder.path().display());
        fs::create_dir(pool.debs()).context(what())?;
        for package in packages {
            let name = package.file_name();
            link(&debs.join(&name), &pool.debs().join(&name)).context(what())?;
        }
        Ok(pool)
    }

    /// The folder of package files.
    pub(in super::super) fn debs(&self) -> PathBuf {
        self.folder.path().join("debs")
    }

    /// The folder around it, with room for files about them.
    pub(in super::super) fn folder(&self) -> &Path {
        self.folder.path()
    }
}

/// A second name for the file, or a copy where the file system has none.
fn link(from: &Path, to: &Path) -> io::Result<()> {
    if fs::hard_link(from, to).is_ok() {
        return Ok(());
    }
    io::copy(&mut File::open(from)?, &mut File::create(to)?).map(|_| ())
}
