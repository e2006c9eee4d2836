//! Answers that are late, broken, too long or no answers.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod common;

use std::io::ErrorKind;
use std::os::unix::net::UnixListener;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anklume_incus::operation::Progress;
use anklume_incus::request::{Method, Request};
use anklume_incus::{AnswerFault, Client, Error, Limits, Reply, Settings};
use anklume_language::Language;
use common::{Fake, Fault};
use serde_json::{Value, json};

fn pools() -> Request {
    Request::get(&["storage-pools"])
}

/// A change that starts an operation.
fn start(fake: &Fake) -> Request {
    let instance = json!({ "name": "c1", "status": "Running" });
    fake.world().instances.insert("c1".to_owned(), instance);
    Request::of(Method::Post, &["instances", "c1", "exec"]).body(json!({}))
}

fn raw(body: &str) -> Fault {
    Fault::Raw(common::bytes(200, body))
}

#[test]
fn a_socket_that_is_missing_or_deaf_is_said() {
    let fake = Fake::start();
    let missing = fake.folder().join("none");
    let error = Client::new(&missing, Settings::default()).send(&pools()).unwrap_err();
    assert!(matches!(&error, Error::NoSocket { tried } if *tried == [missing]), "{error}");
    assert!(error.hint(Language::English).unwrap().contains("does not run"));

    let deaf = fake.folder().join("deaf");
    drop(UnixListener::bind(&deaf).unwrap());
    let error = Client::new(&deaf, Settings::default()).send(&pools()).unwrap_err();
    let Error::Unreachable { socket, fault } = &error else { panic!("{error}") };
    assert_eq!((socket, fault.kind()), (&deaf, ErrorKind::ConnectionRefused));
    let nobody = Error::Unreachable { socket: deaf, fault: ErrorKind::PermissionDenied.into() };
    assert!(nobody.hint(Language::French).unwrap().contains("incus-admin"));
}

#[test]
fn pieces_are_put_together() {
    let fake = Fake::start();
    fake.world().pools.insert("a".to_owned(), json!({ "name": "a" }));
    fake.world().break_once("storage-pools", Fault::Chunked);
    let (found, _): (Value, _) = fake.client().read(&pools()).unwrap();
    assert_eq!(found, json!([{ "name": "a" }]));
}

#[test]
fn connections_that_break_are_no_answer() {
    for fault in [Fault::BreakBefore, Fault::BreakAfter, Fault::Half] {
        let fake = Fake::start();
        fake.world().break_once("storage-pools", fault);
        let error = fake.client().send(&pools()).unwrap_err();
        assert!(matches!(error, Error::Broken { .. }), "{error:?}");
        assert!(error.to_string().starts_with("GET /1.0/storage-pools: the connection broke off"));
    }
}

#[test]
fn an_answer_without_end_is_given_up() {
    let fake = Fake::start();
    fake.world().break_once("storage-pools", Fault::Endless);
    let error = fake.client().send(&pools()).unwrap_err();
    assert!(matches!(error, Error::TooLong { limit, .. } if limit == 32 << 20), "{error:?}");
}

#[test]
fn no_answer_in_time_is_an_error() {
    let fake = Fake::start();
    fake.world().break_once("storage-pools", Fault::Silent(|| ()));
    let answer = Duration::from_millis(50);
    let client = fake.client_with(|settings| settings.limits.answer = answer);
    let error = client.send(&pools()).unwrap_err();
    assert!(matches!(error, Error::Timeout { after, .. } if after == answer), "{error:?}");
}

#[test]
fn being_asked_to_stop_ends_the_wait() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let fake = Fake::start();
    let silent = Fault::Silent(|| STOP.store(true, Ordering::SeqCst));
    fake.world().break_once("storage-pools", silent);
    let client = fake.client_with(|settings| settings.stop = || STOP.load(Ordering::SeqCst));
    let error = client.send(&pools()).unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
}

