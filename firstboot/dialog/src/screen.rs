//! A page on a screen.
//!
//! The page is kept as what was said since the last heading, not as rows: after a resize it is laid out anew.
//! It is drawn with absolute positions, and only the rows that changed are written. The alternate screen is
//! not used: the Linux console has none, and the last page is worth keeping.
//!
//! The cursor is never hidden: it stands on the option or in the field, where braille and speech software
//! for the console look for it, and nothing has to be undone when the program ends.

mod converse;
mod field;
mod menu;
mod page;
mod paint;
mod progress;

use anklume_language::Language;
use zeroize::Zeroizing;

use crate::question::{Choice, Choices, Confirm, Item, Secret, Table, Text};
use crate::terminal::Terminal;
use crate::{Capabilities, Ended, Face, Looks, Progress, Reply, harmless, harmless_line, words};
use field::Field;
use menu::{Menu, Ticks};
use page::{Block, Page};
use paint::{Canvas, Row, Style};

/// Where the size is not known.
const SIZE: (usize, usize) = (80, 24);
/// Smaller screens show the top left corner of what fits into so many columns and rows.
const SMALLEST: (usize, usize) = (20, 6);
/// Below so many rows, nothing but the title stands above the page.
const LOW: usize = 14;

/// Questions on a page with arrow keys.
///
/// Arrow keys, digits and first letters move, Enter chooses, Escape goes back, F1 or `?` explains. What does
/// not fit is read page by page before the question can be answered.
#[derive(Debug)]
pub struct ScreenFace {
    terminal: Terminal,
    language: Language,
    looks: Looks,
    title: String,
    step: Option<(usize, usize)>,
    page: Page,
    canvas: Canvas,
}

/// What is drawn into.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct View {
    /// Columns of a row. The last one of the screen stays free: once it is written, some terminals begin a new
    /// row.
    width: usize,
    /// Rows of the screen.
    screen: usize,
    /// Rows above the page.
    head: usize,
    /// Rows of the page.
    height: usize,
    language: Language,
    unicode: bool,
}

impl ScreenFace {
    /// Speaks on `terminal`.
    #[must_use]
    pub fn new(terminal: Terminal, language: Language, looks: Looks) -> Self {
        let canvas = Canvas::new(looks.colours);
        let page = Page::default();
        Self { terminal, language, looks, title: String::new(), step: None, page, canvas }
    }

    fn view(&self) -> View {
        let size = self.terminal.size();
        let (width, screen) = size.map_or(SIZE, |(width, height)| (width.into(), height.into()));
        let (width, screen) = (width.max(SMALLEST.0), screen.max(SMALLEST.1));
        let head = match (self.title.is_empty(), screen < LOW) {
            (true, _) => 0,
            (false, true) => 1,
            (false, false) => 3,
        };
        // The last row says which keys there are.
        let height = screen - head - 1;
        let (language, unicode) = (self.language, self.looks.unicode);
        View { width: width - 1, screen, head, height, language, unicode }
    }

    fn head(&self, view: &View) -> Vec<Row> {
        if view.head == 0 {
            return Vec::new();
        }
        let step = self.step.map_or(String::new(), |(step, of)| format!(" {step}/{of}"));
        let title = crate::layout::cut(&self.title, view.width.saturating_sub(step.len()));
        let gap = view.width.saturating_sub(crate::width(title) + step.len());
        let title = format!("{title}{}{step}", " ".repeat(gap));
        let line = if view.unicode { "─" } else { "-" }.repeat(view.width);
        let rows = [(Style::Title, title), (Style::Dim, line), (Style::Plain, String::new())];
        rows.into_iter().take(view.head).map(|(style, text)| Row { style, text }).collect()
    }

    /// Draws the head, `body` from its row `top` on, and the row with the keys.
    fn paint(&mut self, view: &View, body: &[Row], top: usize, keys: Row, cursor: (usize, usize)) {
        let mut rows = self.head(view);
        rows.extend(body.iter().skip(top).take(view.height).cloned());
        rows.resize_with(view.screen - 1, Row::default);
        rows.push(keys);
        let row = (view.head + cursor.0.saturating_sub(top)).min(view.screen - 1);
        self.canvas.paint(&mut self.terminal, view.screen, view.width, &rows, (row, cursor.1));
    }

    /// Adds to the page and shows its end.
    fn add(&mut self, block: Block) {
        self.page.add(block);
        self.show();
    }

    fn show(&mut self) {
        let view = self.view();
        let (rows, _) = self.page.rows(&view);
        let top = rows.len().saturating_sub(view.height);
        self.paint(&view, &rows, top, Row::default(), (rows.len(), 0));
    }
}

impl Drop for ScreenFace {
    fn drop(&mut self) {
        if self.canvas.is_used() {
            let last = self.view().screen;
            self.terminal.write(format!("\x1b[0m\x1b[{last};1H\x1b[K\n").as_bytes());
        }
    }
}

impl Face for ScreenFace {
    fn language(&self) -> Language {
        self.language
    }

    fn set_language(&mut self, language: Language) {
        self.language = language;
    }

    fn capabilities(&self) -> Capabilities {
        let View { width, height, .. } = self.view();
        Capabilities { width, height, unicode: self.looks.unicode, colours: self.looks.colours }
    }

    fn heading(&mut self, title: &str, step: Option<(usize, usize)>) -> Result<(), Ended> {
        self.title = harmless_line(title);
        self.step = step;
        self.page.begin();
        // Messages of the kernel may stand between what was drawn.
        self.canvas.forget();
        self.show();
        self.terminal.check()
    }

    fn say(&mut self, text: &str) {
        self.add(Block::Text(harmless(text)));
    }

    fn warn(&mut self, text: &str) {
        self.add(Block::Warning(harmless(text)));
    }

    fn table(&mut self, table: &Table) {
        self.add(Block::Table(table.harmless()));
    }

    fn verbatim(&mut self, rows: &[String]) {
        self.add(Block::Verbatim(rows.iter().map(|row| harmless_line(row)).collect()));
    }

    fn choose(&mut self, choice: &Choice<'_>) -> Result<Reply<usize>, Ended> {
        self.run(&choice.question, &mut Menu::new(choice.options, choice.default))
    }

    fn choose_several(&mut self, choices: &Choices<'_>) -> Result<Reply<Vec<usize>>, Ended> {
        let mut ticks = Ticks::new(choices.options, choices.chosen, choices.least);
        self.run(&choices.question, &mut ticks)
    }

    fn text(&mut self, text: &Text<'_>) -> Result<Reply<String>, Ended> {
        let reply = self.run(&text.question, &mut Field::text(text))?;
        Ok(reply.map(|answer| answer.trim().to_owned()))
    }

    fn secret(&mut self, secret: &Secret<'_>) -> Result<Reply<Zeroizing<String>>, Ended> {
        self.run(&secret.question, &mut Field::secret(secret))
    }

    /// Without a default, Enter alone is "no".
    fn confirm(&mut self, confirm: &Confirm<'_>) -> Result<Reply<bool>, Ended> {
        let options = [Item::new(words::yes(self.language)), Item::new(words::no(self.language))];
        let default = usize::from(!confirm.default.unwrap_or(false));
        let reply = self.run(&confirm.question, &mut Menu::new(&options, Some(default)))?;
        Ok(reply.map(|index| index == 0))
    }

    fn progress<'a>(&'a mut self, title: &str) -> Box<dyn Progress + 'a> {
        self.add(Block::Text(harmless(title)));
        Box::new(progress::Bars::new(self))
    }
}
