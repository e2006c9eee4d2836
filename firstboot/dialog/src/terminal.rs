//! A console or a pipe: bytes in, bytes out, and the modes of the terminal.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

use anklume_host::interrupt::interrupted;
use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::termios::{self, InputFlags, LocalFlags, OutputFlags, SetArg, Termios};
use zeroize::{Zeroize, Zeroizing};

use crate::Ended;
use crate::keys::{Decoded, Key, decode};

/// How often it is looked whether a signal wants an end and whether the terminal has another size. Signals of
/// a change of size only reach the processes that a terminal controls, and a wizard may speak on several.
const LOOK: Duration = Duration::from_millis(250);
/// How long the rest of a key's sequence may take. A byte takes 1 ms at 9600 baud; the rest is for networks.
const SEQUENCE: Duration = Duration::from_millis(100);
/// What is typed ahead has ended when nothing came for so long.
const QUIET: Duration = Duration::from_millis(150);
/// Most bytes that are dropped; what has more is not a person.
const MOST_DROPPED: usize = 1 << 20;
/// Bytes that are read at once.
const READ_BYTES: usize = 256;

/// Where a person reads and types: a terminal, or two pipes.
///
/// From [`Terminal::new`] to its end, a terminal neither shows what is typed nor waits for whole lines. Its
/// modes are then what they were, also after a panic. A program whose signals would end it at once has to
/// install [`anklume_host::interrupt`] first; a signal then ends the question that is asked.
#[derive(Debug)]
pub struct Terminal {
    input: File,
    output: File,
    /// Modes before, if the input is a terminal.
    before: Option<Termios>,
    pending: Pending,
    /// Whether the last byte was a carriage return: a newline behind it is the same key.
    returned: bool,
    /// What happened to a text, told by the next question.
    failure: Option<Ended>,
}

impl Terminal {
    /// Takes a terminal, or any two files, for a dialog.
    ///
    /// # Errors
    /// What `tcgetattr(3)` and `tcsetattr(3)` say of a terminal.
    pub fn new(input: OwnedFd, output: OwnedFd) -> io::Result<Self> {
        let before = match termios::tcgetattr(&input) {
            Ok(modes) => Some(modes),
            // `EINVAL`: a device that is no terminal and does not know the request.
            Err(Errno::ENOTTY | Errno::EINVAL) => None,
            Err(error) => return Err(error.into()),
        };
        let (input, output) = (File::from(input), File::from(output));
        let pending = Pending::default();
        let this = Self { input, output, before, pending, returned: false, failure: None };
        this.take_keys(false)?;
        Ok(this)
    }

    /// The standard input and output of the process.
    ///
    /// # Errors
    /// As [`Terminal::new`].
    pub fn standard() -> io::Result<Self> {
        let input = io::stdin().as_fd().try_clone_to_owned()?;
        Self::new(input, io::stdout().as_fd().try_clone_to_owned()?)
    }

    /// Whether a person sees what is written and types what is read.
    #[must_use]
    pub fn is_terminal(&self) -> bool {
        self.before.is_some() && io::IsTerminal::is_terminal(&self.output)
    }

    /// Name of the terminal below `/dev`: `tty1`, `ttyS0`, `pts/3`; none if it has none.
    #[must_use]
    pub fn name(&self) -> Option<String> {
        let path = nix::unistd::ttyname(&self.output).ok()?;
        Some(path.strip_prefix("/dev").unwrap_or(&path).to_string_lossy().into_owned())
    }

    /// Columns and rows; none where they are not known, as on serial lines.
    #[must_use]
    pub fn size(&self) -> Option<(u16, u16)> {
        let (width, height) = terminal_size::terminal_size_of(&self.output)?;
        Some((width.0, height.0))
    }

    /// Whether what is typed has to be shown by us.
    pub(crate) fn echoes(&self) -> bool {
        self.before.is_some()
    }

    /// Writes all of `bytes`; a failure is told by the next [`Terminal::ask`].
    pub(crate) fn write(&mut self, bytes: &[u8]) {
        if self.failure.is_none() {
            self.failure = self.write_all(bytes).err();
        }
    }

