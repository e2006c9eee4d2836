//! Why a scenario failed.

use std::fmt;
use std::path::PathBuf;
use std::process::ExitStatus;

use thiserror::Error;

/// What went wrong, with what the console said last.
///
/// A test that returns this or unwraps it prints the `Debug` form, which is therefore the text for
/// people: lines, not one escaped string.
#[derive(Error)]
pub enum Failure {
    /// A file could not be used.
    #[error("{action} {}: {source}", path.display())]
    File {
        /// What was tried.
        action: &'static str,
        /// With which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A program could not be started.
    #[error("run {program} (package {package}): {source}")]
    Start {
        /// The program.
        program: String,
        /// The Debian package that has it.
        package: &'static str,
        /// Why not.
        source: std::io::Error,
    },
    /// A program failed.
    #[error("{program} ended with {status}: {stderr}")]
    Tool {
        /// The program.
        program: String,
        /// How it ended.
        status: ExitStatus,
        /// What it wrote to standard error.
        stderr: String,
    },
    /// The machine cannot be described.
    #[error(transparent)]
    Request(#[from] anklume_qemu::Error),
    /// No UEFI firmware is installed.
    #[error("no UEFI firmware for QEMU found (package ovmf)")]
    NoFirmware,
    /// An environment variable is missing or wrong.
    #[error("environment variable {name}: {reason}")]
    Environment {
        /// Its name.
        name: &'static str,
        /// What is wrong, and what to do.
        reason: String,
    },
    /// Nothing that was waited for happened in time.
    #[error("not within {seconds} s: {what}\n{console}")]
    Late {
        /// What was waited for.
        what: String,
        /// How long, factor included.
        seconds: u64,
        /// The console's last lines.
        console: Tail,
    },
    /// QEMU ended while something was waited for.
    #[error("QEMU ended with {status} before: {what}\n{stderr}{console}")]
    Ended {
        /// What was waited for.
        what: String,
        /// How it ended.
        status: ExitStatus,
        /// What QEMU wrote to standard error.
        stderr: String,
        /// The console's last lines.
        console: Tail,
    },
    /// The control connection refused or broke.
    #[error("QMP {command}: {reason}")]
    Qmp {
        /// The command or event.
        command: String,
        /// QEMU's answer.
        reason: String,
    },
    /// The guest did something else than it should.
    #[error("expected {expected}, found {found}\n{console}")]
    Guest {
        /// What should have been.
        expected: String,
        /// What was.
        found: String,
        /// The console's last lines.
        console: Tail,
    },
    /// An image is not what its name says.
    #[error("image {}: expected {expected}, found {found}", path.display())]
    Image {
        /// The image.
        path: PathBuf,
        /// What should be there.
        expected: String,
        /// What is there.
        found: String,
    },
}

impl Failure {
    /// For `map_err`: what was tried with which file.
    pub fn file(
        action: &'static str,
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(std::io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { action, path, source }
    }
}

impl fmt::Debug for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{self}")
    }
}

/// The last lines of a console.
#[derive(Clone, PartialEq, Eq)]
pub struct Tail(pub(crate) Vec<String>);

impl fmt::Display for Tail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("the console is empty");
        }
        write!(f, "last {} lines of the console:", self.0.len())?;
        self.0.iter().try_for_each(|line| write!(f, "\n  | {line}"))
    }
}
