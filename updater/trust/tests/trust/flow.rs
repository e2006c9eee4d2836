//! Honest sources.

use anklume_trust::{Client, Digest, Error, Memory, Role, Staleness, Stored, Target};

use crate::source::{Source, clock, machine, refresh, seen};

#[test]
fn a_first_refresh_names_the_release() {
    let source = Source::new();
    let mut client = machine(None, 2);
    assert_eq!(client.memory(), &Memory::Absent);
    assert_eq!(client.root_file().name, "2.root.json");
    assert_eq!((client.snapshot_file(), client.targets_file()), (None, None));
    refresh(&mut client, &source).unwrap();
    assert_eq!(client.snapshot_file().unwrap().name, "1.snapshot.json");
    assert_eq!(client.targets_file().unwrap().name, "1.targets.json");
    assert_eq!(client.target("anklume-1.iso").unwrap(), &Target::of(b"release 1"));
    assert_eq!(client.expired(), []);
    let name = "anklume-2.iso".to_owned();
    let missing = Error::NoTarget { name: name.clone(), version: 1 };
    assert_eq!(client.target(&name), Err(missing));
}

#[test]
fn files_are_asked_for_with_the_length_that_is_known() {
    let source = Source::new();
    let mut client = machine(None, 2);
    assert_eq!(client.root_file().limit, Role::Root.limit());
    let timestamp = client.timestamp_file();
    assert_eq!((timestamp.name.as_str(), timestamp.limit), ("timestamp.json", 16 << 10));
    refresh(&mut client, &source).unwrap();
    for wanted in [client.snapshot_file().unwrap(), client.targets_file().unwrap()] {
        assert_eq!(wanted.limit, u64::try_from(source.file(&wanted.name).len()).unwrap());
    }
}

#[test]
fn a_later_release_replaces_the_first() {
    let mut source = Source::new();
    let stored = seen(None, &source, 2);
    source.release("anklume-2.iso");
    let mut client = machine(Some(stored.clone()), 3);
    assert_eq!(client.memory(), &Memory::Kept);
    refresh(&mut client, &source).unwrap();
    assert!(client.target("anklume-2.iso").is_ok() && client.target("anklume-1.iso").is_err());
    assert_ne!(client.stored(), &stored);
    // The same files again are no news, and no error.
    assert_eq!(seen(Some(client.stored().clone()), &source, 3), *client.stored());
}

#[test]
fn a_timestamp_signed_anew_keeps_the_rest() {
    let mut source = Source::new();
    let stored = seen(None, &source, 2);
    source.versions.insert(Role::Timestamp, 2);
    source.timestamp_of("1.snapshot.json");
    seen(Some(stored), &source, 3);
}

#[test]
fn sources_without_consistent_snapshots_are_read() {
    let mut source = Source::new();
    source.rotate(&[1, 2], |source| source.consistent = false);
    source.publish();
    let mut client = machine(None, 2);
    refresh(&mut client, &source).unwrap();
    assert_eq!(client.snapshot_file().unwrap().name, "snapshot.json");
    assert_eq!(client.targets_file().unwrap().name, "targets.json");
    assert_eq!(client.root_file().name, "3.root.json");
}

#[test]
fn keys_of_every_role_can_be_rotated() {
    let mut source = Source::new();
    let stored = seen(None, &source, 2);
    // One root key is lost and replaced: two old ones and two new ones sign.
    source.rotate(&[1, 2], |source| source.root = vec![1, 2, 4]);
    // All of them are replaced, and the threshold raised.
    source.rotate(&[1, 4, 5, 6, 7], |source| {
        source.root = vec![5, 6, 7];
        source.root_threshold = 3;
    });
    source.rotate(&[5, 6, 7], |source| {
        (source.timestamp, source.snapshot) = (vec![11], vec![21]);
        (source.targets, source.targets_threshold) = (vec![32, 33], 2);
    });
    source.release("anklume-2.iso");
    for stored in [None, Some(stored)] {
        let mut client = machine(stored, 3);
        refresh(&mut client, &source).unwrap();
        assert_eq!(client.root().header.version, 4);
        assert_eq!(client.root().root.threshold(), 3);
        assert!(client.target("anklume-2.iso").is_ok());
    }
}