    /// `Write::write_all` goes on after a signal; a console that takes nothing would hold the program.
    fn write_all(&mut self, mut bytes: &[u8]) -> Result<(), Ended> {
        while !bytes.is_empty() {
            match self.output.write(bytes) {
                Ok(0) => return Err(Ended::Closed),
                Ok(written) => bytes = bytes.get(written..).unwrap_or_default(),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    wait(&self.output, PollFlags::POLLOUT, LOOK)?;
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => stop()?,
                Err(error) => return Err(ended(error)),
            }
        }
        Ok(())
    }

    /// Asks with `question`, for which Ctrl-C is a key.
    pub(crate) fn ask<T>(
        &mut self,
        question: impl FnOnce(&mut Self) -> Result<T, Ended>,
    ) -> Result<T, Ended> {
        self.begin()?;
        let answer = question(self);
        let after = self.end();
        let answer = answer?;
        after?;
        Ok(answer)
    }

    /// From now on, Ctrl-C is a key.
    pub(crate) fn begin(&mut self) -> Result<(), Ended> {
        self.check()?;
        self.take_keys(true).map_err(ended)
    }

    /// From now on, Ctrl-C is a signal again.
    pub(crate) fn end(&mut self) -> Result<(), Ended> {
        self.take_keys(false).map_err(ended)?;
        self.check()
    }

    /// What went wrong with a text before.
    pub(crate) fn check(&mut self) -> Result<(), Ended> {
        self.failure.take().map_or(Ok(()), Err)
    }

    /// Sets the modes. With `asking`, Ctrl-C is a key and no signal: one that says "leave this question" must
    /// not look like the one that ends the program, and a terminal that controls no process has nobody to
    /// send a signal to.
    fn take_keys(&self, asking: bool) -> io::Result<()> {
        let Some(before) = &self.before else { return Ok(()) };
        let mut modes = before.clone();
        modes.local_flags -=
            LocalFlags::ICANON | LocalFlags::ECHO | LocalFlags::ECHONL | LocalFlags::IEXTEN;
        if asking {
            modes.local_flags -= LocalFlags::ISIG;
        }
        modes.input_flags -= InputFlags::ICRNL
            | InputFlags::INLCR
            | InputFlags::IGNCR
            | InputFlags::ISTRIP
            | InputFlags::PARMRK;
        // A program that crashed may have left these off.
        modes.output_flags |= OutputFlags::OPOST | OutputFlags::ONLCR;
        modes.control_chars[termios::SpecialCharacterIndices::VMIN as usize] = 1;
        modes.control_chars[termios::SpecialCharacterIndices::VTIME as usize] = 0;
        // At once: a serial line that was told to stop would hold what waits for its output.
        termios::tcsetattr(&self.input, SetArg::TCSANOW, &modes)?;
        Ok(())
    }

    /// The next key.
    pub(crate) fn key(&mut self) -> Result<Key, Ended> {
        loop {
            if let Some(key) = self.key_soon()? {
                return Ok(key);
            }
        }
    }

    /// The next key, if it is there after a moment.
    pub(crate) fn key_soon(&mut self) -> Result<Option<Key>, Ended> {
        self.check()?;
        stop()?;
        loop {
            let Some(first) = self.pending.bytes().first().copied() else {
                if self.fill(LOOK)? {
                    continue;
                }
                return Ok(None);
            };
            if std::mem::take(&mut self.returned) && first == b'\n' {
                self.pending.take(1);
                continue;
            }
            let decoded = match decode(self.pending.bytes(), false) {
                Decoded::More if self.fill(SEQUENCE)? => continue,
                Decoded::More => decode(self.pending.bytes(), true),
                key => key,
            };
            let Decoded::Key(key, length) = decoded else { return Ok(None) };
            self.returned = first == b'\r';
            self.pending.take(length);
            return Ok(Some(key));
        }
    }

    /// Drops what was typed so far.
    pub(crate) fn drop_typed(&mut self) -> Result<(), Ended> {
        self.drop_for(Duration::ZERO)
    }

    /// Drops what is typed until nothing comes for a moment, as the rest of what was pasted may be on its way.
    pub(crate) fn drop_until_quiet(&mut self) -> Result<(), Ended> {
        self.drop_for(QUIET)
    }

    fn drop_for(&mut self, quiet: Duration) -> Result<(), Ended> {
        self.pending.clear();
        self.returned = false;
        if self.before.is_some() {
            // What comes in between is read and dropped below.
            let _ = termios::tcflush(&self.input, termios::FlushArg::TCIFLUSH);
        }
        let mut dropped = 0;
        while dropped < MOST_DROPPED && self.fill(quiet)? {
            dropped += self.pending.bytes().len();
            self.pending.clear();
        }
        Ok(())
    }

