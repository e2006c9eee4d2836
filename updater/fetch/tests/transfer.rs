//! Transfers from servers that do what they should, more or less.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]
#![allow(clippy::single_range_in_vec_init, reason = "one range is a list of ranges")]

mod common;

use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use anklume_fetch::{Error, Fetched, Location, REQUEST_BYTES, Source};
use anklume_web::{Act, Content, Rule};

use common::{Fixture, NAME, PATH, fetch};

const MIB: u64 = 1 << 20;

#[test]
fn ranges_arrive_in_order_and_nothing_else_does() {
    let fixture = Fixture::new(10_000_000);
    let ranges = [0..1, 5..5, 100..70_000, 70_000..70_001, 9_999_000..10_000_000];
    let fetched = fixture.fetch(&ranges).unwrap();
    assert_eq!(fetched, Fetched { bytes: 70_902, requests: 4, retries: 0 });
    let mut asked = fixture.asked();
    asked.sort_unstable();
    assert_eq!(asked, [(0, 1), (100, 70_000), (70_000, 70_001), (9_999_000, 10_000_000)]);
    for (number, request) in fixture.server.log().iter().enumerate() {
        assert_eq!(request.method, "GET");
        assert_eq!(request.header("user-agent"), Some("anklume/0.1.0"));
        assert_eq!(request.header("accept-encoding"), Some("identity"));
        assert_eq!(request.header("if-range").is_some(), number > 0);
    }
    assert!(fixture.pause.waits().is_empty());
}

#[test]
fn nothing_is_asked_for_no_ranges() {
    let fixture = Fixture::new(10);
    assert_eq!(fixture.fetch(&[]).unwrap(), Fetched::default());
    assert_eq!(fixture.fetch(&[3..3, 10..10]).unwrap(), Fetched::default());
    assert_eq!(fixture.requests(), 0);
}

#[test]
fn ranges_that_cannot_be_are_refused() {
    let fixture = Fixture::new(100);
    #[expect(clippy::reversed_empty_ranges)]
    for ranges in [vec![0..101], vec![10..20, 19..30], vec![10..5], vec![50..60, 0..10]] {
        assert!(matches!(fixture.fetch(&ranges), Err(Error::Ranges { .. })), "{ranges:?}");
    }
    let escape = fixture.source.ranges("../x", 1, &[0..1], &mut |_, _| ControlFlow::Continue(()));
    assert!(matches!(escape, Err(Error::Name { .. })));
    assert!(matches!(fixture.source.file("/etc/passwd", 9), Err(Error::Name { .. })));
    assert_eq!(fixture.requests(), 0);
}

#[test]
fn a_long_range_is_several_requests_over_kept_connections() {
    let length = 5 * REQUEST_BYTES + 17;
    let fixture = Fixture::new(length);
    let fetched = fixture.fetch(&[1..length]).unwrap();
    assert_eq!((fetched.bytes, fetched.requests), (length - 1, 6));
    let log = fixture.server.log();
    let connections = log.iter().map(|request| request.connection).max().unwrap() + 1;
    assert!(connections <= 4, "{connections} connections");
}

#[test]
fn so_many_requests_are_in_flight_and_no_more() {
    let fixture = Fixture::with(20 * MIB, |settings| settings.connections = 3);
    fixture.server.rule(Rule::on(PATH, Act::Hold).after(1));
    thread::scope(|scope| {
        let transfer = scope.spawn(|| fixture.fetch(&[0..20 * MIB]));
        // The first one was answered, three wait; whoever sends more has time to do so.
        fixture.server.wait_held(3);
        assert_eq!(fixture.source.file("x", 1).unwrap(), None);
        assert_eq!(fixture.requests(), 5);
        fixture.server.release();
        transfer.join().unwrap().unwrap();
    });
}

#[test]
fn bytes_of_later_requests_wait_for_those_of_earlier_ones() {
    let fixture = Fixture::new(8 * MIB);
    // All others have been sent before this one is.
    fixture.server.rule(Rule::on(PATH, Act::Hold).from(REQUEST_BYTES));
    thread::scope(|scope| {
        let transfer = scope.spawn(|| fixture.fetch(&[0..8 * MIB]));
        fixture.server.wait_sent(3 * REQUEST_BYTES);
        fixture.server.release();
        transfer.join().unwrap().unwrap();
    });
}

