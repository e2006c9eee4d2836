//! What is wrong with a definition.

/// A definition that cannot be used, and where in its file.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{file}:{line}:{column}: {}{problem}", prefix(.key))]
pub struct Error {
    /// The file, as the caller named it.
    pub file: String,
    /// Line, from 1.
    pub line: usize,
    /// Character in the line, from 1.
    pub column: usize,
    /// The key, such as `packages[1].install[0]`; empty for the file as a whole.
    pub key: String,
    /// What is wrong there.
    pub problem: Box<Problem>,
}

/// `key: `, or nothing without a key.
fn prefix(key: &str) -> String {
    if key.is_empty() { String::new() } else { format!("{key}: ") }
}

/// What is wrong with a definition. All of it is for the author of the file to repair.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// More text than any definition needs.
    #[error("definition has {found} bytes, expected at most {limit}")]
    TooLong {
        /// Bytes of the text.
        found: usize,
        /// The most that is read.
        limit: usize,
    },
    /// The text is not TOML.
    #[error("not TOML: {message}")]
    Syntax {
        /// What the TOML parser says.
        message: String,
    },
    /// A key that this place does not have.
    #[error("unknown key `{found}`, expected {}", known.join(", "))]
    UnknownKey {
        /// The key.
        found: String,
        /// The keys that the place has.
        known: Vec<String>,
        /// The known key that is spelled most like it, if one is close.
        nearest: Option<String>,
    },
    /// A key that must be there is not.
    #[error("key `{key}` is missing")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A value of the wrong type, or outside of a fixed set.
    #[error("{message}")]
    Value {
        /// What was found and expected.
        message: String,
    },
    /// A value that its rule refuses.
    #[error("{what} is `{found}`, expected {expected}")]
    Invalid {
        /// What the value names.
        what: &'static str,
        /// The value.
        found: String,
        /// The rule.
        expected: &'static str,
    },
    /// The same thing is listed twice.
    #[error("{what} `{name}` is listed twice: in {first} and in {second}")]
    Duplicate {
        /// What the name stands for.
        what: &'static str,
        /// The name.
        name: String,
        /// Where it was first: a group or a key.
        first: String,
        /// Where it is again.
        second: String,
    },
    /// Two values that cannot both be meant.
    #[error("{rule}")]
    Contradiction {
        /// The rule that is broken.
        rule: &'static str,
    },
}

impl Error {
    /// What to try instead, if it can be guessed: for the `hint:` line of a program.
    #[must_use]
    pub fn hint(&self) -> Option<String> {
        match &*self.problem {
            Problem::UnknownKey { nearest: Some(nearest), .. } => {
                Some(format!("did you mean `{nearest}`?"))
            }
            _ => None,
        }
    }
}
