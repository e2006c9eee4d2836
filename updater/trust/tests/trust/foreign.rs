//! Metadata of another implementation, and ours as another implementation has accepted it;
//! `tests/samples/README.md` says which.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use anklume_trust::{
    Client, Clock, FileInfo, Header, Memory, Moment, Role, Root, Snapshot, Staleness, Stored,
    Target, Targets, Timestamp,
};
use serde_json::json;

use crate::source::{key, role_keys};

fn samples(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples").join(name)
}

/// A refresh from the files of a folder.
fn refreshed(folder: &Path, stored: Option<Stored>) -> Client {
    let read =
        |name: &str| std::fs::read(folder.join(name)).unwrap_or_else(|e| panic!("{name}: {e}"));
    let now = Moment::parse("2026-11-14T00:00:00Z").unwrap();
    let clock = Clock { rtc: now, built: now };
    let mut client = Client::new(&read("1.root.json"), stored, clock, Staleness::Refuse).unwrap();
    while folder.join(client.root_file().name).exists() {
        client.update_root(&read(&client.root_file().name)).unwrap();
    }
    client.update_timestamp(&read(&client.timestamp_file().name)).unwrap();
    client.update_snapshot(&read(&client.snapshot_file().unwrap().name)).unwrap();
    client.update_targets(&read(&client.targets_file().unwrap().name)).unwrap();
    client
}

#[test]
fn metadata_of_the_reference_implementation_is_taken() {
    let folder = samples("python-tuf");
    let client = refreshed(&folder, None);
    assert_eq!(client.root().header.version, 3);
    assert_eq!(client.root().targets.threshold(), 2);
    assert_eq!(client.root().header.issued, None);
    let target = client.target("anklume-1.iso").unwrap();
    assert_eq!((target.length, target.sha256), (9, Target::of(b"release 1").sha256));
    let custom = target.custom.as_ref().unwrap();
    assert_eq!(custom["notes"], "größer \"und\" besser \\ \n\ttab \u{2028} \u{1f600}");
    assert_eq!((&custom["number"], &custom["Z"]), (&json!(-5), &json!(u64::MAX)));
    let stored = Stored::decode(&client.stored().encode()).unwrap();
    assert_eq!(refreshed(&folder, Some(stored)).memory(), &Memory::Kept);
}

/// Two roots, the second with other keys for root and timestamp, and a release with all that metadata
/// can hold.
fn ours() -> BTreeMap<String, Vec<u8>> {
    let time = |text: &str| Moment::parse(text).unwrap();
    let header = |version| Header {
        version,
        issued: Some(time("2026-11-01T12:34:56Z")),
        expires: time("2100-01-01T00:00:00Z"),
    };
    let keys = [1, 2, 3, 4, 10, 11, 20, 30, 31].map(|number| (number, key(number)));
    let key = |number: u8| &keys.iter().find(|(own, _)| *own == number).unwrap().1;
    let first = Root {
        header: header(1),
        consistent_snapshot: true,
        root: role_keys(&[1, 2, 3], 2),
        timestamp: role_keys(&[10], 1),
        snapshot: role_keys(&[20], 1),
        targets: role_keys(&[30, 31], 2),
    };
    let second = Root {
        header: header(2),
        root: role_keys(&[2, 3, 4], 2),
        timestamp: role_keys(&[11], 1),
        ..first.clone()
    };
    let custom = json!({
        "notes": "größer \"und\" besser \\ \n", "number": -5, "nothing": null, "flag": true,
        "list": [], "version": "1",
    });
    let target = Target { custom: Some(custom), ..Target::of(b"release 1") };
    let targets = BTreeMap::from([("anklume-1.iso".to_owned(), target)]);
    let targets = Targets { header: header(4), targets }.sign(&[key(30), key(31)]).unwrap();
    let snapshot = Snapshot { header: header(5), targets: FileInfo::of(4, &targets) };
    let snapshot = snapshot.sign(&[key(20)]).unwrap();
    let timestamp = Timestamp { header: header(6), snapshot: FileInfo::of(5, &snapshot) };
    let files = [
        (second.file(Role::Root, 1), first.sign(&[key(1), key(2)])),
        (second.file(Role::Root, 2), second.sign(&[key(1), key(2), key(3)])),
        (second.file(Role::Targets, 4), Ok(targets)),
        (second.file(Role::Snapshot, 5), Ok(snapshot)),
        (second.file(Role::Timestamp, 6), timestamp.sign(&[key(11)])),
    ];
    files.into_iter().map(|(name, bytes)| (name, bytes.unwrap())).collect()
}

#[test]
fn what_is_made_is_what_others_have_accepted() {
    let folder = samples("ours");
    if std::env::var_os("ANKLUME_WRITE_SAMPLES").is_some() {
        for (name, bytes) in ours() {
            std::fs::write(folder.join(name), bytes).unwrap();
        }
    }
    for (name, bytes) in ours() {
        let accepted = std::fs::read(folder.join(&name)).unwrap();
        assert_eq!(bytes, accepted, "{name}: see tests/samples/README.md");
    }
    let client = refreshed(&folder, None);
    assert_eq!(client.root().header.version, 2);
    assert!(client.target("anklume-1.iso").is_ok());
}
