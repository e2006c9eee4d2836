//! Package files, to the byte: from the cache, the mirror, or an archive of old packages.

use std::fmt;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anklume_host::interrupt::interrupted;
use anklume_host::process::Cmd;
use anklume_host::workfolder::WorkFolder;
use anklume_lock::apt::{Base, uri};
use anklume_lock::{Archive, Package, Sha256};
use rayon::prelude::*;
use sha2::Digest;

use crate::events::{Reporter, human_bytes};
use crate::failure::{Context, Failure};

/// apt's own reader and downloader: the proxies, certificates and methods of the machine's apt count
/// for it. `download-file` takes URI, path and hash, as often as they are given.
pub(super) const APT_HELPER: &str = "/usr/lib/apt/apt-helper";
/// Its exit codes when it got all, and when it got some.
const DOWNLOADER_CODES: [i32; 2] = [0, 100];
/// Files that are asked for in one call; a command line has room for thousands.
const AT_ONCE: usize = 200;

/// Where files may come from besides the cache.
#[derive(Debug)]
pub(in super::super) enum Place {
    /// Nowhere.
    Cache,
    /// These, each asked for what those before it did not have.
    Mirrors(Vec<Base>),
}

/// Where files come from.
#[derive(Debug)]
pub(in super::super) struct Sources<'a> {
    /// The folder of the cache.
    pub(in super::super) debs: &'a Path,
    pub(in super::super) place: Place,
    /// apt's configuration.
    pub(in super::super) config: &'a Path,
}

/// Who wants packages, and what to do when they are nowhere; for messages.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Wanted<'a> {
    pub(in super::super) whose: &'a str,
    pub(in super::super) hint: &'static str,
}

/// The newest packages of an archive.
pub(in super::super) const NEWEST: Wanted<'static> = Wanted {
    whose: "the archive",
    hint: "try again: the mirror may be changing just now; --mirror takes another one",
};

/// A file that cannot be used as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Defect {
    Absent,
    Size(u64),
    Digest(Sha256),
}

impl fmt::Display for Defect {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Absent => f.write_str("not in the cache"),
            Self::Size(found) => write!(f, "{found} bytes in the cache"),
            Self::Digest(found) => write!(f, "SHA-256 {found} in the cache"),
        }
    }
}

