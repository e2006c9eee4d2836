//! What was found, as data.

use std::fmt::Display;

use serde::Serialize;

/// Everything that was found.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub(super) struct Findings {
    /// What is right.
    pub(super) checks: Vec<String>,
    /// What somebody should look after.
    pub(super) notes: Vec<Finding>,
    /// What is wrong.
    pub(super) damage: Vec<Finding>,
}

/// Something about a file of the repository.
#[derive(Debug, Serialize)]
pub(super) struct Finding {
    /// The file.
    pub(super) file: String,
    /// What there is to say.
    pub(super) text: String,
}

impl Finding {
    fn new(file: &str, text: impl Display) -> Self {
        use anklume_layout::text::printable;
        Self { file: printable(file, 300), text: printable(&text.to_string(), 500) }
    }
}

impl Findings {
    pub(super) fn ok(&mut self, text: impl Display) {
        self.checks.push(text.to_string());
    }

    pub(super) fn note(&mut self, file: &str, text: impl Display) {
        self.notes.push(Finding::new(file, text));
    }

    pub(super) fn bad(&mut self, file: &str, text: impl Display) {
        self.damage.push(Finding::new(file, text));
    }

    /// For people.
    pub(super) fn text(&self) -> String {
        let line =
            |what: &str, Finding { file, text }: &Finding| format!("{what}: {file}: {text}\n");
        let checks = self.checks.iter().map(|text| format!("ok: {text}\n"));
        let notes = self.notes.iter().map(|finding| line("note", finding));
        let damage = self.damage.iter().map(|finding| line("BAD", finding));
        checks.chain(notes).chain(damage).collect()
    }
}
