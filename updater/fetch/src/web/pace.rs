//! Servers that send just enough to keep a connection open.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::error::{Error, ReachFault};
use crate::settings::Settings;
use crate::url::Url;

/// Bytes per second that a connection must bring on average; four of them are 16 kbit/s.
const LEAST: u64 = 512;

/// How fast a body comes.
#[derive(Debug)]
pub(super) struct Pace {
    began: Instant,
    bytes: u64,
    /// Bytes per second.
    least: u64,
    /// How long it may be slower.
    grace: Duration,
}

impl Pace {
    /// Of a body that begins now.
    pub(super) fn new(settings: &Settings) -> Self {
        let connections = u64::try_from(settings.connections()).unwrap_or(u64::MAX);
        // Who asked for less gets less.
        let own = settings.limit_rate.map_or(u64::MAX, NonZeroU64::get) / connections / 4;
        let (began, grace) = (Instant::now(), settings.timeouts.stall);
        Self { began, bytes: 0, least: LEAST.min(own), grace }
    }

    /// So many bytes came.
    ///
    /// # Errors
    ///
    /// When it is too slow for too long.
    pub(super) fn brought(&mut self, bytes: usize, url: &Url) -> Result<(), Fault> {
        self.bytes = self.bytes.saturating_add(u64::try_from(bytes).unwrap_or(u64::MAX));
        let passed = self.began.elapsed();
        if !is_slow(self.bytes, passed, self.least, self.grace) {
            return Ok(());
        }
        let fault = ReachFault::Slow { bytes: self.bytes, after: passed };
        Err(Fault::passing(Error::Unreachable { url: url.to_string(), fault }))
    }
}

fn is_slow(bytes: u64, passed: Duration, least: u64, grace: Duration) -> bool {
    passed > grace && bytes < least.saturating_mul(passed.as_secs())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_must_bring_so_much_on_average() {
        let seconds = Duration::from_secs;
        assert!(!is_slow(0, seconds(30), 512, seconds(30)));
        assert!(is_slow(15_871, seconds(31), 512, seconds(30)));
        assert!(!is_slow(15_872, seconds(31), 512, seconds(30)));
        assert!(!is_slow(0, seconds(1000), 0, seconds(30)));
    }
}
