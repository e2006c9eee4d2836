//! Which release is taken, as far as the signed list of files tells.

use std::cmp::Ordering;
use std::collections::BTreeSet;

use anklume_compare::compare_versions;
use anklume_trust::{Moment, Target, Targets};

use crate::names::folder_of_release;
use crate::{Custom, CustomError, Machine, Note, Refusal, Rollout, Wanted};

/// A release that a source has.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Offer {
    /// Its folder.
    pub folder: String,
    /// What the list says of it.
    pub custom: Custom,
    /// Its description, [`crate::names::RELEASE`].
    pub target: Target,
}

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Choice {
    /// Nothing: there is nothing newer, or nothing that may be taken now.
    UpToDate {
        /// Newest version of the channel; older than what runs if the channel is behind.
        newest: String,
        /// Newer versions that were passed over, the newest first.
        passed: Vec<Passed>,
    },
    /// This release is taken, if [`crate::check`] does not refuse it.
    Take(Box<Chosen>),
}

/// A release that is taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chosen {
    /// The release.
    pub offer: Offer,
    /// Whether the other slot holds it already.
    pub is_prepared: bool,
    /// What a person should know.
    pub notes: Vec<Note>,
    /// Newer versions that were passed over, the newest first.
    pub passed: Vec<Passed>,
}

/// A newer version that is not taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Passed {
    /// The version.
    pub version: String,
    /// Why not.
    pub reason: Reason,
}

/// Why a newer version is passed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A person holds it back.
    Held,
    /// It failed here.
    Failed(String),
    /// It is older than a version that was good here.
    BelowFloor,
    /// The turn of this machine comes then.
    NotDue(Moment),
    /// Its description was refused ([`Wanted::except`]).
    Unfit,
}

impl std::fmt::Display for Passed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "version {} ", self.version)?;
        match &self.reason {
            Reason::Held => f.write_str("is held back"),
            Reason::Failed(reason) => write!(f, "failed here: {reason}"),
            Reason::BelowFloor => f.write_str("is older than one that was good here"),
            Reason::NotDue(due) => write!(f, "is rolled out to this machine at {due}"),
            Reason::Unfit => f.write_str("does not fit this machine"),
        }
    }
}

/// The releases that a source has, in the order of their names, and what is wrong with those that it
/// ought to have.
#[must_use]
pub fn offers(targets: &Targets) -> (Vec<Offer>, Vec<CustomError>) {
    let (mut offers, mut errors) = (Vec::new(), Vec::new());
    for (name, target) in &targets.targets {
        let Some(folder) = folder_of_release(name) else { continue };
        match Custom::read(name, target) {
            Ok(custom) => {
                let (folder, target) = (folder.to_owned(), target.clone());
                offers.push(Offer { folder, custom, target });
            }
            Err(error) => errors.push(error),
        }
    }
    (offers, errors)
}

/// Takes the newest release that nothing forbids, or the one that is wanted. A release of which the list
/// says nothing that can be read is none.
///
/// # Errors
/// [`Refusal`]: the source has nothing for this machine; or the version that was named must not be
/// taken; or nobody asked and it is not the time.
pub fn choose(targets: &Targets, wanted: &Wanted, machine: &Machine) -> Result<Choice, Refusal> {
    let (all, _) = offers(targets);
    let fits = |custom: &Custom| {
        custom.compatible == wanted.compatible && custom.architecture == wanted.architecture
    };
    let mut own: Vec<&Offer> = all.iter().filter(|offer| fits(&offer.custom)).collect();
    own.sort_by(|left, right| order(&right.custom.version, &left.custom.version));
    let on_channel = |offer: &&&Offer| offer.custom.channel == wanted.channel;
    let channel: Vec<&Offer> = own.iter().filter(on_channel).copied().collect();
    let Some(newest) = channel.first().map(|offer| offer.custom.version.clone()) else {
        return Err(nothing(&all, &own, wanted));
    };
    let choice = match &wanted.version {
        Some(version) => named(version, &newest, (&own, &channel), wanted, machine)?,
        None => highest(newest, &channel, wanted, machine),
    };
    in_window(choice, machine)
}

/// Versions that are the same one in another spelling are ordered, too: there is one newest.
fn order(left: &str, right: &str) -> Ordering {
    compare_versions(left, right).then_with(|| left.cmp(right))
}

/// Whether a version comes before another one (Debian policy section 5.6.12).
#[must_use]
pub fn is_older(version: &str, than: &str) -> bool {
    compare_versions(version, than) == Ordering::Less
}

