//! What is asked, and what is shown as a table.

/// What every question has.
#[derive(Debug, Clone, Copy)]
pub struct Question<'a> {
    /// Its name in tests and logs: the same whatever the language.
    pub id: &'static str,
    /// What is asked.
    pub prompt: &'a str,
    /// A longer explanation, shown when it is asked for. Empty if there is none.
    pub help: &'a str,
    /// Whether the answer may be "go back a step".
    pub back: bool,
    /// Whether the person may leave the wizard here.
    pub leave: bool,
    /// Whether what was typed before the question is dropped, until nothing comes for a moment: for
    /// questions that a line pasted by mistake must not answer. Answers that come through a pipe ahead of
    /// the question are dropped with it.
    pub fresh: bool,
}

impl<'a> Question<'a> {
    /// A question that can only be answered.
    #[must_use]
    pub const fn new(id: &'static str, prompt: &'a str) -> Self {
        Self { id, prompt, help: "", back: false, leave: false, fresh: false }
    }

    /// With an explanation for those who ask for it.
    #[must_use]
    pub const fn help(mut self, help: &'a str) -> Self {
        self.help = help;
        self
    }

    /// With the way back.
    #[must_use]
    pub const fn back(mut self) -> Self {
        self.back = true;
        self
    }

    /// With the way out.
    #[must_use]
    pub const fn leave(mut self) -> Self {
        self.leave = true;
        self
    }

    /// Without what was typed before it.
    #[must_use]
    pub const fn fresh(mut self) -> Self {
        self.fresh = true;
        self
    }
}

/// An option.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Item {
    /// A few words. Its first letters choose it.
    pub label: String,
    /// A sentence about it, or nothing.
    pub explanation: String,
    /// Why it cannot be chosen; it is shown all the same.
    pub refused: Option<String>,
}

impl Item {
    /// An option without an explanation.
    #[must_use]
    pub fn new(label: impl Into<String>) -> Self {
        Self { label: label.into(), explanation: String::new(), refused: None }
    }

    /// With a sentence about it.
    #[must_use]
    pub fn explained(mut self, explanation: impl Into<String>) -> Self {
        self.explanation = explanation.into();
        self
    }

    /// That cannot be chosen, for this reason.
    #[must_use]
    pub fn refused(mut self, reason: impl Into<String>) -> Self {
        self.refused = Some(reason.into());
        self
    }
}

/// One of several options.
#[derive(Debug, Clone, Copy)]
pub struct Choice<'a> {
    /// The question.
    pub question: Question<'a>,
    /// The options.
    pub options: &'a [Item],
    /// Index of the one that is taken when nothing is typed. Not one if that is refused.
    pub default: Option<usize>,
}

impl<'a> Choice<'a> {
    /// Without a default.
    #[must_use]
    pub const fn new(question: Question<'a>, options: &'a [Item]) -> Self {
        Self { question, options, default: None }
    }

    /// With a default.
    #[must_use]
    pub const fn default(mut self, default: usize) -> Self {
        self.default = Some(default);
        self
    }
}

/// Any number of several options.
#[derive(Debug, Clone, Copy)]
pub struct Choices<'a> {
    /// The question.
    pub question: Question<'a>,
    /// The options.
    pub options: &'a [Item],
    /// Indices of those that are taken when nothing is typed.
    pub chosen: &'a [usize],
    /// How many have to be chosen at least.
    pub least: usize,
}

impl<'a> Choices<'a> {
    /// None or more, without a default.
    #[must_use]
    pub const fn new(question: Question<'a>, options: &'a [Item]) -> Self {
        Self { question, options, chosen: &[], least: 0 }
    }

    /// With a default.
    #[must_use]
    pub const fn chosen(mut self, chosen: &'a [usize]) -> Self {
        self.chosen = chosen;
        self
    }

    /// With at least so many.
    #[must_use]
    pub const fn least(mut self, least: usize) -> Self {
        self.least = least;
        self
    }
}

