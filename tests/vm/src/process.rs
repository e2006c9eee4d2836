//! The QEMU process: how it is started, watched and ended.

use std::fs::{self, File};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, ExitStatus};
use std::time::Duration;

use anklume_qemu::{Request, arguments};
use nix::sys::signal::{Signal, killpg};
use nix::sys::wait::{Id, WaitPidFlag, waitid};
use nix::unistd::Pid;

use crate::deadline::Deadline;
use crate::error::Tail;
use crate::{Failure, Workdir, tool};

/// Seconds within which QEMU connects to the harness.
const CONNECT_SECONDS: u64 = 60;
/// Seconds between the end of QEMU's connections and the end of its process.
const END_SECONDS: u64 = 30;

/// QEMU; dropping it kills it.
pub(crate) struct Process {
    child: Child,
    stderr: PathBuf,
}

impl Process {
    pub(crate) fn start(workdir: &Workdir, request: &Request) -> Result<Self, Failure> {
        let stderr = workdir.unique("stderr");
        let file = File::create(&stderr).map_err(Failure::file("create", &stderr))?;
        Ok(Self { child: tool::spawn_qemu(arguments(request)?, file)?, stderr })
    }

    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// QEMU's connection to `listener`, which does not block.
    pub(crate) fn connection(&mut self, listener: &UnixListener) -> Result<UnixStream, Failure> {
        let deadline = Deadline::after(CONNECT_SECONDS)?;
        let what = "QEMU's connection to the harness";
        loop {
            if let Ok((stream, _)) = listener.accept() {
                let blocking = stream.set_nonblocking(false);
                return blocking.map(|()| stream).map_err(Failure::file("set up", "a socket"));
            }
            if let Some(status) = self.status()? {
                return Err(self.ended(what.into(), status, Tail(Vec::new())));
            }
            if deadline.left().is_none() {
                let (what, seconds) = (what.into(), deadline.seconds());
                return Err(Failure::Late { what, seconds, console: Tail(Vec::new()) });
            }
            std::thread::sleep(Duration::from_millis(5));
        }
    }

    /// How it ended; none while it runs.
    pub(crate) fn status(&mut self) -> Result<Option<ExitStatus>, Failure> {
        self.child.try_wait().map_err(Failure::file("wait for", "QEMU"))
    }

    /// Does `work` while no thread of it runs.
    pub(crate) fn while_stopped<T>(&mut self, work: impl FnOnce() -> T) -> Result<T, Failure> {
        let wrong = |error: nix::Error| Failure::file("stop", "QEMU")(error.into());
        let process = Pid::from_raw(i32::try_from(self.id()).unwrap_or_default());
        killpg(process, Signal::SIGSTOP).map_err(wrong)?;
        // A system call that has begun ends before its thread stands still.
        let flags = WaitPidFlag::WSTOPPED | WaitPidFlag::WEXITED | WaitPidFlag::WNOWAIT;
        waitid(Id::Pid(process), flags).map_err(wrong)?;
        let result = work();
        killpg(process, Signal::SIGCONT).map_err(wrong)?;
        Ok(result)
    }

    /// How it ended; none if it still runs at the deadline.
    pub(crate) fn wait(&mut self, deadline: &Deadline) -> Result<Option<ExitStatus>, Failure> {
        loop {
            let status = self.status()?;
            if status.is_some() || deadline.left().is_none() {
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
    }

    /// `failure`, or that QEMU has ended if this is behind it.
    ///
    /// For failures of a connection: QEMU connects before it looks at its devices, so a refused
    /// option first shows as a closed socket.
    pub(crate) fn explain(&mut self, what: &str, failure: Failure) -> Failure {
        let ended = Deadline::after(END_SECONDS).and_then(|deadline| self.wait(&deadline));
        match ended {
            Ok(Some(status)) => self.ended(what.into(), status, Tail(Vec::new())),
            _ => failure,
        }
    }

    /// The failure that QEMU ended with `status` before `what`.
    pub(crate) fn ended(&self, what: String, status: ExitStatus, console: Tail) -> Failure {
        let stderr = fs::read_to_string(&self.stderr).unwrap_or_default();
        Failure::Ended { what, status, stderr, console }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // Nothing to do about errors: the process may have ended, and its group with it.
        if let (Ok(group), Ok(None)) = (i32::try_from(self.child.id()), self.child.try_wait()) {
            let _ = killpg(Pid::from_raw(group), Signal::SIGKILL);
        }
        let _ = self.child.wait();
    }
}
