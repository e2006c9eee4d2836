//! What is known of a machine, and what is wanted.

use std::collections::{BTreeMap, BTreeSet};

use anklume_trust::Moment;

use crate::{LocalTime, Window};

/// What is looked for.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Wanted {
    /// The channel.
    pub channel: String,
    /// Name of the running image.
    pub compatible: String,
    /// CPU architecture of the running image.
    pub architecture: String,
    /// This version and no other.
    pub version: Option<String>,
    /// Also a version that failed here, if it is named.
    pub retry: bool,
    /// Versions whose description was refused for what an older one may not have
    /// ([`crate::Refusal::may_fit_others`]).
    pub except: BTreeSet<String>,
}

/// A machine, as far as it decides.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// Version that runs.
    pub running: String,
    /// Version that the other slot holds whole, if any.
    pub other: Option<String>,
    /// Highest version that was good here.
    pub floor: Option<String>,
    /// Versions that a person holds back.
    pub held: BTreeSet<String>,
    /// Versions that failed here, each with the reason.
    pub failed: BTreeMap<String, String>,
    /// [`crate::UPDATER_PROTOCOL`] of the running updater.
    pub updater: u32,
    /// [`crate::STATE_SCHEMA`] of what lies on the persistent partition.
    pub state_schema: u32,
    /// The partitions that would be written.
    pub slot: SlotSizes,
    /// Bytes that are free on the persistent partition.
    pub free_bytes: u64,
    /// What feeds it.
    pub power: Power,
    /// Whether its medium has grown to its full layout, which the first boot does.
    pub grown: bool,
    /// Whether nobody asked: a timer did.
    pub automatic: bool,
    /// Random bytes that this machine keeps: its place in the waves of a rollout.
    pub seed: [u8; 32],
    /// What the time is, at least.
    pub now: Moment,
    /// When updates may be made unasked; always if there is none.
    pub window: Option<Window>,
    /// What the clocks on the wall show.
    pub local: LocalTime,
}

/// Bytes of a slot's partitions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotSizes {
    /// Boot partition.
    pub boot: u64,
    /// OS partition.
    pub os: u64,
}

/// What feeds a machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Power {
    /// The mains, or nothing is known of a battery.
    Mains,
    /// Its battery, which has that many percent left.
    Battery(u8),
}
