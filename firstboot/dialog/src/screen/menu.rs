//! Options with arrow keys.

use std::ops::Range;

use anklume_language::Language;

use super::View;
use super::converse::{Drawn, Step, Widget};
use super::paint::{Row, Style};
use crate::keys::Key;
use crate::layout::hang;
use crate::question::Item;
use crate::{harmless, words};

/// A list with one place in it.
struct List<'a> {
    options: &'a [Item],
    at: usize,
    /// Digits typed one after the other.
    number: usize,
}

impl<'a> List<'a> {
    fn new(options: &'a [Item], at: Option<usize>) -> Self {
        let allowed = |item: &Item| item.refused.is_none();
        let default = at.filter(|at| options.get(*at).is_some_and(allowed));
        let first = options.iter().position(allowed);
        Self { options, at: default.or(first).unwrap_or(0), number: 0 }
    }

    /// Moves; whether the key was for that. Refused options are passed like others, so that their reason is
    /// read.
    fn moves(&mut self, key: Key) -> bool {
        let Some(last) = self.options.len().checked_sub(1) else { return false };
        let number = std::mem::take(&mut self.number);
        self.at = match key {
            Key::Up | Key::BackTab => self.at.checked_sub(1).unwrap_or(last),
            Key::Down | Key::Tab => {
                if self.at < last {
                    self.at + 1
                } else {
                    0
                }
            }
            Key::Home => 0,
            Key::End => last,
            Key::Char(c) => match c.to_digit(10).and_then(|digit| usize::try_from(digit).ok()) {
                Some(digit) => self.numbered(number, digit),
                None => self.lettered(c),
            },
            _ => return false,
        };
        true
    }

    fn numbered(&mut self, before: usize, digit: usize) -> usize {
        let there = |number: &usize| (1..=self.options.len()).contains(number);
        let number = Some(before * 10 + digit).filter(there).or(Some(digit).filter(there));
        self.number = number.unwrap_or(0);
        number.map_or(self.at, |number| number - 1)
    }

    /// The next option that begins with a letter.
    fn lettered(&self, letter: char) -> usize {
        let folded = words::fold(letter.encode_utf8(&mut [0; 4]));
        let count = self.options.len();
        let starts = |at: &usize| {
            let label = self.options.get(*at).map(|item| words::fold(&item.label));
            !folded.is_empty() && label.is_some_and(|label| label.starts_with(&folded))
        };
        (1..=count).map(|step| (self.at + step) % count).find(starts).unwrap_or(self.at)
    }

    fn rows(&self, view: &View, sign: impl Fn(usize) -> &'static str) -> Drawn {
        let digits = self.options.len().to_string().len();
        let mut rows = Vec::new();
        let mut focus: Range<usize> = 0..1;
        for (at, item) in self.options.iter().enumerate() {
            let start = rows.len();
            let here = at == self.at;
            let lead =
                format!("{} {}{:>digits$}  ", if here { ">" } else { " " }, sign(at), at + 1);
            let style = match (here, &item.refused) {
                (true, _) => Style::Chosen,
                (false, Some(_)) => Style::Dim,
                (false, None) => Style::Plain,
            };
            let mut text = |style, lead: &str, text: &str| {
                let hung = hang(lead, &harmless(text), view.width);
                rows.extend(hung.into_iter().map(|row| Row::new(style, row)));
            };
            text(style, &lead, &item.label);
            let below = " ".repeat(lead.len());
            if !item.explanation.is_empty() {
                text(Style::Dim, &below, &item.explanation);
            }
            if let Some(reason) = &item.refused {
                text(Style::Dim, &below, &words::refused(view.language, reason));
            }
            if here {
                // An option that is first takes the prompt with it, which only the row of zero means.
                focus = if at == 0 { 0..rows.len() } else { start..rows.len() };
            }
        }
        let cursor = (if self.at == 0 { 0 } else { focus.start }, 0);
        Drawn { rows, focus, cursor }
    }

    fn refusal(&self, language: Language) -> Option<String> {
        let reason = self.options.get(self.at)?.refused.as_deref()?;
        Some(words::refused(language, reason))
    }
}

/// One option.
pub(super) struct Menu<'a>(List<'a>);

impl<'a> Menu<'a> {
    pub(super) fn new(options: &'a [Item], default: Option<usize>) -> Self {
        Self(List::new(options, default))
    }
}

impl Widget for Menu<'_> {
    type Answer = usize;

    fn rows(&self, view: &View) -> Drawn {
        self.0.rows(view, |_| "")
    }

    fn key(&mut self, key: Key, language: Language) -> Step<usize> {
        if key != Key::Enter || self.0.options.is_empty() {
            self.0.moves(key);
            return Step::Stay;
        }
        self.0.refusal(language).map_or(Step::Done(self.0.at), Step::Wrong)
    }

    fn told(&self, _: Language) -> String {
        self.0.options.get(self.0.at).map_or(String::new(), |item| item.label.clone())
    }

    fn keys(&self, language: Language) -> &'static str {
        language.pick("Up/Down  Enter", "Haut/Bas  Entrée")
    }
}

/// Any number of options.
pub(super) struct Ticks<'a> {
    list: List<'a>,
    on: Vec<bool>,
    least: usize,
}

impl<'a> Ticks<'a> {
    pub(super) fn new(options: &'a [Item], chosen: &[usize], least: usize) -> Self {
        let on = |(at, item): (usize, &Item)| chosen.contains(&at) && item.refused.is_none();
        let on = options.iter().enumerate().map(on).collect();
        Self { list: List::new(options, None), on, least }
    }

    fn chosen(&self) -> Vec<usize> {
        self.on.iter().enumerate().filter(|(_, on)| **on).map(|(at, _)| at).collect()
    }
}

impl Widget for Ticks<'_> {
    type Answer = Vec<usize>;

    fn rows(&self, view: &View) -> Drawn {
        let on = |at| self.on.get(at).copied().unwrap_or(false);
        self.list.rows(view, |at| if on(at) { "[x] " } else { "[ ] " })
    }

    fn key(&mut self, key: Key, language: Language) -> Step<Vec<usize>> {
        match key {
            Key::Enter => {
                let chosen = self.chosen();
                match words::enough(language, chosen.len(), self.least) {
                    Ok(()) => return Step::Done(chosen),
                    Err(reason) => return Step::Wrong(reason),
                }
            }
            Key::Char(' ') => {
                if let Some(reason) = self.list.refusal(language) {
                    return Step::Wrong(reason);
                }
                if let Some(on) = self.on.get_mut(self.list.at) {
                    *on = !*on;
                }
            }
            key => {
                self.list.moves(key);
            }
        }
        Step::Stay
    }

    fn told(&self, language: Language) -> String {
        let labels = self.chosen().into_iter().filter_map(|at| self.list.options.get(at));
        let labels: Vec<_> = labels.map(|item| item.label.as_str()).collect();
        if labels.is_empty() {
            return language.pick("none", "aucun").to_owned();
        }
        labels.join(", ")
    }

    fn keys(&self, language: Language) -> &'static str {
        language.pick("Up/Down  Space marks  Enter", "Haut/Bas  Espace coche  Entrée")
    }
}
