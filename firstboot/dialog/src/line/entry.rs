//! A line that is typed, with nothing but its end to correct.
//!
//! The kernel's own line editing is not used: it knows one of BS and DEL as erase key, removes one byte of a
//! character of UTF-8 on lines that were not told of it, and waits for the end of the line to tell of Escape.

use anklume_language::Language;
use zeroize::Zeroizing;

use crate::Ended;
use crate::keys::Key;
use crate::layout::char_width;
use crate::terminal::Terminal;
use crate::words::Typing;

/// Whether what is typed is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Echo {
    /// A text.
    Shown,
    /// A secret; the Tab key shows it.
    Secret,
    /// A secret that is shown until the Tab key hides it.
    SecretShown,
}

/// A line.
pub(super) struct Typed {
    pub(super) text: Zeroizing<String>,
    pub(super) how: Typing,
    /// Whether the Escape key was hit. On its own it is not told from the start of an arrow key that a slow
    /// line delivers in pieces, so it counts with Enter only.
    pub(super) escaped: bool,
}

struct Line<'a> {
    terminal: &'a mut Terminal,
    typed: Typed,
    most: usize,
    shown: bool,
}

/// Reads up to Enter. No more than `most` bytes are kept.
pub(super) fn line(
    terminal: &mut Terminal,
    language: Language,
    most: usize,
    echo: Echo,
) -> Result<Typed, Ended> {
    // Its place is taken at once: a string that grows leaves copies behind.
    let text = Zeroizing::new(String::with_capacity(most));
    let typed = Typed { text, how: Typing::default(), escaped: false };
    let mut line = Line { terminal, typed, most, shown: echo != Echo::Secret };
    loop {
        match line.terminal.key()? {
            Key::Enter => break line.echo("\n"),
            Key::Char(c) => line.push(c),
            // A pasted text may have tabs in it.
            Key::Tab if echo == Echo::Shown => line.push(' '),
            Key::Tab => line.switch(language),
            Key::Backspace | Key::Delete => line.pop(),
            Key::CtrlU => while line.pop_one() {},
            Key::CtrlW => {
                while line.typed.text.ends_with(' ') && line.pop_one() {}
                while !line.typed.text.is_empty()
                    && !line.typed.text.ends_with(' ')
                    && line.pop_one()
                {}
            }
            Key::CtrlC => {
                line.echo("\n");
                return Err(Ended::Interrupted);
            }
            Key::CtrlD if line.typed.text.is_empty() && line.typed.how == Typing::default() => {
                line.echo("\n");
                return Err(Ended::Closed);
            }
            Key::Escape => line.typed.escaped = true,
            Key::Invalid => line.typed.how.invalid = true,
            _ => {}
        }
    }
    Ok(line.typed)
}

impl Line<'_> {
    /// The end of the line is shown for a pipe as well, as the next text would stand on the same one.
    fn echo(&mut self, text: &str) {
        if self.terminal.echoes() || text == "\n" {
            self.terminal.write(text.as_bytes());
        }
    }

    fn push(&mut self, c: char) {
        if self.typed.how.excess > 0 || self.typed.text.len() + c.len_utf8() > self.most {
            self.typed.how.excess += 1;
            return;
        }
        self.typed.text.push(c);
        if self.shown {
            self.echo(c.encode_utf8(&mut [0; 4]));
        }
    }

    fn pop(&mut self) {
        self.pop_one();
    }

    /// Removes the last character with what is combined with it; whether there was one.
    fn pop_one(&mut self) -> bool {
        if self.typed.how.excess > 0 {
            self.typed.how.excess -= 1;
            return true;
        }
        // What was no text has no place of its own: all of it is gone with the line's first characters.
        let mut columns = 0;
        while columns == 0 {
            let Some(c) = self.typed.text.pop() else { break };
            columns = char_width(c);
        }
        self.typed.how.invalid &= !self.typed.text.is_empty();
        if self.shown {
            self.echo(&"\u{8} \u{8}".repeat(columns));
        }
        columns > 0
    }

    /// Shows from now on what is typed, or hides it. What stands there already stays: nothing is drawn twice.
    fn switch(&mut self, language: Language) {
        self.shown = !self.shown;
        let text = match self.shown {
            true => language.pick("(shown from here) ", "(affiché à partir d’ici) "),
            false => language.pick("(hidden from here) ", "(caché à partir d’ici) "),
        };
        self.echo(text);
    }
}
