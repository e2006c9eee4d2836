//! The package archive: which lines apt gets, and what state the archive is in.
//!
//! The state is the content of the signed `InRelease` files, checked by apt against the archive
//! keyring. It is the key of the tree cache, and its newest date is the time stamp of the image:
//! the same state gives the same image.

use std::fs::{self, TryLockError};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_definition::Os;
use anklume_host::file::replace;
use anklume_host::interrupt::interrupted;
use anklume_host::process::{Cmd, ProcessError};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

use super::cached;
use crate::events::Reporter;
use crate::failure::{Context, Failure};

/// Keys of the Debian archive, from the package `debian-archive-keyring`; the second name is that
/// of newer versions of the package.
const KEYRINGS: [&str; 2] = [
    "/usr/share/keyrings/debian-archive-keyring.gpg",
    "/usr/share/keyrings/debian-archive-keyring.pgp",
];

/// How often a build that waits for another looks whether that has ended.
const POLL: Duration = Duration::from_millis(100);

/// The archive as it was when it was last looked at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ArchiveState {
    /// Lines of apt's sources.list.
    pub(super) lines: Vec<String>,
    /// SHA-256 of the `InRelease` files, hexadecimal.
    pub(super) digest: String,
    /// The newest `Date` of them, in seconds since 1970.
    pub(super) epoch: u64,
}

/// A mirror: where the archive and its security updates are.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Mirror {
    pub(super) archive: String,
    pub(super) security: Option<String>,
}

/// The lines of sources.list for `os`.
pub(super) fn source_lines(os: &Os, mirror: &Mirror, keyring: &Path) -> Vec<String> {
    let components = os.components.join(" ");
    let line = |uri: &str, suite: &str| {
        format!("deb [signed-by={}] {uri} {suite} {components}", keyring.display())
    };
    let suite = os.suite.as_str();
    let mut lines = vec![line(&mirror.archive, suite)];
    if has_updates(suite) {
        lines.push(line(&mirror.archive, &format!("{suite}-updates")));
        if let Some(security) = &mirror.security {
            lines.push(line(security, &format!("{suite}-security")));
        }
    }
    lines
}

/// Whether a suite has updates beside itself, which the rolling ones have not.
pub(super) fn has_updates(suite: &str) -> bool {
    !matches!(suite, "sid" | "unstable" | "testing" | "experimental")
}

/// The keyring of this machine.
pub(super) fn keyring() -> Option<PathBuf> {
    KEYRINGS.iter().map(PathBuf::from).find(|path| path.exists())
}

/// Lets apt fetch and verify the archive's index, in a state directory of its own, and reads what
/// state the archive is in.
pub(super) fn refresh(directory: &Path, lines: &[String]) -> Result<ArchiveState, Failure> {
    let config = prepare(directory, lines)?;
    let result =
        Cmd::new("apt-get").args(["-q", "-q", "update"]).env("APT_CONFIG", &config).output();
    let output = result.map_err(|error| update_failed(&error))?;
    // apt ends with 0 when it falls back to an older index.
    if let Some(line) = output.stderr.lines().find(|line| line.starts_with("W: Failed to fetch")) {
        return Err(unreachable_archive(line));
    }
    let releases = in_releases(directory)?;
    if releases.len() != lines.len() {
        let found = releases.len();
        return Err(Failure::failed(format!(
            "apt left {found} InRelease files, expected {}",
            lines.len()
        )));
    }
    let epoch = releases.iter().filter_map(|(_, release)| release_date(release)).max();
    let epoch =
        epoch.ok_or_else(|| Failure::failed("no InRelease file of the archive has a date"))?;
    Ok(ArchiveState { lines: lines.to_vec(), digest: releases_digest(&releases), epoch })
}

/// Where apt keeps the index of the archive below `directory`.
pub(super) fn lists(directory: &Path) -> PathBuf {
    directory.join("state/lists")
}

/// Refuses an index that is not that of `state` any more: another build with the same cache may have
/// found a newer one.
pub(super) fn check_lists(directory: &Path, state: &ArchiveState) -> Result<(), Failure> {
    if releases_digest(&in_releases(directory)?) == state.digest {
        return Ok(());
    }
    Err(Failure::failed("the package archive changed while it was used")
        .hint("another build with this cache found newer packages; build once more"))
}

