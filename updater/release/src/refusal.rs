//! Why nothing is done, and what a person should know of what is.

use std::fmt;

use anklume_trust::Moment;

/// Why a release is not taken. Every one is about something that somebody can change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// The source has nothing for such a machine.
    #[error("channel {channel} has no release of {compatible} for {architecture}")]
    NoRelease {
        /// The channel that was looked at.
        channel: String,
        /// Name of the running image.
        compatible: String,
        /// Its architecture.
        architecture: String,
        /// Channels that have releases of that image.
        channels: Vec<String>,
        /// Names of the images that the source has.
        images: Vec<String>,
    },
    /// The channel does not have the version that was asked for.
    #[error("channel {channel} does not have version {version}")]
    NoVersion {
        /// The channel.
        channel: String,
        /// The version.
        version: String,
        /// The channel that has it, if another one does.
        found: Option<String>,
        /// The newest version that the channel has.
        newest: String,
    },
    /// It is older than what runs.
    #[error("version {version} is older than {running}, which is running")]
    Downgrade {
        /// The version.
        version: String,
        /// The version that runs.
        running: String,
    },
    /// It is older than a version that was good here.
    #[error("version {version} is older than {floor}, which was good on this machine")]
    BelowFloor {
        /// The version.
        version: String,
        /// The highest version that was good here.
        floor: String,
    },
    /// A person holds it back.
    #[error("version {version} is held back on this machine")]
    Held {
        /// The version.
        version: String,
    },
    /// It was tried here.
    #[error("version {version} failed on this machine: {reason}")]
    FailedHere {
        /// The version.
        version: String,
        /// What was wrong.
        reason: String,
    },
    /// Not at this time of the week.
    #[error(
        "version {version} waits for the maintenance window {window}, in {} h {} min",
        .opens_in.div_euclid(60),
        .opens_in.rem_euclid(60)
    )]
    OutsideWindow {
        /// The version.
        version: String,
        /// The window.
        window: String,
        /// In how many minutes it opens.
        opens_in: u16,
    },
    /// The description is not that of the release that the signed list names.
    #[error("release.json: {field} is {found}, but targets.json says {expected}")]
    Mismatch {
        /// The field.
        field: &'static str,
        /// What the list says.
        expected: String,
        /// What the description says.
        found: String,
    },
    /// This updater is too old for it.
    #[error("version {version} needs an updater of protocol {needed}, this one has {found}")]
    Updater {
        /// The version.
        version: String,
        /// The oldest updater that can install it.
        needed: u32,
        /// What this one is.
        found: u32,
    },
    /// It could not use what is kept.
    #[error(
        "version {version} keeps state of schema {found}, the persistent partition has schema {kept}"
    )]
    StateSchema {
        /// The version.
        version: String,
        /// What it can use.
        found: u32,
        /// What there is.
        kept: u32,
    },
    /// A partition is too small for it.
    #[error("version {version} takes {needed} bytes of the {part} partition, which has {found}")]
    SlotTooSmall {
        /// The version.
        version: String,
        /// `boot` or `os`.
        part: &'static str,
        /// Bytes that it takes.
        needed: u64,
        /// Bytes of the partition.
        found: u64,
    },
    /// There is no room for what an update notes down.
    #[error("the persistent partition has {found} bytes free, an update needs {needed}")]
    NoSpace {
        /// Bytes that an update needs.
        needed: u64,
        /// Bytes that are free.
        found: u64,
    },
    /// There is no second slot yet.
    #[error("the boot medium has not grown to two slots yet")]
    NotGrown,
}

impl Refusal {
    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> String {
        match self {
            Self::NoRelease { channels, images, compatible, .. } => none(channels, images, compatible),
            Self::NoVersion { found: Some(channel), .. } => {
                format!("channel {channel} has it: --channel {channel}")
            }
            Self::NoVersion { newest, .. } => format!("the newest version there is {newest}"),
            Self::Downgrade { .. } | Self::BelowFloor { .. } => {
                "older versions have known faults; `anklume rollback` goes back to the other slot".into()
            }
            Self::Held { version } => {
                format!("`anklume update unhold {version}` lets it be installed again")
            }
            Self::FailedHere { .. } => {
                "a newer version may be better; --retry with --version tries this one again".into()
            }
            Self::OutsideWindow { .. } => {
                "`anklume update` by hand does not wait; the window is set in /etc/anklume/update.conf"
                    .into()
            }
            Self::Mismatch { .. } => {
                "the source was published wrongly; tell whoever publishes it".into()
            }
            Self::Updater { .. } => "install a version in between first: --version".into(),
            Self::StateSchema { .. } => "a newer version of the system can use it".into(),
            Self::SlotTooSmall { .. } => {
                "write this version to a medium as an image; slots are not resized by updates".into()
            }
            Self::NoSpace { .. } => {
                "remove what takes the room: old journals are usually the most, \
                 `journalctl --vacuum-size=16M`"
                    .into()
            }
            Self::NotGrown => {
                "start from a writable medium, USB stick or disk: its first start makes the second slot"
                    .into()
            }
        }
    }

    /// Whether an older release may not have the obstacle, so that it is worth looking at the next one
    /// ([`crate::Wanted::except`]).
    #[must_use]
    pub const fn may_fit_others(&self) -> bool {
        matches!(
            self,
            Self::Updater { .. }
                | Self::StateSchema { .. }
                | Self::SlotTooSmall { .. }
                | Self::Mismatch { .. }
        )
    }
}

/// What to do where a source has nothing that fits.
fn none(channels: &[String], images: &[String], compatible: &str) -> String {
    match (channels, images) {
        ([], []) => "the source has no releases".into(),
        ([], images) => format!(
            "this machine runs {compatible}, the source has {}; name another source",
            images.join(", ")
        ),
        (channels, _) => format!("the source has these channels: {}", channels.join(", ")),
    }
}

/// What a person should know of an update that is made nevertheless.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Note {
    /// The turn of this machine has not come, but somebody asked.
    AheadOfRollout {
        /// When it would have been.
        due: Moment,
    },
    /// The version failed here and is tried again.
    Retried {
        /// Why it failed.
        reason: String,
    },
    /// The battery may not last.
    BatteryLow {
        /// What is left of it.
        percent: u8,
    },
    /// Once the new version has run, the old one may not be able to use what it has kept.
    StateSchemaRises {
        /// What there is.
        from: u32,
        /// What the new version keeps.
        to: u32,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::AheadOfRollout { due } => {
                write!(
                    f,
                    "the rollout reaches this machine at {due} only; by hand it does not wait"
                )
            }
            Self::Retried { reason } => {
                write!(f, "this version failed here before, and is tried again: {reason}")
            }
            Self::BatteryLow { percent } => {
                write!(f, "the battery has {percent} % left and the machine is not on mains power")
            }
            Self::StateSchemaRises { from, to } => write!(
                f,
                "the new version keeps state of schema {to} instead of {from}: the old one may not \
                 be able to use it after going back"
            ),
        }
    }
}
