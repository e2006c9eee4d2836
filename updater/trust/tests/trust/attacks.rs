//! The attacks that the specification lists (TUF 1.0, section 1.5.2), and more.

use anklume_trust::publish::add_signature;
use anklume_trust::{Digest, Error, Role, Stored, Target};
use serde_json::{Value, json};

use crate::source::{Source, day, key, machine, refresh, refused, seen};

/// Changes what a file says, without signing it anew.
fn tamper(bytes: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let mut value: Value = serde_json::from_slice(bytes).unwrap();
    change(&mut value);
    serde_json::to_vec(&value).unwrap()
}

/// Changes what a file says, and signs it again.
fn resign(role: Role, bytes: &[u8], keys: &[u8], change: impl FnOnce(&mut Value)) -> Vec<u8> {
    let bytes = tamper(bytes, |file| {
        file["signatures"] = json!([]);
        change(file);
    });
    keys.iter().fold(bytes, |bytes, number| add_signature(role, &bytes, &key(*number)).unwrap())
}

fn is_threshold(error: &Error, file: &str) -> bool {
    matches!(error, Error::Threshold { file: found, .. } if *found == file)
}

// Arbitrary software: an attacker names files of his own.

#[test]
fn an_unsigned_change_is_refused_in_every_file() {
    for (name, role) in [
        ("timestamp.json", Role::Timestamp),
        ("1.snapshot.json", Role::Snapshot),
        ("1.targets.json", Role::Targets),
    ] {
        let mut source = Source::new();
        let bytes = tamper(source.file(name), |file| file["signed"]["x"] = json!(1));
        source.files.insert(name.into(), bytes.clone());
        // The files above it name the changed one: only its own signature is wrong.
        match role {
            Role::Targets => source.publish_snapshot(&bytes),
            Role::Snapshot => source.publish_timestamp(&bytes),
            Role::Root | Role::Timestamp => {}
        }
        let error = refused(None, &source, 2);
        assert!(is_threshold(&error, role.file()), "{error}");
        assert!(error.hint().is_some());
    }
}

#[test]
fn keys_of_another_role_or_of_nobody_do_not_count() {
    // 20 is the snapshot key, 40 nobody's.
    for number in [20, 30, 1, 40] {
        let mut source = Source::new();
        source.timestamp = vec![number];
        source.timestamp_of("1.snapshot.json");
        assert!(is_threshold(&refused(None, &source, 2), "timestamp.json"), "{number}");
    }
    let mut source = Source::new();
    source.snapshot = vec![10];
    source.snapshot_of("1.targets.json");
    assert!(is_threshold(&refused(None, &source, 2), "snapshot.json"));
    let mut source = Source::new();
    source.targets = vec![10, 20];
    source.publish();
    assert!(is_threshold(&refused(None, &source, 2), "targets.json"));
}

#[test]
fn a_file_of_one_role_is_none_of_another() {
    // The same key may have two roles; what it signed for one is not signed for the other.
    let mut source = Source::new();
    source.rotate(&[1, 2], |source| {
        (source.timestamp, source.snapshot) = (vec![20], vec![20]);
    });
    let mut client = machine(None, 2);
    client.update_root(source.file("2.root.json")).unwrap();
    let error = client.update_timestamp(source.file("1.snapshot.json")).unwrap_err();
    assert!(matches!(error, Error::Field { ref field, .. } if field == "signed._type"), "{error}");
}

#[test]
fn a_root_needs_the_old_and_the_new_keys() {
    let mut source = Source::new();
    source.versions.insert(Role::Root, 2);
    source.root = vec![4, 5, 6];
    let next = |signers: &[u8]| machine(None, 2).update_root(&source.root_bytes(signers));
    assert_eq!(next(&[1, 2, 4, 5]), Ok(()));
    let needed = |root, found| {
        let (file, role) = ("root.json", Role::Root);
        Err(Error::Threshold { file, role, root, needed: 2, found })
    };
    assert_eq!(next(&[4, 5, 6]), needed(1, 0));
    assert_eq!(next(&[1, 4, 5, 6]), needed(1, 1));
    assert_eq!(next(&[1, 2, 3]), needed(2, 0));
    assert_eq!(next(&[1, 2, 3, 4]), needed(2, 1));
    // Keys of other roles of the old root.
    assert_eq!(next(&[10, 20, 30, 4, 5]), needed(1, 0));
}

