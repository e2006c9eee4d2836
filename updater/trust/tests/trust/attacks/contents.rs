//! Files that do not belong together, are over, too long, or say what this client does not do.

use anklume_trust::{Error, Role, Target};
use serde_json::{Value, json};

use super::{resign, tamper};
use crate::source::{Source, day, machine, refresh, refused, seen};

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
