//! A source of releases in memory, and a machine that refreshes from it.

use std::collections::BTreeMap;

use anklume_trust::publish::SecretKey;
use anklume_trust::{
    Client, Clock, Error, FileInfo, Header, Moment, PublicKey, Role, RoleKeys, Root, Snapshot,
    Staleness, Stored, Target, Targets, Timestamp, Wanted,
};

/// The key whose secret bytes are all `number`.
pub(crate) fn key(number: u8) -> SecretKey {
    SecretKey::from_random(&[number; 32])
}

pub(crate) fn public(numbers: &[u8]) -> Vec<PublicKey> {
    numbers.iter().map(|number| key(*number).public()).collect()
}

pub(crate) fn role_keys(numbers: &[u8], threshold: u32) -> RoleKeys {
    RoleKeys::new(public(numbers), threshold).unwrap()
}

/// Days since 2026-11-01.
pub(crate) fn day(number: u64) -> Moment {
    Moment::parse("2026-11-01T00:00:00Z").unwrap().plus(number * 86_400)
}

/// A machine whose clock says that day; its image is of day 0.
pub(crate) fn clock(number: u64) -> Clock {
    Clock { rtc: day(number), built: day(0) }
}

/// Who signs, and what is published next. Every field may be changed, by publishers and attackers.
#[derive(Clone)]
pub(crate) struct Source {
    /// Keys of each role, by [`key`] number.
    pub(crate) root: Vec<u8>,
    pub(crate) root_threshold: u32,
    pub(crate) timestamp: Vec<u8>,
    pub(crate) snapshot: Vec<u8>,
    pub(crate) targets: Vec<u8>,
    pub(crate) targets_threshold: u32,
    /// Versions of what is published next.
    pub(crate) versions: BTreeMap<Role, u64>,
    /// Last days.
    pub(crate) expires: BTreeMap<Role, Moment>,
    /// Day of signing.
    pub(crate) issued: Option<Moment>,
    pub(crate) consistent: bool,
    pub(crate) release: BTreeMap<String, Target>,
    pub(crate) files: BTreeMap<String, Vec<u8>>,
}

impl Source {
    /// One release, root 1; root signed by 2 of 3 keys, targets by 1 of 2.
    pub(crate) fn new() -> Self {
        let last = [365, 7, 30, 90];
        let mut source = Self {
            root: vec![1, 2, 3],
            root_threshold: 2,
            timestamp: vec![10],
            snapshot: vec![20],
            targets: vec![30, 31],
            targets_threshold: 1,
            versions: Role::ALL.map(|role| (role, 1)).into(),
            expires: Role::ALL.into_iter().zip(last.map(day)).collect(),
            issued: Some(day(1)),
            consistent: true,
            release: BTreeMap::from([("anklume-1.iso".into(), Target::of(b"release 1"))]),
            files: BTreeMap::new(),
        };
        source.publish_root(&[1, 2]);
        source.publish();
        source
    }

    pub(crate) fn header(&self, role: Role) -> Header {
        let (version, expires) = (self.versions[&role], self.expires[&role]);
        Header { version, issued: self.issued, expires }
    }

    pub(crate) fn root_body(&self) -> Root {
        Root {
            header: self.header(Role::Root),
            consistent_snapshot: self.consistent,
            root: role_keys(&self.root, self.root_threshold),
            timestamp: role_keys(&self.timestamp, 1),
            snapshot: role_keys(&self.snapshot, 1),
            targets: role_keys(&self.targets, self.targets_threshold),
        }
    }

    pub(crate) fn root_bytes(&self, signers: &[u8]) -> Vec<u8> {
        self.root_body().sign(&keys(signers).iter().collect::<Vec<_>>()).unwrap()
    }

    pub(crate) fn publish_root(&mut self, signers: &[u8]) -> Vec<u8> {
        let bytes = self.root_bytes(signers);
        self.put(Role::Root, bytes.clone());
        bytes
    }

    /// The next root, signed by keys of the old one and of itself.
    pub(crate) fn rotate(&mut self, signers: &[u8], change: impl FnOnce(&mut Self)) {
        *self.versions.get_mut(&Role::Root).unwrap() += 1;
        change(self);
        self.publish_root(signers);
    }

    pub(crate) fn put(&mut self, role: Role, bytes: Vec<u8>) {
        let name = self.root_body().file(role, self.versions[&role]);
        self.files.insert(name, bytes);
    }