#[test]
fn a_key_counts_once_however_often_it_signs() {
    let source = Source::new();
    let once = source.root_bytes(&[1]);
    let twice = tamper(&once, |file| {
        let own = file["signatures"][0].clone();
        file["signatures"] = json!([own, own, own]);
    });
    let mut source = Source::new();
    source.rotate(&[1], |_| {});
    assert_eq!(source.file("2.root.json").len(), once.len());
    let bytes = tamper(source.file("2.root.json"), |file| {
        let own = file["signatures"][0].clone();
        file["signatures"] = json!([own, own]);
    });
    let error = machine(None, 2).update_root(&bytes).unwrap_err();
    assert!(matches!(error, Error::Threshold { needed: 2, found: 1, .. }), "{error}");
    let begun = anklume_trust::Client::new(
        &twice,
        None,
        crate::source::clock(2),
        anklume_trust::Staleness::Refuse,
    );
    assert!(is_threshold(&begun.unwrap_err(), "root.json"));
}

#[test]
fn a_key_with_two_names_counts_once() {
    // A further field gives the same public key another name.
    let mut source = Source::new();
    source.versions.insert(Role::Root, 2);
    let bytes = resign(Role::Root, &source.root_bytes(&[]), &[1, 2], |file| {
        let id = key(10).public().id().to_string();
        let mut object = file["signed"]["keys"][&id].clone();
        object["x"] = json!("another name");
        // In the signed form keys are sorted: keytype, keyval, scheme, x.
        let public = key(10).public();
        let form = format!(
            r#"{{"keytype":"ed25519","keyval":{{"public":"{public}"}},"scheme":"ed25519","x":"another name"}}"#
        );
        let other = Digest::of(form.as_bytes()).to_string();
        file["signed"]["keys"][&other] = object;
        file["signed"]["roles"]["timestamp"] = json!({ "keyids": [id, other], "threshold": 2 });
    });
    let mut client = machine(None, 2);
    client.update_root(&bytes).unwrap();
    assert_eq!(client.root().timestamp.keys().len(), 1);
    let names: Vec<String> =
        serde_json::from_slice::<Value>(&bytes).unwrap()["signed"]["roles"]["timestamp"]["keyids"]
            .as_array()
            .unwrap()
            .iter()
            .map(|id| id.as_str().unwrap().to_owned())
            .collect();
    let timestamp = tamper(source.file("timestamp.json"), |file| {
        let sig = file["signatures"][0]["sig"].clone();
        let entry = |id: &String| json!({ "keyid": id, "sig": sig });
        file["signatures"] = names.iter().map(entry).collect();
    });
    let error = client.update_timestamp(&timestamp).unwrap_err();
    assert!(matches!(error, Error::Threshold { needed: 2, found: 1, .. }), "{error}");
}

#[test]
fn a_key_has_the_name_that_its_content_gives_it() {
    let mut source = Source::new();
    source.versions.insert(Role::Root, 2);
    let bytes = resign(Role::Root, &source.root_bytes(&[]), &[1, 2], |file| {
        let id = key(10).public().id().to_string();
        file["signed"]["keys"][&id] = json!({
            "keytype": "ed25519", "scheme": "ed25519",
            "keyval": { "public": key(40).public().to_string() },
        });
    });
    let error = machine(None, 2).update_root(&bytes).unwrap_err();
    let path = format!("signed.keys.{}", key(10).public().id());
    assert!(matches!(&error, Error::Field { field, .. } if *field == path), "{error}");
}

