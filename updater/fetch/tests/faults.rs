//! Transfers from servers that misbehave.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]
#![allow(clippy::single_range_in_vec_init, reason = "one range is a list of ranges")]

mod common;

use std::num::NonZeroU64;
use std::ops::ControlFlow;
use std::thread;
use std::time::Duration;

use anklume_fetch::{AnswerFault, Error, Fetched, ReachFault, RedirectFault, Timeouts};
use anklume_web::{Act, Content, Rule, Server};

use common::{Fixture, NAME, PATH, SEED};

const LENGTH: u64 = 100_000;

/// A server that does this with every request, or with the first one only.
fn with(act: Act, times: u32) -> Fixture {
    let fixture = Fixture::new(LENGTH);
    fixture.server.rule(Rule::on(PATH, act).times(times));
    fixture
}

/// The error that the transfer of everything leads to when the server always does this, after `requests`
/// requests.
fn error_of(act: Act, requests: usize) -> Error {
    let fixture = with(act, u32::MAX);
    let error = fixture.fetch(&[0..LENGTH]).unwrap_err();
    assert_eq!(fixture.requests(), requests, "{error}");
    error
}

#[test]
fn what_broke_off_is_not_fetched_again() {
    let fixture = Fixture::new(LENGTH);
    let rule = |bytes, from| Rule::on(PATH, Act::CloseAfter(bytes)).from(from).times(1);
    fixture.server.rule(rule(10_000, 0));
    fixture.server.rule(rule(0, 10_000));
    fixture.server.rule(rule(1, 10_000).after(1));
    fixture.server.rule(rule(20_000, 50_000));
    let fetched = fixture.fetch(&[0..40_000, 50_000..LENGTH]).unwrap();
    assert_eq!(fetched, Fetched { bytes: 90_000, requests: 6, retries: 4 });
    let mut asked = fixture.asked();
    asked.sort_unstable();
    let first = [(0, 40_000), (10_000, 40_000), (10_000, 40_000), (10_001, 40_000)];
    assert_eq!(asked, [&first[..], &[(50_000, LENGTH), (70_000, LENGTH)]].concat());
}

#[test]
fn progress_gives_new_tries_and_shorter_waits() {
    let fixture = with(Act::CloseAfter(10_000), 9);
    let fetched = fixture.fetch(&[0..LENGTH]).unwrap();
    assert_eq!(fetched, Fetched { bytes: LENGTH, requests: 10, retries: 9 });
    let waits = fixture.pause.waits();
    assert_eq!(waits, [Duration::from_millis(500); 9]);
    // Without any, there is an end.
    let error = error_of(Act::CloseAfter(0), 4);
    assert!(matches!(error, Error::Truncated { expected: LENGTH, found: 0, .. }), "{error:?}");
    let error = error_of(Act::Hangup, 4);
    assert!(matches!(error, Error::Unreachable { fault: ReachFault::Io(_), .. }), "{error:?}");
}

#[test]
fn answers_to_another_question() {
    for value in ["bytes 1-99999/100000", "bytes 0-100000/100001", "bytes 0-9/x", "", "bytes 5-4/9"]
    {
        let act = Act::ContentRange(value.to_owned());
        let error = error_of(act.clone(), 4);
        let expected = AnswerFault::Range { start: 0, end: LENGTH, found: value.to_owned() };
        assert!(matches!(&error, Error::Answer { fault, .. } if *fault == expected), "{error:?}");
        let fetched = with(act, 1).fetch(&[0..LENGTH]).unwrap();
        assert_eq!(fetched, Fetched { bytes: LENGTH, requests: 2, retries: 1 });
    }
}

