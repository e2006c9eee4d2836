//! Decisions on data: what is there decides what is done.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use anklume_incus::plan::{
    Action, Found, FoundNetwork, FoundPool, FoundProfile, Object, conflicts, plan,
};
use anklume_incus::wanted::Wanted;
use anklume_language::Language;
use serde_json::{Value, json};

fn wanted() -> Wanted {
    let wanted = json!({
        "pool": { "name": "default", "driver": "btrfs", "source": "/data/incus" },
        "networks": [{ "name": "ank-work", "ipv4": "10.60.1.1/24", "ipv6": "fd42:60:1::1/64" }],
        "default_network": "ank-work",
    });
    serde_json::from_value(wanted).unwrap()
}

fn pool(change: impl FnOnce(&mut FoundPool)) -> FoundPool {
    let pool =
        json!({ "driver": "btrfs", "status": "Created", "config": { "source": "/data/incus" } });
    let mut pool = serde_json::from_value(pool).unwrap();
    change(&mut pool);
    pool
}

fn network(name: &str, change: impl FnOnce(&mut FoundNetwork)) -> FoundNetwork {
    let network = json!({ "name": name, "type": "bridge", "managed": true, "status": "Created", "config": {
        "ipv4.address": "10.60.1.1/24", "ipv4.nat": "true",
        "ipv6.address": "fd42:60:1::1/64", "ipv6.nat": "true", "volatile.bridge.hwaddr": "x" } });
    let mut network = serde_json::from_value(network).unwrap();
    change(&mut network);
    network
}

fn profile(devices: Value) -> FoundProfile {
    let config = json!({ "boot.host_shutdown_timeout": "300" });
    serde_json::from_value(json!({ "config": config, "devices": devices })).unwrap()
}

fn whole() -> Found {
    Found {
        pool: Some(pool(|_| {})),
        networks: vec![network("ank-work", |_| {})],
        profile: Some(profile(json!({
            "root": { "type": "disk", "path": "/", "pool": "default" },
            "eth0": { "type": "nic", "name": "eth0", "network": "ank-work" },
        }))),
    }
}

fn actions(found: &Found) -> Vec<Action> {
    plan(&wanted(), found).into_iter().map(|step| step.action).collect()
}

/// The conflicts, as they are shown.
fn said(found: &Found) -> Vec<String> {
    let plan = plan(&wanted(), found);
    conflicts(&plan).map(|(object, difference)| format!("{object}: {difference}")).collect()
}

#[test]
fn everything_is_made_in_the_order_of_use() {
    let found = Found { profile: Some(FoundProfile::default()), ..Found::default() };
    let steps = plan(&wanted(), &found);
    let requests: Vec<_> =
        steps.iter().flat_map(|step| &step.requests).map(ToString::to_string).collect();
    let expected = ["POST /1.0/storage-pools", "POST /1.0/networks", "PATCH /1.0/profiles/default"];
    assert_eq!(requests, expected);
    let body =
        json!({ "name": "default", "driver": "btrfs", "config": { "source": "/data/incus" } });
    assert_eq!(steps[0].requests[0].body, Some(body));
    let devices = json!({ "config": { "boot.host_shutdown_timeout": "120" }, "devices": {
        "root": { "type": "disk", "path": "/", "pool": "default" },
        "eth0": { "type": "nic", "name": "eth0", "network": "ank-work" } } });
    assert_eq!(steps[2].requests[0].body, Some(devices));
}

#[test]
fn another_profile_is_made_if_it_is_missing() {
    let mut wanted = wanted();
    wanted.profile = "work".parse().unwrap();
    let missing = Found { profile: None, ..whole() };
    let step = plan(&wanted, &missing).pop().unwrap();
    assert_eq!((step.object, step.action), (Object::Profile("work".to_owned()), Action::Create));
    let requests: Vec<_> = step.requests.iter().map(ToString::to_string).collect();
    assert_eq!(requests, ["POST /1.0/profiles"]);
    let config = json!({ "boot.host_shutdown_timeout": "120" });
    let body = json!({ "name": "work", "config": config, "devices": {
        "root": { "type": "disk", "path": "/", "pool": "default" },
        "eth0": { "type": "nic", "name": "eth0", "network": "ank-work" } } });
    assert_eq!(step.requests[0].body, Some(body));
    assert_eq!(plan(&wanted, &whole()).pop().unwrap().action, Action::Leave);
    let empty = Found { profile: Some(FoundProfile::default()), ..whole() };
    let step = plan(&wanted, &empty).pop().unwrap();
    assert_eq!(step.requests[0].to_string(), "PATCH /1.0/profiles/work");
}