#[test]
fn roles_without_a_threshold_keys_or_existence_are_refused() {
    let mut source = Source::new();
    source.versions.insert(Role::Root, 2);
    let change = |change: &dyn Fn(&mut Value)| {
        let root = source.root_bytes(&[]);
        let bytes = resign(Role::Root, &root, &[1, 2], |file| change(&mut file["signed"]));
        machine(None, 2).update_root(&bytes)
    };
    assert_eq!(change(&|_| {}), Ok(()));
    let id = key(10).public().id().to_string();
    let field = |result: Result<(), Error>, expected: &str| match result {
        Err(Error::Field { field, .. }) => assert_eq!(field, expected),
        other => panic!("{expected}: {other:?}"),
    };
    field(
        change(&|s| s["roles"]["targets"]["threshold"] = json!(0)),
        "signed.roles.targets.threshold",
    );
    field(
        change(&|s| s["roles"]["targets"]["threshold"] = json!(-1)),
        "signed.roles.targets.threshold",
    );
    field(
        change(&|s| s["roles"]["timestamp"]["keyids"] = json!([id, id])),
        "signed.roles.timestamp.keyids.1",
    );
    let nobody = "0".repeat(64);
    field(
        change(&|s| s["roles"]["timestamp"]["keyids"] = json!([nobody])),
        "signed.roles.timestamp.keyids.0",
    );
    field(
        change(&|s| drop(s["roles"].as_object_mut().unwrap().remove("snapshot"))),
        "signed.roles.snapshot",
    );
    field(change(&|s| drop(s.as_object_mut().unwrap().remove("roles"))), "signed.roles");
}

#[test]
fn keys_of_unknown_kinds_do_not_count_and_do_no_harm() {
    let mut source = Source::new();
    source.versions.insert(Role::Root, 2);
    let (form, object) = (
        r#"{"keytype":"later","keyval":{"public":"?"},"scheme":"later"}"#,
        json!({ "keytype": "later", "scheme": "later", "keyval": { "public": "?" } }),
    );
    let id = Digest::of(form.as_bytes()).to_string();
    let root = resign(Role::Root, &source.root_bytes(&[]), &[1, 2], |file| {
        file["signed"]["keys"][&id] = object;
        file["signed"]["roles"]["timestamp"]["keyids"].as_array_mut().unwrap().push(json!(id));
    });
    let with = |bytes: &[u8]| {
        let mut client = machine(None, 2);
        client.update_root(&root).unwrap();
        client.update_timestamp(bytes)
    };
    let other = json!({ "keyid": id, "sig": "of another form" });
    let both = tamper(source.file("timestamp.json"), |file| {
        file["signatures"].as_array_mut().unwrap().insert(0, other.clone());
    });
    assert_eq!(with(&both), Ok(()));
    let alone = tamper(&both, |file| file["signatures"] = json!([other]));
    assert!(is_threshold(&with(&alone).unwrap_err(), "timestamp.json"));
}

#[test]
fn weak_keys_are_refused() {
    // The neutral element: with it as a key, a signature of zeros verifies for some checkers.
    let mut neutral = [0; 32];
    neutral[0] = 1;
    assert!(anklume_trust::PublicKey::from_bytes(&neutral).is_err());
    assert!(anklume_trust::PublicKey::from_bytes(&[2; 32]).is_err());
}

// Rollback: an attacker offers what was true once.

#[test]
fn no_file_goes_back() {
    let old = Source::new();
    let mut new = Source::new();
    new.release("anklume-2.iso");
    let stored = seen(None, &new, 2);
    let error = refused(Some(stored), &old, 2);
    assert_eq!(error, Error::Rollback { file: "timestamp.json", seen: 2, found: 1 });
    assert!(error.hint().is_some());
}

#[test]
fn a_newer_timestamp_cannot_name_an_older_snapshot() {
    let mut source = Source::new();
    let old = source.file("1.snapshot.json").to_vec();
    source.release("anklume-2.iso");
    let stored = seen(None, &source, 2);
    source.versions.extend([(Role::Timestamp, 3), (Role::Snapshot, 1)]);
    source.publish_timestamp(&old);
    let error = refused(Some(stored), &source, 2);
    assert_eq!(error, Error::Rollback { file: "snapshot.json", seen: 2, found: 1 });
}

#[test]
fn a_snapshot_that_was_only_named_counts_as_seen() {
    let mut source = Source::new();
    let old = source.file("1.snapshot.json").to_vec();
    source.release("anklume-2.iso");
    let mut client = machine(None, 2);
    client.update_timestamp(source.file("timestamp.json")).unwrap();
    source.versions.extend([(Role::Timestamp, 3), (Role::Snapshot, 1)]);
    source.publish_timestamp(&old);
    let error = refused(Some(client.stored().clone()), &source, 2);
    assert_eq!(error, Error::Rollback { file: "snapshot.json", seen: 2, found: 1 });
}

