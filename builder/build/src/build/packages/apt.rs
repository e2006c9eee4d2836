//! What apt would install, from the index that it verified.

use std::fs;
use std::path::{Path, PathBuf};

use anklume_host::process::{Cmd, ProcessError};
use anklume_lock::Package;
use anklume_lock::apt::{Base, bases, package_files};

use super::super::archive::{self, ArchiveState};
use super::index;
use crate::events::Reporter;
use crate::failure::{Context, Failure};

/// What apt says of a name that the index has not, and of one that no package has any more.
const UNKNOWN: [&str; 2] = ["Unable to locate package", "has no installation candidate"];

/// An apt that knows the archive as the last build saw it.
#[derive(Debug)]
pub(in super::super) struct Apt {
    pub(in super::super) config: PathBuf,
    pub(in super::super) bases: Vec<Base>,
}

impl Apt {
    /// The apt whose state is in `folder`. An index that is not that of the archive is fetched
    /// again, unless the build is `offline`.
    pub(in super::super) fn new(
        folder: &Path,
        state: &ArchiveState,
        offline: bool,
        reporter: &Reporter,
    ) -> Result<Self, Failure> {
        match index::check(folder, &state.lines) {
            Ok(()) => {}
            Err(failure) if offline => {
                return Err(failure.hint("build once without --offline, which fetches it again"));
            }
            Err(failure) => {
                reporter.note(&format!("{}; it is fetched again", failure.message()));
                let _held = archive::hold(folder, reporter)?;
                archive::forget_lists(folder)?;
                archive::refresh(folder, &state.lines)?;
                archive::check_lists(folder, state)?;
                index::check(folder, &state.lines)?;
            }
        }
        // apt's own form of the index would be believed, whatever the index says.
        for name in ["pkgcache.bin", "srcpkgcache.bin"] {
            let _ = fs::remove_file(folder.join("cache").join(name));
        }
        let config = archive::prepare(folder, &state.lines)?;
        Ok(Self { config, bases: bases(&state.lines) })
    }

    /// Package files that apt names for `words`, sorted.
    pub(in super::super) fn files<S: AsRef<str>>(
        &self,
        verb: &str,
        words: impl IntoIterator<Item = S>,
    ) -> Result<Vec<Package>, Failure> {
        let words: Vec<String> = words.into_iter().map(|word| word.as_ref().to_owned()).collect();
        let output = Cmd::new("apt-get")
            .args(["--yes", "--print-uris", "-q", "-q"])
            .args(["-o", "Acquire::ForceHash=SHA256", "-o", "APT::Install-Recommends=false"])
            .arg(verb)
            .args(words)
            .env("APT_CONFIG", &self.config)
            .output();
        let output = output.map_err(|error| explain(&error))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let mut packages = package_files(&text, &self.bases).context("the package index")?;
        packages.sort();
        Ok(packages)
    }
}

/// Finds apt's own words about a name that it does not know.
fn explain(error: &ProcessError) -> Failure {
    if matches!(error, ProcessError::Interrupted { .. }) {
        return Failure::interrupted();
    }
    let unknown = |line: &&str| UNKNOWN.iter().any(|text| line.contains(text));
    let tail = error.tail();
    let said: Vec<&str> =
        tail.lines().filter(unknown).map(|line| line.trim_start_matches("E: ")).collect();
    if said.is_empty() {
        return Failure::process("asking apt for package files", error);
    }
    Failure::refused(said.join("; "))
        .hint("check the name, and that `components` of the definition hold the package's one")
}
