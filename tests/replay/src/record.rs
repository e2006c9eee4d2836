//! A test run under strace.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use anklume_crash::files::{CALLS, MARK, Recording, Snapshot, TraceError, UMASK};
use anklume_host::process::{Cmd, ProcessError, find_program};

use crate::disk::{scratch, snapshot};

/// Variable of the environment with the folder of a recorded test.
const FOLDER: &str = "ANKLUME_RECORDED_FOLDER";
/// Variable with what it is to do there.
const SCENARIO: &str = "ANKLUME_RECORDED_SCENARIO";

/// Why a run was not recorded.
#[derive(Debug, thiserror::Error)]
pub enum NotRecorded {
    /// strace is not there, which is a failure as of any missing tool.
    #[error("strace was not found; install the package strace")]
    NoStrace,
    /// The machine does not let a program trace another one.
    #[error("this machine does not let strace trace: {0}")]
    Forbidden(String),
    /// The test failed.
    #[error("the recorded test: {source}\n{}", source.tail())]
    Failed {
        /// How it ended.
        source: ProcessError,
    },
    /// A file or folder could not be read.
    #[error("reading what was recorded: {0}")]
    Io(#[from] io::Error),
    /// The trace is not understood.
    #[error(transparent)]
    Trace(#[from] TraceError),
    /// The trace does not lead to what is in the folder.
    #[error("by its trace the folder holds {expected}, it holds {found}")]
    Incomplete {
        /// What the trace leads to.
        expected: String,
        /// What there is.
        found: String,
    },
}

/// Records what the test `name` of this test program does to `folder` in the scenario.
///
/// The path of `folder` must not lead over links.
///
/// # Errors
/// [`NotRecorded`].
pub fn record(name: &str, scenario: &str, folder: &Path) -> Result<Recording, NotRecorded> {
    let strace = find_program("strace").ok_or(NotRecorded::NoStrace)?;
    may_trace(&strace)?;
    let before = snapshot(folder)?;
    let place = scratch()?;
    let trace = place.path().join("trace");
    // It becomes strace, after the umask is set.
    let script = format!("umask {UMASK:03o}; exec \"$@\"");
    Cmd::new("/bin/sh")
        .args(["-c", &script, "sh"])
        .arg(&strace)
        .args(CALLS)
        .arg("-o")
        .arg(&trace)
        .arg(std::env::current_exe()?)
        .args([name, "--exact", "--nocapture", "--test-threads=1"])
        .env(FOLDER, folder)
        .env(SCENARIO, scenario)
        .named("strace")
        .output()
        .map_err(|source| NotRecorded::Failed { source })?;
    let recording = Recording::of(folder, &before, &std::fs::read_to_string(&trace)?)?;
    compare(&recording.end(), &snapshot(folder)?)?;
    Ok(recording)
}

/// As [`record`]; nothing where tracing is forbidden, which is said whatever the test harness captures.
///
/// # Panics
/// When it fails for another reason: the test that asks fails with it.
#[must_use]
pub fn record_or_skip(name: &str, scenario: &str, folder: &Path) -> Option<Recording> {
    match record(name, scenario, folder) {
        Ok(recording) => Some(recording),
        Err(error @ NotRecorded::Forbidden(_)) => {
            let said = format!("skipped: power cuts of {scenario}: {error}\n");
            let _ = io::stderr().write_all(said.as_bytes());
            None
        }
        Err(error) => panic!("{scenario}: {error}"),
    }
}

/// Whether the kernel lets a program trace its child: containers and policies may forbid it.
fn may_trace(strace: &Path) -> Result<(), NotRecorded> {
    let probe = Cmd::new(strace).args(["-f", "-o", "/dev/null", "true"]).output();
    match probe {
        Ok(_) => Ok(()),
        Err(error) if error.tail().to_lowercase().contains("ptrace") => {
            Err(NotRecorded::Forbidden(error.tail().trim().replace('\n', "; ")))
        }
        Err(source) => Err(NotRecorded::Failed { source }),
    }
}

/// A trace that lacks a call leads elsewhere.
fn compare(expected: &Snapshot, found: &Snapshot) -> Result<(), NotRecorded> {
    let differing = |one: &Snapshot, other: &Snapshot| {
        let nodes = one.iter().filter(|(path, node)| other.get(*path) != Some(node));
        let text: String = format!("{:?}", nodes.collect::<Vec<_>>()).chars().take(400).collect();
        text
    };
    if expected == found {
        return Ok(());
    }
    let (expected, found) = (differing(expected, found), differing(found, expected));
    Err(NotRecorded::Incomplete { expected, found })
}

/// The folder and the scenario that a test is recorded with, if it is.
#[must_use]
pub fn recorded_folder() -> Option<(PathBuf, String)> {
    let folder = std::env::var_os(FOLDER)?;
    Some((folder.into(), std::env::var(SCENARIO).unwrap_or_default()))
}

/// Puts a mark into the trace, if the test is recorded: what it stands for must hold after a power cut
/// from now on.
///
/// # Panics
/// When it cannot be written: the recording would promise less than the code.
pub fn mark(text: &str) {
    if recorded_folder().is_none() {
        return;
    }
    let line = format!("{MARK}{text}\n");
    // One call, and not through what the test harness captures.
    let written = io::stderr().write(line.as_bytes());
    assert!(written.is_ok_and(|length| length == line.len()), "the mark was not written");
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    fn tool(script: &str) -> Result<(), NotRecorded> {
        let place = scratch().unwrap();
        let path = place.path().join("strace");
        std::fs::write(&path, format!("#!/bin/sh\n{script}\n")).unwrap();
        std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).unwrap();
        may_trace(&path)
    }

    #[test]
    fn only_what_forbids_to_trace_is_told_apart() {
        let forbidden = "echo 'strace: PTRACE_TRACEME: Operation not permitted' >&2; exit 1";
        assert!(matches!(tool(forbidden), Err(NotRecorded::Forbidden(_))));
        let other = tool("echo 'strace: invalid option' >&2; exit 1");
        assert!(matches!(other, Err(NotRecorded::Failed { .. })), "{other:?}");
        assert!(tool("exit 0").is_ok());
    }

    #[test]
    fn a_trace_that_lacks_a_call_is_noticed() {
        let (nothing, mut something) = (Snapshot::new(), Snapshot::new());
        something.insert("d".into(), anklume_crash::files::Node::Folder { mode: 0o755 });
        assert!(compare(&something, &something).is_ok());
        let error = compare(&nothing, &something).unwrap_err().to_string();
        assert!(error.contains("\"d\""), "{error}");
    }

    /// Makes a file in a folder that the parent hands over, or in one of its own.
    #[test]
    fn the_recorded_run() {
        let own = scratch().unwrap();
        let folder = recorded_folder().map_or(own.path().to_owned(), |(folder, _)| folder);
        std::fs::create_dir(folder.join("new")).unwrap();
        std::fs::write(folder.join("new/file"), "text").unwrap();
        mark("written");
        assert_eq!(snapshot(&folder).unwrap().len(), 2);
    }

    #[test]
    fn a_run_is_recorded() {
        let place = scratch().unwrap();
        let name = "record::tests::the_recorded_run";
        let Some(recording) = record_or_skip(name, "a file", place.path()) else { return };
        assert_eq!(recording.flushes().count(), 0);
        assert_eq!(recording.end(), snapshot(place.path()).unwrap());
        let lost =
            recording.states().any(|state| state.has_mark("written") && state.files.is_empty());
        assert!(lost, "nothing was flushed");
    }
}