#[test]
fn a_newer_snapshot_cannot_name_older_targets() {
    let mut source = Source::new();
    let old = source.file("1.targets.json").to_vec();
    source.release("anklume-2.iso");
    let mut client = machine(None, 2);
    // Also if the newer targets were never taken.
    client.update_timestamp(source.file("timestamp.json")).unwrap();
    client.update_snapshot(source.file("2.snapshot.json")).unwrap();
    source.versions.extend([(Role::Timestamp, 3), (Role::Snapshot, 3), (Role::Targets, 1)]);
    source.publish_snapshot(&old);
    let error = refused(Some(client.stored().clone()), &source, 2);
    assert_eq!(error, Error::Rollback { file: "targets.json", seen: 2, found: 1 });
}

#[test]
fn rotated_snapshot_keys_do_not_bring_older_targets_back() {
    let mut source = Source::new();
    let old = source.file("1.targets.json").to_vec();
    source.release("anklume-2.iso");
    let stored = seen(None, &source, 2);
    source.rotate(&[1, 2], |source| source.snapshot = vec![21]);
    source.versions.extend([(Role::Timestamp, 3), (Role::Snapshot, 3), (Role::Targets, 1)]);
    source.publish_snapshot(&old);
    let error = refused(Some(stored), &source, 2);
    assert_eq!(error, Error::Rollback { file: "targets.json", seen: 2, found: 1 });
}

#[test]
fn a_version_is_one_file() {
    for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
        let mut source = Source::new();
        let stored = seen(None, &source, 2);
        source.expires.insert(role, day(8));
        if role != Role::Timestamp {
            // What is above changes too, under new versions.
            source.versions.insert(Role::Timestamp, 2);
        }
        if role == Role::Targets {
            source.versions.insert(Role::Snapshot, 2);
        }
        match role {
            Role::Targets => source.publish(),
            Role::Snapshot => source.snapshot_of("1.targets.json"),
            _ => source.timestamp_of("1.snapshot.json"),
        }
        let error = refused(Some(stored), &source, 2);
        if role == Role::Timestamp {
            source.expires.insert(role, day(7));
        }
        assert_eq!(error, Error::Changed { file: role.file(), version: 1 });
        assert!(error.hint().is_some());
    }
}

#[test]
fn roots_follow_one_another_without_gaps() {
    let mut source = Source::new();
    source.rotate(&[1, 2], |_| {});
    let second = source.file("2.root.json").to_vec();
    source.rotate(&[1, 2], |_| {});
    let third = source.file("3.root.json").to_vec();
    let first = source.file("1.root.json").to_vec();
    let version = |expected, found| Err(Error::Version { file: "root.json", expected, found });
    let mut client = machine(None, 2);
    assert_eq!(client.update_root(&first), version(2, 1));
    assert_eq!(client.update_root(&third), version(2, 3));
    client.update_root(&second).unwrap();
    assert_eq!(client.update_root(&second), version(3, 2));
    client.update_root(&third).unwrap();
    // The version is that in the file, whatever its name; and it is remembered.
    let client = machine(Some(client.stored().clone()), 2);
    assert_eq!(client.root().header.version, 3);
}

#[test]
fn after_the_highest_version_comes_none() {
    let mut source = Source::new();
    source.versions.insert(Role::Root, u64::MAX);
    let embedded = source.root_bytes(&[1, 2]);
    let clock = crate::source::clock(2);
    let stale = anklume_trust::Staleness::Refuse;
    let mut client = anklume_trust::Client::new(&embedded, None, clock, stale).unwrap();
    assert!(matches!(client.update_root(&embedded), Err(Error::Version { .. })));
}

// Fast forward: with stolen keys, the highest version there is was signed.

