//! The lines.

use std::fmt;

use anklume_layout::Slot;
use anklume_layout::text::printable;
use serde::{Deserialize, Serialize};

use crate::moment::Moment;

/// Longest text of a field, in characters: a line stays far below the longest that is read.
const MAX_TEXT: usize = 200;

/// What happened.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "event", rename_all = "kebab-case")]
pub enum Event {
    /// A boot reached the OS.
    Started(Started),
    /// How a boot went.
    Verdict(Judged),
    /// Boots that did not reach the OS.
    Missed(Missed),
    /// The other slot was chosen.
    Rollback(RolledBack),
    /// Something of a later version.
    #[serde(other)]
    Unknown,
}

/// See [`Event::Started`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Started {
    /// The kernel's ID of the boot.
    pub boot_id: String,
    /// When.
    #[serde(flatten)]
    pub at: Moment,
    /// Slot of the OS.
    pub slot: Slot,
    /// Version of the image.
    pub version: String,
    /// Root hash of the OS, hexadecimal.
    pub root_hash: String,
    /// `bios` or `uefi`.
    pub firmware: String,
    /// The boot record afterwards, as [`crate::record_text`] writes it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// See [`Event::Verdict`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Judged {
    /// The kernel's ID of the boot.
    pub boot_id: String,
    /// When.
    #[serde(flatten)]
    pub at: Moment,
    /// How it went.
    pub verdict: Verdict,
    /// Why, for people.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The boot record afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// See [`Event::Missed`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Missed {
    /// When it was found.
    #[serde(flatten)]
    pub at: Moment,
    /// Slot that GRUB booted.
    pub slot: Slot,
    /// Version of what the slot holds, if known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// How many boots, one after the other.
    pub count: u32,
    /// Why, as far as the initramfs could say.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// See [`Event::Rollback`].
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct RolledBack {
    /// The kernel's ID of the boot.
    pub boot_id: String,
    /// When.
    #[serde(flatten)]
    pub at: Moment,
    /// The slot that ran.
    pub from: Slot,
    /// The slot that boots from now on.
    pub to: Slot,
    /// The boot record afterwards.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub record: Option<String>,
}

/// How a boot went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Verdict {
    /// The OS said that it is well.
    Good,
    /// It failed; the try stays spent.
    Bad,
    /// It failed, and there is nothing to fall back to: it runs on.
    Degraded,
    /// It was ended in an orderly way before a verdict; the try was given back.
    GivenBack,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Degraded => "degraded",
            Self::GivenBack => "given back",
        })
    }
}

impl Event {
    /// The event as a line with its end. Texts are cut to what a line has room for.
    #[must_use]
    pub fn line(&self) -> String {
        // Nothing in it can fail to be written: its keys are strings.
        let text = serde_json::to_string(&self.shortened()).unwrap_or_default();
        format!("{text}\n")
    }

    fn shortened(&self) -> Self {
        let mut event = self.clone();
        match &mut event {
            Self::Started(started) => {
                let Started { boot_id, version, root_hash, firmware, record, .. } = started;
                [boot_id, version, root_hash, firmware].into_iter().for_each(shorten);
                record.iter_mut().for_each(shorten);
            }
            Self::Verdict(Judged { boot_id, reason, record, .. }) => {
                shorten(boot_id);
                reason.iter_mut().chain(record).for_each(shorten);
            }
            Self::Missed(Missed { version, reason, .. }) => {
                version.iter_mut().chain(reason).for_each(shorten);
            }
            Self::Rollback(RolledBack { boot_id, record, .. }) => {
                shorten(boot_id);
                record.iter_mut().for_each(shorten);
            }
            Self::Unknown => {}
        }
        event
    }

    /// The boot record that the event left.
    pub(crate) fn record(&self) -> Option<&str> {
        match self {
            Self::Started(Started { record, .. })
            | Self::Verdict(Judged { record, .. })
            | Self::Rollback(RolledBack { record, .. }) => record.as_deref(),
            Self::Missed(_) | Self::Unknown => None,
        }
    }
}

fn shorten(text: &mut String) {
    *text = printable(text, MAX_TEXT);
}