#[test]
fn what_is_not_incus_is_said() {
    for (body, expected) in [
        ("<html>", "not what Incus sends"),
        (r#"{"type": "sync", "metadata": ["#, "not what Incus sends"),
        (r#"{"type": "perhaps"}"#, r#"type "perhaps""#),
        (r#"{"type": "sync", "metadata": {"a": 1}}"#, "not what Incus sends"),
        (
            r#"{"type": "async", "metadata": {"id": "x", "status_code": 103}}"#,
            "the answer is async, expected sync",
        ),
    ] {
        let fake = Fake::start();
        fake.world().break_once("storage-pools", raw(body));
        let error = fake.client().read::<Vec<String>>(&pools()).unwrap_err();
        assert!(matches!(error, Error::Answer { .. }), "{error:?}");
        assert!(error.to_string().contains(expected), "{error}");
    }
    for answer in ["HTTP/1.1 301 X\r\nLocation: /a\r\nContent-Length: 0\r\n\r\n", "SSH-2.0\r\n\r\n"]
    {
        let fake = Fake::start();
        fake.world().break_once("storage-pools", Fault::Raw(answer.as_bytes().to_vec()));
        let error = fake.client().send(&pools()).unwrap_err();
        let is_said = matches!(
            error,
            Error::Answer { fault: AnswerFault::Status(301), .. } | Error::Broken { .. }
        );
        assert!(is_said, "{error:?}");
    }
}

#[test]
fn refusals_have_their_words_and_a_hint() {
    let fake = Fake::start();
    fake.world().break_once("storage-pools", Fault::RefuseUnread(403));
    let error = fake.client().send(&pools()).unwrap_err();
    assert_eq!(error.to_string(), "GET /1.0/storage-pools: Incus says 403: not authorized");
    assert!(error.hint(Language::English).unwrap().contains("as root"));
    assert!(fake.client().find::<Value>(&Request::get(&["networks", "none"])).unwrap().is_none());
}

#[test]
fn operations_are_waited_for_and_tell_how_far_they_are() {
    let fake = Fake::start();
    fake.world().course.looks = 3;
    fake.world().outcome.0 = 7;
    let request = start(&fake);
    let mut told: Vec<Progress> = Vec::new();
    let done = fake.client().carry_out(&request, &mut |progress| told.push(progress.clone()));
    assert_eq!(done.unwrap().unwrap().metadata["return"], 7);
    assert_eq!(told.len(), 3);
    assert_eq!(told[0].percent, Some(50));
    assert_eq!(told[0].text.as_deref(), Some("Unpack: 50%"));
}

#[test]
fn operations_that_fail_say_why() {
    for looks in [0, 2] {
        let fake = Fake::start();
        fake.world().course.looks = looks;
        fake.world().course.fails = Some("No space left on device".to_owned());
        let error = fake.client().carry_out(&start(&fake), &mut |_| {}).unwrap_err();
        let expected =
            "POST /1.0/instances/c1/exec: Incus could not finish: No space left on device";
        assert_eq!(error.to_string(), expected);
        assert!(error.hint(Language::English).is_some());
    }
}

#[test]
fn operations_outlast_a_connection() {
    let fake = Fake::start();
    let request = start(&fake);
    for fault in [Fault::BreakBefore, Fault::Half, Fault::BreakAfter] {
        fake.world().break_once("/wait", fault);
    }
    fake.client().carry_out(&request, &mut |_| {}).unwrap();
    for _ in 0..4 {
        fake.world().break_once("/wait", Fault::BreakBefore);
    }
    let error = fake.client().carry_out(&request, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Broken { .. }), "{error:?}");
}

#[test]
fn an_operation_that_is_forgotten_has_no_known_end() {
    let fake = Fake::start();
    fake.world().course.is_forgotten = true;
    let error = fake.client().carry_out(&start(&fake), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, Error::Lost { operation, .. } if operation == "op0"), "{error:?}");
}

#[test]
fn the_answer_about_another_operation_is_not_taken() {
    let fake = Fake::start();
    let request = start(&fake);
    let other = r#"{"type": "sync", "metadata": {"id": "other", "status_code": 200}}"#;
    fake.world().break_once("/wait", raw(other));
    let error = fake.client().carry_out(&request, &mut |_| {}).unwrap_err();
    assert!(error.to_string().contains(r#"leads to "other""#), "{error}");
}

#[test]
fn an_operation_without_end_is_given_up_and_cancelled() {
    for may_cancel in [false, true] {
        let fake = Fake::start();
        fake.world().course.looks = usize::MAX;
        fake.world().course.may_cancel = may_cancel;
        let limits =
            Limits { operation: Duration::ZERO, look: Duration::ZERO, ..Limits::default() };
        let client = fake.client_with(|settings| settings.limits = limits);
        let error = client.carry_out(&start(&fake), &mut |_| {}).unwrap_err();
        assert!(matches!(error, Error::Timeout { .. }), "{error:?}");
        let cancelled = fake.changes().contains(&"DELETE /1.0/operations/op0".to_owned());
        assert_eq!(cancelled, may_cancel);
    }
}

#[test]
fn an_operation_is_cancelled_when_the_program_is_asked_to_stop() {
    static STOP: AtomicBool = AtomicBool::new(false);
    let fake = Fake::start();
    fake.world().course.may_cancel = true;
    fake.world().course.looks = usize::MAX;
    let request = start(&fake);
    let client = fake.client_with(|settings| settings.stop = || STOP.load(Ordering::SeqCst));
    let Ok(Reply::Started(operation)) = client.send(&request) else { panic!() };
    let mut stop = |_: &Progress| STOP.store(true, Ordering::SeqCst);
    let error = client.wait(&request, operation, &mut stop).unwrap_err();
    assert!(matches!(error, Error::Interrupted { .. }), "{error:?}");
    assert!(fake.changes().contains(&"DELETE /1.0/operations/op0".to_owned()));
}

#[test]
fn control_characters_of_incus_do_not_reach_a_terminal() {
    let fake = Fake::start();
    let body = r#"{"type": "error", "error_code": 500, "error": "\u001b[2Jgone"}"#;
    fake.world().break_once("storage-pools", raw(body));
    let error = fake.client().send(&pools()).unwrap_err().to_string();
    assert!(error.ends_with("[2Jgone") && !error.contains('\u{1b}'), "{error:?}");
}
