//! Incus is brought into the wanted state, whatever happens on the way.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod common;

use anklume_incus::wanted::Wanted;
use anklume_incus::{Applied, Client, Error};
use anklume_language::Language;
use common::{Fake, Fault};
use serde_json::json;

fn wanted() -> Wanted {
    let wanted = json!({
        "pool": { "name": "default", "driver": "zfs", "source": "anklume/incus" },
        "networks": [{ "name": "ank-work", "ipv4": "10.60.1.1/24", "ipv6": "none" },
                     { "name": "ank-home", "ipv4": "10.60.2.1/24", "ipv6": "none" }],
        "default_network": "ank-work",
    });
    serde_json::from_value(wanted).unwrap()
}

fn apply(client: &Client) -> Result<Applied, Error> {
    client.apply(&wanted(), &mut |_| {}, &mut |_| {})
}

/// Everything that is kept, as text.
fn state(fake: &Fake) -> String {
    let world = fake.world();
    format!("{:?} {:?} {:?} {:?}", world.pools, world.networks, world.devices, world.profiles)
}

const CHANGES: usize = 4;

#[test]
fn bridges_are_told_with_their_addresses() {
    let fake = Fake::start();
    assert!(fake.client().isolated().unwrap().is_empty());
    apply(&fake.client()).unwrap();
    let told = fake.client().isolated().unwrap();
    let mut told: Vec<String> =
        told.iter().map(|one| format!("{} {:?}", one.bridge, one.addresses)).collect();
    told.sort();
    assert_eq!(told, ["ank-home [10.60.2.1]", "ank-work [10.60.1.1]"]);
}

#[test]
fn the_second_run_changes_nothing() {
    let fake = Fake::start();
    let mut told = Vec::new();
    let first =
        fake.client().apply(&wanted(), &mut |step| told.push(step.object.to_string()), &mut |_| {});
    assert!(!first.unwrap().was_done());
    let objects =
        ["storage pool default", "network ank-work", "network ank-home", "profile default"];
    assert_eq!(told, objects);
    assert_eq!(fake.changes().len(), CHANGES);
    let after = state(&fake);
    assert!(apply(&fake.client()).unwrap().was_done());
    assert_eq!(fake.changes().len(), CHANGES);
    assert_eq!(state(&fake), after);
}

#[test]
fn a_cut_anywhere_ends_in_the_same_state() {
    let whole = Fake::start();
    apply(&whole.client()).unwrap();
    let expected = state(&whole);
    for is_within in [false, true] {
        for cut in 0..=CHANGES {
            let fake = Fake::start();
            fake.world().cut = Some(cut);
            fake.world().is_cut_within = is_within;
            let cut_off = apply(&fake.client());
            assert!(matches!(cut_off, Err(Error::Broken { .. })), "cut {cut}: {cut_off:?}");
            assert_eq!(fake.changes().len(), cut);
            fake.world().cut = None;
            apply(&fake.client()).unwrap_or_else(|error| panic!("cut {cut} {is_within}: {error}"));
            assert_eq!(state(&fake), expected, "cut {cut} {is_within}");
            assert!(apply(&fake.client()).unwrap().was_done());
        }
    }
}

/// What a group of containers that is kept apart has, beside what is there for all.
#[test]
fn a_domain_beside_what_is_there_is_made_after_a_cut_anywhere() {
    let domain = json!({
        "pool": { "name": "lab", "driver": "zfs", "source": "anklume/data/domains/lab" },
        "networks": [{ "name": "ank-lab", "ipv4": "10.60.3.1/24", "ipv6": "none" }],
        "profile": "lab", "default_network": "ank-lab",
    });
    let domain: Wanted = serde_json::from_value(domain).unwrap();
    let make = |fake: &Fake| fake.client().apply(&domain, &mut |_| {}, &mut |_| {});
    let whole = Fake::start();
    apply(&whole.client()).unwrap();
    let before = whole.world().devices.clone();
    assert!(!make(&whole).unwrap().was_done() && make(&whole).unwrap().was_done());
    assert_eq!(whole.world().devices, before);
    let devices = whole.world().profiles["lab"]["devices"].clone();
    assert_eq!(
        (&devices["root"]["pool"], &devices["eth0"]["network"]),
        (&json!("lab"), &json!("ank-lab"))
    );
    assert!(apply(&whole.client()).unwrap().was_done());
    for is_within in [false, true] {
        for cut in CHANGES..CHANGES + 3 {
            let fake = Fake::start();
            apply(&fake.client()).unwrap();
            fake.world().cut = Some(cut);
            fake.world().is_cut_within = is_within;
            assert!(matches!(make(&fake), Err(Error::Broken { .. })), "cut {cut}");
            fake.world().cut = None;
            make(&fake).unwrap();
            assert_eq!(state(&fake), state(&whole), "cut {cut} {is_within}");
        }
    }
}