#[test]
fn what_is_as_it_should_be_is_left() {
    assert_eq!(actions(&whole()), [Action::Leave, Action::Leave, Action::Leave]);
}

#[test]
fn other_spellings_of_the_same_are_no_difference() {
    let mut found = whole();
    found.networks[0].config.insert("ipv4.nat".to_owned(), "yes".to_owned());
    found.networks[0].config.insert("ipv6.address".to_owned(), "fd42:60:1:0::1/64".to_owned());
    // As Incus has it after it gave a device a name of its own choice.
    let config = [("source", "1a2b-3c"), ("volatile.initial_source", "/data/incus")];
    found.pool.as_mut().unwrap().config =
        config.map(|(key, value)| (key.to_owned(), value.to_owned())).into();
    found.profile = Some(profile(json!({
        "disk": { "type": "disk", "path": "/", "pool": "default", "size": "10GiB" },
        "net": { "type": "nic", "name": "eth0", "nictype": "bridged", "parent": "ank-work" },
    })));
    assert_eq!(actions(&found), [Action::Leave, Action::Leave, Action::Leave]);
}

#[test]
fn what_is_missing_is_added_and_nothing_else() {
    let mut found = whole();
    found.networks[0].config.remove("ipv6.nat");
    found.networks[0].config.insert("ipv4.dhcp.ranges".to_owned(), "x".to_owned());
    found.profile = Some(FoundProfile {
        etag: Some("\"7\"".to_owned()),
        ..profile(json!({ "root": { "type": "disk", "path": "/", "pool": "default" } }))
    });
    let steps = plan(&wanted(), &found);
    assert_eq!(steps[1].action, Action::Complete(vec!["ipv6.nat".to_owned()]));
    let body = json!({ "config": { "ipv6.nat": "true" } });
    assert_eq!(steps[1].requests[0].body, Some(body));
    assert_eq!(steps[2].action, Action::Complete(vec!["eth0".to_owned()]));
    let eth0 = json!({ "eth0": { "type": "nic", "name": "eth0", "network": "ank-work" } });
    assert_eq!(steps[2].requests[0].body, Some(json!({ "config": {}, "devices": eth0 })));
    assert_eq!(steps[2].requests[0].etag.as_deref(), Some("\"7\""));
}

#[test]
fn a_different_pool_is_a_conflict() {
    for (change, expected) in [
        (
            (|pool| pool.driver = "dir".to_owned()) as fn(&mut FoundPool),
            "storage pool default: driver is dir, expected btrfs",
        ),
        (
            |pool| drop(pool.config.insert("source".to_owned(), "/other".to_owned())),
            "storage pool default: source is /other, expected /data/incus",
        ),
        (|pool| pool.config.clear(), "storage pool default: source is unset, expected /data/incus"),
        (
            |pool| pool.status = "Unavailable".to_owned(),
            "storage pool default: status is Unavailable, expected Created",
        ),
    ] {
        let found = Found { pool: Some(pool(change)), ..whole() };
        assert_eq!(said(&found), [expected]);
        assert!(plan(&wanted(), &found)[0].requests.is_empty());
    }
}

#[test]
fn a_different_network_is_a_conflict() {
    for (change, expected) in [
        (
            (|network| network.managed = false) as fn(&mut FoundNetwork),
            "network ank-work: it does not belong to Incus",
        ),
        (
            |network| network.kind = "ovn".to_owned(),
            "network ank-work: type is ovn, expected bridge",
        ),
        (
            |network| drop(network.config.insert("ipv4.nat".to_owned(), "false".to_owned())),
            "network ank-work: ipv4.nat is false, expected true",
        ),
        (
            |network| drop(network.config.insert("ipv4.address".to_owned(), "none".to_owned())),
            "network ank-work: ipv4.address is none, expected 10.60.1.1/24",
        ),
    ] {
        let found = Found { networks: vec![network("ank-work", change)], ..whole() };
        assert_eq!(said(&found), [expected]);
        assert!(plan(&wanted(), &found)[1].requests.is_empty());
    }
}

