//! Boots, put together from what the lines say.

use std::fmt;

use anklume_layout::Slot;
use serde::Serialize;

use crate::event::{Event, Missed, RolledBack, Started, Verdict};
use crate::moment::Moment;

/// A boot, or something between boots that decided about them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Boot {
    /// When it started, or was found to be missing.
    #[serde(flatten)]
    pub at: Moment,
    /// Its slot.
    pub slot: Slot,
    /// Version of the image, if known.
    pub version: Option<String>,
    /// Root hash of the OS, if known.
    pub root_hash: Option<String>,
    /// `bios` or `uefi`, if known.
    pub firmware: Option<String>,
    /// How it went.
    pub outcome: Outcome,
    /// Why, for people.
    pub reason: Option<String>,
    /// How many boots this stands for.
    pub count: u32,
}

/// How a boot went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Outcome {
    /// See [`Verdict::Good`].
    Good,
    /// See [`Verdict::Bad`].
    Bad,
    /// See [`Verdict::Degraded`].
    Degraded,
    /// See [`Verdict::GivenBack`].
    GivenBack,
    /// It is the running one, and has not said how it is.
    Running,
    /// It did not say that it was well.
    Unfinished,
    /// It did not reach the OS.
    Missed,
    /// Not a boot: the other slot was chosen.
    Rollback,
}

impl Outcome {
    /// What there is to say when nobody gave a reason.
    fn reason(self) -> Option<&'static str> {
        match self {
            Self::Unfinished => Some("did not say that it was well; cut off, hung or restarted"),
            Self::Missed => Some("did not reach the OS"),
            Self::GivenBack => Some("ended before its verdict; does not count"),
            Self::Running => Some("no verdict yet"),
            Self::Good | Self::Bad | Self::Degraded | Self::Rollback => None,
        }
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Good => "good",
            Self::Bad => "bad",
            Self::Degraded => "degraded",
            Self::GivenBack => "given back",
            Self::Running => "running",
            Self::Unfinished => "unfinished",
            Self::Missed => "missed",
            Self::Rollback => "rollback",
        })
    }
}

impl From<Verdict> for Outcome {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Good => Self::Good,
            Verdict::Bad => Self::Bad,
            Verdict::Degraded => Self::Degraded,
            Verdict::GivenBack => Self::GivenBack,
        }
    }
}

/// Why the last boot of `slot` with this version failed, as far as anybody said.
#[must_use]
pub fn why_failed(events: &[Event], slot: Slot, version: &str) -> Option<String> {
    let of_version = |boot: &&Boot| {
        boot.slot == slot && boot.version.as_deref().is_none_or(|found| found == version)
    };
    let failed =
        |boot: &&Boot| matches!(boot.outcome, Outcome::Bad | Outcome::Unfinished | Outcome::Missed);
    let boots = boots(events, None);
    let failures: Vec<&Boot> = boots.iter().rev().filter(of_version).filter(failed).collect();
    // A boot that was cut off says less than one that was judged.
    let judged = failures.iter().find(|boot| boot.outcome != Outcome::Unfinished);
    judged.or(failures.first()).and_then(|boot| boot.reason.clone())
}

/// Boots, newest last. `running` is the kernel's ID of the running one.
///
/// A boot has the last of its verdicts. A verdict of a boot whose start is not there is left out.
#[must_use]
pub fn boots(events: &[Event], running: Option<&str>) -> Vec<Boot> {
    let mut found: Vec<(Option<&str>, Boot)> = Vec::new();
    for event in events {
        match event {
            Event::Started(started) => {
                let id = started.boot_id.as_str();
                if !found.iter().rev().any(|(known, _)| *known == Some(id)) {
                    found.push((Some(id), begun(started, running == Some(id))));
                }
            }
            Event::Verdict(judged) => {
                let id = Some(judged.boot_id.as_str());
                if let Some((_, boot)) = found.iter_mut().rev().find(|(known, _)| *known == id) {
                    boot.outcome = judged.verdict.into();
                    boot.reason.clone_from(&judged.reason);
                }
            }
            Event::Missed(event) => found.push((None, not_begun(event))),
            Event::Rollback(event) => found.push((None, chosen(event))),
            Event::Unknown => {}
        }
    }
    found.into_iter().map(|(_, boot)| explained(boot)).collect()
}

fn begun(started: &Started, is_running: bool) -> Boot {
    Boot {
        at: started.at.clone(),
        slot: started.slot,
        version: Some(started.version.clone()),
        root_hash: Some(started.root_hash.clone()),
        firmware: Some(started.firmware.clone()),
        outcome: if is_running { Outcome::Running } else { Outcome::Unfinished },
        reason: None,
        count: 1,
    }
}

fn not_begun(missed: &Missed) -> Boot {
    Boot {
        at: missed.at.clone(),
        slot: missed.slot,
        version: missed.version.clone(),
        root_hash: None,
        firmware: None,
        outcome: Outcome::Missed,
        reason: missed.reason.clone(),
        count: missed.count,
    }
}

fn chosen(rollback: &RolledBack) -> Boot {
    Boot {
        at: rollback.at.clone(),
        slot: rollback.to,
        version: None,
        root_hash: None,
        firmware: None,
        outcome: Outcome::Rollback,
        reason: Some(format!("by hand, from slot {}", rollback.from)),
        count: 1,
    }
}

fn explained(mut boot: Boot) -> Boot {
    if boot.reason.is_none() {
        boot.reason = boot.outcome.reason().map(str::to_owned);
    }
    boot
}

/// Whether an OS of this root hash ever said that it was well.
#[must_use]
pub fn was_good(events: &[Event], root_hash: &str) -> bool {
    let good =
        |boot: Boot| boot.outcome == Outcome::Good && boot.root_hash.as_deref() == Some(root_hash);
    boots(events, None).into_iter().any(good)
}
