//! Servers that are not there, slow, or wrong about what they send.

use std::time::Duration;

use anklume_bus::{Engine, Kind, Order, Verb};
use anklume_update::Updates;
use anklume_web::{Act, Content, Rule, Server};

use crate::machine::{Ear, Machine, impatient, update};
use crate::shelf::{chunks, description, iso, shelf};

/// A server of a repository on the shelf.
pub(crate) fn serve(repository: &str) -> Server {
    Server::start_at(0, Some(&shelf().path(repository))).unwrap()
}

/// The repository's address.
pub(crate) fn at(server: &Server) -> String {
    server.url("")
}

/// A path in a repository as a server has it.
pub(crate) fn on(path: &str, act: Act) -> Rule {
    Rule::on(&format!("/{path}"), act)
}

/// Bytes that were sent of a file.
pub(crate) fn sent(server: &Server, path: &str) -> u64 {
    let log = server.log();
    log.iter().filter(|request| request.path() == format!("/{path}")).map(|r| r.sent).sum()
}

#[test]
fn an_update_is_made_and_asks_for_no_byte_that_it_has() {
    let (machine, server) = (Machine::new(), serve("www"));
    let answer = machine.updates(&update(&at(&server)), "2.0");
    let sent = sent(&server, &iso("2.0"));
    assert_eq!(answer["fetched-bytes"], sent);
    // One of six files is another one, and so are the boot files and the tables.
    assert!(sent > 512 << 10 && sent < 1280 << 10, "{sent} bytes of the image were sent");
    assert_eq!(answer["warnings"], serde_json::json!([]));
    assert!(server.log().iter().all(|request| request.method == "GET"));
}

#[test]
fn a_server_that_is_down_is_named_and_nothing_is_written() {
    let machine = Machine::new();
    let gone = {
        let server = serve("www");
        at(&server)
    };
    let failure = machine.untouched(&update(&gone), Kind::Source, &gone);
    assert!(failure.message().contains("refused"), "{failure}");
    machine.updates(&update(&at(&serve("www"))), "2.0");
}

#[test]
fn silence_is_given_up() {
    for path in
        ["metadata/timestamp.json".to_owned(), description("2.0"), chunks("2.0"), iso("2.0")]
    {
        let (machine, server) = (Machine::new(), serve("www"));
        server.rule(on(&path, Act::Silent));
        let site = || {
            let mut site = machine.site();
            site.fetch = Box::new(impatient);
            site
        };
        machine.refused_by(site(), &update(&at(&server)), Kind::Source, "no answer while");
        server.clear_rules();
        server.rule(on(&path, Act::StallAfter(0)));
        machine.refused_by(site(), &update(&at(&server)), Kind::Source, &path);
        server.clear_rules();
        machine.updates(&update(&at(&server)), "2.0");
    }
}

#[test]
fn what_is_slow_or_breaks_off_is_made_up_for() {
    let acts: [&[Act]; 8] = [
        &[Act::Drip(64 << 10, Duration::from_millis(1))],
        &[Act::CloseAfter(100_000)],
        &[Act::ShortRange(70_000)],
        &[Act::NoLength],
        &[Act::Chunked],
        &[Act::NoValidators],
        &[Act::NoRanges, Act::NoLength],
        &[Act::NoRanges, Act::Drip(1 << 20, Duration::ZERO)],
    ];
    for acts in acts {
        let (machine, server) = (Machine::new(), serve("www"));
        for act in acts {
            server.rule(on(&iso("2.0"), act.clone()));
        }
        machine.updates(&update(&at(&server)), "2.0");
    }
}

#[test]
fn a_server_without_ranges_sends_all_of_it_once() {
    let (machine, server) = (Machine::new(), serve("www"));
    server.rule(on(&iso("2.0"), Act::NoRanges));
    machine.updates(&update(&at(&server)), "2.0");
    let asked = server.log().iter().filter(|r| r.path() == format!("/{}", iso("2.0"))).count();
    // Once for each part, at most.
    assert!(asked <= 2, "{asked} requests");
    assert!(sent(&server, &iso("2.0")) > 3 << 20);
}