#[test]
fn a_server_without_ranges_is_read_once_up_to_the_last_byte_that_is_wanted() {
    let fixture = Fixture::new(6_000_000);
    fixture.server.rule(Rule::always(Act::NoRanges));
    let ranges = [10..20, 3_000_000..3_000_001, 5_000_000..5_100_000];
    let fetched = fixture.fetch(&ranges).unwrap();
    assert_eq!(fetched, Fetched { bytes: 5_100_000, requests: 1, retries: 0 });
}

#[test]
fn a_whole_file_that_breaks_off_is_gone_on_with() {
    let fixture = Fixture::new(3_000_000);
    fixture.server.rule(Rule::always(Act::NoRanges));
    fixture.server.rule(Rule::always(Act::CloseAfter(1_000_000)).times(1));
    let fetched = fixture.fetch(&[0..500, 2_000_000..3_000_000]).unwrap();
    // What was there is not given twice, but it is sent twice.
    assert_eq!(fetched, Fetched { bytes: 4_000_000, requests: 2, retries: 1 });
    assert_eq!(fixture.asked(), [(0, 500), (2_000_000, 3_000_000)]);
}

#[test]
fn a_server_may_know_ranges_at_some_times_only() {
    // First not, then it does; and the other way round.
    let fixture = Fixture::new(9 * MIB);
    fixture.server.rule(Rule::always(Act::NoRanges).times(1));
    fixture.server.rule(Rule::always(Act::CloseAfter(3 * MIB)).times(1));
    let fetched = fixture.fetch(&[0..9 * MIB]).unwrap();
    assert_eq!((fetched.bytes, fetched.retries), (9 * MIB, 1));
    let fixture = Fixture::new(9 * MIB);
    fixture.server.rule(Rule::always(Act::NoRanges).after(2));
    fixture.fetch(&[0..9 * MIB]).unwrap();
    // And by turns: no end, if nobody counted.
    let fixture = Fixture::new(9 * MIB);
    for turn in 0..200 {
        fixture.server.rule(Rule::always(Act::NoRanges).after(2 * turn + 1).times(1));
        fixture.server.rule(Rule::always(Act::ShortRange(1)).after(2 * turn).times(1));
    }
    let result = fixture.fetch(&[0..9 * MIB]);
    assert!(matches!(result, Ok(_) | Err(Error::Answer { .. })), "{result:?}");
    assert!(fixture.requests() < 100);
}

#[test]
fn an_answer_may_be_shorter_than_what_was_asked_for() {
    let fixture = Fixture::new(1000);
    fixture.server.rule(Rule::always(Act::ShortRange(300)));
    let fetched = fixture.fetch(&[0..1000]).unwrap();
    assert_eq!(fetched, Fetched { bytes: 1000, requests: 4, retries: 0 });
    assert_eq!(fixture.asked(), [(0, 1000), (300, 1000), (600, 1000), (900, 1000)]);
    assert!(fixture.pause.waits().is_empty());
}

#[test]
fn bodies_may_come_in_chunks_or_end_with_the_connection() {
    for act in [Act::Chunked, Act::NoLength, Act::NoValidators, Act::Drip(777, Duration::ZERO)] {
        let fixture = Fixture::new(200_000);
        fixture.server.rule(Rule::always(act));
        let fetched = fixture.fetch(&[0..1000, 150_000..200_000]).unwrap();
        assert_eq!((fetched.bytes, fetched.retries), (51_000, 0));
    }
}

#[test]
fn small_files() {
    let fixture = Fixture::new(0);
    let content: Vec<u8> = (0..200_000_u32).map(|n| n.to_le_bytes()[0]).collect();
    fixture.server.put("/metadata/1.root.json", Content::bytes(content.clone()));
    let file = |name, limit| fixture.source.file(name, limit);
    assert_eq!(file("metadata/1.root.json", 200_000).unwrap(), Some(content.clone()));
    assert_eq!(file("metadata/2.root.json", 200_000).unwrap(), None);
    assert!(matches!(file("metadata/1.root.json", 199_999), Err(Error::TooLong { .. })));
    assert_eq!(file(NAME, 0).unwrap(), Some(Vec::new()));
    fixture.server.rule(Rule::always(Act::Chunked));
    assert_eq!(file("metadata/1.root.json", 200_000).unwrap(), Some(content));
    assert!(matches!(file("metadata/1.root.json", 199_999), Err(Error::TooLong { .. })));
    assert!(fixture.server.log().iter().all(|request| request.range().is_none()));
}

