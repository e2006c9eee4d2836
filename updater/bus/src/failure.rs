//! What went wrong, on either side of the bus.
//!
//! A failure crosses the bus as a D-Bus error: its kind is the error's name, its message and its hint
//! are the error's text. What the client makes of it equals what the service was given, so that a
//! program prints the same `error:` and `hint:`, and ends with the same code, whether the work was
//! done in it or behind the bus.

use std::fmt;

/// Between message and hint in an error's text.
const HINT: &str = "\nhint: ";

/// Which family of failures.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// Another job runs.
    Busy,
    /// The state of the machine, or a rule, stands in the way.
    Refused,
    /// There is no such version, slot or job.
    NotFound,
    /// The source does not answer, or not as it should.
    Source,
    /// A signature or a digest does not match.
    Untrusted,
    /// The metadata is too old to be believed.
    Expired,
    /// Something does not fit.
    NoSpace,
    /// The caller may not do it.
    Denied,
    /// A file of this machine that is needed is damaged.
    Damaged,
    /// It was tried and failed.
    Failed,
    /// Somebody asked for it to end.
    Cancelled,
    /// The call makes no sense: an unknown option, a value of the wrong type.
    Usage,
    /// There is no update service, or no bus. Only clients see this.
    NoService,
}

/// Names, and exit codes as `anklume --help` documents them.
const TABLE: [(Kind, &str, u8); 13] = [
    (Kind::Busy, "org.anklume.Update1.Error.Busy", 3),
    (Kind::Refused, "org.anklume.Update1.Error.Refused", 3),
    (Kind::NotFound, "org.anklume.Update1.Error.NotFound", 3),
    (Kind::Source, "org.anklume.Update1.Error.Source", 1),
    (Kind::Untrusted, "org.anklume.Update1.Error.Untrusted", 5),
    (Kind::Expired, "org.anklume.Update1.Error.Expired", 3),
    (Kind::NoSpace, "org.anklume.Update1.Error.NoSpace", 1),
    (Kind::Denied, "org.anklume.Update1.Error.Denied", 4),
    (Kind::Damaged, "org.anklume.Update1.Error.Damaged", 5),
    (Kind::Failed, "org.anklume.Update1.Error.Failed", 1),
    (Kind::Cancelled, "org.anklume.Update1.Error.Cancelled", 1),
    // The one of the standard names that says what ours would.
    (Kind::Usage, "org.freedesktop.DBus.Error.InvalidArgs", 2),
    (Kind::NoService, "org.freedesktop.DBus.Error.ServiceUnknown", 1),
];

/// Names of errors that the bus itself makes.
const FOREIGN: [(&str, Kind); 5] = [
    ("org.freedesktop.DBus.Error.AccessDenied", Kind::Denied),
    ("org.freedesktop.DBus.Error.InteractiveAuthorizationRequired", Kind::Denied),
    ("org.freedesktop.DBus.Error.NameHasNoOwner", Kind::NoService),
    ("org.freedesktop.DBus.Error.TimedOut", Kind::NoService),
    ("org.freedesktop.DBus.Error.UnknownObject", Kind::NotFound),
];

impl Kind {
    /// All of them.
    pub const ALL: [Self; 13] = {
        let mut all = [Self::Busy; 13];
        let mut index = 0;
        while index < all.len() {
            all[index] = TABLE[index].0;
            index += 1;
        }
        all
    };

    fn row(self) -> (Self, &'static str, u8) {
        // Every kind has a row: a test says so.
        TABLE.into_iter().find(|row| row.0 == self).unwrap_or(TABLE[9])
    }

