//! When to stop asking.

use std::error::Error;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};

/// Failures in a row after which a store is not asked any more.
const FAILURES_IN_ROW: u32 = 3;
/// Failures in all after which it is not asked any more: one that answers every second request is
/// not worth waiting for either.
const FAILURES_IN_ALL: u32 = 20;
/// The most characters of an error that are kept.
const ERROR_CHARACTERS: usize = 200;

/// Counts failures and switches off, for good.
#[derive(Debug, Default)]
pub(super) struct Breaker {
    in_row: AtomicU32,
    in_all: AtomicU32,
    off: AtomicBool,
    /// What the last failure was before it switched off.
    last: Mutex<String>,
}

impl Breaker {
    pub(super) fn is_off(&self) -> bool {
        self.off.load(Ordering::Acquire)
    }

    pub(super) fn worked(&self) {
        self.in_row.store(0, Ordering::Relaxed);
    }

    pub(super) fn failed(&self, error: String) {
        let in_row = self.in_row.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let in_all = self.in_all.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        *self.last.lock().unwrap_or_else(PoisonError::into_inner) = error;
        if in_row >= FAILURES_IN_ROW || in_all >= FAILURES_IN_ALL {
            self.off.store(true, Ordering::Release);
        }
    }

    /// How many requests failed and what the last failure was, when it is off.
    pub(super) fn reason(&self) -> Option<(u32, String)> {
        let last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        self.is_off().then(|| (self.in_all.load(Ordering::Relaxed), one_line(&last)))
    }
}

/// The innermost reason of `error`: what is around it repeats the request.
pub(super) fn cause(error: &dyn Error) -> String {
    let mut error = error;
    while let Some(source) = error.source() {
        error = source;
    }
    error.to_string()
}

/// The start of `error` on one line, without control characters: a storage chooses what it answers,
/// and that must not drive the terminal.
pub(super) fn one_line(error: &str) -> String {
    let printable = error.chars().map(|c| if c.is_control() { ' ' } else { c });
    printable.take(ERROR_CHARACTERS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_failures_in_a_row_are_enough() {
        let breaker = Breaker::default();
        for _ in 0..5 {
            breaker.failed("one".to_owned());
            breaker.failed("two".to_owned());
            breaker.worked();
        }
        assert!(!breaker.is_off() && breaker.reason().is_none());
        for error in ["a", "b", "c"] {
            breaker.failed(error.to_owned());
        }
        assert_eq!(breaker.reason(), Some((13, "c".to_owned())));
        breaker.worked();
        assert!(breaker.is_off());
    }

    #[test]
    fn many_failures_are_enough_too() {
        let breaker = Breaker::default();
        for round in 1..=20 {
            assert!(!breaker.is_off(), "{round}");
            breaker.failed("one".to_owned());
            breaker.worked();
        }
        assert!(breaker.is_off());
    }

    #[test]
    fn answers_do_not_reach_the_terminal_as_they_are() {
        assert_eq!(one_line("\x1b[2Jgone\r\nnext"), " [2Jgone  next");
        assert_eq!(one_line(&"é".repeat(9000)).chars().count(), 200);
    }
}
