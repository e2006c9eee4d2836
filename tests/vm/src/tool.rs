//! Programs that the tests run: QEMU and its image tools.
//!
//! Tests do not go through the product's own process runner: a fault there must not hide here.
#![expect(clippy::disallowed_methods, reason = "the one module of the tests that starts programs")]

use std::ffi::OsStr;
use std::fs::File;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;

use crate::Failure;

/// Runs `program` to its end and returns its standard output.
///
/// # Errors
///
/// When it cannot be started (the text names `package`), or ends with an error.
pub fn run<I, S>(program: &str, package: &'static str, arguments: I) -> Result<Vec<u8>, Failure>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    let output = Command::new(program)
        .args(arguments)
        .env("LC_ALL", "C")
        .stdin(Stdio::null())
        .output()
        .map_err(|source| Failure::Start { program: program.into(), package, source })?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let stderr = String::from_utf8_lossy(&output.stderr).into_owned();
    Err(Failure::Tool { program: program.into(), status: output.status, stderr })
}

/// The most processors that a machine gets from the QEMU of this system.
pub(crate) fn cpus() -> Result<u32, Failure> {
    static CPUS: OnceLock<u32> = OnceLock::new();
    if let Some(cpus) = CPUS.get() {
        return Ok(*cpus);
    }
    let version = run(anklume_qemu::PROGRAM, "qemu-system-x86", ["--version"])?;
    Ok(*CPUS.get_or_init(|| anklume_qemu::tcg_cpus(&String::from_utf8_lossy(&version))))
}

/// Starts QEMU in a process group of its own, so that Ctrl-C in the terminal reaches the test and
/// not the machine behind its back.
///
/// It runs below `setpriv --pdeathsig`: a test program that is killed cannot clean up, and a
/// machine without a test would run for ever. The kernel sends the signal when the *thread* that
/// started the machine ends, so a machine must not outlive the thread of its test.
pub(crate) fn spawn_qemu<I, S>(arguments: I, stderr: File) -> Result<Child, Failure>
where
    I: IntoIterator<Item = S>,
    S: AsRef<OsStr>,
{
    Command::new("setpriv")
        .args(["--pdeathsig", "KILL", "--", anklume_qemu::PROGRAM])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(stderr)
        .process_group(0)
        .spawn()
        .map_err(|source| Failure::Start {
            program: "setpriv".into(),
            package: "util-linux",
            source,
        })
}
