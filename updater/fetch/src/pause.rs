//! Time: what passes by itself, and what is waited for.

use std::hash::{BuildHasher, RandomState};
use std::thread;
use std::time::{Duration, Instant};

use crate::error::Error;

/// The longest that waiting goes on after it should have ended.
const LOOK: Duration = Duration::from_millis(50);

/// Clock, waiting and chance, so that tests take no time and know what happens.
pub trait Pause: std::fmt::Debug + Send + Sync {
    /// A clock that never goes back, from any beginning on.
    fn now(&self) -> Duration;

    /// Waits for `time`, or until `stop` says so.
    fn wait(&self, time: Duration, stop: &dyn Fn() -> bool);

    /// Waits likewise, before what failed is tried again: for whoever tells a person why nothing happens.
    fn before_retry(&self, _why: &Error, time: Duration, stop: &dyn Fn() -> bool) {
        self.wait(time, stop);
    }

    /// Any number, another one each time.
    fn chance(&self) -> u64;
}

/// The clock of this machine.
#[derive(Debug)]
pub struct SystemPause {
    start: Instant,
}

impl Default for SystemPause {
    fn default() -> Self {
        Self { start: Instant::now() }
    }
}

impl Pause for SystemPause {
    fn now(&self) -> Duration {
        self.start.elapsed()
    }

    fn wait(&self, time: Duration, stop: &dyn Fn() -> bool) {
        let start = Instant::now();
        while !stop() {
            let left = time.saturating_sub(start.elapsed());
            if left.is_zero() {
                return;
            }
            thread::sleep(left.min(LOOK));
        }
    }

    fn chance(&self) -> u64 {
        // Each state has keys of its own, taken from the system's randomness.
        RandomState::new().hash_one(0)
    }
}

/// How long to wait before the next try: twice as long after each one, with jitter, so that machines
/// that lost their server at one moment do not come back at one moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BackOff {
    /// The longest wait after the first failure.
    pub first: Duration,
    /// The longest wait of all.
    pub most: Duration,
    /// The longest wait that a server may ask for; a transfer fails at once when it asks for more.
    pub patience: Duration,
}

impl Default for BackOff {
    /// From half a second to half a minute; with eight tries, a server may be away for a minute.
    fn default() -> Self {
        let seconds = Duration::from_secs;
        Self { first: Duration::from_millis(500), most: seconds(30), patience: seconds(300) }
    }
}

impl BackOff {
    /// The wait after `failures` failures in a row (at least 1): between half of the longest one and all
    /// of it.
    pub(crate) fn wait(&self, failures: u32, chance: u64) -> Duration {
        let doubled = 1_u32.checked_shl(failures.saturating_sub(1)).unwrap_or(u32::MAX);
        let longest = self.first.saturating_mul(doubled).min(self.most);
        let half = longest / 2;
        let share = u32::try_from(chance % 1024).unwrap_or_default();
        half + half * share / 1023
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_and_have_an_end() {
        let millis = Duration::from_millis;
        let back_off = BackOff { first: millis(100), most: millis(1000), ..BackOff::default() };
        let waits =
            |chance| [1, 2, 3, 4, 5, 40, u32::MAX].map(|n| back_off.wait(n, chance).as_millis());
        assert_eq!(waits(0), [50, 100, 200, 400, 500, 500, 500]);
        assert_eq!(waits(1023), [100, 200, 400, 800, 1000, 1000, 1000]);
        assert_eq!(waits(1024), waits(0));
    }

    #[test]
    fn a_wait_ends_when_it_is_told_to() {
        // An hour, if it were not.
        SystemPause::default().wait(Duration::from_secs(3600), &|| true);
        assert_ne!(SystemPause::default().chance(), SystemPause::default().chance());
    }
}
