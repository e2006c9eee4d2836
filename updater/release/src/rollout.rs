//! Waves: which machines join in when.

use anklume_trust::Moment;
use sha2::{Digest as _, Sha256};

use crate::Custom;

/// The longest rollout, a year, in hours.
pub const MAX_ROLLOUT_HOURS: u32 = 366 * 24;

/// When a machine's turn is.
///
/// Each machine has a place between the beginning and the end of the rollout, another one for each
/// version: nobody is always among the first.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rollout {
    /// When the release was published.
    pub published: Moment,
    /// When this machine's turn is.
    pub due: Moment,
    /// When all machines had theirs.
    pub end: Moment,
}

impl Rollout {
    /// The turn of the machine with that seed; `None` where everybody's is at once.
    #[must_use]
    pub fn of(custom: &Custom, seed: &[u8; 32]) -> Option<Self> {
        let hours = u64::from(custom.rollout_hours.min(MAX_ROLLOUT_HOURS));
        let seconds = hours.saturating_mul(3600);
        if seconds == 0 {
            return None;
        }
        let published = custom.published;
        // A product of a number below 2^64 and one below 2^25, of which the high half is less.
        let product = u128::from(place(seed, &custom.version)).saturating_mul(seconds.into());
        let wait = u64::try_from(product >> 64).unwrap_or(seconds);
        Some(Self { published, due: published.plus(wait), end: published.plus(seconds) })
    }

    /// Whether the turn has come.
    #[must_use]
    pub fn is_due(&self, now: Moment) -> bool {
        now >= self.due
    }
}

/// The place of a machine among all, in units of 2^-64.
fn place(seed: &[u8; 32], version: &str) -> u64 {
    let mut hash = Sha256::new();
    hash.update(seed);
    hash.update(version);
    let digest: [u8; 32] = hash.finalize().into();
    let first = digest.first_chunk::<8>().copied().unwrap_or_default();
    u64::from_be_bytes(first)
}
