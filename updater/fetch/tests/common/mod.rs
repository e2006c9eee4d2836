//! What the tests of transfers share.
#![allow(dead_code, reason = "each test program uses some of it")]

use std::ops::{ControlFlow, Range};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anklume_fetch::{Error, Fetched, Location, Pause, Proxies, Settings, Source};
use anklume_web::{Content, Server};

pub(crate) const NAME: &str = "debian/1.0/x.iso";
pub(crate) const PATH: &str = "/debian/1.0/x.iso";
pub(crate) const SEED: u8 = 7;

/// A clock that waiting moves on, and nothing else.
#[derive(Debug, Default)]
pub(crate) struct TestPause {
    waits: Mutex<Vec<Duration>>,
}

impl TestPause {
    pub(crate) fn waits(&self) -> Vec<Duration> {
        self.waits.lock().unwrap().clone()
    }
}

impl Pause for TestPause {
    fn now(&self) -> Duration {
        self.waits.lock().unwrap().iter().sum()
    }

    fn wait(&self, time: Duration, _: &dyn Fn() -> bool) {
        self.waits.lock().unwrap().push(time);
    }

    fn chance(&self) -> u64 {
        1023
    }
}

pub(crate) struct Fixture {
    pub(crate) server: Server,
    pub(crate) source: Source,
    pub(crate) pause: Arc<TestPause>,
    pub(crate) length: u64,
}

pub(crate) fn settings() -> (Settings, Arc<TestPause>) {
    let pause = Arc::new(TestPause::default());
    let proxies = Proxies::default();
    let settings = Settings { tries: 4, proxies, pause: pause.clone(), ..Settings::default() };
    (settings, pause)
}

impl Fixture {
    /// A server with an image of so many bytes.
    pub(crate) fn new(length: u64) -> Self {
        Self::with(length, |_| {})
    }

    pub(crate) fn with(length: u64, change: impl FnOnce(&mut Settings)) -> Self {
        let server = Server::start().unwrap();
        server.put(PATH, Content::pattern(length, SEED));
        let (mut settings, pause) = settings();
        change(&mut settings);
        let location = Location::parse(&server.url("/")).unwrap();
        let source = Source::open(&location, settings).unwrap();
        Self { server, source, pause, length }
    }

    /// Fetches ranges and compares what arrives with what was put there.
    pub(crate) fn fetch(&self, ranges: &[Range<u64>]) -> Result<Fetched, Error> {
        fetch(&self.source, self.length, ranges)
    }

    /// First bytes and ends of the ranges that the server was asked for.
    pub(crate) fn asked(&self) -> Vec<(u64, u64)> {
        let ranges = self.server.log().into_iter().map(|request| request.range().unwrap());
        ranges.map(|range| (range.first, range.last.unwrap() + 1)).collect()
    }

    pub(crate) fn requests(&self) -> usize {
        self.server.log().len()
    }
}

/// Fetches ranges of the pattern; the bytes must be right, in order, and nothing but what was asked for.
pub(crate) fn fetch(source: &Source, length: u64, ranges: &[Range<u64>]) -> Result<Fetched, Error> {
    let mut missing = ranges.iter().filter(|range| !range.is_empty()).cloned().peekable();
    let mut next = missing.peek().map(|range| range.start);
    let result = source.ranges(NAME, length, ranges, &mut |offset, bytes| {
        let mut at = offset;
        for byte in bytes {
            assert_eq!(Some(at), next, "bytes out of order");
            assert_eq!(*byte, Content::pattern_byte(SEED, at), "byte {at}");
            at += 1;
            if missing.peek().unwrap().end == at {
                missing.next();
                next = missing.peek().map(|range| range.start);
            } else {
                next = Some(at);
            }
        }
        ControlFlow::Continue(())
    });
    if result.is_ok() {
        assert_eq!(next, None, "bytes are missing");
    }
    result
}
