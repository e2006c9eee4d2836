//! The guest's serial console: everything is kept, and can be waited for.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use crate::Failure;
use crate::deadline::Deadline;
use crate::error::Tail;

/// Lines that a failure shows.
const TAIL_LINES: usize = 60;

/// One end of the serial line.
pub(crate) struct Console {
    stream: UnixStream,
    shared: Arc<Shared>,
    /// End of the last match: a text that was waited for once is not found again.
    cursor: usize,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Default)]
struct State {
    text: Vec<u8>,
    ended: bool,
}

/// Why waiting stopped without a match.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    Late,
    Ended,
}

impl Console {
    /// Reads `stream` in a thread until it ends, and keeps its bytes as they are in the file `log`.
    pub(crate) fn new(stream: UnixStream, log: &Path) -> Result<Self, Failure> {
        let log = File::create(log).map_err(Failure::file("create", log))?;
        let input = stream.try_clone().map_err(Failure::file("clone", "the console socket"))?;
        let shared = Arc::new(Shared::default());
        let thread = Arc::clone(&shared);
        std::thread::spawn(move || collect(input, log, &thread));
        Ok(Self { stream, shared, cursor: 0 })
    }

    /// Types `text`.
    pub(crate) fn send(&mut self, text: &str) -> io::Result<()> {
        self.stream.write_all(text.as_bytes())
    }

    /// Waits for the first of `patterns` that appears after the last match, and returns its index
    /// and the text before it.
    pub(crate) fn wait_for(
        &mut self,
        patterns: &[&str],
        deadline: &Deadline,
    ) -> Result<(usize, String), Stop> {
        let longest = patterns.iter().map(|pattern| pattern.len()).max().unwrap_or(0);
        let mut scanned = self.cursor;
        let mut state = self.shared.lock();
        loop {
            if let Some((index, at)) = first_of(patterns, &state.text[scanned..]) {
                let before = &state.text[self.cursor..scanned + at];
                let before = String::from_utf8_lossy(before).into_owned();
                self.cursor = scanned + at + patterns[index].len();
                return Ok((index, before));
            }
            if state.ended {
                return Err(Stop::Ended);
            }
            // A pattern may have begun at the end of what is there.
            scanned = scanned.max((state.text.len() + 1).saturating_sub(longest));
            let left = deadline.left().ok_or(Stop::Late)?;
            let waited = self.shared.changed.wait_timeout(state, left);
            state = waited.unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    /// Everything so far, without terminal control sequences.
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.shared.lock().text).into_owned()
    }

    /// The last lines so far.
    pub(crate) fn tail(&self) -> Tail {
        let text = self.text();
        let lines: Vec<&str> = text.lines().collect();
        let first = lines.len().saturating_sub(TAIL_LINES);
        Tail(lines[first..].iter().map(|line| (*line).to_owned()).collect())
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn collect(mut input: UnixStream, mut log: File, shared: &Shared) {
    let mut filter = Filter::default();
    let mut buffer = [0; 4096];
    loop {
        let count = match input.read(&mut buffer) {
            Ok(0) => break,
            Ok(count) => count,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => break,
        };
        // A full disk must not end the test: the text is also in memory.
        let _ = log.write_all(&buffer[..count]);
        let mut state = shared.lock();
        filter.feed(&buffer[..count], &mut state.text);
        shared.changed.notify_all();
    }
    shared.lock().ended = true;
    shared.changed.notify_all();
}

/// Index of the pattern that appears first, and where.
fn first_of(patterns: &[&str], text: &[u8]) -> Option<(usize, usize)> {
    let find = |pattern: &str| match pattern.len() {
        0 => Some(0),
        length => text.windows(length).position(|window| window == pattern.as_bytes()),
    };
    let found = patterns.iter().enumerate().filter_map(|(i, pattern)| Some((i, find(pattern)?)));
    found.min_by_key(|&(_, at)| at)
}

/// `bytes` of a terminal without control sequences, as [`Machine`](crate::Machine) matches them.
#[must_use]
pub fn plain_text(bytes: &[u8]) -> String {
    let mut text = Vec::new();
    Filter::default().feed(bytes, &mut text);
    String::from_utf8_lossy(&text).into_owned()
}

/// Drops terminal control sequences (ECMA-48 section 5.4 and 5.6), carriage returns and control
/// characters: systemd colours the very words that a test waits for, and firmware positions each
/// of its characters.
#[derive(Debug, Default)]
struct Filter(Position);

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
enum Position {
    #[default]
    Text,
    /// After ESC.
    Escape,
    /// After ESC and intermediate bytes: one more byte ends it.
    Intermediate,
    /// After ESC [.
    Control,
    /// In a string that BEL or ESC \ ends.
    String,
}

impl Filter {
    fn feed(&mut self, bytes: &[u8], text: &mut Vec<u8>) {
        for &byte in bytes {
            self.0 = self.0.next(byte, text);
        }
    }
}

impl Position {
    fn next(self, byte: u8, text: &mut Vec<u8>) -> Self {
        match (self, byte) {
            (_, 0x1b) => Self::Escape,
            (Self::Text, b'\n' | b'\t' | 0x20..=0x7e | 0x80..) => {
                text.push(byte);
                Self::Text
            }
            (Self::Escape, b'[') => Self::Control,
            (Self::Escape, b']' | b'P' | b'X' | b'^' | b'_') => Self::String,
            (Self::Escape | Self::Intermediate, 0x20..=0x2f) => Self::Intermediate,
            (Self::Control, 0x20..=0x3f) => Self::Control,
            // No title is that long; a line end means that the terminator was lost.
            (Self::String, 0x07 | b'\n') => Self::Text,
            (Self::String, _) => Self::String,
            _ => Self::Text,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_sequences_vanish_and_words_stay() {
        let coloured = b"[\x1b[0;1;31mFAILED\x1b[0m] x\r\n\x1b[2J\x1b(B\x1b]0;title\x07a\0b\x1bP+q6E\x1b\\c\x1bcd";
        assert_eq!(plain_text(coloured), "[FAILED] x\nabcd");
        assert_eq!(plain_text("\u{25cf} …".as_bytes()), "\u{25cf} …");
        assert_eq!(plain_text(b"\x1b]lost\nx"), "x");
    }

    #[test]
    fn sequences_may_be_cut_anywhere() {
        let mut filter = Filter::default();
        let mut text = Vec::new();
        for byte in b"o\x1b[0;1mk" {
            filter.feed(&[*byte], &mut text);
        }
        assert_eq!(text, b"ok");
    }

    #[test]
    fn the_first_appearance_counts() {
        assert_eq!(first_of(&["late", "early"], b"x early late"), Some((1, 2)));
        assert_eq!(first_of(&["a"], b""), None);
    }
}
