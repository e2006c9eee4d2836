//! Running programs: the only place of the workspace that does.
//!
//! A command is a value with a declared outcome: which exit codes are fine, where its output goes.
//! Its environment starts empty but for what it needs. It runs in a process group of its own, which
//! is ended when the program is interrupted or the handle is dropped, so that nothing is left
//! behind.
#![allow(unsafe_code)]

use std::collections::BTreeMap;
use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, killpg};
use nix::unistd::Pid;

use crate::interrupt::interrupted;

mod limited;

pub use limited::{Ended, Ending};

/// How much of a program's output is kept for an error message, in bytes from the end.
const TAIL_BYTES: usize = 16 << 10;
/// How long a program may take to end after `SIGTERM`.
const PATIENCE: Duration = Duration::from_secs(20);
/// Environment that every program gets from ours, where it is set.
const PASSED_ON: [&str; 14] = [
    "PATH",
    "HOME",
    "USER",
    "LOGNAME",
    "TMPDIR",
    "TERM",
    "http_proxy",
    "https_proxy",
    "no_proxy",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
    "SSL_CERT_FILE",
    "XDG_RUNTIME_DIR",
];

/// A program, its arguments and what its end means.
#[derive(Debug, Clone)]
pub struct Cmd {
    program: PathBuf,
    arguments: Vec<OsString>,
    environment: BTreeMap<OsString, OsString>,
    directory: Option<PathBuf>,
    root: Option<PathBuf>,
    accepted: Vec<i32>,
    shown_name: Option<String>,
    to_the_end: bool,
}

impl Cmd {
    /// Runs `program`: a path, or a name that is looked up in `PATH`.
    pub fn new(program: impl Into<PathBuf>) -> Self {
        Self {
            program: program.into(),
            arguments: Vec::new(),
            environment: BTreeMap::from([("LC_ALL".into(), "C.UTF-8".into())]),
            directory: None,
            root: None,
            accepted: vec![0],
            shown_name: None,
            to_the_end: false,
        }
    }

    /// Lets it end by itself although this program was asked to stop, and counts what it did: for what undoes
    /// something, which then is all the more to be undone.
    #[must_use]
    pub const fn to_the_end(mut self) -> Self {
        self.to_the_end = true;
        self
    }

    fn is_to_stop(&self) -> bool {
        interrupted() && !self.to_the_end
    }

    /// What messages call it, for a program that another one starts, such as a dynamic loader.
    #[must_use]
    pub fn named(mut self, name: &str) -> Self {
        self.shown_name = Some(name.to_owned());
        self
    }