/// Says why a text cannot be the answer, in the language of the person.
pub type Check<'a> = &'a dyn Fn(&str) -> Result<(), String>;

fn anything(_: &str) -> Result<(), String> {
    Ok(())
}

/// Most bytes of a line that is typed.
const MOST_BYTES: usize = 1024;

/// A line of text. Spaces around it are not part of it.
#[derive(Clone, Copy)]
pub struct Text<'a> {
    /// The question.
    pub question: Question<'a>,
    /// What is taken when nothing is typed.
    pub default: Option<&'a str>,
    /// Whether a text can be the answer; the default is asked too.
    pub check: Check<'a>,
    /// Most bytes. More are not taken in, and the question is asked again.
    pub most: usize,
}

impl<'a> Text<'a> {
    /// Any text of at most 1024 bytes, without a default.
    #[must_use]
    pub fn new(question: Question<'a>) -> Self {
        Self { question, default: None, check: &anything, most: MOST_BYTES }
    }

    /// With a default.
    #[must_use]
    pub fn default(mut self, default: &'a str) -> Self {
        self.default = Some(default);
        self
    }

    /// With a check.
    #[must_use]
    pub fn check(mut self, check: Check<'a>) -> Self {
        self.check = check;
        self
    }

    /// With another limit, in bytes.
    #[must_use]
    pub fn most(mut self, most: usize) -> Self {
        self.most = most;
        self
    }
}

/// A line that is not shown. Spaces are part of it.
#[derive(Clone, Copy)]
pub struct Secret<'a> {
    /// The question.
    pub question: Question<'a>,
    /// Whether a text can be the answer.
    pub check: Check<'a>,
    /// Whether it is shown from the start. The Tab key changes that.
    pub shown: bool,
    /// Most bytes. More are not taken in, and the question is asked again.
    pub most: usize,
}

impl<'a> Secret<'a> {
    /// Any text of at most 1024 bytes, the empty one too; not shown.
    #[must_use]
    pub fn new(question: Question<'a>) -> Self {
        Self { question, check: &anything, shown: false, most: MOST_BYTES }
    }

    /// With a check.
    #[must_use]
    pub fn check(mut self, check: Check<'a>) -> Self {
        self.check = check;
        self
    }

    /// Shown from the start.
    #[must_use]
    pub fn shown(mut self) -> Self {
        self.shown = true;
        self
    }
}

/// Yes or no.
#[derive(Debug, Clone, Copy)]
pub struct Confirm<'a> {
    /// The question.
    pub question: Question<'a>,
    /// What is taken when nothing is typed.
    pub default: Option<bool>,
}

impl<'a> Confirm<'a> {
    /// Without a default.
    #[must_use]
    pub const fn new(question: Question<'a>) -> Self {
        Self { question, default: None }
    }

    /// With a default.
    #[must_use]
    pub const fn default(mut self, default: bool) -> Self {
        self.default = Some(default);
        self
    }
}

/// Columns with titles.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// A title for each column.
    pub titles: Vec<String>,
    /// Cells, as many in each row as there are titles; more are not shown.
    pub rows: Vec<Vec<String>>,
}

impl Table {
    /// Without rows.
    #[must_use]
    pub fn new<T: Into<String>>(titles: impl IntoIterator<Item = T>) -> Self {
        Self { titles: titles.into_iter().map(Into::into).collect(), rows: Vec::new() }
    }

    /// With another row.
    #[must_use]
    pub fn row<T: Into<String>>(mut self, cells: impl IntoIterator<Item = T>) -> Self {
        self.rows.push(cells.into_iter().map(Into::into).collect());
        self
    }

    /// With harmless cells ([`crate::harmless`]).
    pub(crate) fn harmless(&self) -> Self {
        let all = |cells: &Vec<String>| cells.iter().map(|cell| crate::harmless(cell)).collect();
        Self { titles: all(&self.titles), rows: self.rows.iter().map(all).collect() }
    }
}
