//! What ends a program of the OS: a message, a hint, an exit code.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

use std::fmt;
use std::process::ExitCode;

use anklume_layout::text::printable;

/// Longest message, in characters.
const MAX_MESSAGE: usize = 1000;

/// Why the program ends; the documented exit codes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// It was tried and failed.
    Failed,
    /// What was typed makes no sense.
    Usage,
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
            Self::Usage => 2,
            Self::Refused => 3,
            Self::NeedsRoot => 4,
            Self::Damaged => 5,
        }
    }
}

/// An error on its way to the user.
#[derive(Debug)]
pub struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// A failure without a hint; control characters of the message are escaped, and it is cut at 1000 characters.
    #[must_use]
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: printable(&message.to_string(), MAX_MESSAGE), hint: None }
    }

    /// It was tried and failed.
    #[must_use]
    pub fn failed(message: impl fmt::Display) -> Self {
        Self::new(Kind::Failed, message)
    }

    /// The state of the machine stands in the way.
    #[must_use]
    pub fn refused(message: impl fmt::Display) -> Self {
        Self::new(Kind::Refused, message)
    }

    /// Only root may do it.
    #[must_use]
    pub fn needs_root(message: impl fmt::Display) -> Self {
        Self::new(Kind::NeedsRoot, message).hint("run it as root")
    }

    /// With what can be done about it.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(printable(&hint.to_string(), MAX_MESSAGE));
        self
    }

    /// What happened, for a sentence around it.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What can be done about it; empty if nobody knows.
    #[must_use]
    pub fn the_hint(&self) -> &str {
        self.hint.as_deref().unwrap_or_default()
    }

    /// The exit code of its kind.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.kind.code())
    }

    /// What kind it is.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
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
pub trait Context<T> {
    /// The failure `what: error`.
    ///
    /// # Errors
    /// That failure, in place of the error.
    fn context(self, what: impl fmt::Display) -> Result<T, Failure>;
}

impl<T, E: fmt::Display> Context<T> for Result<T, E> {
    fn context(self, what: impl fmt::Display) -> Result<T, Failure> {
        self.map_err(|error| Failure::failed(format!("{what}: {error}")))
    }
}