#[test]
fn rotation_recovers_from_a_fast_forward() {
    let honest = Source::new();
    let mut stolen = honest.clone();
    stolen.versions.extend([(Role::Timestamp, u64::MAX), (Role::Snapshot, u64::MAX)]);
    stolen.publish_snapshot(honest.file("1.targets.json"));
    let stored = seen(None, &stolen, 2);
    let mut source = honest.clone();
    source.release("anklume-2.iso");
    assert!(matches!(refused(Some(stored.clone()), &source, 2), Error::Rollback { .. }));
    // A rotation of other keys does not forget it.
    let mut other = source.clone();
    other.rotate(&[1, 2, 4], |source| source.root = vec![1, 2, 4]);
    assert!(matches!(refused(Some(stored.clone()), &other, 2), Error::Rollback { .. }));
    // One of the two suffices, since both were forgotten.
    for rotated in [Role::Timestamp, Role::Snapshot] {
        let mut source = source.clone();
        source.rotate(&[1, 2], |source| match rotated {
            Role::Timestamp => source.timestamp = vec![11],
            _ => source.snapshot = vec![21],
        });
        source.publish();
        seen(Some(stored.clone()), &source, 2);
    }
}

#[test]
fn a_power_cut_after_the_rotation_does_not_undo_it() {
    let mut stolen = Source::new();
    stolen.versions.insert(Role::Timestamp, u64::MAX);
    stolen.timestamp_of("1.snapshot.json");
    let stored = seen(None, &stolen, 2);
    let mut source = Source::new();
    source.rotate(&[1, 2], |source| source.timestamp = vec![11]);
    source.release("anklume-2.iso");
    // Root taken and kept; then the machine is switched off.
    let mut client = machine(Some(stored), 2);
    client.update_root(source.file("2.root.json")).unwrap();
    let stored = Stored::decode(&client.stored().encode()).unwrap();
    seen(Some(stored), &source, 2);
}

#[test]
fn rotation_recovers_from_stolen_targets_keys() {
    let mut stolen = Source::new();
    stolen.versions.extend([(Role::Timestamp, 9), (Role::Snapshot, 9), (Role::Targets, u64::MAX)]);
    stolen.publish();
    let stored = seen(None, &stolen, 2);
    let mut source = Source::new();
    source.rotate(&[1, 2], |source| {
        (source.timestamp, source.snapshot, source.targets) = (vec![11], vec![21], vec![32]);
    });
    source.release("anklume-2.iso");
    seen(Some(stored), &source, 2);
}

#[test]
fn rotation_recovers_from_a_signing_time_far_ahead() {
    let mut stolen = Source::new();
    stolen.issued = Some(day(3000));
    for role in Role::ALL {
        stolen.expires.insert(role, day(4000));
    }
    stolen.rotate(&[1, 2], |source| source.issued = Some(day(1)));
    stolen.issued = Some(day(3000));
    stolen.timestamp_of("1.snapshot.json");
    let mut client = machine(None, 2);
    client.update_root(stolen.file("2.root.json")).unwrap();
    client.update_timestamp(stolen.file("timestamp.json")).unwrap();
    let stored = client.stored().clone();
    let mut source = Source::new();
    source.files.insert("2.root.json".into(), stolen.file("2.root.json").to_vec());
    source.versions.extend([(Role::Root, 2), (Role::Timestamp, 2)]);
    source.timestamp_of("1.snapshot.json");
    assert!(matches!(refused(Some(stored.clone()), &source, 2), Error::Expired(_)));
    source.rotate(&[1, 2], |source| source.timestamp = vec![11]);
    source.timestamp_of("1.snapshot.json");
    seen(Some(stored), &source, 2);
}

// Mix and match: files that never belonged together.

#[test]
fn files_of_two_releases_do_not_mix() {
    let old = Source::new();
    let mut new = Source::new();
    new.release("anklume-2.iso");
    let mut mixed = new.clone();
    mixed.files.insert("2.snapshot.json".into(), old.file("1.snapshot.json").to_vec());
    let error = refused(None, &mixed, 2);
    assert!(matches!(error, Error::Content { ref file, .. } if file == "snapshot.json"), "{error}");
    let mut mixed = new.clone();
    mixed.files.insert("2.targets.json".into(), old.file("1.targets.json").to_vec());
    let error = refused(None, &mixed, 2);
    assert!(matches!(error, Error::Length { ref file, .. } if file == "targets.json"), "{error}");
    assert!(error.hint().is_some());
}