#[test]
fn addresses_of_another_network_are_not_taken() {
    let other = network("incusbr0", |network| {
        network.config = [("ipv4.address".to_owned(), "10.60.0.1/16".to_owned())].into();
    });
    let found = Found { networks: vec![other], ..whole() };
    let expected = "network ank-work: 10.60.1.1/24 lies in the subnet of incusbr0, 10.60.0.1/16";
    assert_eq!(said(&found), [expected]);
}

#[test]
fn a_different_profile_is_a_conflict() {
    for (devices, expected) in [
        (
            json!({ "root": { "type": "disk", "path": "/", "pool": "ram" } }),
            "profile default: the pool of device root is ram, expected default",
        ),
        (
            json!({ "system": { "type": "disk", "path": "/", "pool": "ram" } }),
            "profile default: the pool of device system is ram, expected default",
        ),
        (
            json!({ "root": { "type": "disk", "path": "/mnt", "source": "/mnt" } }),
            "profile default: device root is no root disk",
        ),
        (
            json!({ "eth0": { "type": "nic", "network": "incusbr0" } }),
            "profile default: the network of device eth0 is incusbr0, expected ank-work",
        ),
        (
            json!({ "net": { "type": "nic", "name": "eth0", "network": "incusbr0" } }),
            "profile default: the network of device net is incusbr0, expected ank-work",
        ),
    ] {
        let found = Found { profile: Some(profile(devices)), ..whole() };
        assert_eq!(said(&found), [expected]);
        assert!(plan(&wanted(), &found)[2].requests.is_empty());
    }
}

#[test]
fn what_was_begun_is_made_again() {
    let mut found = whole();
    found.pool = Some(pool(|pool| pool.status = "Pending".to_owned()));
    found.networks = vec![network("ank-work", |network| network.status = "Pending".to_owned())];
    let steps = plan(&wanted(), &found);
    assert_eq!(steps[0].action, Action::Remake);
    let requests: Vec<_> = steps[1].requests.iter().map(ToString::to_string).collect();
    assert_eq!(requests, ["DELETE /1.0/networks/ank-work", "POST /1.0/networks"]);
    // Something else of that name is nobody's to remove.
    found.pool.as_mut().unwrap().driver = "zfs".to_owned();
    assert_eq!(said(&found).len(), 2);
}

#[test]
fn addresses_that_incus_picks_are_right_as_they_are() {
    let mut wanted = wanted();
    wanted.networks[0].ipv4 = "auto".parse().unwrap();
    assert_eq!(plan(&wanted, &whole())[1].action, Action::Leave);
    let mut found = whole();
    found.networks[0].config.insert("ipv4.address".to_owned(), "none".to_owned());
    assert!(matches!(plan(&wanted, &found)[1].action, Action::Conflict(_)));
}

#[test]
fn steps_are_said_in_both_languages() {
    let mut found = whole();
    found.pool = None;
    found.networks[0].config.remove("ipv6.nat");
    found.profile =
        Some(profile(json!({ "root": { "type": "disk", "path": "/", "pool": "ram" } })));
    let steps = plan(&wanted(), &found);
    let said = |language| steps.iter().map(|step| step.say(language)).collect::<Vec<_>>();
    assert_eq!(
        said(Language::English),
        [
            "storage pool default: is created",
            "network ank-work: gets ipv6.nat",
            "profile default: the pool of device root is ram, expected default",
        ]
    );
    assert_eq!(
        said(Language::French),
        [
            "pool de stockage default : est créé",
            "réseau ank-work : reçoit ipv6.nat",
            "profil default : le pool du périphérique root : ram, attendu default",
        ]
    );
    assert_eq!(steps[2].object, Object::Profile("default".to_owned()));
}