#[test]
fn an_answer_that_is_lost_is_no_harm() {
    let whole = Fake::start();
    apply(&whole.client()).unwrap();
    for request in ["POST /1.0/storage-pools", "POST /1.0/networks", "PATCH /1.0/profiles"] {
        for fault in [Fault::BreakBefore, Fault::BreakAfter, Fault::Half] {
            let fake = Fake::start();
            fake.world().break_once(request, fault);
            assert!(matches!(apply(&fake.client()), Err(Error::Broken { .. })), "{request}");
            apply(&fake.client()).unwrap();
            assert_eq!(state(&fake), state(&whole), "{request}");
        }
    }
}

#[test]
fn a_conflict_anywhere_changes_nothing() {
    let fake = Fake::start();
    let root = json!({ "type": "disk", "path": "/", "pool": "ram" });
    fake.world().devices.insert("root".to_owned(), root);
    let before = state(&fake);
    let error = apply(&fake.client()).unwrap_err();
    let expected = "profile default: the pool of device root is ram, expected default";
    assert_eq!(error.to_string(), expected);
    assert!(error.hint(Language::English).is_some());
    assert_eq!(state(&fake), before);
    assert!(fake.changes().is_empty());
}

#[test]
fn a_profile_that_changes_meanwhile_is_not_overwritten() {
    let fake = Fake::start();
    let mut change = |step: &anklume_incus::plan::Step| {
        if step.object.to_string() == "profile default" {
            let other = json!({ "type": "nic", "network": "other" });
            fake.world().devices.insert("eth0".to_owned(), other);
        }
    };
    let error = fake.client().apply(&wanted(), &mut change, &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Refused { code: 412, .. }), "{error}");
    assert!(error.hint(Language::English).unwrap().contains("meanwhile"));
    assert!(matches!(apply(&fake.client()), Err(Error::Conflicts(_))));
}

#[test]
fn a_place_that_is_not_empty_comes_with_a_hint() {
    let fake = Fake::start();
    let mut wanted = wanted();
    wanted.pool.source = "anklume/full".to_owned();
    let error = fake.client().apply(&wanted, &mut |_| {}, &mut |_| {}).unwrap_err();
    let expected = "POST /1.0/storage-pools: Incus says 500: Source path '/srv/full' isn't empty";
    assert_eq!(error.to_string(), expected);
    assert!(error.hint(Language::French).unwrap().contains("ancien pool"));
}

#[test]
fn a_change_that_has_no_effect_is_noticed() {
    let fake = Fake::start();
    let answer = Fault::Raw(common::bytes(201, r#"{"type": "sync"}"#));
    fake.world().break_once("POST /1.0/networks", answer);
    let error = apply(&fake.client()).unwrap_err();
    let expected = "network ank-work: was set up and is still not as wanted";
    assert_eq!(error.to_string(), expected);
}

#[test]
fn a_folder_with_content_is_not_removed_for_a_pool() {
    let fake = Fake::start();
    let folder = fake.folder().join("storage-pools/default");
    std::fs::create_dir_all(folder.join("containers")).unwrap();
    let error = apply(&fake.client()).unwrap_err();
    assert!(error.hint(Language::English).unwrap().contains("left from something else"), "{error}");
    assert!(folder.join("containers").exists());
    std::fs::remove_dir(folder.join("containers")).unwrap();
    apply(&fake.client()).unwrap();
}
