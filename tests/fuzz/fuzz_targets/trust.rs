//! Files of a source and the stored state of a machine: the first byte says what the rest is, `r`, `t`,
//! `s` or `g` for the file of a role, signed here by the right keys so that all of it is read, or `m`
//! for stored state. Nobody's signature: refused. What is accepted is remembered, and read back; no
//! state makes the client trust another root than the one that was embedded, or what its keys signed.
#![no_main]

use std::collections::BTreeMap;
use std::sync::LazyLock;

use anklume_trust::publish::{SecretKey, add_signature};
use anklume_trust::{
    Client, Clock, FileInfo, Header, Memory, Moment, Role, RoleKeys, Root, Snapshot, Staleness,
    Stored, Targets, Timestamp,
};
use libfuzzer_sys::fuzz_target;

/// Versions of the snapshot and the targets in the seeds.
const SNAPSHOT: u64 = 5;
const TARGETS: u64 = 4;

fn key(role: Role) -> SecretKey {
    let number = match role {
        Role::Root => 101,
        Role::Timestamp => 110,
        Role::Snapshot => 120,
        Role::Targets => 130,
    };
    SecretKey::from_random(&[number; 32])
}

fn header(version: u64) -> Header {
    Header { version, issued: None, expires: Moment::from_unix(u64::MAX) }
}

static EMBEDDED: LazyLock<Vec<u8>> = LazyLock::new(|| {
    let keys = |role| RoleKeys::new([key(role).public()], 1).expect("one key");
    let root = Root {
        header: header(1),
        consistent_snapshot: true,
        root: keys(Role::Root),
        timestamp: keys(Role::Timestamp),
        snapshot: keys(Role::Snapshot),
        targets: keys(Role::Targets),
    };
    root.sign(&[&key(Role::Root)]).expect("a root")
});

fn client(stored: Option<Stored>) -> Client {
    let clock = Clock { rtc: Moment::from_unix(0), built: Moment::from_unix(0) };
    Client::new(&EMBEDDED, stored, clock, Staleness::Accept).expect("the embedded root is good")
}

/// A timestamp that names this snapshot.
fn timestamp(snapshot: &[u8]) -> Vec<u8> {
    let body = Timestamp { header: header(6), snapshot: FileInfo::of(SNAPSHOT, snapshot) };
    body.sign(&[&key(Role::Timestamp)]).expect("a timestamp")
}

/// A snapshot that names these targets.
fn snapshot(targets: &[u8]) -> Vec<u8> {
    let body = Snapshot { header: header(SNAPSHOT), targets: FileInfo::of(TARGETS, targets) };
    body.sign(&[&key(Role::Snapshot)]).expect("a snapshot")
}

fn take(client: &mut Client, role: Role, bytes: &[u8]) -> bool {
    match role {
        Role::Root => client.update_root(bytes).is_ok(),
        Role::Timestamp => client.update_timestamp(bytes).is_ok(),
        Role::Snapshot => {
            client.update_timestamp(&timestamp(bytes)).expect("it is good");
            client.update_snapshot(bytes).is_ok()
        }
        Role::Targets => {
            let snapshot = snapshot(bytes);
            client.update_timestamp(&timestamp(&snapshot)).expect("it is good");
            client.update_snapshot(&snapshot).expect("it is good");
            client.update_targets(bytes).is_ok()
        }
    }
}

fn file(role: Role, bytes: &[u8]) {
    assert!(!take(&mut client(None), role, bytes), "these keys are not in the seeds");
    let Ok(signed) = add_signature(role, bytes, &key(role)) else { return };
    let mut client = client(None);
    if !take(&mut client, role, &signed) {
        return;
    }
    let stored = client.stored().clone();
    let bytes = stored.encode();
    assert_eq!(Stored::decode(&bytes).as_ref(), Ok(&stored));
    assert_eq!(crate::client(Some(stored)).memory(), &Memory::Kept);
    let Some(targets) = client.targets() else { return };
    for name in targets.targets.keys() {
        assert!(!name.starts_with('/') && !name.split('/').any(|part| part == ".."), "{name}");
    }
    // What was read can be published again, and says the same.
    let again = Targets { targets: targets.targets.clone(), header: targets.header };
    assert!(again.sign(&[&key(Role::Targets)]).is_ok() || bytes.len() > 1 << 19);
}

fn state(bytes: &[u8]) {
    let Ok(stored) = Stored::decode(bytes) else { return };
    assert_eq!(Stored::decode(&stored.encode()).as_ref(), Ok(&stored));
    let client = client(Some(stored));
    assert_eq!(client.root().root.keys(), [key(Role::Root).public()].into());
}

fuzz_target!(|data: &[u8]| {
    let roles = BTreeMap::from([
        (b'r', Role::Root),
        (b't', Role::Timestamp),
        (b's', Role::Snapshot),
        (b'g', Role::Targets),
    ]);
    let Some((kind, rest)) = data.split_first() else { return };
    match roles.get(kind) {
        Some(role) => file(*role, rest),
        None => state(rest),
    }
});
