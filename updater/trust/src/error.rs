//! Why metadata is not trusted.

use std::fmt;

use crate::{Digest, Moment, Role};

/// What is refused. `file` is the file's name without the version that may stand before it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Corrupt: more bytes than such a file may have, or than were announced.
    #[error("{file}: {found} bytes, expected at most {limit}")]
    TooLong {
        /// Which file.
        file: &'static str,
        /// The most it may have.
        limit: u64,
        /// Bytes that are there, as far as they were counted.
        found: u64,
    },
    /// Corrupt: not JSON, or JSON that is not fit to be signed.
    #[error("{file}: {reason}")]
    Json {
        /// Which file.
        file: &'static str,
        /// What is wrong, and where.
        reason: String,
    },
    /// Corrupt or unsupported: a field has a value that it must not have.
    #[error("{file}: {field} is {found}, expected {expected}")]
    Field {
        /// Which file.
        file: &'static str,
        /// Path of the field: `signed.roles.root.threshold`.
        field: String,
        /// What it may be.
        expected: &'static str,
        /// What it is, shortened.
        found: String,
    },
    /// Untrusted: too few of the keys that must sign have signed.
    #[error(
        "{file}: signed by {found} of the keys that root {root} names for the {role} role, expected {needed}"
    )]
    Threshold {
        /// Which file.
        file: &'static str,
        /// Whose keys must sign.
        role: Role,
        /// Version of the root file that names the keys.
        root: u64,
        /// How many of them must sign.
        needed: u32,
        /// How many of them did, each counted once.
        found: u32,
    },
    /// Untrusted: another version than the one that must follow, or that another file names.
    #[error("{file}: version is {found}, expected {expected}")]
    Version {
        /// Which file.
        file: &'static str,
        /// The version that it must have.
        expected: u64,
        /// The version that it has.
        found: u64,
    },
    /// Untrusted: an older version than this machine has seen.
    #[error("{file}: version is {found}, but version {seen} was seen before")]
    Rollback {
        /// The file that is, or would become, older.
        file: &'static str,
        /// The newest version that was seen.
        seen: u64,
        /// The version that is offered.
        found: u64,
    },
    /// Untrusted: a version that this machine has seen, with other content.
    #[error("{file}: version {version} was seen before with other content")]
    Changed {
        /// Which file.
        file: &'static str,
        /// Its version.
        version: u64,
    },
    /// Corrupt or untrusted: not as long as the file says that names it.
    #[error("{file}: {found} bytes, but {named_by} says {expected}")]
    Length {
        /// Which file.
        file: String,
        /// The file that says how long it is.
        named_by: &'static str,
        /// How long it must be, in bytes.
        expected: u64,
        /// How long it is.
        found: u64,
    },
    /// Corrupt or untrusted: not the content that the file says that names it.
    #[error("{file}: sha256 is {found}, but {named_by} says {expected}")]
    Content {
        /// Which file.
        file: String,
        /// The file that says what its digest is.
        named_by: &'static str,
        /// The digest that it must have.
        expected: Digest,
        /// The digest that it has.
        found: Digest,
    },
    /// Untrusted: it was to be replaced by now.
    #[error("{0}")]
    Expired(Expired),
    /// No release file of this name.
    #[error("targets.json: version {version} does not name {name}")]
    NoTarget {
        /// What was asked for.
        name: String,
        /// Version of the targets file.
        version: u64,
    },
    /// Not yet, or not any more: root files come first, then timestamp, snapshot and targets.
    #[error("{file}: cannot be taken now, {reason}")]
    Order {
        /// Which file.
        file: &'static str,
        /// What comes before it.
        reason: &'static str,
    },
    /// A key that cannot be used.
    #[error("key: {reason}")]
    Key {
        /// What is wrong.
        reason: &'static str,
    },
}

impl Error {
    /// What may help, apart from the error.
    #[must_use]
    pub fn hint(&self) -> Option<&'static str> {
        Some(match self {
            Self::Expired(expired) => expired.hint(),
            Self::Threshold { .. } => {
                "the source is not that of this image, or somebody changed what it sent"
            }
            Self::Rollback { .. } => {
                "the source is an old copy; an updated mirror, or the original source, has newer files"
            }
            Self::Changed { .. } => "the source was published wrongly, or its keys are misused",
            Self::Length { .. } | Self::Content { .. } | Self::Version { .. } => {
                "the source is being published right now, or is a broken copy: try again later"
            }
            Self::NoTarget { .. } => "the source does not offer it, or not any more",
            _ => return None,
        })
    }
}

/// Metadata whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// Whose file.
    pub role: Role,
    /// When it expired.
    pub expired: Moment,
    /// What the time is, at least.
    pub now: Moment,
    /// How that is known.
    pub source: TimeSource,
}

impl Expired {
    /// How long ago, in seconds.
    #[must_use]
    pub const fn seconds(&self) -> u64 {
        self.now.since(self.expired)
    }

    fn hint(&self) -> &'static str {
        match self.source {
            TimeSource::Rtc => {
                "either the clock of this machine is ahead, or nobody publishes there any more; \
                 --accept-stale takes an old copy from a local source"
            }
            TimeSource::Image | TimeSource::Signed(_) => {
                "the source is an old copy, or nobody publishes there any more; \
                 --accept-stale takes an old copy from a local source"
            }
        }
    }
}

impl fmt::Display for Expired {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { role, expired, now, source } = self;
        write!(f, "{}: expired at {expired}, ", role.file())?;
        let seconds = self.seconds();
        match (seconds / 86_400, seconds / 3_600) {
            (0, 0) => write!(f, "{seconds} s ago")?,
            (0, hours) => write!(f, "{hours} h ago")?,
            (days, _) => write!(f, "{days} days ago")?,
        }
        write!(f, " (now: {now}, by {source})")
    }
}

/// What says that it is not earlier than it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TimeSource {
    /// The machine's clock.
    Rtc,
    /// The build time of the running image.
    Image,
    /// When the newest file of that role was signed.
    Signed(Role),
}

impl fmt::Display for TimeSource {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rtc => f.write_str("the clock of this machine"),
            Self::Image => f.write_str("the build time of the running image"),
            Self::Signed(role) => write!(f, "the signing time of {}", role.file()),
        }
    }
}
