//! Versions: rollback and fast forward.

use anklume_trust::{Error, Role, Stored};

use crate::source::{Source, day, machine, refused, seen, stolen_and_rotated};

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
    let (stored, source) = stolen_and_rotated();
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
