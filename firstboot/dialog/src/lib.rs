//! Questions to a person, and what is said to them between two questions.
//!
//! The wizard speaks to a [`Face`] and does not know which one it is:
//!
//! - [`LineFace`]: numbered lines, for serial consoles, braille, screen readers, `TERM=dumb` and pipes.
//!   Nothing is drawn twice, the cursor never moves up, one question is one paragraph.
//! - [`ScreenFace`]: a page with arrow keys and sixteen colours, for the Linux console and terminals.
//! - [`ScriptFace`]: answers from a list, for tests.
//!
//! [`decide`] says which one suits a console, [`open`] makes it.
//!
//! # Going back, leaving, ending
//! A question that allows it is answered with [`Reply::Back`]: `<` or the Escape key, then Enter, in lines;
//! the Escape key on a screen. Escape is on every keyboard at the same place, whatever its layout.
//! A question that allows it is left ([`Ended::Left`]) with `q` (on a screen also F10), after a
//! confirmation. Ctrl-C, Ctrl-D on an empty line and a console that is gone end any question.
//!
//! # Why no library for prompts
//! `dialoguer` 0.12 over `console` 0.16 was read for this. It reads the standard input or `/dev/tty`
//! whatever console it is told to draw on; waits in a busy loop once a terminal has hung up, as it looks
//! for `POLLIN` only; sets and restores the terminal's modes around each key, so that what is typed between
//! two keys is echoed; takes the end of input for an empty password, and leaves copies of it in memory;
//! keeps the letters `h`, `j`, `k`, `l` and `q` for itself; has no option that is shown and cannot be chosen;
//! and draws garbage after a resize. What is left of it is less than what is here.
#![forbid(unsafe_code)]

mod decide;
mod harmless;
mod keys;
mod layout;
mod line;
mod question;
mod screen;
mod script;
mod terminal;
mod words;

use std::io;

use anklume_language::Language;
use zeroize::Zeroizing;

pub use decide::{Hints, Kind, Looks, decide, open};
pub use harmless::{harmless, harmless_line};
pub use layout::{width, wrap};
pub use line::LineFace;
pub use question::{Check, Choice, Choices, Confirm, Item, Question, Secret, Table, Text};
pub use screen::ScreenFace;
pub use script::{Answer, Said, ScriptFace};
pub use terminal::Terminal;

/// What speaks with a person.
///
/// Texts may hold anything: control characters in them are made harmless ([`harmless`]). Texts are said at
/// once; one that cannot be written is told by the next question as [`Ended::Io`] or [`Ended::Closed`].
pub trait Face {
    /// The language of the face's own words.
    fn language(&self) -> Language;

    /// Changes it, from the next word on.
    fn set_language(&mut self, language: Language);

    /// What can be shown.
    fn capabilities(&self) -> Capabilities;

    /// Begins a step of the wizard: its title, and its number and the number of steps.
    ///
    /// # Errors
    /// [`Ended`].
    fn heading(&mut self, title: &str, step: Option<(usize, usize)>) -> Result<(), Ended>;

    /// Says a text. Each of its lines is wrapped by itself; empty lines stay, and what follows the first row
    /// of a list's item is indented like it.
    fn say(&mut self, text: &str);

    /// Says a text that must not be overlooked.
    fn warn(&mut self, text: &str);

    /// Shows a table; in lines, a paragraph for each of its rows.
    fn table(&mut self, table: &Table);

    /// Shows rows as they are: never wrapped, for a QR code. See [`Capabilities::width`] and `height` for
    /// what fits.
    fn verbatim(&mut self, rows: &[String]);

    /// Asks for one of several options; the answer is its index, never that of a refused one.
    ///
    /// # Errors
    /// [`Ended`].
    fn choose(&mut self, choice: &Choice<'_>) -> Result<Reply<usize>, Ended>;

    /// Asks for any number of options; the answer is their indices in rising order, without refused ones.
    ///
    /// # Errors
    /// [`Ended`].
    fn choose_several(&mut self, choices: &Choices<'_>) -> Result<Reply<Vec<usize>>, Ended>;

    /// Asks for a line of text, until it passes its check.
    ///
    /// # Errors
    /// [`Ended`].
    fn text(&mut self, text: &Text<'_>) -> Result<Reply<String>, Ended>;

    /// Asks for a line that is not shown. What was typed before the question is dropped.
    ///
    /// # Errors
    /// [`Ended`].
    fn secret(&mut self, secret: &Secret<'_>) -> Result<Reply<Zeroizing<String>>, Ended>;

    /// Asks for yes or no.
    ///
    /// # Errors
    /// [`Ended`].
    fn confirm(&mut self, confirm: &Confirm<'_>) -> Result<Reply<bool>, Ended>;

    /// Begins to show the progress of work. The face says other things again once that is dropped.
    fn progress<'a>(&'a mut self, title: &str) -> Box<dyn Progress + 'a>;
}

/// Shows what work is done.
pub trait Progress {
    /// Begins a step; the one before it is done.
    fn step(&mut self, text: &str);

    /// How much of the step is done, `done` of `whole` in any unit. A `whole` of zero shows nothing.
    fn part(&mut self, done: u64, whole: u64);

    /// Says something about the step.
    fn note(&mut self, text: &str);

    /// The step failed, and why.
    fn failed(&mut self, reason: &str);

    /// The step is done, and it was the last one.
    fn done(&mut self);
}

/// An answer, or the wish to answer the question before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reply<T> {
    /// The answer.
    Answer(T),
    /// Go back a step.
    Back,
}

impl<T> Reply<T> {
    /// The answer, if it is one.
    #[must_use]
    pub fn answer(self) -> Option<T> {
        match self {
            Self::Answer(answer) => Some(answer),
            Self::Back => None,
        }
    }

    /// Another answer made from this one.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Reply<U> {
        match self {
            Self::Answer(answer) => Reply::Answer(change(answer)),
            Self::Back => Reply::Back,
        }
    }
}

/// Why a question has no answer and the dialog is over.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// Ctrl-C, or a signal that asks this program to stop ([`anklume_host::interrupt`]).
    #[error("interrupted")]
    Interrupted,
    /// The person chose to leave where that was allowed.
    #[error("left by the person at the console")]
    Left,
    /// Ctrl-D on an empty line, the end of the input, or a console that is gone.
    #[error("the console is closed")]
    Closed,
    /// The console cannot be read or written.
    #[error("the console: {0}")]
    Io(io::Error),
}

/// What a face can show.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capabilities {
    /// Columns for a row.
    pub width: usize,
    /// Rows that are seen at once.
    pub height: usize,
    /// Whether characters beyond ASCII are drawn, half blocks (U+2580, U+2584) among them.
    pub unicode: bool,
    /// Whether there are colours.
    pub colours: bool,
}
