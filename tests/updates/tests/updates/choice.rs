//! Which version is taken.

use anklume_bus::{Engine, Kind, Order, Verb};
use anklume_update::Updates;
use serde_json::json;

use crate::machine::{Ear, Machine, order, update};
use crate::metadata::signed;
use crate::network::{at, sent, serve};
use crate::shelf::{DAY, START, iso, shelf};

fn named(source: &str, version: &str) -> Order {
    Order { version: Some(version.to_owned()), ..update(source) }
}

/// An update that finds nothing to do, and why.
fn passed(machine: &Machine, order: &Order, says: &str) {
    let before = machine.disk();
    let answer = machine.run(order).unwrap();
    assert_eq!(answer["up-to-date"], json!(true), "{answer:?}");
    assert!(answer["passed"].to_string().contains(says), "{answer:?}");
    assert!(machine.disk() == before);
}

#[test]
fn nothing_newer_is_no_error() {
    let (machine, server) = (Machine::new(), serve("old"));
    passed(&machine, &update(&at(&server)), "[]");
    assert_eq!(sent(&server, &iso("1.0")), 0);
}

#[test]
fn an_older_version_is_not_installed_even_by_name() {
    let (machine, server) = (Machine::running("2.0"), serve("next"));
    machine.untouched(&named(&at(&server), "1.0"), Kind::Refused, "is older than 2.0");
    let answer = machine.run(&named(&at(&server), "2.0")).unwrap();
    assert_eq!(answer["up-to-date"], json!(true));
    machine.untouched(&named(&at(&server), "7"), Kind::NotFound, "does not have version 7");
    machine.updates(&update(&at(&server)), "3.0");
}

#[test]
fn a_version_can_be_named() {
    let (machine, server) = (Machine::new(), serve("next"));
    machine.updates(&named(&at(&server), "2.0"), "2.0");
}

#[test]
fn a_held_version_is_passed_over() {
    let (machine, server) = (Machine::new(), serve("next"));
    let hold = Order { version: Some("3.0".to_owned()), ..Order::new(Verb::Hold) };
    assert_eq!(machine.run(&hold).unwrap()["changed"], json!(true));
    assert_eq!(machine.run(&hold).unwrap()["changed"], json!(false));
    machine.untouched(&named(&at(&server), "3.0"), Kind::Refused, "held back");
    let facts = Updates::new(machine.site()).facts();
    assert_eq!(facts.held, ["3.0"]);
    machine.updates(&update(&at(&server)), "2.0");
    machine.run(&Order { verb: Verb::Unhold, ..hold }).unwrap();
    machine.updates(&update(&at(&server)), "3.0");
    for version in [None, Some("../x".to_owned())] {
        let failure = machine.run(&Order { version, ..Order::new(Verb::Hold) }).unwrap_err();
        assert_eq!(failure.kind(), Kind::Usage);
    }
}

#[test]
fn a_version_that_failed_here_is_tried_again_only_by_name() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.remember(|state| drop(state.failed.insert("2.0".into(), "no picture".into())));
    let source = at(&server);
    passed(&machine, &update(&source), "version 2.0 failed here: no picture");
    machine.untouched(&named(&source, "2.0"), Kind::Refused, "no picture");
    let mut retry = update(&source);
    retry.options.retry = true;
    passed(&machine, &retry, "failed here");
    let retry = Order { version: Some("2.0".to_owned()), ..retry };
    let answer = machine.updates(&retry, "2.0");
    assert!(answer["notes"].to_string().contains("tried again: no picture"), "{answer:?}");
}

#[test]
fn nothing_below_what_was_good_here_is_installed() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.remember(|state| state.floor = Some("2.5".to_owned()));
    passed(&machine, &update(&at(&server)), "is older than one that was good here");
    machine.untouched(&named(&at(&server), "2.0"), Kind::Refused, "older than 2.5");
    machine.updates(&update(&at(&serve("next"))), "3.0");
}

#[test]
fn an_image_of_another_name_or_architecture_is_no_update() {
    let machine = Machine::new();
    let failure =
        machine.untouched(&update(&at(&serve("other"))), Kind::NotFound, "no release of sample");
    assert!(failure.the_hint().unwrap().contains("the source has other"), "{failure:?}");
    let server = signed(|list| list.say("architecture", "arm64"));
    passed(&Machine::new(), &update(&at(&server)), "[]");
    let (machine, server) = (Machine::new(), signed(|list| list.say("channel", "beta")));
    passed(&machine, &update(&at(&server)), "[]");
    machine.untouched(&named(&at(&server), "2.0"), Kind::NotFound, "stable");
    let mut beta = update(&at(&server));
    beta.options.channel = Some("beta".to_owned());
    machine.updates(&beta, "2.0");
    let mut none = update(&at(&server));
    none.options.channel = Some("nightly".to_owned());
    let failure = Machine::new().untouched(&none, Kind::NotFound, "channel nightly");
    assert!(failure.the_hint().unwrap().contains("beta, stable"), "{failure:?}");
}

