//! Preparing and activating apart, and doing it twice.

use anklume_bus::{Engine, Kind, Order, Verb};
use anklume_layout::{Role, Slot};
use anklume_medium::Medium;
use anklume_slots::{Record, Refusal, State as SlotState};
use anklume_update::Updates;
use serde_json::json;

use crate::machine::{Ear, Machine, order, update};
use crate::network::{at, sent, serve};
use crate::shelf::iso;

fn activate() -> Order {
    Order::new(Verb::Activate)
}

#[test]
fn what_was_prepared_is_activated_later() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.untouched(&activate(), Kind::Refused, "nothing is prepared");
    let before = machine.disk();
    let answer = machine.run(&order(Verb::Prepare, &at(&server))).unwrap();
    assert_eq!((&answer["prepared"], answer.get("restart-needed")), (&json!(true), None));
    machine.assert_holds("2.0");
    assert_eq!(machine.record().state(Slot::B), SlotState::Empty);
    assert_eq!(Updates::new(machine.site()).facts().pending, "");
    let asked = server.log().len();
    machine.updates(&activate(), "2.0");
    assert_eq!(server.log().len(), asked, "activating asked the source");
    machine.assert_kept(&before);
    let history = Updates::new(machine.site()).history(1).unwrap();
    let kept = |key: &str| &history[0][key];
    assert_eq!(
        (kept("source"), kept("fetched-bytes")),
        (&json!(at(&server)), &answer["fetched-bytes"])
    );
    let facts = Updates::new(machine.site()).facts();
    assert_eq!(facts.pending, "2.0");
    let slots: Vec<_> =
        facts.slots.iter().map(|s| (s.version.as_str(), s.running, s.next, s.good)).collect();
    assert_eq!(slots, [("1.0", true, false, true), ("2.0", false, true, false)]);
    machine.refused_again(&activate());
}

#[test]
fn a_flip_that_is_refused_leaves_nothing_pending() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.run(&order(Verb::Prepare, &at(&server))).unwrap();
    let medium = Medium::at(&machine.disk_path()).unwrap();
    // As if no slot was ever good.
    medium.update(|_| Ok::<_, Refusal>(Record::new())).unwrap();
    let failure = machine.run(&activate()).unwrap_err();
    assert_eq!(failure.kind(), Kind::Refused, "{}", failure.to_text());
    assert_eq!(machine.state().pending, None);
    medium.update(|record| Ok::<_, Refusal>(record.unwrap().mark_good(Slot::A))).unwrap();
    machine.updates(&activate(), "2.0");
}

impl Machine {
    /// Activating twice is refused, and changes nothing.
    fn refused_again(&self, order: &Order) {
        let before = self.disk();
        let failure = self.run(order).unwrap_err();
        assert_eq!((failure.kind(), failure.message()), (Kind::Refused, "nothing is prepared"));
        assert!(self.disk() == before);
        self.assert_updated("2.0");
    }
}

/// What was learned after it was prepared counts.
#[test]
fn a_version_that_is_not_wanted_any_more_is_not_activated() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.run(&order(Verb::Prepare, &at(&server))).unwrap();
    machine.remember(|state| state.held = ["2.0".to_owned()].into());
    machine.untouched(&activate(), Kind::Refused, "held back");
    machine.remember(|state| (state.held, state.floor) = ([].into(), Some("2.1".to_owned())));
    machine.untouched(&activate(), Kind::Refused, "is older than 2.1");
    machine.remember(|state| state.floor = Some("2.0".to_owned()));
    machine.updates(&activate(), "2.0");
}

#[test]
fn preparing_twice_fetches_nothing_again() {
    let (machine, server) = (Machine::new(), serve("www"));
    let prepare = order(Verb::Prepare, &at(&server));
    machine.run(&prepare).unwrap();
    server.clear_log();
    machine.run(&prepare).unwrap();
    assert_eq!(sent(&server, &iso("2.0")), 0);
    machine.updates(&activate(), "2.0");
}

#[test]
fn what_was_damaged_in_between_is_not_activated() {
    let (machine, server) = (Machine::new(), serve("www"));
    let prepare = order(Verb::Prepare, &at(&server));
    for (role, at_byte) in [(Role::Os(Slot::B), 1 << 20), (Role::Boot(Slot::B), 4096)] {
        machine.run(&prepare).unwrap();
        machine.flip(role, at_byte);
        machine.untouched(&activate(), Kind::Damaged, "slot b");
        server.clear_log();
        machine.run(&prepare).unwrap();
        assert!(sent(&server, &iso("2.0")) <= 512 << 10, "too much was fetched again");
    }
    machine.updates(&activate(), "2.0");
}

#[test]
fn activating_can_be_ended_and_says_nothing_bad_of_the_slot() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.run(&order(Verb::Prepare, &at(&server))).unwrap();
    let before = machine.disk();
    for end in 1..4 {
        let ear = Ear::until(end);
        let failure = Updates::new(machine.site()).run(&activate(), &ear).unwrap_err();
        assert_eq!(failure.kind(), Kind::Cancelled, "{}", failure.to_text());
        assert!(machine.disk() == before);
    }
    machine.updates(&activate(), "2.0");
}

#[test]
fn a_version_that_waits_already_is_not_written_again() {
    let (machine, server) = (Machine::new(), serve("www"));
    machine.updates(&update(&at(&server)), "2.0");
    let before = machine.disk();
    server.clear_log();
    for verb in [Verb::Update, Verb::Prepare, Verb::Check] {
        let answer = machine.run(&order(verb, &at(&server))).unwrap();
        assert_eq!((&answer["version"], &answer["restart-needed"]), (&json!("2.0"), &json!(true)));
        assert!(machine.disk() == before, "{verb:?} wrote");
    }
    assert_eq!(sent(&server, &iso("2.0")), 0);
    machine.assert_updated("2.0");
    // A newer one replaces it.
    let answer = machine.updates(&update(&at(&serve("next"))), "3.0");
    assert_eq!(answer["from-version"], json!("1.0"));
}

#[test]
fn refreshing_writes_no_slot_and_remembers() {
    let (machine, server) = (Machine::new(), serve("www"));
    let before = machine.disk();
    let answer = machine.run(&order(Verb::Refresh, &at(&server))).unwrap();
    assert!(answer["files"].as_u64() >= Some(6), "{answer:?}");
    assert!(machine.disk() == before && machine.path("persist/update/trust.json").exists());
    assert_eq!(server.log().iter().filter(|r| !r.path().starts_with("/metadata/")).count(), 0);
}
