//! What is wrong with a setting.

use anklume_language::{Language, say};

use crate::keys::KeyError;

/// A setting that cannot be.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.text(Language::English))]
pub struct FieldError {
    /// Its name as in a file of answers, such as `networks[1].wifi.passphrase`.
    pub field: String,
    /// What is wrong.
    pub fault: Fault,
}

/// What is wrong with a value. The value itself is not in it: it may be a secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// Nothing is there.
    Empty,
    /// It is not given, and has to be.
    Missing,
    /// More than can be.
    Long {
        /// Length in bytes.
        found: usize,
        /// Most bytes.
        most: usize,
    },
    /// A character that cannot be there.
    Character(char),
    /// What it should be, in both languages.
    Rule {
        /// In English.
        english: &'static str,
        /// In French.
        french: &'static str,
    },
    /// An SSH key that cannot be used.
    Key(KeyError),
}

/// A [`Fault::Rule`].
pub(crate) const fn rule(english: &'static str, french: &'static str) -> Fault {
    Fault::Rule { english, french }
}

impl Fault {
    /// For `field`.
    pub(crate) fn of(self, field: impl Into<String>) -> FieldError {
        FieldError { field: field.into(), fault: self }
    }

    /// What a person should read.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        match self {
            Self::Empty => say!(language, "it is empty", "c'est vide"),
            Self::Missing => say!(language, "it is missing", "il manque"),
            Self::Long { found, most } => say!(
                language,
                "it has {found} bytes, expected at most {most}",
                "{found} octets, au plus {most} attendus"
            ),
            Self::Character(odd) => say!(
                language,
                "the character {odd:?} cannot be there",
                "le caractère {odd:?} n'est pas permis"
            ),
            Self::Rule { english, french } => language.pick(*english, *french).to_owned(),
            Self::Key(error) => error.text(language),
        }
    }
}

impl FieldError {
    /// What a person should read.
    #[must_use]
    pub fn text(&self, language: Language) -> String {
        let (field, fault) = (&self.field, self.fault.text(language));
        say!(language, "{field}: {fault}", "{field} : {fault}")
    }

    /// The same for a field that holds this one.
    pub(crate) fn within(mut self, outer: &str) -> Self {
        self.field = format!("{outer}.{}", self.field);
        self
    }
}
