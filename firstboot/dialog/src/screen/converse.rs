//! A question on the page: what is drawn, which part of it is on the screen, and the keys that every kind of
//! question has.

use std::ops::Range;

use anklume_language::Language;

use super::page::Block;
use super::paint::{Row, Style};
use super::{ScreenFace, View};
use crate::keys::Key;
use crate::question::Question;
use crate::{Ended, Reply, harmless, words, wrap};

/// A kind of question.
pub(super) trait Widget {
    type Answer;

    fn rows(&self, view: &View) -> Drawn;

    fn key(&mut self, key: Key, language: Language) -> Step<Self::Answer>;

    /// The answer as it stays on the page.
    fn told(&self, language: Language) -> String;

    /// Its own keys, in a few words.
    fn keys(&self, language: Language) -> &'static str;

    /// Whether characters are text, so that none of them can be an order.
    fn is_text(&self) -> bool {
        false
    }

    /// Whether nothing was typed.
    fn is_empty(&self) -> bool {
        true
    }

    /// Whether what was typed ahead must not get into it.
    fn is_secret(&self) -> bool {
        false
    }
}

/// Rows of a question, without its prompt.
pub(super) struct Drawn {
    pub(super) rows: Vec<Row>,
    /// Those that have to be seen.
    pub(super) focus: Range<usize>,
    /// Row and column of the cursor.
    pub(super) cursor: (usize, usize),
}

/// What a key did.
pub(super) enum Step<T> {
    Stay,
    Done(T),
    /// That cannot be the answer, for this reason.
    Wrong(String),
}

/// The state of a question that is asked.
#[derive(Default)]
struct Asking {
    /// First row of page and question on the screen; none before it was drawn.
    top: Option<usize>,
    /// Whether the page has to be read on before the question can be answered.
    reading: bool,
    wrong: String,
    help: bool,
    leaving: bool,
}

/// Where on the screen things are.
struct Layout {
    rows: Vec<Row>,
    question: usize,
    unseen: usize,
    focus: Range<usize>,
    cursor: (usize, usize),
}

/// What to do after a key.
enum Next<T> {
    Ask,
    Reply(Reply<T>),
}

impl ScreenFace {
    pub(super) fn run<W: Widget>(
        &mut self,
        question: &Question<'_>,
        widget: &mut W,
    ) -> Result<Reply<W::Answer>, Ended> {
        self.terminal.begin()?;
        let reply = self.converse(question, widget);
        let after = self.terminal.end();
        let reply = reply?;
        after?;
        if let Reply::Answer(_) = &reply {
            let answer = harmless(&widget.told(self.language));
            self.page.add(Block::Answered(harmless(question.prompt), answer));
        }
        self.page.all_seen();
        self.show();
        Ok(reply)
    }

    fn converse<W: Widget>(
        &mut self,
        question: &Question<'_>,
        widget: &mut W,
    ) -> Result<Reply<W::Answer>, Ended> {
        if question.fresh {
            self.terminal.drop_until_quiet()?;
        } else if widget.is_secret() {
            self.terminal.drop_typed()?;
        }
        self.canvas.forget();
        let mut asking = Asking::default();
        loop {
            let view = self.view();
            let layout = self.lay_out(question, widget, &asking, &view);
            asking.place(&layout, view.height);
            let keys = asking.keys(question, widget, self.language);
            self.paint(&view, &layout.rows, asking.top.unwrap_or(0), keys, layout.cursor);
            let key = loop {
                match self.terminal.key_soon()? {
                    None if self.view() == view => {}
                    key => break key,
                }
            };
            // Without a key, the screen has another size.
            let Some(key) = key else { continue };
            if key == Key::CtrlL {
                self.canvas.forget();
            }
            match asking.key(key, question, widget, &view, &layout)? {
                Next::Ask => {}
                Next::Reply(reply) => return Ok(reply),
            }
        }
    }

    fn lay_out<W: Widget>(
        &self,
        question: &Question<'_>,
        widget: &W,
        asking: &Asking,
        view: &View,
    ) -> Layout {
        let (mut rows, unseen) = self.page.rows(view);
        if !rows.is_empty() {
            rows.push(Row::default());
        }
        let start = rows.len();
        let mut text = |style, text: &str| {
            rows.extend(wrap(text, view.width).into_iter().map(|row| Row::new(style, row)));
        };
        text(Style::Prompt, &harmless(question.prompt));
        if asking.help {
            text(Style::Plain, &words::help(view.language, question));
        }
        text(Style::Plain, "");
        let drawn = widget.rows(view);
        let offset = rows.len();
        let mut focus = drawn.focus.start + offset..drawn.focus.end + offset;
        if drawn.focus.start == 0 {
            // The first option is shown with what is asked.
            focus.start = start;
        }
        rows.extend(drawn.rows);
        if !asking.wrong.is_empty() {
            let wrong = wrap(&harmless(&asking.wrong), view.width);
            rows.extend(wrong.into_iter().map(|row| Row::new(Style::Wrong, row)));
            if rows.len() - focus.start <= view.height {
                focus.end = rows.len();
            }
        }
        let cursor = (drawn.cursor.0 + offset, drawn.cursor.1);
        Layout { rows, question: start, unseen, focus, cursor }
    }
}

