//! Waiting for the maintenance window.

use std::time::Duration;

use anklume_bus::{Dict, Failure, Kind};
use serde_json::Value;

/// The longest wait: after it the timer asks again.
const LONGEST: Duration = Duration::from_secs(23 * 3600);
/// Not all machines with the same window at the same second.
const JITTER_SECONDS: u64 = 45;
/// How often the clock is looked at: a machine that sleeps meanwhile has lost no time.
const LOOK: Duration = Duration::from_secs(2);

/// How long an update that nobody asked for waits until it may be made; none if it does not wait, or
/// so long that the timer may ask again first.
pub(super) fn time(answer: &Dict, jitter: u64) -> Option<Duration> {
    let minutes = answer.get("waits-minutes").and_then(Value::as_u64)?;
    let wait = Duration::from_secs(minutes.checked_mul(60)?);
    (wait <= LONGEST).then(|| wait.saturating_add(Duration::from_secs(jitter % JITTER_SECONDS)))
}

/// Waits until the clock shows that so much time has passed.
///
/// # Errors
///
/// When `stop` says that the program is to end.
pub(super) fn wait(
    time: Duration,
    now: impl Fn() -> u64,
    pause: impl Fn(Duration),
    stop: impl Fn() -> bool,
) -> Result<(), Failure> {
    let until = now().saturating_add(time.as_secs());
    while now() < until {
        if stop() {
            return Err(Failure::new(Kind::Cancelled, "cancelled while it waited"));
        }
        pause(LOOK);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;

    fn waits(minutes: u64) -> Dict {
        Dict::from_iter([("waits-minutes".to_owned(), minutes.into())])
    }

    #[test]
    fn what_waits_longer_than_a_day_is_asked_again_by_the_timer() {
        assert_eq!(time(&Dict::new(), 7), None);
        assert_eq!(time(&waits(2), 7), Some(Duration::from_secs(127)));
        assert_eq!(time(&waits(2), 45), Some(Duration::from_secs(120)));
        assert!(time(&waits(23 * 60), 0).is_some());
        assert_eq!(time(&waits(23 * 60 + 1), 0), None);
        assert_eq!(time(&waits(u64::MAX), 0), None);
    }

    #[test]
    fn the_clock_counts_and_not_the_pauses() {
        let clock = Cell::new(1000);
        // The machine sleeps for an hour in the third pause.
        let pauses = Cell::new(0);
        let pause = |_| {
            pauses.set(pauses.get() + 1);
            clock.set(clock.get() + if pauses.get() == 3 { 3600 } else { 2 });
        };
        wait(Duration::from_secs(600), || clock.get(), pause, || false).unwrap();
        assert_eq!(pauses.get(), 3);
        let stop = || pauses.get() == 5;
        let error = wait(Duration::from_secs(600), || clock.get(), pause, stop).unwrap_err();
        assert_eq!((error.kind(), pauses.get()), (Kind::Cancelled, 5));
    }
}
