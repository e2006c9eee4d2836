//! A pseudoterminal with a dialog at one end and a person at the other. What the person sees is what a
//! terminal that is not ours (`vt100`) makes of the bytes.
// Setting the size of a terminal is an ioctl.
#![allow(unsafe_code)]
#![allow(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs::File;
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::time::{Duration, Instant};

use anklume_dialog::Terminal;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::pty::{Winsize, openpty};
use nix::sys::termios::tcgetattr;

/// A person who sees nothing for so long gives up, and the test fails.
const PATIENCE: Duration = Duration::from_secs(60);

mod request {
    nix::ioctl_write_ptr_bad!(/** `TIOCSWINSZ` */ set_size, 0x5414, nix::pty::Winsize);
}

pub(crate) struct Person {
    /// None once the terminal was hung up.
    master: Option<File>,
    screen: vt100::Parser,
    /// All that was written, as it came.
    pub(crate) bytes: Vec<u8>,
    /// Where in `bytes` the next thing to see begins.
    seen: usize,
}

/// A dialog on a terminal of `columns` and `rows`, and a person who speaks with it. The result of the dialog,
/// and all that it wrote; the modes of the terminal have to be what they were.
pub(crate) fn talk<T: Send>(
    (columns, rows): (u16, u16),
    dialog: impl FnOnce(Terminal) -> T + Send,
    person: impl FnOnce(&mut Person),
) -> (T, String) {
    let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
    let pty = openpty(&size, None).unwrap();
    let before = tcgetattr(&pty.slave).unwrap();
    let terminal = pty.slave.try_clone().unwrap();
    std::thread::scope(|scope| {
        // It is dropped, and with it the terminal hung up, when the person fails: the dialog then ends.
        let mut it = Person::at(pty.master, columns, rows);
        let dialog = scope.spawn(move || {
            let input: OwnedFd = terminal.try_clone().unwrap();
            dialog(Terminal::new(input, terminal).unwrap())
        });
        person(&mut it);
        let result = it.wait_for(dialog);
        // A terminal that was hung up has no modes.
        if it.master.is_some() {
            assert_eq!(tcgetattr(&pty.slave).unwrap(), before);
        }
        (result, it.text())
    })
}

impl Person {
    fn at(master: OwnedFd, columns: u16, rows: u16) -> Self {
        let (rows, columns) = if columns == 0 { (24, 80) } else { (rows, columns) };
        let screen = vt100::Parser::new(rows, columns, 0);
        Self { master: Some(master.into()), screen, bytes: Vec::new(), seen: 0 }
    }

    /// Reads on until the dialog is over.
    fn wait_for<T>(&mut self, dialog: std::thread::ScopedJoinHandle<'_, T>) -> T {
        let start = Instant::now();
        while !dialog.is_finished() {
            assert!(start.elapsed() < PATIENCE, "the dialog goes on:\n{}", self.screen());
            self.read(10);
        }
        while self.read(0) {}
        match dialog.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }

    fn read(&mut self, milliseconds: u16) -> bool {
        let Some(master) = &mut self.master else {
            std::thread::sleep(Duration::from_millis(milliseconds.into()));
            return false;
        };
        let mut wanted = [PollFd::new(master.as_fd(), PollFlags::POLLIN)];
        if poll(&mut wanted, PollTimeout::from(milliseconds)).unwrap() == 0 {
            return false;
        }
        let mut buffer = [0; 4096];
        let Ok(length) = master.read(&mut buffer) else { return false };
        self.bytes.extend_from_slice(&buffer[..length]);
        self.screen.process(&buffer[..length]);
        length > 0
    }

    fn until(&mut self, what: &str, mut there: impl FnMut(&mut Self) -> bool) {
        let start = Instant::now();
        while !there(self) {
            let waited = start.elapsed() < PATIENCE;
            assert!(waited, "no {what:?} in:\n{}\n{}", self.screen(), self.text());
            self.read(10);
        }
    }

    /// All that was written.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes).into_owned()
    }

    /// What is on the screen.
    pub(crate) fn screen(&self) -> String {
        self.screen.screen().contents()
    }

    /// The row on the screen that the cursor is in.
    pub(crate) fn cursor_row(&self) -> String {
        let (row, _) = self.screen.screen().cursor_position();
        let width = self.screen.screen().size().1;
        self.screen.screen().rows(0, width).nth(row.into()).unwrap()
    }

    pub(crate) fn cursor(&self) -> (u16, u16) {
        self.screen.screen().cursor_position()
    }

    /// Waits until `text` was written, after what was waited for before.
    pub(crate) fn hears(&mut self, text: &str) {
        self.until(text, |it| {
            let from = it.bytes.get(it.seen..).unwrap_or_default();
            let found = from.windows(text.len()).position(|part| part == text.as_bytes());
            it.seen += found.map_or(0, |at| at + text.len());
            found.is_some()
        });
    }

    /// Waits until `text` is on the screen.
    pub(crate) fn sees(&mut self, text: &str) {
        self.until(text, |it| it.screen().contains(text));
    }

    /// Waits until one of the texts is on the screen, and nothing more comes for a moment: a page is read in
    /// pieces, of which the first has the end of the page before it.
    pub(crate) fn sees_one_of(&mut self, texts: &[&str]) {
        self.until(&texts.join(" or "), |it| {
            while it.read(100) {}
            texts.iter().any(|text| it.screen().contains(text))
        });
    }

    /// Waits until `text` is on the screen so many times.
    pub(crate) fn until_count(&mut self, text: &str, count: usize) {
        self.until(text, |it| it.screen().matches(text).count() >= count);
    }

    /// Waits until something else is on the screen.
    pub(crate) fn waits_for_change(&mut self) {
        let before = self.screen();
        self.until("change", |it| it.screen() != before);
    }

    /// Waits until the row of the cursor begins with `text`.
    pub(crate) fn is_at(&mut self, text: &str) {
        self.until(text, |it| it.cursor_row().starts_with(text));
    }

    pub(crate) fn types(&mut self, keys: impl AsRef<[u8]>) {
        self.master.as_mut().unwrap().write_all(keys.as_ref()).unwrap();
    }

    pub(crate) fn hangs_up(&mut self) {
        self.master = None;
    }

    pub(crate) fn resizes(&mut self, columns: u16, rows: u16) {
        // What is on the way was written for the old size.
        while self.read(0) {}
        let size = Winsize { ws_row: rows, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        let fd = self.master.as_ref().unwrap().as_raw_fd();
        // SAFETY: `size` is a `struct winsize` that lives during the call, the descriptor is open.
        unsafe { request::set_size(fd, &raw const size) }.unwrap();
        self.screen.screen_mut().set_size(rows, columns);
    }
}
