//! What ends the program: a message, a hint, an exit code.

use std::fmt;
use std::process::ExitCode;

use anklume_layout::text::printable;

/// Longest message, in characters.
const MAX_MESSAGE: usize = 1000;

/// Why the program ends; the documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// It was tried and failed.
    Failed,
    /// The state of the machine stands in the way.
    Refused,
    /// Only root may do it.
    NeedsRoot,
    /// A file that is needed is damaged.
    Damaged,
}

impl Kind {
    fn code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Refused => 3,
            Self::NeedsRoot => 4,
            Self::Damaged => 5,
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
        Self { kind, message: printable(&message.to_string(), MAX_MESSAGE), hint: None }
    }

    pub(crate) fn failed(message: impl fmt::Display) -> Self {
        Self::new(Kind::Failed, message)
    }

    pub(crate) fn refused(message: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, message)
    }

    pub(crate) fn needs_root(message: impl fmt::Display) -> Self {
        Self::new(Kind::NeedsRoot, message).hint("run it as root")
    }

    pub(crate) fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(printable(&hint.to_string(), MAX_MESSAGE));
        self
    }

    /// What happened, for a sentence around it.
    pub(crate) fn message(&self) -> &str {
        &self.message
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
