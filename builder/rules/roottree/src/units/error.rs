//! Why a unit cannot be enabled, disabled or masked.

use crate::error::Error;

/// A unit that cannot be enabled, disabled or masked.
#[derive(Debug, thiserror::Error)]
pub enum UnitError {
    /// No unit has this name.
    #[error("no unit {unit} in the root tree{}", hint.as_ref().map(|name| format!(", the nearest name is {name}")).unwrap_or_default())]
    Unknown {
        /// The name, with its suffix.
        unit: String,
        /// The unit with the most similar name.
        hint: Option<String>,
    },
    /// No unit can have this name.
    #[error("{name:?} is not the name of a unit")]
    Name {
        /// The name as given.
        name: String,
    },
    /// The unit is masked.
    #[error("unit {unit} is masked by {path}")]
    Masked {
        /// The unit.
        unit: String,
        /// The link to `/dev/null`, or the empty file.
        path: String,
    },
    /// The administrator made this name a link to a unit of another name.
    #[error("{unit} is only another name of {target}")]
    Alias {
        /// The name as given.
        unit: String,
        /// The unit that it leads to.
        target: String,
    },
    /// Symbolic links of units lead nowhere or to each other.
    #[error("unit {unit} is a symbolic link that leads nowhere")]
    Dangling {
        /// The unit.
        unit: String,
    },
    /// A template that needs an instance.
    #[error("unit {unit} is a template: expected an instance such as {example}")]
    NeedsInstance {
        /// The template.
        unit: String,
        /// A name with an instance.
        example: String,
    },
    /// A directive of `[Install]` gives an impossible name.
    #[error("unit {unit}: {directive} gives {found:?}, expected {expected}")]
    Directive {
        /// The unit.
        unit: String,
        /// The directive.
        directive: &'static str,
        /// What it gives.
        found: String,
        /// What it may give.
        expected: &'static str,
    },
    /// A specifier that depends on more than the unit's name.
    #[error("unit {unit}: specifier {found:?} in [Install] is not supported")]
    Specifier {
        /// The unit.
        unit: String,
        /// The text with the specifier.
        found: String,
    },
    /// Something else has the path of a link.
    #[error("unit {unit} needs the path {path}, which is taken by {found}")]
    Taken {
        /// The unit.
        unit: String,
        /// Path of the link.
        path: String,
        /// What is there.
        found: String,
    },
    /// The tree cannot be read.
    #[error(transparent)]
    Tree(#[from] Error),
}
