//! Servers that send just enough to keep a connection open, or to be asked again.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use super::fault::Fault;
use crate::error::{Error, ReachFault};
use crate::settings::Settings;
use crate::url::Url;

/// Bytes per second that a connection must bring on average; four of them are 16 kbit/s.
const LEAST: u64 = 512;
/// Bytes that a request must bring on average. A link that is so bad brings more before it breaks:
/// opening a secure connection alone takes several times as many.
const LEAST_OF_REQUEST: u64 = 512;
/// So many requests may bring less before it counts.
const GRACE_REQUESTS: u32 = 32;

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
        let (began, grace) = (Instant::now(), settings.timeouts.stall);
        Self { began, bytes: 0, least: least(settings), grace }
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

/// What one request brought.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Brought {
    /// Bytes that it asked for.
    pub(super) asked: u64,
    /// Bytes that were missing.
    pub(super) bytes: u64,
    /// For how long its body was read.
    pub(super) time: Duration,
}

/// What the requests of a thread brought since they last brought enough.
///
/// The pace of each connection is not all: a source that breaks off in time, or answers with crumbs of
/// what it was asked for, would be asked without an end. Only reading counts as time: waits between tries
/// are not the source's doing, and connecting and waiting for an answer take long on honest links, too.
/// So that they are worth it, a request must bring something. A limit that the user asked for slows
/// reading down, and takes nothing from a request.
#[derive(Debug, Default)]
pub(super) struct Harvest {
    requests: u32,
    /// Bytes that they had to bring.
    wanted: u64,
    bytes: u64,
    time: Duration,
}

impl Harvest {
    /// One more request is over. Whether it is enough, or may still become that.
    pub(super) fn add(&mut self, brought: Brought, settings: &Settings) -> bool {
        self.requests = self.requests.saturating_add(1);
        self.bytes = self.bytes.saturating_add(brought.bytes);
        self.time = self.time.saturating_add(brought.time);
        let (bytes, time, least) = (self.bytes, self.time, least(settings));
        let is_slow = |grace| is_slow(bytes, time, least, grace);
        // Who asks for little gets little.
        self.wanted = self.wanted.saturating_add(LEAST_OF_REQUEST.min(brought.asked));
        if bytes >= self.wanted && !is_slow(Duration::ZERO) {
            // Otherwise a good beginning would pay for many crumbs.
            *self = Self::default();
            return true;
        }
        self.requests <= GRACE_REQUESTS && !is_slow(settings.timeouts.stall)
    }

    /// What is wrong when it is not enough.
    pub(super) fn fault(&self) -> ReachFault {
        let (bytes, requests) = (self.bytes, self.requests);
        match requests > GRACE_REQUESTS {
            true => ReachFault::Crumbs { bytes, requests },
            false => ReachFault::Slow { bytes, after: self.time },
        }
    }
}

/// Bytes per second that a connection must bring. Who asked for less gets less.
fn least(settings: &Settings) -> u64 {
    let connections = u64::try_from(settings.connections()).unwrap_or(u64::MAX);
    let own = settings.limit_rate.map_or(u64::MAX, NonZeroU64::get) / connections / 4;
    LEAST.min(own)
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

    #[test]
    fn requests_must_bring_so_much_together() {
        let settings = Settings::default();
        let add = |harvest: &mut Harvest, bytes: u64, seconds: u64| {
            let time = Duration::from_secs(seconds);
            harvest.add(Brought { asked: 1 << 20, bytes, time }, &settings)
        };
        let mut harvest = Harvest::default();
        // A link that is slow, and breaks every ten seconds.
        for _ in 0..1000 {
            assert!(add(&mut harvest, 6000, 10));
        }
        // Each breaks off before it is found to be too slow.
        assert!(add(&mut harvest, 600, 29));
        assert!(!add(&mut harvest, 600, 29));
        assert!(matches!(harvest.fault(), ReachFault::Slow { bytes: 1200, .. }));
        // What is brought later makes up for it, and is no credit.
        assert!(add(&mut harvest, 1 << 20, 60));
        for _ in 0..GRACE_REQUESTS {
            assert!(add(&mut harvest, 1, 0));
        }
        assert!(!add(&mut harvest, 1, 0));
        assert!(matches!(harvest.fault(), ReachFault::Crumbs { bytes: 33, requests: 33 }));
        // Small pieces are no crumbs.
        let mut harvest = Harvest::default();
        for _ in 0..1000 {
            let piece = Brought { asked: 20, bytes: 20, time: Duration::ZERO };
            assert!(harvest.add(piece, &settings));
        }
    }

    #[test]
    fn a_limit_that_was_asked_for_is_not_too_slow() {
        let limit_rate = NonZeroU64::new(100);
        let settings = Settings { limit_rate, connections: 4, ..Settings::default() };
        let mut harvest = Harvest::default();
        for _ in 0..10 {
            let time = Duration::from_secs(30);
            assert!(harvest.add(Brought { asked: 1 << 20, bytes: 750, time }, &settings));
        }
    }
}