#[test]
fn lengths_that_are_not_true() {
    for more in [-1, 1, i64::MAX] {
        let error = error_of(Act::ContentLength(more), 4);
        let Error::Answer { fault: AnswerFault::Length { expected, found }, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!((expected, found), (LENGTH, LENGTH.saturating_add_signed(more)));
    }
    // The file has another length than what was signed.
    for (length, act) in [(LENGTH - 1, None), (LENGTH - 1, Some(Act::NoRanges))] {
        let fixture = Fixture::new(LENGTH);
        act.into_iter().for_each(|act| fixture.server.rule(Rule::always(act)));
        let error = common::fetch(&fixture.source, length, &[0..10]).unwrap_err();
        let found = Some(LENGTH);
        let Error::TooLong { expected, found: is, .. } = error else { panic!("{error:?}") };
        assert_eq!((expected, is), (length, found));
        let error = common::fetch(&fixture.source, LENGTH + 1, &[0..10]).unwrap_err();
        let Error::Truncated { expected, found, .. } = error else { panic!("{error:?}") };
        assert_eq!((expected, found), (LENGTH + 1, LENGTH));
    }
    // 416.
    let fixture = Fixture::new(LENGTH);
    let error = common::fetch(&fixture.source, 2 * LENGTH, &[LENGTH..LENGTH + 1]).unwrap_err();
    let Error::Truncated { found, .. } = error else { panic!("{error:?}") };
    assert_eq!((found, fixture.requests()), (LENGTH, 1));
}

#[test]
fn more_than_the_signed_length_is_never_read() {
    let fixture = with(Act::Endless, u32::MAX);
    fixture.server.rule(Rule::always(Act::NoRanges));
    let fetched = fixture.fetch(&[0..10, LENGTH - 1..LENGTH]).unwrap();
    assert_eq!(fetched, Fetched { bytes: LENGTH, requests: 1, retries: 0 });
    let fetched = with(Act::Endless, u32::MAX).fetch(&[7..9]).unwrap();
    assert_eq!(fetched, Fetched { bytes: 2, requests: 1, retries: 0 });
    let error = fixture.source.file(NAME, 1000).unwrap_err();
    assert!(matches!(error, Error::TooLong { expected: 1000, found: None, .. }), "{error:?}");
}

#[test]
fn silence_has_an_end() {
    let silent = Duration::from_millis(100);
    let timeouts = Timeouts { answer: silent, stall: silent, ..Timeouts::default() };
    for (act, bytes) in [(Act::StallAfter(30_000), LENGTH), (Act::Silent, LENGTH)] {
        let fixture = Fixture::with(LENGTH, |settings| {
            (settings.timeouts, settings.tries) = (timeouts, 50);
        });
        fixture.server.rule(Rule::on(PATH, act).times(1));
        let fetched = fixture.fetch(&[0..LENGTH]).unwrap();
        assert_eq!(fetched.bytes, bytes);
        assert!(fetched.retries >= 1);
    }
    let fixture = Fixture::with(LENGTH, |settings| settings.timeouts = timeouts);
    fixture.server.rule(Rule::always(Act::StallAfter(0)));
    let error = fixture.fetch(&[0..LENGTH]).unwrap_err();
    let Error::Unreachable { fault: ReachFault::Silent { after, .. }, .. } = error else {
        panic!("{error:?}");
    };
    assert_eq!((after, fixture.requests()), (silent, 4));
}

/// Less than the silence that would end it, and hardly more than nothing.
#[test]
fn a_trickle_has_an_end() {
    let (drip, stall) = (Duration::from_millis(50), Duration::from_millis(1500));
    let timeouts = Timeouts { stall, ..Timeouts::default() };
    let fixture = Fixture::with(LENGTH, |settings| {
        (settings.timeouts, settings.tries) = (timeouts, 2);
    });
    fixture.server.rule(Rule::always(Act::Drip(1, drip)));
    let slow = |error: Error| {
        let is_slow = matches!(error, Error::Unreachable { fault: ReachFault::Slow { .. }, .. });
        assert!(is_slow, "{error:?}");
    };
    slow(fixture.fetch(&[0..LENGTH]).unwrap_err());
    slow(fixture.source.file(NAME, LENGTH).unwrap_err());
}

/// There is progress each time, and no end of it.
#[test]
fn crumbs_have_an_end() {
    for (act, each) in [
        (Act::CloseAfter(1), 1),
        (Act::ShortRange(1), 1),
        (Act::CloseAfter(300), 300),
        (Act::ShortRange(300), 300),
    ] {
        let fixture = with(act, u32::MAX);
        let error = fixture.fetch(&[0..LENGTH]).unwrap_err();
        let Error::Unreachable { fault: ReachFault::Crumbs { bytes, requests }, .. } = error else {
            panic!("{error:?}");
        };
        assert_eq!(bytes, each * u64::from(requests));
        assert_eq!(usize::try_from(requests).unwrap(), fixture.requests());
        assert!((33..40).contains(&requests), "{requests}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn little_by_little_is_fast_enough() {
    // A link that is bad for a while.
    let fetched = with(Act::CloseAfter(100), 20).fetch(&[0..LENGTH]).unwrap();
    assert_eq!(fetched, Fetched { bytes: LENGTH, requests: 21, retries: 20 });
    // A limit is not held against the server.
    let fixture = Fixture::with(LENGTH, |settings| settings.limit_rate = NonZeroU64::new(10));
    fixture.server.rule(Rule::always(Act::ShortRange(600)));
    assert_eq!(fixture.fetch(&[0..LENGTH]).unwrap().retries, 0);
}

#[test]
fn busy_servers_are_asked_again_when_they_want_to_be() {
    for status in [408, 429, 500, 502, 503, 504] {
        let fixture = with(Act::Status(status), 2);
        let fetched = fixture.fetch(&[0..LENGTH]).unwrap();
        assert_eq!(fetched, Fetched { bytes: LENGTH, requests: 3, retries: 2 });
        let waits = fixture.pause.waits();
        assert_eq!(waits, [Duration::from_millis(500), Duration::from_secs(1)], "{status}");
    }
    let fixture = with(Act::RetryAfter(429, "7".to_owned()), 1);
    fixture.fetch(&[0..LENGTH]).unwrap();
    assert_eq!(fixture.pause.waits(), [Duration::from_millis(7500)]);
    let error = error_of(Act::Status(503), 4);
    assert!(matches!(error, Error::Busy { status: 503, wait: None, .. }), "{error:?}");
    // Nobody sits in front of it for an hour.
    let error = error_of(Act::RetryAfter(503, "3600".to_owned()), 1);
    assert!(matches!(error, Error::Busy { wait: Some(_), .. }), "{error:?}");
    assert!(error.to_string().ends_with("asks to come back in 3600 s"), "{error}");
}

#[test]
fn refusals_are_final() {
    for status in [404, 410] {
        assert!(matches!(error_of(Act::Status(status), 1), Error::NotFound { .. }));
    }
    for status in [400, 401, 403, 451] {
        let error = error_of(Act::Status(status), 1);
        assert!(matches!(error, Error::Refused { status: is, .. } if is == status), "{error:?}");
    }
    for status in [204, 304, 600] {
        assert!(matches!(error_of(Act::Status(status), 4), Error::Answer { .. }), "{status}");
    }
    let fixture = with(Act::Status(403), u32::MAX);
    assert!(matches!(fixture.source.file(NAME, 10), Err(Error::Refused { status: 403, .. })));
}

#[test]
fn what_is_not_http() {
    let raw = |text: &str| Act::Raw(text.as_bytes().to_vec());
    for act in [
        raw("SSH-2.0-OpenSSH_9.2\r\n"),
        raw("HTTP/1.1 abc\r\n\r\n"),
        raw("HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"),
        raw("HTTP/1.1 200 OK\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n"),
        raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"),
        Act::HugeHeaders(100_000),
        Act::Header("Content-Encoding".to_owned(), "gzip".to_owned()),
    ] {
        let error = error_of(act.clone(), 4);
        assert!(
            matches!(
                error,
                Error::Answer { .. } | Error::Unreachable { .. } | Error::Truncated { .. }
            ),
            "{act:?}: {error:?}"
        );
        assert!(error.hint().is_some());
        assert_eq!(with(act, 3).fetch(&[0..LENGTH]).unwrap().retries, 3);
    }
}

#[test]
fn small_files_are_tried_again_from_the_start() {
    let fixture = Fixture::new(LENGTH);
    fixture.server.rule(Rule::on(PATH, Act::CloseAfter(50_000)).times(2));
    let bytes = fixture.source.file(NAME, LENGTH).unwrap().unwrap();
    assert!((0..).zip(&bytes).all(|(at, byte)| *byte == Content::pattern_byte(SEED, at)));
    assert_eq!((bytes.len(), fixture.requests()), (100_000, 3));
    let fixture = with(Act::CloseAfter(99_999), u32::MAX);
    let error = fixture.source.file(NAME, LENGTH).unwrap_err();
    assert!(matches!(error, Error::Truncated { expected: LENGTH, found: 99_999, .. }), "{error:?}");
    assert_eq!(fixture.requests(), 4);
}

#[test]
fn redirects_are_followed_and_remembered() {
    let fixture = Fixture::new(LENGTH);
    let other = Server::start().unwrap();
    other.put("/b/x.iso", Content::pattern(LENGTH, SEED));
    other.rule(Rule::on("/a/x.iso", Act::Redirect(307, "../b/x.iso?key=1".to_owned())));
    fixture.server.rule(Rule::on(PATH, Act::Redirect(302, other.url("/a/x.iso"))));
    let fetched = fixture.fetch(&[0..10, 20..30, 40..50]).unwrap();
    assert_eq!(fetched, Fetched { bytes: 30, requests: 5, retries: 0 });
    assert_eq!((fixture.requests(), other.log().len()), (1, 4));
    // Where it was led to holds for a while only.
    other.rule(Rule::on("/b/x.iso", Act::Status(403)).after(2).times(1));
    let fetched = fixture.fetch(&[0..10, 20..30, 40..50]).unwrap();
    assert_eq!(fetched, Fetched { bytes: 30, requests: 8, retries: 1 });
    assert_eq!(fixture.requests(), 3);
}

/// The first request is led to another server; for later ones, the first server has the file itself.
fn mirrored(connections: usize) -> (Fixture, Server) {
    let fixture = Fixture::with(LENGTH, |settings| settings.connections = connections);
    let mirror = Server::start().unwrap();
    // Each server makes up tags of its own.
    mirror.put("/m.iso", Content::pattern(LENGTH, SEED).etag(Some("\"m\"")));
    fixture.server.rule(Rule::on(PATH, Act::Redirect(302, mirror.url("/m.iso"))).times(1));
    (fixture, mirror)
}

#[test]
fn a_mirror_that_fails_is_given_up() {
    for act in [
        Act::Status(503),
        Act::RetryAfter(503, "86400".to_owned()),
        Act::Status(403),
        Act::Hangup,
        Act::CloseAfter(0),
        Act::ContentRange(String::new()),
    ] {
        let (fixture, mirror) = mirrored(1);
        mirror.rule(Rule::always(act.clone()).after(1));
        let fetched = fixture.fetch(&[0..10, 20..30]).unwrap();
        assert_eq!(fetched, Fetched { bytes: 20, requests: 4, retries: 1 }, "{act:?}");
        assert_eq!((fixture.requests(), mirror.log().len()), (2, 2), "{act:?}");
    }
    // Not there any more.
    let (fixture, mirror) = mirrored(1);
    let mut mirror = Some(mirror);
    let fetched = fixture.source.ranges(NAME, LENGTH, &[0..10, 20..30], &mut |_, _| {
        drop(mirror.take());
        ControlFlow::Continue(())
    });
    assert_eq!(fetched.unwrap(), Fetched { bytes: 20, requests: 4, retries: 1 });
    assert_eq!(fixture.requests(), 2);
}

#[test]
fn a_mirror_may_fail_for_several_requests_at_once() {
    let (fixture, mirror) = mirrored(2);
    mirror.rule(Rule::always(Act::Hold).after(1));
    mirror.rule(Rule::always(Act::Status(403)).after(1));
    thread::scope(|scope| {
        let transfer = scope.spawn(|| fixture.fetch(&[0..10, 20..30, 40..50]));
        mirror.wait_held(2);
        mirror.release();
        let fetched = transfer.join().unwrap().unwrap();
        assert_eq!(fetched, Fetched { bytes: 30, requests: 6, retries: 2 });
    });
}

#[test]
fn redirects_that_lead_nowhere() {
    let fault = |location: &str, requests| match error_of(
        Act::Redirect(302, location.to_owned()),
        requests,
    ) {
        Error::Redirect { fault, .. } => fault,
        other => panic!("{location}: {other:?}"),
    };
    assert!(matches!(fault(PATH, 1), RedirectFault::Loop(url) if url.ends_with(PATH)));
    for location in ["ftp://h/x", "file:///etc/passwd", "http://", "http://me:secret@h/"] {
        assert!(matches!(fault(location, 1), RedirectFault::Url { text, .. } if text == location));
    }
    let fixture = Fixture::new(LENGTH);
    fixture.server.rule(Rule::on(PATH, Act::Redirect(302, "/0".to_owned())));
    for number in 0..100 {
        let (path, next) = (format!("/{number}"), format!("/{}", number + 1));
        fixture.server.rule(Rule::on(&path, Act::Redirect(302, next)));
    }
    let error = fixture.fetch(&[0..1]).unwrap_err();
    assert!(matches!(error, Error::Redirect { fault: RedirectFault::TooMany(5), .. }), "{error:?}");
    assert_eq!(fixture.requests(), 6);
    assert!(matches!(
        error_of(Act::Status(302), 1),
        Error::Redirect { fault: RedirectFault::Nowhere, .. }
    ));
}

#[test]
fn a_file_that_is_replaced_meanwhile_is_noticed() {
    let other = || Content::pattern(LENGTH, SEED + 1);
    let dated = |date: &str| Content::pattern(LENGTH, SEED).etag(None).modified(date);
    let (old, new) = ("Sun, 06 Nov 1994 08:49:37 GMT", "Sun, 06 Nov 1994 08:49:38 GMT");
    // A server that compares, one that does not, one with dates only, one that loses ranges as well.
    for (first, second, no_ranges) in [
        (Content::pattern(LENGTH, SEED), other(), false),
        (Content::pattern(LENGTH, SEED), Content::pattern(LENGTH + 1, SEED), false),
        (Content::pattern(LENGTH, SEED), other(), true),
        (dated(old), dated(new), false),
    ] {
        let fixture = Fixture::new(LENGTH);
        fixture.server.put(PATH, first);
        fixture.server.rule(Rule::always(Act::CloseAfter(1000)).times(1));
        if no_ranges {
            fixture.server.rule(Rule::always(Act::NoRanges));
        }
        let mut second = Some(second);
        let mut got = 0;
        let result = fixture.source.ranges(NAME, LENGTH, &[0..LENGTH], &mut |_, bytes| {
            got += bytes.len();
            second.take().into_iter().for_each(|content| fixture.server.put(PATH, content));
            ControlFlow::Continue(())
        });
        let Err(Error::Changed { object }) = result else { panic!("{result:?}") };
        assert!(object.ends_with(PATH));
        assert_eq!(got, 1000);
    }
    // 206 of another file, in spite of If-Range.
    let fixture = Fixture::new(LENGTH);
    let range = format!("bytes 50-59/{LENGTH}");
    fixture.server.rule(Rule::always(Act::Other(other())).from(50));
    fixture.server.rule(Rule::always(Act::ContentRange(range)).from(50));
    assert!(matches!(fixture.fetch(&[0..10, 50..60]), Err(Error::Changed { .. })));
}