fn nothing(all: &[Offer], own: &[&Offer], wanted: &Wanted) -> Refusal {
    let channels: BTreeSet<&String> = own.iter().map(|offer| &offer.custom.channel).collect();
    let images: BTreeSet<&String> = all.iter().map(|offer| &offer.custom.compatible).collect();
    Refusal::NoRelease {
        channel: wanted.channel.clone(),
        compatible: wanted.compatible.clone(),
        architecture: wanted.architecture.clone(),
        channels: channels.into_iter().cloned().collect(),
        images: images.into_iter().cloned().collect(),
    }
}

/// The version that was asked for.
fn named(
    version: &str,
    newest: &str,
    (own, channel): (&[&Offer], &[&Offer]),
    wanted: &Wanted,
    machine: &Machine,
) -> Result<Choice, Refusal> {
    let find = |offers: &[&Offer]| {
        offers.iter().find(|offer| offer.custom.version == version).map(|offer| (*offer).clone())
    };
    let Some(offer) = find(channel) else {
        return Err(Refusal::NoVersion {
            channel: wanted.channel.clone(),
            version: version.to_owned(),
            found: find(own).map(|offer| offer.custom.channel),
            newest: newest.to_owned(),
        });
    };
    let version = version.to_owned();
    let running = machine.running.clone();
    if version == running {
        return Ok(Choice::UpToDate { newest: newest.to_owned(), passed: Vec::new() });
    }
    if is_older(&version, &running) {
        return Err(Refusal::Downgrade { version, running });
    }
    if let Some(floor) = machine.floor.clone().filter(|floor| is_older(&version, floor)) {
        return Err(Refusal::BelowFloor { version, floor });
    }
    if machine.held.contains(&version) {
        return Err(Refusal::Held { version });
    }
    let failed = machine.failed.get(&version).cloned();
    if let Some(reason) = failed.clone().filter(|_| !wanted.retry) {
        return Err(Refusal::FailedHere { version, reason });
    }
    let notes = failed.map(|reason| Note::Retried { reason }).into_iter().collect();
    Ok(taken(offer, notes, Vec::new(), machine))
}

/// The highest version that nothing forbids.
fn highest(newest: String, channel: &[&Offer], wanted: &Wanted, machine: &Machine) -> Choice {
    let mut passed = Vec::new();
    for offer in channel {
        let version = &offer.custom.version;
        if compare_versions(version, &machine.running) != Ordering::Greater {
            break;
        }
        match reason(&offer.custom, wanted, machine) {
            Some(reason) => passed.push(Passed { version: version.clone(), reason }),
            None => return taken((*offer).clone(), Vec::new(), passed, machine),
        }
    }
    Choice::UpToDate { newest, passed }
}

/// Why a newer version is passed over, if it is.
fn reason(custom: &Custom, wanted: &Wanted, machine: &Machine) -> Option<Reason> {
    let version = &custom.version;
    if machine.held.contains(version) {
        return Some(Reason::Held);
    }
    if let Some(reason) = machine.failed.get(version) {
        return Some(Reason::Failed(reason.clone()));
    }
    if machine.floor.as_ref().is_some_and(|floor| is_older(version, floor)) {
        return Some(Reason::BelowFloor);
    }
    if wanted.except.contains(version) {
        return Some(Reason::Unfit);
    }
    let rollout = Rollout::of(custom, &machine.seed).filter(|_| machine.automatic)?;
    (!rollout.is_due(machine.now)).then_some(Reason::NotDue(rollout.due))
}

fn taken(offer: Offer, mut notes: Vec<Note>, passed: Vec<Passed>, machine: &Machine) -> Choice {
    let rollout = Rollout::of(&offer.custom, &machine.seed);
    if let Some(rollout) = rollout.filter(|rollout| !rollout.is_due(machine.now)) {
        notes.push(Note::AheadOfRollout { due: rollout.due });
    }
    let is_prepared = machine.other.as_ref() == Some(&offer.custom.version);
    Choice::Take(Box::new(Chosen { offer, is_prepared, notes, passed }))
}

/// Unasked, an update waits for the maintenance window.
fn in_window(choice: Choice, machine: &Machine) -> Result<Choice, Refusal> {
    let (Choice::Take(chosen), true, Some(window)) = (&choice, machine.automatic, &machine.window)
    else {
        return Ok(choice);
    };
    match window.opens_in(machine.local) {
        0 => Ok(choice),
        opens_in => Err(Refusal::OutsideWindow {
            version: chosen.offer.custom.version.clone(),
            window: window.to_string(),
            opens_in,
        }),
    }
}
