//! What is remembered of updates, and what follows from it.

use anklume_bus::{Engine, Kind};
use anklume_layout::Slot;
use anklume_slots::State as SlotState;
use anklume_update::{Updates, Verdict};
use serde_json::json;

use crate::machine::{Ear, Machine, update};
use crate::network::{at, serve};
use crate::shelf::shelf;

#[test]
fn a_good_version_raises_the_floor_and_is_the_next_one_to_fall_back_to() {
    let (machine, server) = (Machine::new(), serve("next"));
    let mut first = update(&at(&server));
    first.version = Some("2.0".to_owned());
    machine.updates(&first, "2.0");
    let updates = Updates::new(machine.site());
    let history = updates.history(0).unwrap();
    assert_eq!(history[0]["verdict"], json!("pending"));
    assert_eq!(machine.state().floor, None);
    assert!(matches!(machine.restarted(true), Some(Verdict::Good(_))));
    let state = machine.state();
    assert_eq!((state.floor.as_deref(), state.pending), (Some("2.0"), None));
    let history = updates.history(0).unwrap();
    assert_eq!(history.len(), 1);
    for (key, value) in [
        ("verdict", json!("good")),
        ("version", json!("2.0")),
        ("from-version", json!("1.0")),
        ("slot", json!("b")),
        ("source", json!(at(&server))),
        ("root-hash", json!(shelf().release("2.0").root_hash.to_string())),
    ] {
        assert_eq!(history[0][key], value, "{key}");
    }
    // Slot B runs: the next version goes to A.
    let mut site = machine.site();
    site.report.slot = Some(Slot::B);
    let answer = Updates::new(site).run(&update(&at(&server)), &Ear::default()).unwrap();
    assert_eq!((&answer["slot"], &answer["from-version"]), (&json!("a"), &json!("2.0")));
    let record = machine.record();
    assert_eq!(record.good(), Some(Slot::B));
    assert_eq!((record.state(Slot::A), record.state(Slot::B)), (SlotState::Trial, SlotState::Good));
    machine.assert_holds("2.0");
}

#[test]
fn a_version_that_failed_is_passed_over_until_there_is_a_newer_one() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.updates(&update(&at(&server)), "2.0");
    assert!(matches!(machine.restarted(false), Some(Verdict::Failed(..))));
    let state = machine.state();
    assert_eq!((state.pending, state.floor.as_deref()), (None, Some("1.0")));
    assert_eq!(state.failed["2.0"], "no picture");
    let history = Updates::new(machine.site()).history(1).unwrap();
    assert_eq!(
        (&history[0]["verdict"], &history[0]["reason"]),
        (&json!("failed"), &json!("no picture"))
    );
    let answer = machine.run(&update(&at(&server))).unwrap();
    assert_eq!(answer["up-to-date"], json!(true));
    assert!(answer["passed"].to_string().contains("no picture"), "{answer:?}");
    machine.updates(&update(&at(&serve("next"))), "3.0");
}

/// Before the first good verdict the other slot is all that there is to fall back to, or there is none.
#[test]
fn a_version_on_trial_does_not_update() {
    let (machine, server) = (Machine::new(), serve("next"));
    let mut first = update(&at(&server));
    first.version = Some("2.0".to_owned());
    machine.updates(&first, "2.0");
    // It was started, and has no verdict yet: slot A must not be overwritten.
    let before = machine.disk();
    let mut site = machine.site();
    site.report.slot = Some(Slot::B);
    let failure = Updates::new(site).run(&update(&at(&server)), &Ear::default()).unwrap_err();
    assert_eq!(failure.kind(), Kind::Refused, "{}", failure.to_text());
    assert!(failure.the_hint().unwrap().contains("no good verdict"), "{}", failure.to_text());
    assert!(machine.disk() == before);
    // Nothing was begun, and its verdict is waited for all the same.
    assert_eq!(machine.state().writing, None);
    assert_eq!(machine.state().pending.unwrap().version, "2.0");
    assert!(matches!(machine.restarted(false), Some(Verdict::Failed(..))));
}