    /// Adds an argument.
    #[must_use]
    pub fn arg(mut self, argument: impl AsRef<OsStr>) -> Self {
        self.arguments.push(argument.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<A: AsRef<OsStr>>(mut self, arguments: impl IntoIterator<Item = A>) -> Self {
        self.arguments.extend(arguments.into_iter().map(|a| a.as_ref().to_owned()));
        self
    }

    /// Sets a variable of the environment.
    #[must_use]
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.environment.insert(name.as_ref().to_owned(), value.as_ref().to_owned());
        self
    }

    /// Runs in `directory`.
    #[must_use]
    pub fn current_dir(mut self, directory: impl Into<PathBuf>) -> Self {
        self.directory = Some(directory.into());
        self
    }

    /// Runs with `root` as its root folder; the program's path is one below it. Needs privileges.
    #[must_use]
    pub fn root(mut self, root: impl Into<PathBuf>) -> Self {
        self.root = Some(root.into());
        self
    }

    /// Accepts exactly these exit codes; 0 alone is the default.
    #[must_use]
    pub fn accept(mut self, codes: &[i32]) -> Self {
        self.accepted = codes.to_vec();
        self
    }

    /// Runs to the end with no input and keeps standard output.
    ///
    /// # Errors
    /// [`ProcessError`]: not started, interrupted, or ended otherwise than accepted.
    pub fn output(&self) -> Result<Output, ProcessError> {
        let mut running = self.start(Stdin::Null, Stdout::Keep)?;
        running.wait()
    }

    /// Runs to the end on the terminal of this program: its input, output and signals are the
    /// user's, for programs that a person talks to.
    ///
    /// # Errors
    /// As [`Cmd::output`].
    pub fn interactive(&self) -> Result<i32, ProcessError> {
        let mut command = self.command();
        let status = command.status().map_err(|source| self.not_started(source))?;
        self.judge(status, String::new())?;
        Ok(status.code().unwrap_or_default())
    }

    /// Becomes the program: this one ends here.
    ///
    /// It returns only when that fails.
    #[must_use]
    pub fn become_it(&self) -> ProcessError {
        self.not_started(self.command().exec())
    }

    /// Starts the program.
    ///
    /// # Errors
    /// [`ProcessError::NotStarted`].
    pub fn start(&self, stdin: Stdin, stdout: Stdout) -> Result<Running, ProcessError> {
        self.start_keeping(stdin, stdout, usize::MAX)
    }

    /// As [`Cmd::start`]; of output that goes into memory the last `limit` bytes are kept, or up to
    /// twice as many.
    fn start_keeping(
        &self,
        stdin: Stdin,
        stdout: Stdout,
        limit: usize,
    ) -> Result<Running, ProcessError> {
        let mut command = self.command();
        command.process_group(0);
        command.stdin(match stdin {
            Stdin::Null => Stdio::null(),
            Stdin::Pipe => Stdio::piped(),
        });
        let keep = matches!(stdout, Stdout::Keep);
        command.stdout(match stdout {
            Stdout::Keep => Stdio::piped(),
            Stdout::File(file) => file.into(),
        });
        command.stderr(Stdio::piped());
        // SAFETY: prctl(PR_SET_PDEATHSIG) is async-signal-safe and touches only the child. It ends
        // the program when this one is killed and can no longer do it itself.
        unsafe {
            command.pre_exec(|| {
                nix::sys::prctl::set_pdeathsig(Signal::SIGTERM).map_err(io::Error::from)
            });
        }
        if let Some(root) = self.root.clone() {
            // SAFETY: chroot and chdir are async-signal-safe and touch only the child; the path was
            // made before the fork, and converting one this short allocates nothing.
            unsafe {
                command.pre_exec(move || {
                    nix::unistd::chroot(&root).map_err(io::Error::from)?;
                    nix::unistd::chdir("/").map_err(io::Error::from)
                });
            }
        }
        let mut child = command.spawn().map_err(|source| self.not_started(source))?;
        let stderr = child.stderr.take().map(|pipe| drain(pipe, TAIL_BYTES));
        let kept = child.stdout.take().filter(|_| keep).map(|pipe| drain(pipe, limit));
        let stdin = child.stdin.take();
        Ok(Running { command: self.clone(), child, stdin, stderr, kept, reaped: false })
    }

    #[expect(clippy::disallowed_methods, reason = "this is the place that the lint points to")]
    fn command(&self) -> Command {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).env_clear();
        for name in PASSED_ON {
            if let Some(value) = std::env::var_os(name) {
                command.env(name, value);
            }
        }
        command.envs(&self.environment);
        if let Some(directory) = &self.directory {
            command.current_dir(directory);
        }
        command
    }

    fn name(&self) -> String {
        if let Some(name) = &self.shown_name {
            return name.clone();
        }
        self.program.file_name().unwrap_or(self.program.as_os_str()).display().to_string()
    }

    fn not_started(&self, source: io::Error) -> ProcessError {
        ProcessError::NotStarted { program: self.name(), source }
    }

    fn judge(&self, status: ExitStatus, tail: String) -> Result<(), ProcessError> {
        if self.is_to_stop() {
            return Err(ProcessError::Interrupted { program: self.name() });
        }
        if let Some(signal) = status.signal() {
            return Err(ProcessError::Killed { program: self.name(), signal, tail });
        }
        match status.code() {
            Some(code) if self.accepted.contains(&code) => Ok(()),
            code => Err(ProcessError::Failed {
                program: self.name(),
                code: code.unwrap_or(-1),
                tail,
                command: self.to_string(),
            }),
        }
    }
}

impl fmt::Display for Cmd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", shell_word(&self.program.to_string_lossy()))?;
        self.arguments
            .iter()
            .try_for_each(|argument| write!(f, " {}", shell_word(&argument.to_string_lossy())))
    }
}

/// `text` as one word of a shell.
#[must_use]
pub fn shell_word(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,+@%".contains(c);
    match !text.is_empty() && text.chars().all(plain) {
        true => text.to_owned(),
        false => format!("'{}'", text.replace('\'', "'\\''")),
    }
}

/// What a program reads.
#[derive(Debug)]
pub enum Stdin {
    /// Nothing.
    Null,
    /// What is written to [`Running::stdin`].
    Pipe,
}

