//! A line of text with a cursor in it.

use anklume_language::Language;
use zeroize::Zeroizing;

use super::View;
use super::converse::{Drawn, Step, Widget};
use super::paint::{Row, Style};
use crate::keys::Key;
use crate::layout::char_width;
use crate::question::{Check, Secret, Text};
use crate::words::{self, Typing};

const LEAD: &str = "> ";

pub(super) struct Field<'a> {
    text: Zeroizing<String>,
    /// Place of the cursor, in bytes.
    at: usize,
    how: Typing,
    check: Check<'a>,
    most: usize,
    secret: bool,
    shown: bool,
    /// Whether the text is still the default: the first character that is typed replaces it.
    untouched: bool,
}

impl<'a> Field<'a> {
    pub(super) fn text(text: &Text<'a>) -> Self {
        let mut field = Self::new(text.check, text.most);
        let default = crate::harmless_line(text.default.unwrap_or_default());
        default.chars().for_each(|c| field.push(c));
        field.untouched = !field.text.is_empty();
        field
    }

    pub(super) fn secret(secret: &Secret<'a>) -> Self {
        let shown = secret.shown;
        Self { secret: true, shown, ..Self::new(secret.check, secret.most) }
    }

    fn new(check: Check<'a>, most: usize) -> Self {
        Self {
            // Its place is taken at once: a string that grows leaves copies behind.
            text: Zeroizing::new(String::with_capacity(most)),
            at: 0,
            how: Typing::default(),
            check,
            most,
            secret: false,
            shown: true,
            untouched: false,
        }
    }

    fn push(&mut self, c: char) {
        if std::mem::take(&mut self.untouched) {
            self.clear();
        }
        if self.text.len() + c.len_utf8() > self.most {
            self.how.excess += 1;
            return;
        }
        self.text.insert(self.at, c);
        self.at += c.len_utf8();
    }

    fn clear(&mut self) {
        self.text.clear();
        self.at = 0;
        self.how = Typing::default();
    }

    /// The place before the character in front of the cursor, and what is combined with it.
    fn before(&self) -> usize {
        let text = self.text.get(..self.at).unwrap_or_default();
        text.char_indices().rev().find(|(_, c)| char_width(*c) > 0).map_or(0, |(at, _)| at)
    }

    fn after(&self) -> usize {
        let text = self.text.get(self.at..).unwrap_or_default();
        let next = text.char_indices().skip(1).find(|(_, c)| char_width(*c) > 0);
        next.map_or(self.text.len(), |(at, _)| self.at + at)
    }

    /// Removes a range and puts the cursor there.
    fn remove(&mut self, from: usize, to: usize) {
        // What had no place was typed last, and is gone first.
        self.how = Typing::default();
        if self.text.get(from..to).is_some() {
            self.text.drain(from..to);
            self.at = from;
        }
    }

    fn word(&self) -> usize {
        let text = self.text.get(..self.at).unwrap_or_default().trim_end_matches(' ');
        text.rfind(' ').map_or(0, |at| at + 1)
    }

    fn edit(&mut self, key: Key) {
        match key {
            Key::Char(c) => return self.push(c),
            Key::Tab if self.secret => self.shown = !self.shown,
            Key::Tab => return self.push(' '),
            Key::Invalid => self.how.invalid = true,
            Key::Backspace => self.remove(self.before(), self.at),
            Key::Delete => self.remove(self.at, self.after()),
            Key::CtrlU => self.remove(0, self.at),
            Key::CtrlW => self.remove(self.word(), self.at),
            Key::Left => self.at = self.before(),
            Key::Right => self.at = self.after(),
            Key::Home => self.at = 0,
            Key::End => self.at = self.text.len(),
            _ => return,
        }
        self.untouched = false;
    }

    /// What is seen of the text in `columns` columns, and the column of the cursor.
    fn visible(&self, columns: usize) -> (Zeroizing<String>, usize) {
        let shown = |c: char| if self.shown { (c, char_width(c)) } else { ('*', 1) };
        let before = self.text.get(..self.at).unwrap_or_default();
        let mut column: usize = before.chars().map(|c| shown(c).1).sum();
        let mut rest = self.text.chars();
        // The start moves out of sight until the cursor is in sight.
        while column >= columns {
            let Some(c) = rest.next() else { break };
            column -= shown(c).1;
        }
        let mut seen = Zeroizing::new(String::with_capacity(self.text.len()));
        let mut used = 0;
        for (c, width) in rest.map(shown) {
            used += width;
            if used > columns {
                break;
            }
            seen.push(c);
        }
        (seen, column)
    }
}

impl Widget for Field<'_> {
    type Answer = Zeroizing<String>;

    fn rows(&self, view: &View) -> Drawn {
        let columns = view.width.saturating_sub(LEAD.len() + 1).max(1);
        let (seen, column) = self.visible(columns);
        let style = if self.untouched { Style::Chosen } else { Style::Plain };
        let row = Row::new(style, format!("{LEAD}{}", *seen));
        Drawn { rows: vec![row], focus: 0..1, cursor: (0, LEAD.len() + column) }
    }

    fn key(&mut self, key: Key, language: Language) -> Step<Self::Answer> {
        if key != Key::Enter {
            self.edit(key);
            return Step::Stay;
        }
        let text = if self.secret { self.text.as_str() } else { self.text.trim() };
        match words::judge(language, text, self.how, self.most, self.check) {
            Ok(()) => Step::Done(self.text.clone()),
            Err(reason) => {
                self.how = Typing::default();
                if self.secret {
                    // It cannot be corrected unseen.
                    self.clear();
                }
                Step::Wrong(reason)
            }
        }
    }

    fn told(&self, language: Language) -> String {
        match self.secret {
            true => language.pick("(typed)", "(saisi)").to_owned(),
            false => self.text.trim().to_owned(),
        }
    }

    fn keys(&self, language: Language) -> &'static str {
        match (self.secret, self.shown) {
            (false, _) => language.pick("Enter", "Entrée"),
            (true, false) => language.pick("Enter  Tab shows", "Entrée  Tab affiche"),
            (true, true) => language.pick("Enter  Tab hides", "Entrée  Tab cache"),
        }
    }

    fn is_text(&self) -> bool {
        true
    }

    fn is_empty(&self) -> bool {
        self.text.is_empty()
    }

    fn is_secret(&self) -> bool {
        self.secret
    }
}