impl Asking {
    /// Decides which rows are on the screen.
    fn place(&mut self, layout: &Layout, height: usize) {
        let total = layout.rows.len();
        let last = total.saturating_sub(height);
        let mut top = match self.top {
            Some(top) => top.min(last),
            None => {
                // What is new is read from its start.
                let first = layout.unseen.min(layout.question);
                self.reading = first < last && layout.question > first;
                if self.reading { first } else { last.min(layout.question) }
            }
        };
        if self.reading && (top >= last || top >= layout.question) {
            self.reading = false;
        }
        if !self.reading {
            if layout.focus.end > top + height {
                top = layout.focus.end.saturating_sub(height);
            }
            // The start of what does not fit counts more than its end, and the cursor more than both.
            top = top.min(layout.focus.start);
            top = top.max((layout.cursor.0 + 1).saturating_sub(height));
        }
        self.top = Some(top);
    }

    /// The last row.
    fn keys<W: Widget>(&self, question: &Question<'_>, widget: &W, language: Language) -> Row {
        if self.leaving {
            let yes_no = language.pick("y/n", "o/n");
            return Row::new(Style::Wrong, format!("{} ({yes_no})", words::leave(language)));
        }
        if self.reading {
            let more = language.pick("More below: Enter", "La suite : Entrée");
            return Row::new(Style::Chosen, more);
        }
        let mut keys = vec![widget.keys(language)];
        if question.back {
            keys.push(language.pick("Esc back", "Échap retour"));
        }
        if !question.help.is_empty() {
            keys.push(language.pick("F1 help", "F1 aide"));
        }
        if question.leave {
            keys.push(language.pick("F10 leave", "F10 quitter"));
        }
        Row::new(Style::Dim, keys.join("  "))
    }

    fn key<W: Widget>(
        &mut self,
        key: Key,
        question: &Question<'_>,
        widget: &mut W,
        view: &View,
        layout: &Layout,
    ) -> Result<Next<W::Answer>, Ended> {
        match key {
            Key::CtrlC => return Err(Ended::Interrupted),
            Key::CtrlD if widget.is_empty() => return Err(Ended::Closed),
            Key::CtrlL => return Ok(Next::Ask),
            Key::Char(c)
                if self.leaving && words::yes_or_no(c.encode_utf8(&mut [0; 4])) == Some(true) =>
            {
                return Err(Ended::Left);
            }
            _ if std::mem::take(&mut self.leaving) => return Ok(Next::Ask),
            _ => {}
        }
        self.wrong.clear();
        match key {
            Key::Escape if question.back => return Ok(Next::Reply(Reply::Back)),
            Key::Escape => self.wrong = words::no_way_back(view.language),
            Key::F1 => self.help = !self.help,
            Key::Char('?') if !widget.is_text() => self.help = !self.help,
            Key::F10 if question.leave => self.leaving = true,
            Key::Char('q' | 'Q') if question.leave && !widget.is_text() => self.leaving = true,
            key if self.reads(key, view.height, layout) => {}
            key => match widget.key(key, view.language) {
                Step::Stay => {}
                Step::Done(answer) => return Ok(Next::Reply(Reply::Answer(answer))),
                Step::Wrong(reason) => self.wrong = reason,
            },
        }
        Ok(Next::Ask)
    }

    /// Turns pages; whether the key was for that.
    fn reads(&mut self, key: Key, height: usize, layout: &Layout) -> bool {
        // A row of the page before stays in sight.
        let page = height.saturating_sub(1).max(1);
        let top = self.top.unwrap_or(0);
        let last = layout.rows.len().saturating_sub(height);
        let to = match (key, self.reading) {
            (Key::PageUp, false) if top > 0 => top.saturating_sub(page),
            (Key::PageUp, true) => top.saturating_sub(page),
            (Key::Up, true) => top.saturating_sub(1),
            (Key::Down, true) => top + 1,
            (Key::Enter | Key::PageDown | Key::Char(' '), true) => top + page,
            // Other keys would answer what is not yet seen.
            (_, reading) => return reading,
        };
        self.reading = to < last && to < layout.question;
        self.top = Some(if self.reading { to } else { to.min(last) });
        true
    }
}