#[test]
fn names_are_encoded() {
    let fixture = Fixture::new(0);
    fixture.server.put("/a b/1.0~rc1+2/ü#?%41", Content::bytes(b"x".to_vec()));
    assert_eq!(fixture.source.file("a b/1.0~rc1+2/ü#?%41", 9).unwrap(), Some(b"x".to_vec()));
    assert_eq!(fixture.server.log()[0].target, "/a%20b/1.0~rc1%2B2/%C3%BC%23%3F%2541");
}

#[test]
fn whoever_has_enough_says_so() {
    let fixture = Fixture::new(20 * MIB);
    let mut calls = 0;
    let fetched = fixture.source.ranges(NAME, 20 * MIB, &[0..20 * MIB], &mut |_, _| {
        calls += 1;
        ControlFlow::Break(())
    });
    assert!(fetched.unwrap().bytes < 20 * MIB);
    assert_eq!(calls, 1);
    fixture.server.wait_idle();
    // The source is as good as before.
    fixture.fetch(&[5..10]).unwrap();
}

#[test]
fn a_cancelled_transfer_ends_although_the_server_is_silent() {
    for act in [Act::StallAfter(1000), Act::Silent, Act::Hold] {
        let mut cancel = None;
        let hour = Duration::from_secs(3600);
        let fixture = Fixture::with(MIB, |settings| {
            (settings.timeouts.answer, settings.timeouts.stall) = (hour, hour);
            cancel = Some(settings.cancel.clone());
        });
        let cancel = cancel.unwrap();
        fixture.server.rule(Rule::always(act));
        thread::scope(|scope| {
            let transfer = scope.spawn(|| fixture.fetch(&[0..MIB]));
            fixture.server.wait_requests(1);
            cancel.cancel();
            assert!(matches!(transfer.join().unwrap(), Err(Error::Cancelled)));
        });
        assert!(matches!(fixture.source.file("x", 1), Err(Error::Cancelled)));
        fixture.server.release();
        // No connection stays behind, although nothing timed out.
        fixture.server.wait_idle();
        assert_eq!(fixture.requests(), 1);
    }
}

#[test]
fn the_rate_has_a_limit_over_all_connections() {
    let rate = 100_000;
    let fixture = Fixture::with(3 * MIB, |settings| settings.limit_rate = NonZeroU64::new(rate));
    fixture.fetch(&[0..3 * MIB]).unwrap();
    // The clock moves only by what is waited for.
    let waited: Duration = fixture.pause.waits().iter().sum();
    // Several threads may wait for the same moment at once.
    let least = Duration::from_secs(3 * MIB / rate) - Duration::from_secs(1);
    assert!(waited >= least, "{waited:?}");
    let fixture = Fixture::with(MIB, |settings| {
        (settings.limit_rate, settings.connections) = (NonZeroU64::new(rate), 1);
    });
    fixture.fetch(&[0..MIB]).unwrap();
    let waited: Duration = fixture.pause.waits().iter().sum();
    let exact = Duration::from_nanos(MIB * 1_000_000_000 / rate);
    assert!(waited <= exact && waited >= exact - Duration::from_millis(300), "{waited:?}");
}

#[test]
fn nobody_listens() {
    let address = {
        let server = anklume_web::Server::start().unwrap();
        server.url("/repository")
    };
    let (settings, pause) = common::settings();
    let source = Source::open(&Location::parse(&address).unwrap(), settings).unwrap();
    let error = fetch(&source, 10, &[0..10]).unwrap_err();
    assert!(matches!(error, Error::Unreachable { .. }), "{error:?}");
    assert!(error.hint().is_some());
    let waits: Vec<_> = pause.waits().iter().map(Duration::as_millis).collect();
    assert_eq!(waits, [500, 1000, 2000]);
}