    /// Waits for bytes and reads them; whether there were any.
    fn fill(&mut self, time: Duration) -> Result<bool, Ended> {
        if !wait(&self.input, PollFlags::POLLIN, time)? {
            return Ok(false);
        }
        match self.input.read(self.pending.space()) {
            Ok(0) => Err(Ended::Closed),
            Ok(length) => {
                self.pending.add(length);
                Ok(true)
            }
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Ok(false),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => stop().map(|()| false),
            Err(error) => Err(ended(error)),
        }
    }
}

impl Drop for Terminal {
    fn drop(&mut self) {
        if let Some(before) = &self.before {
            // A terminal that is gone has no modes.
            let _ = termios::tcsetattr(&self.input, SetArg::TCSANOW, before);
        }
    }
}

/// Waits until `file` is ready, or has an error or an end to tell.
fn wait(file: &File, flags: PollFlags, time: Duration) -> Result<bool, Ended> {
    let timeout = PollTimeout::try_from(time).unwrap_or(PollTimeout::ZERO);
    match poll(&mut [PollFd::new(file.as_fd(), flags)], timeout) {
        Ok(ready) => Ok(ready > 0),
        Err(Errno::EINTR) => stop().map(|()| false),
        Err(error) => Err(Ended::Io(error.into())),
    }
}

fn stop() -> Result<(), Ended> {
    if interrupted() { Err(Ended::Interrupted) } else { Ok(()) }
}

/// `EIO` and `ENXIO` are what a terminal says that was hung up, `EPIPE` a pipe that nobody reads.
fn ended(error: io::Error) -> Ended {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EIO | Errno::ENXIO | Errno::ENODEV | Errno::EPIPE) => Ended::Closed,
        _ => Ended::Io(error),
    }
}

/// Bytes that were read and are not yet a key. They may be of a secret: whatever leaves is overwritten.
#[derive(Debug, Default)]
struct Pending {
    bytes: Zeroizing<Vec<u8>>,
    length: usize,
}

impl Pending {
    fn bytes(&self) -> &[u8] {
        self.bytes.get(..self.length).unwrap_or_default()
    }

    /// Where to read to.
    fn space(&mut self) -> &mut [u8] {
        if self.bytes.is_empty() {
            // Once: a vector that grows leaves its bytes behind.
            *self.bytes = vec![0; READ_BYTES];
        }
        self.bytes.get_mut(self.length..).unwrap_or_default()
    }

    fn add(&mut self, length: usize) {
        self.length = self.bytes.len().min(self.length + length);
    }

    fn take(&mut self, length: usize) {
        let length = length.min(self.length);
        self.bytes.copy_within(length..self.length, 0);
        let rest = self.length - length;
        if let Some(bytes) = self.bytes.get_mut(rest..self.length) {
            bytes.zeroize();
        }
        self.length = rest;
    }

    fn clear(&mut self) {
        self.take(self.length);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_read_is_overwritten_once_it_is_a_key() {
        let mut pending = Pending::default();
        pending.space()[..5].copy_from_slice(b"abcde");
        pending.add(5);
        pending.take(2);
        assert_eq!(pending.bytes(), b"cde");
        assert_eq!(&pending.bytes[..6], b"cde\0\0\0");
        pending.clear();
        assert!(pending.bytes.iter().all(|byte| *byte == 0) && pending.bytes().is_empty());
    }

    #[test]
    fn a_pipe_is_read_to_its_end() {
        let (input, typed) = nix::unistd::pipe().unwrap();
        let (_shown, output) = nix::unistd::pipe().unwrap();
        File::from(typed).write_all(b"a\r\n\nb").unwrap();
        let mut terminal = Terminal::new(input, output).unwrap();
        assert!(!terminal.is_terminal() && terminal.size().is_none() && terminal.name().is_none());
        let keys: Vec<_> = (0..4).map(|_| terminal.key().unwrap()).collect();
        assert_eq!(keys, [Key::Char('a'), Key::Enter, Key::Enter, Key::Char('b')]);
        assert!(matches!(terminal.key(), Err(Ended::Closed)));
    }
}