    /// Targets, snapshot and timestamp.
    pub(crate) fn publish(&mut self) {
        let body = Targets { header: self.header(Role::Targets), targets: self.release.clone() };
        let signers = keys(&self.targets);
        let count = usize::try_from(self.targets_threshold).unwrap();
        let bytes = body.sign(&signers.iter().take(count).collect::<Vec<_>>()).unwrap();
        self.put(Role::Targets, bytes.clone());
        self.publish_snapshot(&bytes);
    }

    /// Snapshot and timestamp for these targets.
    pub(crate) fn publish_snapshot(&mut self, targets: &[u8]) {
        let targets = FileInfo::of(self.versions[&Role::Targets], targets);
        let body = Snapshot { header: self.header(Role::Snapshot), targets };
        let bytes = body.sign(&[&key(self.snapshot[0])]).unwrap();
        self.put(Role::Snapshot, bytes.clone());
        self.publish_timestamp(&bytes);
    }

    /// The timestamp for this snapshot.
    pub(crate) fn publish_timestamp(&mut self, snapshot: &[u8]) {
        let snapshot = FileInfo::of(self.versions[&Role::Snapshot], snapshot);
        let body = Timestamp { header: self.header(Role::Timestamp), snapshot };
        let bytes = body.sign(&[&key(self.timestamp[0])]).unwrap();
        self.put(Role::Timestamp, bytes);
    }

    /// The same, for targets that are published.
    pub(crate) fn snapshot_of(&mut self, targets: &str) {
        let bytes = self.file(targets).to_owned();
        self.publish_snapshot(&bytes);
    }

    /// The same, for a snapshot that is published.
    pub(crate) fn timestamp_of(&mut self, snapshot: &str) {
        let bytes = self.file(snapshot).to_owned();
        self.publish_timestamp(&bytes);
    }

    /// The next release, which names one file.
    pub(crate) fn release(&mut self, name: &str) {
        self.release = BTreeMap::from([(name.into(), Target::of(name.as_bytes()))]);
        for role in [Role::Timestamp, Role::Snapshot, Role::Targets] {
            *self.versions.get_mut(&role).unwrap() += 1;
        }
        self.publish();
    }

    pub(crate) fn file(&self, name: &str) -> &[u8] {
        self.files.get(name).unwrap_or_else(|| panic!("the source has no {name}"))
    }
}

pub(crate) fn keys(numbers: &[u8]) -> Vec<SecretKey> {
    numbers.iter().map(|number| key(*number)).collect()
}

/// A machine with an image of [`Source::new`], on that day.
pub(crate) fn machine(stored: Option<Stored>, today: u64) -> Client {
    let embedded = Source::new().root_bytes(&[1, 2]);
    Client::new(&embedded, stored, clock(today), Staleness::Refuse).unwrap()
}

/// A whole refresh, as a program does it; no file may be missing.
pub(crate) fn refresh(client: &mut Client, source: &Source) -> Result<(), Error> {
    try_refresh(client, source).map(|done| assert!(done, "the source lacks a file"))
}

/// A whole refresh; `false` if a file is missing.
pub(crate) fn try_refresh(client: &mut Client, source: &Source) -> Result<bool, Error> {
    let find = |wanted: Wanted| source.files.get(&wanted.name);
    while let Some(bytes) = find(client.root_file()) {
        client.update_root(bytes)?;
    }
    let Some(bytes) = find(client.timestamp_file()) else { return Ok(false) };
    client.update_timestamp(bytes)?;
    let Some(bytes) = client.snapshot_file().and_then(find) else { return Ok(false) };
    client.update_snapshot(bytes)?;
    let Some(bytes) = client.targets_file().and_then(find) else { return Ok(false) };
    client.update_targets(bytes).map(|()| true)
}

/// What a machine remembers after a refresh that must succeed.
pub(crate) fn seen(stored: Option<Stored>, source: &Source, today: u64) -> Stored {
    let mut client = machine(stored, today);
    refresh(&mut client, source).unwrap();
    client.stored().clone()
}

/// Why a refresh fails.
pub(crate) fn refused(stored: Option<Stored>, source: &Source, today: u64) -> Error {
    let mut client = machine(stored, today);
    refresh(&mut client, source).unwrap_err()
}

/// What a machine remembers that took the highest version of a timestamp there is, signed with a stolen key;
/// and the source whose publisher has replaced that key.
pub(crate) fn stolen_and_rotated() -> (Stored, Source) {
    let mut stolen = Source::new();
    stolen.versions.insert(Role::Timestamp, u64::MAX);
    stolen.timestamp_of("1.snapshot.json");
    let mut source = Source::new();
    source.rotate(&[1, 2], |source| source.timestamp = vec![11]);
    source.release("anklume-2.iso");
    (seen(None, &stolen, 2), source)
}
