//! Arbitrary software: an attacker names files of his own.

use anklume_trust::{Digest, Error, Role};
use serde_json::{Value, json};

use super::{is_threshold, resign, tamper};
use crate::source::{Source, key, machine, refused};

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