#[test]
fn the_version_inside_is_the_one_that_was_named() {
    // Length and digest are right: the publisher is wrong, or his keys are stolen.
    let mut source = Source::new();
    let bytes = source.file("1.snapshot.json").to_vec();
    source.versions.insert(Role::Snapshot, 2);
    source.put(Role::Snapshot, bytes.clone());
    source.publish_timestamp(&bytes);
    let version = |file| Error::Version { file, expected: 2, found: 1 };
    assert_eq!(refused(None, &source, 2), version("snapshot.json"));
    let mut source = Source::new();
    let bytes = source.file("1.targets.json").to_vec();
    source.versions.insert(Role::Targets, 2);
    source.put(Role::Targets, bytes.clone());
    source.publish_snapshot(&bytes);
    assert_eq!(refused(None, &source, 2), version("targets.json"));
}

// Freeze: an attacker keeps newer files away. Expiry ends it; more in `clock`.

#[test]
fn every_role_can_expire() {
    for role in Role::ALL {
        let mut source = Source::new();
        source.expires.insert(role, day(5));
        if role == Role::Root {
            source.rotate(&[1, 2], |_| {});
        }
        source.publish();
        seen(None, &source, 4);
        match refused(None, &source, 5) {
            Error::Expired(expired) => assert_eq!((expired.role, expired.expired), (role, day(5))),
            other => panic!("{role}: {other}"),
        }
    }
}

// Endless data.

#[test]
fn files_that_are_too_long_are_not_even_parsed() {
    let padded = |bytes: &[u8], role: Role| {
        let mut bytes = bytes.to_vec();
        bytes.resize(usize::try_from(role.limit()).unwrap() + 1, b' ');
        bytes
    };
    let mut source = Source::new();
    source.rotate(&[1, 2], |_| {});
    let mut client = machine(None, 2);
    let too_long = |result: Result<(), Error>, role: Role| {
        let (file, limit) = (role.file(), role.limit());
        assert_eq!(result, Err(Error::TooLong { file, limit, found: limit + 1 }));
    };
    let root = padded(source.file("2.root.json"), Role::Root);
    too_long(client.update_root(&root), Role::Root);
    assert_eq!(client.update_root(&root[..root.len() - 1]), Ok(()));
    let timestamp = padded(source.file("timestamp.json"), Role::Timestamp);
    too_long(client.update_timestamp(&timestamp), Role::Timestamp);
    client.update_timestamp(source.file("timestamp.json")).unwrap();
    // Here the length is known to the byte.
    let longer = [source.file("1.snapshot.json"), b" "].concat();
    let error = client.update_snapshot(&longer).unwrap_err();
    assert!(matches!(error, Error::Length { .. }), "{error}");
    client.update_snapshot(source.file("1.snapshot.json")).unwrap();
    let longer = [source.file("1.targets.json"), b" "].concat();
    assert!(matches!(client.update_targets(&longer), Err(Error::Length { .. })));
}

#[test]
fn a_length_that_is_named_does_not_lift_the_limit() {
    let mut source = Source::new();
    let mut bytes = source.file("1.targets.json").to_vec();
    bytes.resize(usize::try_from(Role::Targets.limit()).unwrap() + 1, b' ');
    source.put(Role::Targets, bytes.clone());
    source.publish_snapshot(&bytes);
    let mut client = machine(None, 2);
    let error = refresh(&mut client, &source).unwrap_err();
    assert!(matches!(error, Error::TooLong { file: "targets.json", .. }), "{error}");
    assert_eq!(client.targets_file().unwrap().limit, Role::Targets.limit());
}

#[test]
fn signatures_are_bounded() {
    let source = Source::new();
    let with = |count| {
        tamper(source.file("timestamp.json"), |file| {
            let own = file["signatures"][0].clone();
            file["signatures"] = vec![own; count].into();
        })
    };
    assert_eq!(machine(None, 2).update_timestamp(&with(64)), Ok(()));
    let error = machine(None, 2).update_timestamp(&with(65)).unwrap_err();
    assert!(matches!(error, Error::Field { .. } | Error::TooLong { .. }), "{error}");
}

// What this client does not do.