impl Sources<'_> {
    /// Makes sure that the cache holds every one of `packages`, to the byte.
    pub(in super::super) fn fetch(
        &self,
        packages: &[&Package],
        by: Wanted<'_>,
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        fs::create_dir_all(self.debs).context(format!("creating {}", self.debs.display()))?;
        let mut lacking = self.lacking(packages, reporter)?;
        if let (Place::Mirrors(bases), false) = (&self.place, lacking.is_empty()) {
            self.download(&mut lacking, bases, reporter)?;
        }
        if lacking.is_empty() { Ok(()) } else { Err(self.nowhere(&lacking, packages.len(), &by)) }
    }

    /// The packages whose files are not in the cache as they have to be. All cores hash.
    fn lacking<'p>(
        &self,
        packages: &[&'p Package],
        reporter: &Reporter,
    ) -> Result<Vec<(&'p Package, Defect)>, Failure> {
        let step = reporter.step("package files");
        let look = |package: &&'p Package| {
            if interrupted() {
                return Err(Failure::interrupted());
            }
            let found = check(&self.debs.join(package.file_name()), package)?;
            Ok(found.err().map(|defect| (*package, defect)))
        };
        let looked: Result<Vec<_>, Failure> = packages.par_iter().map(look).collect();
        let lacking: Vec<(&Package, Defect)> = looked?.into_iter().flatten().collect();
        for (package, defect) in lacking.iter().filter(|(_, defect)| *defect != Defect::Absent) {
            let expected = match defect {
                Defect::Size(_) => format!("{} bytes", package.size),
                _ => package.sha256.to_string(),
            };
            reporter.note(&format!("{package}: {defect}, expected {expected}"));
        }
        let there = packages.len() - lacking.len();
        step.finish(&format!("{there} of {} in the cache", packages.len()));
        Ok(lacking)
    }

    fn download(
        &self,
        lacking: &mut Vec<(&Package, Defect)>,
        bases: &[Base],
        reporter: &Reporter,
    ) -> Result<(), Failure> {
        let (count, bytes) = (lacking.len(), total_bytes(lacking.iter().map(|(p, _)| *p)));
        let step = reporter.step("downloading packages");
        // On the same disk as the cache, so that a finished file is moved there at once.
        let partial = WorkFolder::create(self.debs);
        let partial = partial.context(format!("a folder in {}", self.debs.display()))?;
        for base in bases {
            let there = |(p, _): &&(&Package, Defect)| p.archive == base.archive;
            let wanted: Vec<&Package> = lacking.iter().filter(there).map(|(p, _)| *p).collect();
            for some in wanted.chunks(AT_ONCE) {
                self.download_from(base, some, partial.path())?;
            }
            for package in wanted {
                if self.take(package, partial.path())? {
                    lacking.retain(|(other, _)| *other != package);
                }
            }
        }
        step.finish(&format!("{} of {count}, {}", count - lacking.len(), human_bytes(bytes)));
        Ok(())
    }

    fn download_from(&self, base: &Base, some: &[&Package], to: &Path) -> Result<(), Failure> {
        let mut command = Cmd::new(APT_HELPER).arg("download-file");
        for package in some {
            command = command
                .arg(uri(&base.uri, package))
                .arg(to.join(package.file_name()))
                .arg(format!("SHA256:{}", package.sha256));
        }
        let result = command.accept(&DOWNLOADER_CODES).env("APT_CONFIG", self.config).output();
        result.map(|_| ()).map_err(|error| Failure::process("downloading packages", &error))
    }

    /// Moves a download to the cache if it is what was asked for.
    fn take(&self, package: &Package, from: &Path) -> Result<bool, Failure> {
        let name = package.file_name();
        let (from, to) = (from.join(&name), self.debs.join(&name));
        if check(&from, package)?.is_err() {
            let _ = fs::remove_file(&from);
            return Ok(false);
        }
        let what = || format!("writing {}", to.display());
        // For a file: URI, apt makes a link instead of a copy.
        if from.is_symlink() {
            let copy = from.with_extension("copy");
            fs::copy(&from, &copy).context(what())?;
            fs::rename(&copy, &from).context(what())?;
        }
        fs::rename(&from, &to).context(what())?;
        Ok(true)
    }

    fn nowhere(&self, lacking: &[(&Package, Defect)], count: usize, by: &Wanted<'_>) -> Failure {
        let names: Vec<String> =
            lacking.iter().map(|(package, defect)| format!("{package} ({defect})")).collect();
        let text = format!(
            "{} of {count} packages of {} are not to be had: {}",
            lacking.len(),
            by.whose,
            names.join(", ")
        );
        match self.place {
            Place::Cache => Failure::refused(text).hint("build once without --offline"),
            Place::Mirrors(_) => Failure::failed(text).hint(by.hint),
        }
    }
}

/// What the files of `packages` take. A lock or an index may say any number of each.
pub(in super::super) fn total_bytes<'p>(packages: impl Iterator<Item = &'p Package>) -> u64 {
    packages.fold(0, |total, package| total.saturating_add(package.size))
}

/// Mirrors first, then what an archive of old packages has.
pub(in super::super) fn all_bases(
    mirrors: Vec<Base>,
    snapshot: Option<&str>,
    epoch: u64,
) -> Vec<Base> {
    let old = |archive| {
        let bases = snapshot.map(|url| anklume_lock::apt::snapshot(url, archive, epoch));
        bases.unwrap_or_default()
    };
    let old = [Archive::Main, Archive::Security].into_iter().flat_map(old);
    mirrors.into_iter().chain(old).collect()
}

/// Whether the file at `path` is that of `package`, to the byte.
fn check(path: &Path, package: &Package) -> Result<Result<(), Defect>, Failure> {
    let what = || format!("reading {}", path.display());
    // Opening anything else than a file may wait for ever.
    if path.exists() && !path.is_file() {
        return Ok(Err(Defect::Absent));
    }
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Err(Defect::Absent)),
        result => result.context(what())?,
    };
    let bytes = file.metadata().context(what())?.len();
    if bytes != package.size {
        return Ok(Err(Defect::Size(bytes)));
    }
    let found = digest(file).context(what())?;
    Ok(if found == package.sha256 { Ok(()) } else { Err(Defect::Digest(found)) })
}

/// SHA-256 of all that `reader` gives.
pub(in super::super) fn digest(mut reader: impl Read) -> io::Result<Sha256> {
    let mut hash = sha2::Sha256::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match reader.read(&mut buffer)? {
            0 => return Ok(Sha256::new(hash.finalize().into())),
            read => hash.update(&buffer[..read]),
        }
    }
}