/// Where a program's output goes.
#[derive(Debug)]
pub enum Stdout {
    /// Into memory; see [`Output::stdout`].
    Keep,
    /// Into a file.
    File(File),
}

/// What a program left.
#[derive(Debug)]
pub struct Output {
    /// Exit code, one of the accepted ones.
    pub code: i32,
    /// Standard output; empty if it went to a file.
    pub stdout: Vec<u8>,
    /// The end of standard error.
    pub stderr: String,
}

/// A program that runs. Dropping it ends its whole process group.
#[derive(Debug)]
pub struct Running {
    command: Cmd,
    child: Child,
    stdin: Option<ChildStdin>,
    stderr: Option<Drained>,
    kept: Option<Drained>,
    reaped: bool,
}

impl Running {
    /// The program's standard input, if it was asked for and not closed yet.
    pub fn stdin(&mut self) -> Option<&mut (impl Write + use<>)> {
        self.stdin.as_mut()
    }

    /// Closes the program's standard input.
    pub fn close_stdin(&mut self) {
        self.stdin = None;
    }

    /// Waits for the end; ends the program when this one is interrupted.
    ///
    /// # Errors
    /// [`ProcessError`]: interrupted, or ended otherwise than accepted.
    pub fn wait(&mut self) -> Result<Output, ProcessError> {
        self.close_stdin();
        let status = self.poll_to_the_end()?;
        self.reaped = true;
        let stderr = self.stderr.take().map(Drained::finish).unwrap_or_default();
        let stdout = self.kept.take().map(Drained::finish).unwrap_or_default();
        let stderr = String::from_utf8_lossy(&stderr).into_owned();
        self.command.judge(status, stderr.clone())?;
        Ok(Output { code: status.code().unwrap_or_default(), stdout, stderr })
    }

