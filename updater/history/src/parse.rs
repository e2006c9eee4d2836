//! Lines of a file that may be damaged.

use crate::event::Event;

/// The longest line that is read, in bytes.
pub const MAX_LINE_BYTES: usize = 4096;
/// How much of a file is read, in bytes from its end: what lies before is older.
pub const MAX_READ_BYTES: usize = 1 << 20;

/// What a history says.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct History {
    /// What happened, oldest first.
    pub events: Vec<Event>,
    /// Lines that could not be read.
    pub damaged: usize,
}

/// Reads a history; whatever the bytes are, what can be read counts.
#[must_use]
pub fn parse(bytes: &[u8]) -> History {
    let mut history = History::default();
    for line in lines(bytes) {
        match event(line) {
            Some(Event::Unknown) => {}
            Some(event) => history.events.push(event),
            None => history.damaged = history.damaged.saturating_add(1),
        }
    }
    history
}

/// The lines of the end of a file that hold something, without their ends.
pub(crate) fn lines(bytes: &[u8]) -> impl DoubleEndedIterator<Item = &[u8]> {
    let surplus = bytes.len().saturating_sub(MAX_READ_BYTES);
    let mut tail = bytes.get(surplus..).unwrap_or_default();
    if surplus > 0 {
        // The first line is cut.
        let end = tail.iter().position(|byte| *byte == b'\n').unwrap_or(tail.len());
        tail = tail.get(end..).unwrap_or_default();
    }
    tail.split(|byte| *byte == b'\n').filter(|line| !line.trim_ascii().is_empty())
}

/// What a line says; `None` if it is damaged.
pub(crate) fn event(line: &[u8]) -> Option<Event> {
    if line.len() > MAX_LINE_BYTES {
        return None;
    }
    serde_json::from_slice(line).ok()
}
