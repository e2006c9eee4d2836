//! What was said since the last heading.

use anklume_language::say;

use super::View;
use super::paint::{Row, Style};
use crate::layout::{hang, table};
use crate::question::Table;
use crate::wrap;

/// Most that is kept; what is older is long out of sight.
const MOST_BLOCKS: usize = 400;
/// Columns of a bar.
const BAR: usize = 30;

/// Something that was said. Texts are harmless by now.
#[derive(Debug, Clone)]
pub(super) enum Block {
    Text(String),
    Warning(String),
    Table(Table),
    Verbatim(Vec<String>),
    /// A question and its answer.
    Answered(String, String),
    Step(Step),
}

/// A step of work.
#[derive(Debug, Clone)]
pub(super) struct Step {
    pub(super) text: String,
    pub(super) state: State,
    /// Percent that are done, if that is known.
    pub(super) percent: Option<usize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum State {
    Begun,
    Done,
    Failed,
}

#[derive(Debug, Default)]
pub(super) struct Page {
    blocks: Vec<Block>,
    /// How many of them were on the screen when a question was answered.
    seen: usize,
}

impl Page {
    pub(super) fn add(&mut self, block: Block) {
        self.blocks.push(block);
        let old = self.blocks.len().saturating_sub(MOST_BLOCKS);
        self.blocks.drain(..old);
        self.seen = self.seen.saturating_sub(old);
    }

    /// Begins anew. What nobody can have read yet stays.
    pub(super) fn begin(&mut self) {
        self.blocks.drain(..self.seen.min(self.blocks.len()));
        self.seen = 0;
    }

    pub(super) fn all_seen(&mut self) {
        self.seen = self.blocks.len();
    }

    pub(super) fn step(&mut self) -> Option<&mut Step> {
        self.blocks.iter_mut().rev().find_map(|block| match block {
            Block::Step(step) => Some(step),
            _ => None,
        })
    }

    /// The page, and the first row that was not seen.
    pub(super) fn rows(&self, view: &View) -> (Vec<Row>, usize) {
        let mut rows: Vec<Row> = Vec::new();
        let mut unseen = 0;
        for (at, block) in self.blocks.iter().enumerate() {
            if at == self.seen {
                unseen = rows.len();
            }
            let close = matches!(block, Block::Step(_) | Block::Answered(..))
                && at.checked_sub(1).and_then(|at| self.blocks.get(at)).is_some_and(|before| {
                    std::mem::discriminant(before) == std::mem::discriminant(block)
                });
            if !rows.is_empty() && !close {
                rows.push(Row::default());
            }
            rows.extend(block.rows(view));
        }
        let unseen = if self.seen >= self.blocks.len() { rows.len() } else { unseen };
        (rows, unseen)
    }
}

impl Block {
    fn rows(&self, view: &View) -> Vec<Row> {
        let (style, rows) = match self {
            Self::Text(text) => (Style::Plain, wrap(text, view.width)),
            Self::Warning(text) => {
                let lead = view.language.pick("Warning: ", "Attention : ");
                (Style::Warning, wrap(&format!("{lead}{text}"), view.width))
            }
            Self::Table(shown) => (Style::Plain, table(shown, view.width)),
            Self::Verbatim(rows) => (Style::Plain, rows.clone()),
            Self::Answered(prompt, answer) => {
                (Style::Dim, wrap(&format!("{prompt} {answer}"), view.width))
            }
            Self::Step(step) => (step.style(), step.rows(view)),
        };
        rows.into_iter().map(|text| Row { style, text }).collect()
    }
}

impl Step {
    fn style(&self) -> Style {
        match self.state {
            State::Begun | State::Done => Style::Plain,
            State::Failed => Style::Wrong,
        }
    }

    fn rows(&self, view: &View) -> Vec<String> {
        let (begun, done) = view.language.pick(("...", "done"), ("...", "fait"));
        let mark = match self.state {
            State::Begun => begun,
            State::Done => done,
            State::Failed => view.language.pick("FAILED", "ÉCHEC"),
        };
        let mut rows = hang("- ", &format!("{} {mark}", self.text), view.width);
        if let (Some(percent), State::Begun) = (self.percent, self.state) {
            rows.push(bar(percent, view));
        }
        rows
    }
}

fn bar(percent: usize, view: &View) -> String {
    let percent = percent.min(100);
    let columns = BAR.min(view.width.saturating_sub(10));
    let full = columns * percent / 100;
    let (on, off) = if view.unicode { ("█", "░") } else { ("#", ".") };
    let bar = format!("{}{}", on.repeat(full), off.repeat(columns - full));
    say!(view.language, "  {bar} {percent}%", "  {bar} {percent} %")
}