fn releases_digest(releases: &[(PathBuf, Vec<u8>)]) -> String {
    let mut hash = Sha256::new();
    for (_, release) in releases {
        hash.update(Sha256::digest(release));
    }
    hex(&hash.finalize())
}

/// Writes apt's configuration: everything below `directory`, only the network settings of the
/// machine's own.
pub(super) fn prepare(directory: &Path, lines: &[String]) -> Result<PathBuf, Failure> {
    let what = || format!("preparing {}", directory.display());
    for folder in ["state/lists/partial", "cache/archives/partial", "etc"] {
        fs::create_dir_all(directory.join(folder)).context(what())?;
    }
    // Lists of an earlier mirror would count as part of the state.
    let sources = directory.join("etc/sources.list");
    let text = lines.join("\n") + "\n";
    if cached::read(&sources).is_ok_and(|old| old != text.as_bytes()) {
        forget_lists(directory)?;
    }
    put(&sources, &text)?;
    put(&directory.join("state/status"), "")?;
    let network = Cmd::new("apt-config").args(["dump", "--no-empty", "Acquire"]).output();
    let network = network.map_err(|error| Failure::process("reading apt's settings", &error))?;
    let network = String::from_utf8_lossy(&network.stdout);
    // What other programs of this machine want to know of an archive is not fetched for us.
    let ours = |line: &&str| !line.starts_with("Acquire::IndexTargets");
    let network: String = network.lines().filter(ours).map(|line| format!("{line}\n")).collect();
    let at = |path: &str| directory.join(path).display().to_string();
    let config = format!(
        "{network}Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferences \"/dev/null\";\nDir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::State \"{}\";\nDir::State::status \"{}\";\nDir::Cache \"{}\";\n\
         APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
         APT::Sandbox::User \"root\";\nAcquire::Languages \"none\";\n",
        at("etc/sources.list"),
        at("state"),
        at("state/status"),
        at("cache"),
    );
    let path = directory.join("etc/apt.conf");
    put(&path, &config)?;
    Ok(path)
}

/// Removes the index, so that apt fetches it anew.
pub(super) fn forget_lists(directory: &Path) -> Result<(), Failure> {
    let lists = lists(directory);
    fs::remove_dir_all(&lists).context(format!("removing {}", lists.display()))?;
    let partial = lists.join("partial");
    fs::create_dir_all(&partial).context(format!("creating {}", partial.display()))
}

/// Makes `text` the content of a file that apt may be reading for another build.
fn put(path: &Path, text: &str) -> Result<(), Failure> {
    if cached::read(path).is_ok_and(|there| there == text.as_bytes()) {
        return Ok(());
    }
    replace(path, text.as_bytes()).context(format!("writing {}", path.display()))
}

/// Waits until no other build changes `directory`, which is made if need be, and keeps others from
/// it until the file is dropped.
pub(super) fn hold(directory: &Path, reporter: &Reporter) -> Result<fs::File, Failure> {
    fs::create_dir_all(directory).context(format!("creating {}", directory.display()))?;
    let path = directory.join("lock");
    let what = || format!("locking {}", path.display());
    if path.exists() && !path.is_file() {
        // Opening it may wait for ever.
        return Err(Failure::refused(format!("{} is not a file", path.display()))
            .hint("remove it, or take another folder with --cache"));
    }
    let file = fs::File::options().create(true).append(true).open(&path).context(what())?;
    let mut told = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(file),
            Err(TryLockError::Error(error)) => return Err(error).context(what()),
            Err(TryLockError::WouldBlock) if interrupted() => return Err(Failure::interrupted()),
            Err(TryLockError::WouldBlock) => {
                if !told {
                    reporter.note("waiting for another build that reads the package archive");
                    told = true;
                }
                std::thread::sleep(POLL);
            }
        }
    }
}

fn update_failed(error: &ProcessError) -> Failure {
    if matches!(error, ProcessError::Interrupted { .. }) {
        return Failure::interrupted();
    }
    let tail = error.tail();
    let line = tail.lines().find(|line| line.starts_with("E:")).or(tail.lines().last());
    match line {
        Some(line) => unreachable_archive(line),
        None => Failure::process("fetching the package index", error),
    }
}

fn unreachable_archive(line: &str) -> Failure {
    let line = line.trim_start_matches("W: ").trim_start_matches("E: ");
    Failure::failed(format!("the package archive cannot be used: {line}"))
        .hint("check the network and the suite's name; --offline builds from the cache, --mirror takes another mirror")
}

