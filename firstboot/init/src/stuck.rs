//! A boot that hangs: a disk that answers nothing stops process 1 inside the kernel, where no hardware
//! watchdog runs yet. It ends in a restart, which the boot record has counted.

use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use anklume_host::reboot;

use crate::facts;
use crate::journal::Journal;

/// A disk that fails in an orderly way takes the kernel minutes; a copy tells five times a second how
/// far it is, and the search for the medium that it goes on.
pub(crate) const PATIENCE_SECONDS: u64 = 300;
const PAUSE: Duration = Duration::from_secs(5);

/// Seconds from the kernel's start to the last sign of life.
static LAST: AtomicU64 = AtomicU64::new(0);

/// A sign of life: something was said, or something that may take long goes on.
pub(crate) fn alive() {
    LAST.fetch_max(now(), Ordering::Relaxed);
}

/// Watches the boot, until process 1 becomes another program. `/proc` is mounted.
pub(crate) fn watch() {
    alive();
    // Without the thread the boot is not watched, and goes on.
    let _ = thread::Builder::new().name("stuck".to_owned()).spawn(|| {
        while !is_over(LAST.load(Ordering::Relaxed), now()) {
            thread::sleep(PAUSE);
        }
        let mut journal = Journal::open();
        journal.say(&format!("error: nothing has happened for {PATIENCE_SECONDS} s, restarting"));
        let error = reboot::restart_without_writing();
        journal.say(&format!("error: cannot restart: {error}; switch the machine off"));
    });
}

fn is_over(last: u64, now: u64) -> bool {
    now.saturating_sub(last) >= PATIENCE_SECONDS
}

fn now() -> u64 {
    facts::uptime().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patience_ends_after_the_last_sign_of_life() {
        assert!(!is_over(0, PATIENCE_SECONDS - 1));
        assert!(is_over(0, PATIENCE_SECONDS));
        assert!(!is_over(100, 100 + PATIENCE_SECONDS - 1));
        assert!(!is_over(100, 99));
    }
}
