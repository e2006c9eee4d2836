//! Programs that may take only so long.

use std::os::unix::process::ExitStatusExt;
use std::process::ExitStatus;
use std::sync::PoisonError;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use super::{Cmd, Drained, ProcessError, Running, Stdin, Stdout, TAIL_BYTES};
use crate::interrupt::interrupted;

/// How long a program that took too long may take to end after `SIGTERM`.
const PATIENCE: Duration = Duration::from_secs(2);
/// How long output is waited for after the end: what the program left behind may hold the pipe open.
const LAST_OUTPUT: Duration = Duration::from_secs(1);
const POLL: Duration = Duration::from_millis(10);

/// How a program ended that was given a limited time.
#[derive(Debug)]
pub struct Ended {
    /// How.
    pub ending: Ending,
    /// The end of its standard output.
    pub stdout: Vec<u8>,
    /// The end of its standard error.
    pub stderr: Vec<u8>,
}

/// See [`Ended`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// By itself, with this exit code.
    Exit(i32),
    /// By this signal.
    Signal(i32),
    /// It was ended, because its time was over.
    TimedOut,
}

impl Cmd {
    /// Runs with no input until the end, or until `limit` is over, and ends the whole process group
    /// then. No exit code is an error.
    ///
    /// # Errors
    /// [`ProcessError::NotStarted`]; [`ProcessError::Interrupted`] when this program was asked to stop.
    pub fn run_within(&self, limit: Duration) -> Result<Ended, ProcessError> {
        let mut running = self.start_keeping(Stdin::Null, Stdout::Keep, TAIL_BYTES)?;
        let status = running.status_within(limit)?;
        let ending = match status {
            Some(status) => match (status.code(), status.signal()) {
                (Some(code), _) => Ending::Exit(code),
                (None, signal) => Ending::Signal(signal.unwrap_or_default()),
            },
            None => Ending::TimedOut,
        };
        running.end_group();
        running.reaped = true;
        let stdout = running.kept.take().map(Drained::so_far).unwrap_or_default();
        let stderr = running.stderr.take().map(Drained::so_far).unwrap_or_default();
        Ok(Ended { ending, stdout, stderr })
    }
}

impl Running {
    /// `None`: it was still running.
    fn status_within(&mut self, limit: Duration) -> Result<Option<ExitStatus>, ProcessError> {
        let start = Instant::now();
        loop {
            match self.child.try_wait().map_err(|source| self.command.not_started(source))? {
                Some(status) => return Ok(Some(status)),
                None if interrupted() => {
                    return Err(ProcessError::Interrupted { program: self.command.name() });
                }
                None if start.elapsed() >= limit => return Ok(None),
                None => std::thread::sleep(POLL),
            }
        }
    }

    /// Ends what is left of the process group.
    fn end_group(&mut self) {
        let Ok(group) = i32::try_from(self.child.id()).map(Pid::from_raw) else { return };
        let start = Instant::now();
        let _ = killpg(group, Signal::SIGTERM);
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < PATIENCE {
            std::thread::sleep(POLL);
        }
        let _ = killpg(group, Signal::SIGKILL);
        // A program in the middle of a read from a dead disk does not end. It is not waited for.
        while matches!(self.child.try_wait(), Ok(None)) && start.elapsed() < 2 * PATIENCE {
            std::thread::sleep(POLL);
        }
    }
}

impl Drained {
    /// What came until now, when the pipe is closed or does not close.
    fn so_far(self) -> Vec<u8> {
        let start = Instant::now();
        while !self.thread.is_finished() && start.elapsed() < LAST_OUTPUT {
            std::thread::sleep(POLL);
        }
        let mut kept = self.kept.lock().unwrap_or_else(PoisonError::into_inner);
        std::mem::take(&mut kept)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(script: &str, limit: Duration) -> Ended {
        Cmd::new("sh").args(["-c", script]).run_within(limit).unwrap()
    }

    const LONG: Duration = Duration::from_secs(60);

    #[test]
    fn every_end_is_told() {
        let ended = run("echo out; echo err >&2; exit 75", LONG);
        assert_eq!(ended.ending, Ending::Exit(75));
        assert_eq!(
            (ended.stdout.as_slice(), ended.stderr.as_slice()),
            (&b"out\n"[..], &b"err\n"[..])
        );
        assert_eq!(run("kill -9 $$", LONG).ending, Ending::Signal(9));
        let ended = run("echo before; exec sleep 60", Duration::from_millis(300));
        assert_eq!((ended.ending, ended.stdout.as_slice()), (Ending::TimedOut, &b"before\n"[..]));
        let missing = Cmd::new("/nonexistent/check").run_within(LONG);
        assert!(matches!(missing, Err(ProcessError::NotStarted { .. })));
    }

    #[test]
    fn what_is_left_behind_does_not_hold_anybody_up() {
        let ended = run("sleep 60 & echo $!; exit 0", LONG);
        assert_eq!(ended.ending, Ending::Exit(0));
        let pid = String::from_utf8(ended.stdout).unwrap().trim().parse::<i32>().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat"));
        assert!(stat.is_err() || stat.is_ok_and(|stat| stat.contains(") Z ")));
    }

    #[test]
    fn endless_output_takes_no_endless_memory() {
        let ended = run("exec yes", Duration::from_millis(300));
        assert!(!ended.stdout.is_empty() && ended.stdout.len() <= 3 * TAIL_BYTES);
    }
}