#[test]
fn lies_about_lengths_are_found() {
    let lies: [(&str, &[Act]); 7] = [
        ("metadata/timestamp.json", &[Act::ContentLength(100)]),
        ("metadata/timestamp.json", &[Act::Endless]),
        ("metadata/2.targets.json", &[Act::Endless]),
        ("release.json", &[Act::Endless]),
        ("chunks", &[Act::ContentLength(100)]),
        ("iso", &[Act::ContentLength(100)]),
        ("iso", &[Act::ContentRange("bytes 0-99/100".to_owned())]),
    ];
    for (name, acts) in lies {
        let path = match name {
            "release.json" => description("2.0"),
            "chunks" => chunks("2.0"),
            "iso" => iso("2.0"),
            path => path.to_owned(),
        };
        let (machine, server) = (Machine::new(), serve("www"));
        for act in acts {
            server.rule(on(&path, act.clone()));
        }
        machine.refused(&update(&at(&server)), Kind::Source, &path);
        server.clear_rules();
        machine.updates(&update(&at(&server)), "2.0");
    }
}

#[test]
fn what_stands_between_is_told_from_a_repository() {
    let (machine, server) = (Machine::new(), serve("www"));
    let source = at(&server);
    let wrong = |act: Act, kind: Kind, says: &str| {
        server.rule(Rule::always(act));
        machine.untouched(&update(&source), kind, says);
        server.clear_rules();
    };
    wrong(Act::Redirect(302, server.url("/elsewhere")), Kind::Source, "redirected");
    wrong(Act::Redirect(302, "/metadata/timestamp.json".to_owned()), Kind::Source, "in a circle");
    wrong(Act::Status(500), Kind::Source, "status 500");
    wrong(Act::RetryAfter(503, "86400".to_owned()), Kind::Source, "86400");
    wrong(Act::Status(403), Kind::Source, "403");
    wrong(Act::Raw(b"220 mail\r\n".to_vec()), Kind::Source, "the answer is wrong");
    wrong(Act::Hangup, Kind::Source, "metadata");
    server.rule(on("metadata/2.root.json", Act::Status(404)));
    let page = Content::bytes(b"<html>Log in</html>".to_vec());
    server.rule(on("metadata/timestamp.json", Act::Other(page)));
    machine.untouched(&update(&source), Kind::Untrusted, "timestamp.json");
    server.clear_rules();
    // What passes by itself is waited for.
    server.rule(Rule::always(Act::Status(503)).times(1));
    machine.updates(&update(&source), "2.0");
}

#[test]
fn who_waits_is_told_for_what() {
    let (machine, server) = (Machine::new(), serve("www"));
    let path = "metadata/timestamp.json";
    server.rule(on(path, Act::RetryAfter(503, "240".to_owned())).times(1));
    let ear = Ear::default();
    Updates::new(machine.site()).run(&update(&at(&server)), &ear).unwrap();
    let heard = ear.heard();
    let waits: Vec<_> = heard.iter().filter(|report| report.phase == "wait").collect();
    let [wait] = waits.as_slice() else { panic!("{heard:?}") };
    let says = |text| wait.message.contains(text);
    assert!(says(path) && says("503") && says("; next try in 240 s"), "{wait:?}");
}

#[test]
fn the_proxy_of_the_settings_is_asked() {
    let (machine, server) = (Machine::new(), serve("www"));
    let proxy = anklume_web::Proxy::start(&[]).unwrap();
    machine.set(&format!("proxy = \"{}\"\nno-proxy = \"127.0.0.1\"\n", proxy.url()));
    let check = Order { verb: Verb::Check, ..update(&at(&server)) };
    machine.run(&check).unwrap();
    assert!(proxy.log().is_empty());
    machine.set(&format!("proxy = \"{}\"\n", proxy.url()));
    machine.updates(&update(&at(&server)), "2.0");
    assert!(proxy.log().len() > 4, "{:?}", proxy.log());
}

#[test]
fn a_store_that_forbids_what_it_has_not_is_a_repository() {
    let (machine, server) = (Machine::new(), serve("www"));
    server.rule(on("metadata/2.root.json", Act::Status(403)));
    machine.updates(&update(&at(&server)), "2.0");
    assert!(server.log().iter().any(|request| request.path() == "/metadata/2.root.json"));
}

#[test]
fn a_folder_that_is_no_repository_is_named() {
    let (machine, server) = (Machine::new(), serve("keys"));
    machine.untouched(&update(&at(&server)), Kind::Source, "has no metadata/timestamp.json");
    let server = serve("www");
    for name in ["metadata/2.snapshot.json".to_owned(), description("2.0"), chunks("2.0")] {
        server.rule(on(&name, Act::Status(404)));
        machine.untouched(&update(&at(&server)), Kind::Source, &name);
        server.clear_rules();
    }
    server.rule(on(&iso("2.0"), Act::Status(404)));
    machine.refused(&update(&at(&server)), Kind::Source, "not found");
    server.clear_rules();
    machine.updates(&update(&at(&server)), "2.0");
}
