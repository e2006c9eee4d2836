//! A running virtual machine.

use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::process::ExitStatus;

use anklume_qemu::{MEDIUM_DEVICE, Request, Serial, Socket};
use serde_json::json;

use crate::console::{Console, Stop};
use crate::deadline::Deadline;
use crate::lock::{self, Lock};
use crate::process::Process;
use crate::{Failure, GuestReport, MARK, Qmp, Workdir, find_report, tool};

/// Seconds within which QEMU ends after it was told to, or after its console has ended.
const QEMU_SECONDS: u64 = 60;
/// Seconds between two questions whether a shell is there.
const SHELL_SECONDS: u64 = 10;
/// Seconds for what a guest says about its failure.
const LAST_WORDS_SECONDS: u64 = 3;
/// After one of these no report will come: firmware without a boot loader, a boot loader without a
/// configuration, a kernel and a system that gave up.
const DEAD_ENDS: [&str; 7] = [
    "No bootable device",
    "UEFI Interactive Shell",
    "grub>",
    "grub rescue>",
    "Kernel panic - not syncing",
    "You are in emergency mode",
    "You are in rescue mode",
];

/// A machine, its console and its control connection. Dropping it kills QEMU.
pub struct Machine<'a> {
    // Fields are dropped in this order: the process before the files and the lock it needs.
    process: Process,
    console: Console,
    qmp: Qmp,
    /// Its sockets and disks are there.
    _workdir: &'a Workdir,
    /// Until QEMU has ended: whoever still looks at this machine may wait for the next one.
    lock: Option<Lock>,
}

impl<'a> Machine<'a> {
    /// Starts the machine that `request` describes; its serial port and QMP are the harness's.
    ///
    /// It has as many processors as QEMU can be trusted with, see [`anklume_qemu::tcg_cpus`]. Waits
    /// until this system has as many to spare. The console's bytes are also kept in a file
    /// `console-*.log` in Cargo's folder for what tests leave behind.
    ///
    /// # Errors
    ///
    /// When QEMU cannot be started or refuses the machine.
    pub fn start(workdir: &'a Workdir, request: &Request) -> Result<Self, Failure> {
        let cpus = tool::cpus()?;
        let lock = Lock::acquire(cpus)?;
        let (console_path, console) = listen(workdir, "console")?;
        let (qmp_path, qmp) = listen(workdir, "qmp")?;
        let request = Request {
            serial: Serial::Socket(Socket::Connect(console_path)),
            qmp: Some(Socket::Connect(qmp_path)),
            cpus: request.cpus.min(cpus),
            ..request.clone()
        };
        let mut process = Process::start(workdir, &request)?;
        let console = Console::new(process.connection(&console)?, &workdir.console_log()?)?;
        let qmp = Qmp::new(process.connection(&qmp)?);
        let qmp = qmp.map_err(|error| process.explain("the QMP greeting", error))?;
        Ok(Self { process, console, qmp, _workdir: workdir, lock: Some(lock) })
    }

    /// How many machines run at a time before [`Self::start`] waits.
    ///
    /// # Errors
    ///
    /// When QEMU cannot be asked for its version.
    pub fn room() -> Result<usize, Failure> {
        Ok(lock::room(tool::cpus()?))
    }

    /// Waits until `pattern` appears on the console after the last match, at most `seconds`, and
    /// returns the text between the two.
    ///
    /// # Errors
    ///
    /// When it does not appear, or QEMU ends first.
    pub fn wait_for(&mut self, pattern: &str, seconds: u64) -> Result<String, Failure> {
        self.wait_for_any(&[pattern], seconds).map(|(_, text)| text)
    }

    /// Like [`Self::wait_for`] with several texts; also returns the index of the one that came.
    ///
    /// # Errors
    ///
    /// When none appears, or QEMU ends first.
    pub fn wait_for_any(
        &mut self,
        patterns: &[&str],
        seconds: u64,
    ) -> Result<(usize, String), Failure> {
        let deadline = Deadline::after(seconds)?;
        let result = self.console.wait_for(patterns, &deadline);
        result.map_err(|stop| self.stopped(stop, format!("{patterns:?}"), &deadline))
    }

    /// Types `text` on the console.
    ///
    /// # Errors
    ///
    /// When QEMU has ended.
    pub fn send(&mut self, text: &str) -> Result<(), Failure> {
        self.console.send(text).map_err(Failure::file("write to", "the console"))
    }

    /// Waits until a shell answers on the console.
    ///
    /// A login that starts just now throws away what was typed before, so the question is repeated. It may be cut
    /// anywhere, so that it has no quotes.
    ///
    /// # Errors
    ///
    /// When none answers, or QEMU ends first.
    pub fn wait_shell(&mut self, seconds: u64) -> Result<(), Failure> {
        let deadline = Deadline::after(seconds)?;
        loop {
            self.send("echo ANKLUME-\\SHELL\n")?;
            let answer = self.wait_for("ANKLUME-SHELL\n", SHELL_SECONDS);
            if deadline.left().is_none() || !matches!(answer, Err(Failure::Late { .. })) {
                return answer.map(drop);
            }
        }
    }

