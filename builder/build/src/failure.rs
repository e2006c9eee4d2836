//! What ends the program: a message, a hint, an exit code.

use std::fmt;
use std::process::ExitCode;

use anklume_host::process::ProcessError;

/// Why the program ends; the documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Kind {
    /// It was tried and failed; nothing was left under the final name.
    Failed,
    /// The request cannot be carried out as it stands.
    Refused,
    /// A program is missing.
    Missing,
    /// An image is damaged, or not an image of ours.
    Damaged,
    /// An image is not what its definition builds.
    Different,
    /// The user or the system asked to stop.
    Interrupted,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Refused => 3,
            Self::Missing => 4,
            Self::Damaged => 5,
            Self::Different => 6,
            Self::Interrupted => 130,
        }
    }
}

/// An error on its way to the user.
#[derive(Debug)]
pub(crate) struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Failure {
    pub(crate) fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: one_line(&message.to_string()), hint: None }
    }

    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub(crate) fn refused(message: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, message)
    }

    pub(crate) fn damaged(message: impl fmt::Display) -> Self {
        Self::new(Kind::Damaged, message)
    }

    pub(crate) fn interrupted() -> Self {
        Self::new(Kind::Interrupted, "interrupted")
    }

    /// A program's failure, with the last line that it wrote about it.
    pub(crate) fn process(what: &str, error: &ProcessError) -> Self {
        let kind = match error {
            ProcessError::Interrupted { .. } => return Self::interrupted(),
            ProcessError::NotStarted { source, .. }
                if source.kind() == std::io::ErrorKind::NotFound =>
            {
                Kind::Missing
            }
            _ => Kind::Failed,
        };
        let said = last_line(error.tail()).map(|line| format!(": {line}")).unwrap_or_default();
        Self::new(kind, format!("{what}: {error}{said}"))
    }

    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(one_line(&hint.to_string()));
        self
    }

    pub(crate) fn kind(&self) -> Kind {
        self.kind
    }

    pub(crate) fn message(&self) -> &str {
        &self.message
    }

    pub(crate) fn hint_text(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    pub(crate) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.code())
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "error: {}", self.message)?;
        if let Some(hint) = &self.hint {
            write!(f, "\nhint: {hint}")?;
        }
        Ok(())
    }
}

/// `text` with its control characters escaped: names of files may hold anything, and an error is one
/// line that a terminal obeys.
fn one_line(text: &str) -> String {
    let mut line = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() || matches!(c, '\u{2028}' | '\u{2029}') {
            true => line.extend(c.escape_default()),
            false => line.push(c),
        }
    }
    line
}

/// The last line that says something.
fn last_line(tail: &str) -> Option<&str> {
    tail.lines().map(str::trim).rfind(|line| !line.is_empty())
}

/// Adds what was being done, and on what, to an error of a lower layer.
pub(crate) trait Context<T> {
    /// The failure `what: error`.
    fn context(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::failed(format!("{what}: {error}")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_one_line() {
        let failure = Failure::refused("a\nb\u{1b}[1m\u{2028}é").hint("c\td");
        assert_eq!(failure.to_string(), "error: a\\nb\\u{1b}[1m\\u{2028}é\nhint: c\\td");
    }
}
