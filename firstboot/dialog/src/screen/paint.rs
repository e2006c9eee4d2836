//! Rows on a screen: ECMA-48 sequences that the Linux console and every terminal since the VT100 obey.

use crate::layout::cut;
use crate::terminal::Terminal;

/// How a row looks. No meaning is in a colour alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Style {
    #[default]
    Plain,
    Title,
    Prompt,
    Chosen,
    Dim,
    Warning,
    Wrong,
}

impl Style {
    /// Arguments of SGR (ECMA-48 section 8.3.117).
    fn arguments(self, colours: bool) -> &'static str {
        match (self, colours) {
            (Self::Plain, _) | (Self::Dim, false) => "",
            (Self::Title, true) => "1;36",
            (Self::Warning, true) => "1;33",
            (Self::Wrong, true) => "1;31",
            (Self::Title | Self::Prompt | Self::Warning | Self::Wrong, _) => "1",
            (Self::Chosen, _) => "7",
            // Grey. The faint of some consoles is not read.
            (Self::Dim, true) => "90",
        }
    }
}

/// A row of a page.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(super) struct Row {
    pub(super) style: Style,
    pub(super) text: String,
}

impl Row {
    pub(super) fn new(style: Style, text: impl Into<String>) -> Self {
        Self { style, text: text.into() }
    }
}

/// What stands on the screen.
#[derive(Debug)]
pub(super) struct Canvas {
    colours: bool,
    /// Rows as they were written; empty if that is not known.
    drawn: Vec<String>,
    /// Rows and columns of the screen at that time.
    size: (usize, usize),
    /// Where the cursor was left.
    cursor: (usize, usize),
    used: bool,
}

impl Canvas {
    pub(super) fn new(colours: bool) -> Self {
        Self { colours, drawn: Vec::new(), size: (0, 0), cursor: (0, 0), used: false }
    }

    /// Draws everything the next time.
    pub(super) fn forget(&mut self) {
        self.drawn.clear();
    }

    pub(super) fn is_used(&self) -> bool {
        self.used
    }

    /// Writes the rows that are not there yet, and sets the cursor, from zero.
    pub(super) fn paint(
        &mut self,
        terminal: &mut Terminal,
        height: usize,
        width: usize,
        rows: &[Row],
        cursor: (usize, usize),
    ) {
        if self.size != (height, width) {
            self.size = (height, width);
            self.forget();
        }
        let rows: Vec<_> = rows.iter().take(height).map(|row| self.written(row, width)).collect();
        let mut output = String::new();
        for (at, row) in rows.iter().enumerate() {
            if self.drawn.get(at) != Some(row) {
                output.push_str(&format!("\x1b[{};1H{row}\x1b[K", at + 1));
            }
        }
        if output.is_empty() && self.cursor == cursor {
            return;
        }
        output.push_str(&format!("\x1b[{};{}H", cursor.0 + 1, cursor.1.min(width) + 1));
        terminal.write(output.as_bytes());
        self.drawn = rows;
        self.cursor = cursor;
        self.used = true;
    }

    fn written(&self, row: &Row, width: usize) -> String {
        let text = cut(&row.text, width);
        match row.style.arguments(self.colours) {
            "" => text.to_owned(),
            arguments => format!("\x1b[{arguments}m{text}\x1b[0m"),
        }
    }
}