    /// Runs `command` in the shell that waits on the console, and returns its exit status and what
    /// it printed.
    ///
    /// # Errors
    ///
    /// When it does not end in time, or QEMU ends first.
    pub fn shell(&mut self, command: &str, seconds: u64) -> Result<(i32, String), Failure> {
        // The quotes keep the terminal's echo of the command from looking like its output.
        self.send(&format!("echo ANKLUME-'BEGIN'; {command}; echo ANKLUME-'END' $?.\n"))?;
        self.wait_for("ANKLUME-BEGIN\n", seconds)?;
        let output = self.wait_for("ANKLUME-END ", seconds)?;
        let status = self.wait_for(".", seconds)?;
        let number = status.parse().map_err(|_| self.unexpected("an exit status", &status))?;
        Ok((number, output))
    }

    /// Waits for the guest's report about itself.
    ///
    /// # Errors
    ///
    /// When none comes, or none that can be read.
    pub fn report(&mut self, seconds: u64) -> Result<GuestReport, Failure> {
        let deadline = Deadline::after(seconds)?;
        let mut wrong = String::new();
        let ways = [&[MARK], &DEAD_ENDS[..]].concat();
        loop {
            let mark = self.console.wait_for(&ways, &deadline);
            if let Ok((index @ 1.., _)) = mark {
                // Let it say why.
                let _ = self.console.wait_for(&["\0"], &Deadline::after(LAST_WORDS_SECONDS)?);
                return Err(self.unexpected("the guest's report", format!("{:?}", ways[index])));
            }
            if let Err(stop) = mark.and_then(|_| self.console.wait_for(&["\n"], &deadline)) {
                return Err(self.stopped(stop, format!("the guest's report {wrong}"), &deadline));
            }
            match find_report(&self.console.text()) {
                Some(Ok(report)) => return Ok(report),
                Some(Err(error)) => wrong = format!("({error})"),
                None => {}
            }
        }
    }

    /// Waits until QEMU ends by itself, and returns how.
    ///
    /// # Errors
    ///
    /// When it does not end in time.
    pub fn wait_exit(&mut self, seconds: u64) -> Result<ExitStatus, Failure> {
        let deadline = Deadline::after(seconds)?;
        let status = self.process.wait(&deadline)?;
        if status.is_some() {
            self.lock = None;
        }
        status.ok_or_else(|| self.stopped(Stop::Late, "the end of QEMU".into(), &deadline))
    }

    /// The control connection.
    pub fn qmp(&mut self) -> &mut Qmp {
        &mut self.qmp
    }

    /// Pulls the medium out, and waits until it is gone.
    ///
    /// # Errors
    ///
    /// When there is none or it cannot be pulled out.
    pub fn unplug_medium(&mut self, seconds: u64) -> Result<(), Failure> {
        self.qmp.unplug(MEDIUM_DEVICE, &Deadline::after(seconds)?)
    }

    /// Presses the reset button.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer.
    pub fn reset(&mut self) -> Result<(), Failure> {
        self.qmp.execute("system_reset", json!({})).map(drop)
    }

    /// Pulls the plug: QEMU ends, and has written what the guest flushed or not.
    ///
    /// # Errors
    ///
    /// When QEMU does not answer or does not end.
    pub fn quit(mut self) -> Result<ExitStatus, Failure> {
        if let Err(error) = self.qmp.execute("quit", json!({})) {
            // It may have ended by itself before: how, and what the guest said last, tell why.
            let ended = self.process.wait(&Deadline::after(QEMU_SECONDS)?)?;
            let console = self.console.tail();
            return Err(ended.map_or(error, |status| {
                self.process.ended("the plug is pulled".to_owned(), status, console)
            }));
        }
        self.wait_exit(QEMU_SECONDS)
    }

    /// Does `work` while QEMU stands still (SIGSTOP): its files are as they would be had it been
    /// killed. The machine's clock jumps.
    ///
    /// # Errors
    ///
    /// When QEMU has ended.
    pub fn while_stopped<T>(&mut self, work: impl FnOnce() -> T) -> Result<T, Failure> {
        self.process.while_stopped(work)
    }

    /// Everything on the console so far, without terminal control sequences.
    #[must_use]
    pub fn console_text(&self) -> String {
        self.console.text()
    }

    /// A failure of the guest's: `expected` and `found`, with the console's last lines.
    #[must_use]
    pub fn unexpected(&self, expected: &str, found: impl ToString) -> Failure {
        let console = self.console.tail();
        Failure::Guest { expected: expected.into(), found: found.to_string(), console }
    }

    /// QEMU's process number.
    #[must_use]
    pub fn process_id(&self) -> u32 {
        self.process.id()
    }

    fn stopped(&mut self, stop: Stop, what: String, deadline: &Deadline) -> Failure {
        let console = self.console.tail();
        if stop == Stop::Ended {
            let waited = Deadline::after(QEMU_SECONDS).and_then(|end| self.process.wait(&end));
            if let Ok(Some(status)) = waited {
                return self.process.ended(what, status, console);
            }
        }
        Failure::Late { what, seconds: deadline.seconds(), console }
    }
}

/// A socket for QEMU to connect to; accepting does not block.
fn listen(workdir: &Workdir, name: &str) -> Result<(PathBuf, UnixListener), Failure> {
    let path = workdir.unique(name);
    let listener = UnixListener::bind(&path).map_err(Failure::file("listen on", &path))?;
    listener.set_nonblocking(true).map_err(Failure::file("set up", &path))?;
    Ok((path, listener))
}