/// The `InRelease` files below `directory` with their paths, sorted by content.
pub(super) fn in_releases(directory: &Path) -> Result<Vec<(PathBuf, Vec<u8>)>, Failure> {
    let lists = lists(directory);
    let what = || format!("reading {}", lists.display());
    let mut releases = Vec::new();
    for entry in fs::read_dir(&lists).context(what())? {
        let path = entry.context(what())?.path();
        if path.to_string_lossy().ends_with("_InRelease") {
            let content = cached::read(&path).context(format!("reading {}", path.display()))?;
            releases.push((path, content));
        }
    }
    releases.sort_by(|(_, a), (_, b)| a.cmp(b));
    Ok(releases)
}

/// The `Date` field of a release file, always UTC, in seconds since 1970.
fn release_date(release: &[u8]) -> Option<u64> {
    let format = format_description!(
        "[weekday repr:short], [day padding:none] [month repr:short] [year] [hour]:[minute]:[second] UTC"
    );
    let text = std::str::from_utf8(release).ok()?;
    let date = text.lines().find_map(|line| line.strip_prefix("Date: "))?;
    let date = PrimitiveDateTime::parse(date.trim(), format).ok()?;
    u64::try_from(date.assume_utc().unix_timestamp()).ok()
}

/// `YYYYMMDD` of a time in seconds since 1970.
pub(super) fn date_digits(epoch: u64) -> String {
    i64::try_from(epoch)
        .ok()
        .and_then(|epoch| OffsetDateTime::from_unix_timestamp(epoch).ok())
        .and_then(|time| time.format(format_description!("[year][month][day]")).ok())
        .unwrap_or_else(|| epoch.to_string())
}

/// Lower-case hexadecimal digits.
pub(super) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn release_dates_are_read() {
        let release = b"Origin: Debian\nDate: Sat, 14 Nov 2026 09:21:43 UTC\nValid-Until: x\n";
        assert_eq!(release_date(release), Some(1_794_648_103));
        assert_eq!(release_date(b"Date: yesterday\n"), None);
        assert_eq!(release_date(b"Origin: Debian\n"), None);
    }

    #[test]
    fn dates_are_written_as_digits() {
        for (epoch, digits) in [
            (0, "19700101"),
            (951_782_400, "20000229"),
            (1_794_648_103, "20261114"),
            (4_107_542_399, "21000228"),
            (4_107_542_400, "21000301"),
        ] {
            assert_eq!(date_digits(epoch), digits);
        }
    }

    #[test]
    fn one_build_at_a_time_changes_a_folder() {
        let folder = tempfile::tempdir().unwrap();
        let (archive, reporter) = (folder.path().join("archive"), Reporter::new(false));
        let first = hold(&archive, &reporter).unwrap();
        let (sender, receiver) = std::sync::mpsc::channel();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                let second = hold(&archive, &reporter).unwrap();
                sender.send(()).unwrap();
                drop(second);
            });
            assert!(receiver.recv_timeout(3 * POLL).is_err());
            drop(first);
            receiver.recv().unwrap();
        });
    }

    #[test]
    fn a_lock_that_is_no_file_is_refused() {
        let folder = tempfile::tempdir().unwrap();
        let lock = folder.path().join("lock");
        Cmd::new("mkfifo").arg(&lock).output().unwrap();
        let failure = hold(folder.path(), &Reporter::new(false)).unwrap_err();
        assert!(failure.message().contains(&format!("{} is not a file", lock.display())));
    }

    #[test]
    fn rolling_suites_have_no_updates() {
        let definition = |suite: &str| Os {
            base: anklume_definition::Base::Debian,
            suite: suite.to_owned(),
            architecture: anklume_definition::Architecture::Amd64,
            components: vec!["main".to_owned()],
        };
        let mirror =
            Mirror { archive: "http://m/debian".into(), security: Some("http://s".into()) };
        let lines = source_lines(&definition("trixie"), &mirror, Path::new("/k"));
        assert_eq!(lines.len(), 3);
        assert_eq!(lines[2], "deb [signed-by=/k] http://s trixie-security main");
        assert_eq!(source_lines(&definition("sid"), &mirror, Path::new("/k")).len(), 1);
    }
}