#[test]
fn delegations_are_refused() {
    let take = |delegations: Value| {
        let mut source = Source::new();
        let bytes = resign(Role::Targets, source.file("1.targets.json"), &[30], |file| {
            file["signed"]["delegations"] = delegations;
        });
        source.put(Role::Targets, bytes.clone());
        source.publish_snapshot(&bytes);
        let mut client = machine(None, 2);
        refresh(&mut client, &source)
    };
    assert_eq!(take(json!({ "keys": {}, "roles": [] })), Ok(()));
    for delegations in [
        json!({ "keys": {}, "roles": [{ "name": "x", "keyids": [], "threshold": 1, "terminating": true, "paths": ["*"] }] }),
        json!({ "keys": {}, "succinct_roles": { "bit_length": 8, "name_prefix": "x", "keyids": [], "threshold": 1 } }),
        json!([]),
        json!(null),
    ] {
        let error = take(delegations).unwrap_err();
        assert!(matches!(error, Error::Field { file: "targets.json", .. }), "{error}");
    }
}

#[test]
fn other_versions_of_the_specification_are_refused() {
    let source = Source::new();
    let take = |version: &str| {
        let bytes = resign(Role::Timestamp, source.file("timestamp.json"), &[10], |file| {
            file["signed"]["spec_version"] = json!(version);
        });
        machine(None, 2).update_timestamp(&bytes)
    };
    assert_eq!(take("1.0.31"), Ok(()));
    assert_eq!(take("1.1.0"), Ok(()));
    for version in ["2.0.0", "10.0", "0.9", "", "1x"] {
        let bytes = tamper(source.file("timestamp.json"), |file| {
            file["signed"]["spec_version"] = json!(version);
        });
        let error = machine(None, 2).update_timestamp(&bytes).unwrap_err();
        assert!(matches!(error, Error::Field { .. }), "{error}");
    }
}

#[test]
fn names_of_release_files_stay_below_the_source() {
    for name in ["../x", "/x", "x\ny", ""] {
        let mut source = Source::new();
        let bytes = resign(Role::Targets, source.file("1.targets.json"), &[30], |file| {
            let target = file["signed"]["targets"]["anklume-1.iso"].clone();
            file["signed"]["targets"][name] = target;
        });
        source.put(Role::Targets, bytes.clone());
        source.publish_snapshot(&bytes);
        let error = refused(None, &source, 2);
        assert!(matches!(error, Error::Field { .. }), "{error}");
        assert!(!error.to_string().contains('\n'));
    }
}

#[test]
fn lengths_and_digests_must_be_there() {
    for (role, entry) in [(Role::Timestamp, "snapshot.json"), (Role::Snapshot, "targets.json")] {
        for field in ["length", "hashes", "version"] {
            let mut source = Source::new();
            let name = source.root_body().file(role, 1);
            let number = if role == Role::Timestamp { 10 } else { 20 };
            let bytes = resign(role, source.file(&name), &[number], |file| {
                file["signed"]["meta"][entry].as_object_mut().unwrap().remove(field);
            });
            source.put(role, bytes.clone());
            if role == Role::Snapshot {
                source.publish_timestamp(&bytes);
            }
            let error = refused(None, &source, 2);
            let path = format!("signed.meta.{entry}.{field}");
            assert!(matches!(&error, Error::Field { field, .. } if *field == path), "{error}");
        }
    }
}

#[test]
fn what_else_is_there_is_signed_and_ignored() {
    let mut source = Source::new();
    let bytes = resign(Role::Targets, source.file("1.targets.json"), &[30], |file| {
        file["signed"]["x-other"] = json!({ "a": [1, null, "é\n"] });
        file["signed"]["targets"]["anklume-1.iso"]["custom"] = json!({ "size": 5 });
        file["x-unsigned"] = json!(1);
    });
    source.put(Role::Targets, bytes.clone());
    source.publish_snapshot(&bytes);
    let mut client = machine(None, 2);
    refresh(&mut client, &source).unwrap();
    let target = client.target("anklume-1.iso").unwrap();
    assert_eq!(target.custom, Some(json!({ "size": 5 })));
    assert_eq!((target.length, target.sha256), (9, Target::of(b"release 1").sha256));
}