#[test]
fn what_does_not_fit_is_refused_before_anything_is_written() {
    let server = signed(|list| list.describe(|release| release.minimum_updater = 99));
    Machine::new().untouched(&update(&at(&server)), Kind::Refused, "updater of protocol 99");
    let server = signed(|list| list.describe(|release| release.release_version = 2));
    let failure =
        Machine::new().untouched(&update(&at(&server)), Kind::Refused, "release-version is 2");
    assert!(failure.the_hint().unwrap().contains("a version in between"), "{}", failure.to_text());
    let (machine, server) =
        (Machine::new(), signed(|list| list.describe(|release| release.state_schema = 2)));
    let check = machine.run(&Order { verb: Verb::Check, ..update(&at(&server)) }).unwrap();
    assert!(check["notes"].to_string().contains("schema 2"), "{check:?}");
    machine.updates(&update(&at(&serve("next"))), "3.0");
}

fn automatic(source: &str) -> Order {
    let mut order = update(source);
    order.options.automatic = true;
    order
}

fn after_fifty_days() -> u64 {
    START + 50 * DAY
}

#[test]
fn unasked_updates_wait_for_their_turn() {
    let machine = Machine::new();
    let server = signed(|list| list.say("rollout-hours", 40 * 24));
    let order = automatic(&at(&server));
    let before = machine.disk();
    let answer = machine.run(&order).unwrap();
    assert!(answer["skipped"].to_string().contains("not automatic"), "{answer:?}");
    assert!(machine.disk() == before && server.log().is_empty());
    machine.set("automatic = true\nwindow = \"Mon 03:00-03:01\"\n");
    passed(&machine, &order, "rolled out to this machine at");
    // By hand it does not wait.
    let answer = machine.run(&Order { verb: Verb::Check, ..update(&at(&server)) }).unwrap();
    assert!(answer["notes"].to_string().contains("the rollout reaches"), "{answer:?}");
    let site = || {
        let mut site = machine.site();
        site.now = after_fifty_days;
        site
    };
    let answer = Updates::new(site()).run(&order, &Ear::default()).unwrap();
    assert!(answer["skipped"].to_string().contains("maintenance window"), "{answer:?}");
    assert!((1..=7 * 24 * 60).contains(&answer["waits-minutes"].as_u64().unwrap()), "{answer:?}");
    assert!(machine.disk() == before);
    machine.set("automatic = true\n");
    Updates::new(site()).run(&order, &Ear::default()).unwrap();
    machine.assert_updated("2.0");
}

#[test]
fn each_machine_has_a_turn_of_its_own() {
    let server = signed(|list| list.say("rollout-hours", 1000));
    let turn = |id: &str| {
        let machine = Machine::new();
        machine.set("automatic = true\n");
        std::fs::write(machine.path("etc/machine-id"), id).unwrap();
        machine.run(&automatic(&at(&server))).unwrap()["passed"].to_string()
    };
    assert_eq!(turn("aaaa"), turn("aaaa"));
    assert_ne!(turn("aaaa"), turn("bbbb"));
}

#[test]
fn what_is_foretold_is_what_is_fetched() {
    for version in ["2.0", "3.0"] {
        let (machine, server) = (Machine::new(), serve("next"));
        let before = machine.disk();
        let check = Order { verb: Verb::Check, ..named(&at(&server), version) };
        let foretold = machine.run(&check).unwrap();
        assert!(machine.disk() == before, "a check wrote");
        assert_eq!(sent(&server, &iso(version)), 0, "a check fetched the image");
        assert_eq!(foretold["image-bytes"], json!(shelf().image(version).len()));
        let answer = machine.updates(&named(&at(&server), version), version);
        assert_eq!(foretold["fetch-bytes"], json!(sent(&server, &iso(version))));
        assert_eq!(foretold["fetch-bytes"], answer["fetched-bytes"]);
        assert_eq!(foretold["changes"], answer["changes"]);
    }
    let machine = Machine::new();
    let answer = machine.run(&order(Verb::Check, &at(&serve("old")))).unwrap();
    assert_eq!((&answer["up-to-date"], &answer["newest"]), (&json!(true), &json!("1.0")));
}