    fn poll_to_the_end(&mut self) -> Result<ExitStatus, ProcessError> {
        let mut pause = Duration::from_millis(1);
        loop {
            let state = self.child.try_wait().map_err(|source| self.command.not_started(source))?;
            if let Some(status) = state {
                return Ok(status);
            }
            if self.command.is_to_stop() {
                return self.end().map_err(|source| self.command.not_started(source));
            }
            std::thread::sleep(pause);
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    /// Asks the process group to end, insists after [`PATIENCE`].
    fn end(&mut self) -> io::Result<ExitStatus> {
        let group = i32::try_from(self.child.id()).map(Pid::from_raw).map_err(io::Error::other)?;
        let _ = killpg(group, Signal::SIGTERM);
        let start = Instant::now();
        while start.elapsed() < PATIENCE {
            if let Some(status) = self.child.try_wait()? {
                let _ = killpg(group, Signal::SIGKILL);
                return Ok(status);
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        let _ = killpg(group, Signal::SIGKILL);
        self.child.wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            self.close_stdin();
            let _ = self.end();
        }
    }
}

/// A thread that empties a pipe, so that the program never blocks on it.
#[derive(Debug)]
struct Drained {
    kept: Arc<Mutex<Vec<u8>>>,
    thread: JoinHandle<()>,
}

impl Drained {
    fn finish(self) -> Vec<u8> {
        let _ = self.thread.join();
        match self.kept.lock() {
            Ok(mut kept) => std::mem::take(&mut kept),
            Err(_) => Vec::new(),
        }
    }
}

fn drain(mut pipe: impl Read + Send + 'static, limit: usize) -> Drained {
    let kept = Arc::new(Mutex::new(Vec::new()));
    let target = Arc::clone(&kept);
    let thread = std::thread::spawn(move || {
        let mut buffer = [0; 8192];
        loop {
            let read = match pipe.read(&mut buffer) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Ok(0) | Err(_) => return,
                Ok(read) => read,
            };
            let Ok(mut kept) = target.lock() else { return };
            kept.extend_from_slice(&buffer[..read]);
            if kept.len() > limit.saturating_mul(2) {
                let surplus = kept.len() - limit;
                kept.drain(..surplus);
            }
        }
    });
    Drained { kept, thread }
}

/// A program that did not do what it should.
#[derive(Debug, thiserror::Error)]
pub enum ProcessError {
    /// It could not be started or waited for.
    #[error("cannot run {program}: {source}")]
    NotStarted {
        /// Name of the program.
        program: String,
        /// What the operating system said.
        source: io::Error,
    },
    /// It ended with another exit code.
    #[error("{program} ended with exit code {code}")]
    Failed {
        /// Name of the program.
        program: String,
        /// Its exit code.
        code: i32,
        /// The end of its standard error.
        tail: String,
        /// The whole command line.
        command: String,
    },
    /// A signal ended it.
    #[error("{program} was ended by signal {signal}")]
    Killed {
        /// Name of the program.
        program: String,
        /// Number of the signal.
        signal: i32,
        /// The end of its standard error.
        tail: String,
    },
    /// This program was asked to stop and ended it.
    #[error("interrupted while {program} was running")]
    Interrupted {
        /// Name of the program.
        program: String,
    },
}

impl ProcessError {
    /// The end of what the program wrote to standard error.
    #[must_use]
    pub fn tail(&self) -> &str {
        match self {
            Self::Failed { tail, .. } | Self::Killed { tail, .. } => tail,
            Self::NotStarted { .. } | Self::Interrupted { .. } => "",
        }
    }
}

/// Files that this program and its children make from now on are not writable by everybody, whatever
/// the umask was. To be called before there are threads.
pub fn keep_others_from_writing() {
    use nix::sys::stat::{Mode, umask};
    let others = Mode::S_IWOTH;
    // The only way to read it is to set it.
    let before = umask(others);
    umask(before | others);
}

/// Whether this program runs as root.
#[must_use]
pub fn effective_user_is_root() -> bool {
    nix::unistd::geteuid().is_root()
}

/// The user that this program acts as.
#[must_use]
pub fn effective_user() -> u32 {
    nix::unistd::geteuid().as_raw()
}

/// Looks `name` up in the directories of `PATH` and, for ordinary users whose `PATH` lacks them,
/// the system directories.
#[must_use]
pub fn find_program(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let system = ["/usr/local/sbin", "/usr/sbin", "/sbin", "/usr/bin", "/bin"];
    std::env::split_paths(&path)
        .chain(system.iter().map(PathBuf::from))
        .map(|directory| directory.join(name))
        .find(|candidate| is_executable(candidate))
}

fn is_executable(path: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    path.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn output_and_exit_code_are_judged() {
        let output = Cmd::new("sh").args(["-c", "echo out; echo err >&2; exit 3"]).accept(&[3]);
        let output = output.output().unwrap();
        assert_eq!(
            (output.code, output.stdout, output.stderr.as_str()),
            (3, b"out\n".to_vec(), "err\n")
        );
        let error = Cmd::new("sh").args(["-c", "echo why >&2; exit 4"]).output().unwrap_err();
        assert!(matches!(error, ProcessError::Failed { code: 4, .. }), "{error}");
        assert_eq!(error.tail(), "why\n");
        let error = Cmd::new("/nonexistent/program").output().unwrap_err();
        assert!(matches!(error, ProcessError::NotStarted { .. }), "{error}");
    }

    #[test]
    fn the_environment_starts_empty() {
        let output = Cmd::new("env").env("ANKLUME_X", "1").output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("ANKLUME_X=1\n") && text.contains("LC_ALL=C.UTF-8\n"), "{text}");
        assert!(!text.contains("CARGO"), "{text}");
    }

    #[test]
    fn a_dropped_program_takes_its_children_along() {
        let directory = std::env::temp_dir().join(format!("anklume-host-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let pid_file = directory.join("pid");
        let script = format!("sleep 60 & echo $! > {}; wait", pid_file.display());
        let running =
            Cmd::new("sh").args(["-c", &script]).start(Stdin::Null, Stdout::Keep).unwrap();
        let pid = loop {
            match std::fs::read_to_string(&pid_file) {
                Ok(text) if text.ends_with('\n') => break text.trim().parse::<i32>().unwrap(),
                _ => std::thread::sleep(Duration::from_millis(5)),
            }
        };
        drop(running);
        let gone = || nix::sys::signal::kill(Pid::from_raw(pid), None).is_err() || is_zombie(pid);
        let start = Instant::now();
        while !gone() {
            assert!(start.elapsed() < Duration::from_secs(5), "the grandchild {pid} still runs");
            std::thread::sleep(Duration::from_millis(5));
        }
        std::fs::remove_dir_all(&directory).unwrap();
    }

    fn is_zombie(pid: i32) -> bool {
        std::fs::read_to_string(format!("/proc/{pid}/stat")).is_ok_and(|stat| stat.contains(") Z "))
    }
}