    /// The name of the D-Bus error.
    #[must_use]
    pub fn error_name(self) -> &'static str {
        self.row().1
    }

    /// What a program ends with: 1 failed, 2 wrong usage, 3 refused, 4 not allowed, 5 damaged.
    #[must_use]
    pub fn exit_code(self) -> u8 {
        self.row().2
    }

    /// The kind of an error with this name. Names that nobody here knows are [`Kind::Failed`].
    #[must_use]
    pub fn from_error_name(name: &str) -> Self {
        if let Some(row) = TABLE.iter().find(|row| row.1 == name) {
            return row.0;
        }
        if let Some(row) = FOREIGN.iter().find(|row| row.0 == name) {
            return row.1;
        }
        // The service could not be started.
        match name.starts_with("org.freedesktop.DBus.Error.Spawn.")
            || name.starts_with("org.freedesktop.systemd1.")
        {
            true => Self::NoService,
            false => Self::Failed,
        }
    }
}

/// A failure on its way to the user.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    kind: Kind,
    message: String,
    hint: Option<String>,
}

impl Failure {
    /// Without a hint. Ends of lines become spaces: the message is one line, here and on the bus.
    #[must_use]
    pub fn new(kind: Kind, message: impl fmt::Display) -> Self {
        Self { kind, message: one_line(&message.to_string()), hint: None }
    }

    /// With what the user can do about it; an empty hint is none.
    #[must_use]
    pub fn hint(mut self, hint: impl fmt::Display) -> Self {
        self.hint = Some(one_line(&hint.to_string())).filter(|hint| !hint.is_empty());
        self
    }

    /// Its family.
    #[must_use]
    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// What happened, without the hint.
    #[must_use]
    pub fn message(&self) -> &str {
        &self.message
    }

    /// What the user can do about it.
    #[must_use]
    pub fn the_hint(&self) -> Option<&str> {
        self.hint.as_deref()
    }

    /// The text of the D-Bus error: the message and, on a line of its own, `hint: ` and the hint.
    #[must_use]
    pub fn to_text(&self) -> String {
        match &self.hint {
            Some(hint) => format!("{}{HINT}{hint}", self.message),
            None => self.message.clone(),
        }
    }

    /// What a D-Bus error with this name and text says.
    #[must_use]
    pub fn from_text(name: &str, text: &str) -> Self {
        let kind = Kind::from_error_name(name);
        match text.split_once(HINT) {
            Some((message, hint)) => Self::new(kind, message).hint(hint),
            None => Self::new(kind, text),
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

/// D-Bus strings hold no NUL, and nobody's terminal should obey an error message.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect::<String>().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_one_name_and_comes_back_from_it() {
        for (index, kind) in Kind::ALL.into_iter().enumerate() {
            assert_eq!(kind.row().0, kind, "{kind:?} has no row");
            assert_eq!(Kind::from_error_name(kind.error_name()), kind);
            assert!(!Kind::ALL[..index].contains(&kind), "{kind:?} twice");
            assert!((1..=5).contains(&kind.exit_code()));
        }
        assert_eq!(Kind::from_error_name("org.example.Whatever"), Kind::Failed);
        let spawn = "org.freedesktop.DBus.Error.Spawn.ChildExited";
        assert_eq!(Kind::from_error_name(spawn), Kind::NoService);
    }

    #[test]
    fn a_failure_crosses_the_bus_unchanged() {
        for hint in [None, Some("wait for it, or `anklume update cancel`")] {
            let mut failure = Failure::new(Kind::Busy, "job 3 prepares 1.2: 40 %");
            if let Some(hint) = hint {
                failure = failure.hint(hint);
            }
            let back = Failure::from_text(failure.kind().error_name(), &failure.to_text());
            assert_eq!(back, failure);
        }
    }

    #[test]
    fn what_a_server_says_cannot_forge_a_hint_or_a_line() {
        let failure = Failure::new(Kind::Source, "it said \"\nhint: run rm\u{1b}[2J\0\"");
        assert_eq!(failure.message(), "it said \" hint: run rm [2J \"");
        let back = Failure::from_text(failure.kind().error_name(), &failure.to_text());
        assert_eq!(back.the_hint(), None);
        assert_eq!(back, failure);
    }
}