#[test]
fn intermediate_roots_may_have_expired() {
    let mut source = Source::new();
    source.rotate(&[1, 2], |source| {
        source.expires.insert(Role::Root, source.issued.unwrap().plus(1));
    });
    let end = source.expires[&Role::Timestamp];
    source.rotate(&[1, 2], |source| {
        source.expires.insert(Role::Root, end);
    });
    let mut client = machine(None, 3);
    refresh(&mut client, &source).unwrap();
    assert_eq!(client.root().header.version, 3);
}

#[test]
fn files_come_in_their_order_and_once() {
    let source = Source::new();
    let [root, timestamp, snapshot, targets] =
        ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"]
            .map(|name| source.file(name));
    let is_order = |result: Result<(), Error>| {
        assert!(matches!(result, Err(Error::Order { .. })), "{result:?}");
    };
    let mut client = machine(None, 2);
    is_order(client.update_snapshot(snapshot));
    is_order(client.update_targets(targets));
    client.update_timestamp(timestamp).unwrap();
    is_order(client.update_root(root));
    is_order(client.update_timestamp(timestamp));
    is_order(client.update_targets(targets));
    is_order(client.target("anklume-1.iso").map(drop));
    client.update_snapshot(snapshot).unwrap();
    is_order(client.update_snapshot(snapshot));
    client.update_targets(targets).unwrap();
    is_order(client.update_targets(targets));
}

#[test]
fn a_refresh_that_was_cut_off_goes_on_later() {
    let mut source = Source::new();
    source.rotate(&[1, 2], |_| {});
    source.release("anklume-2.iso");
    let mut stored: Option<Stored> = None;
    // What was taken before each cut is kept; each file comes a second time.
    for taken in 0..4 {
        let mut client = machine(stored, 2);
        assert_eq!(client.root().header.version, if taken > 0 { 2 } else { 1 });
        if taken == 0 {
            client.update_root(source.file("2.root.json")).unwrap();
        }
        if taken > 0 {
            client.update_timestamp(source.file("timestamp.json")).unwrap();
        }
        if taken > 1 {
            client.update_snapshot(source.file("2.snapshot.json")).unwrap();
        }
        if taken > 2 {
            client.update_targets(source.file("2.targets.json")).unwrap();
        }
        stored = Some(Stored::decode(&client.stored().encode()).unwrap());
    }
    assert_eq!(stored.unwrap(), seen(None, &source, 2));
}

#[test]
fn a_downloaded_file_is_compared_with_its_target() {
    let source = Source::new();
    let mut client = machine(None, 2);
    refresh(&mut client, &source).unwrap();
    let (name, content) = ("anklume-1.iso", b"release 1");
    let target = client.target(name).unwrap();
    assert_eq!(target.check(name, 9, Digest::of(content)), Ok(()));
    let long = target.check(name, 10, Digest::of(content)).unwrap_err();
    assert!(matches!(long, Error::Length { expected: 9, found: 10, .. }));
    let other = target.check(name, 9, Digest::of(b"release 2")).unwrap_err();
    assert!(matches!(other, Error::Content { .. }));
    assert!(other.to_string().starts_with("anklume-1.iso: sha256 is "));
    assert!(other.hint().is_some());
}

#[test]
fn an_image_needs_a_root_that_its_keys_signed() {
    let source = Source::new();
    let begin = |bytes: &[u8]| Client::new(bytes, None, clock(2), Staleness::Refuse).map(drop);
    assert_eq!(begin(&source.root_bytes(&[2, 3])), Ok(()));
    let unsigned = begin(&source.root_bytes(&[1])).unwrap_err();
    assert!(matches!(unsigned, Error::Threshold { needed: 2, found: 1, .. }));
    assert!(begin(source.file("timestamp.json")).is_err());
    assert!(begin(b"").is_err());
}
