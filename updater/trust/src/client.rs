//! The client's workflow (TUF 1.0, section 5), with the files as arguments.

use crate::clock::{Clock, Freshness};
use crate::connect::{Memory, connect};
use crate::envelope::Envelope;
use crate::metadata::{Body, FileInfo, Header, Root, Snapshot, Target, Targets, Timestamp};
use crate::stored::{Record, Stored};
use crate::{Error, Expired, Moment, Role};

/// One refresh: takes the files of a source one after the other, and says what to ask for next.
///
/// 1. [`Client::root_file`] and [`Client::update_root`], until the source has no further root;
/// 2. [`Client::timestamp_file`] and [`Client::update_timestamp`];
/// 3. [`Client::snapshot_file`] and [`Client::update_snapshot`];
/// 4. [`Client::targets_file`] and [`Client::update_targets`];
/// 5. [`Client::target`].
///
/// A file that is refused changes nothing. Whatever happens, [`Client::stored`] is what to keep: after
/// each file, or at the end.
#[derive(Debug, Clone)]
pub struct Client {
    stored: Stored,
    memory: Memory,
    freshness: Freshness,
    root: Root,
    timestamp: Option<Timestamp>,
    snapshot: Option<Snapshot>,
    targets: Option<Targets>,
}

/// A file to ask the source for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Wanted {
    /// Its name in the source's folder of metadata.
    pub name: String,
    /// Most bytes to take: an answer that is longer is refused.
    pub limit: u64,
}

/// What to do about metadata whose time is over.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Staleness {
    /// Refuse it: somebody may be keeping newer files away.
    Refuse,
    /// Take it and list it in [`Client::expired`]: somebody wants it, and knows where it comes from.
    Accept,
}

impl Client {
    /// Begins with the root file that the running image embeds, which is trusted as the image is, and
    /// with what an earlier refresh left, if anything.
    ///
    /// # Errors
    /// The embedded root is not a root file that its own keys signed. Stored state that does not follow
    /// from it is no error: see [`Client::memory`].
    pub fn new(
        embedded: &[u8],
        stored: Option<Stored>,
        clock: Clock,
        staleness: Staleness,
    ) -> Result<Self, Error> {
        let (stored, root, memory) = connect(embedded, stored)?;
        let freshness = Freshness::new(clock, staleness);
        Ok(Self { stored, memory, freshness, root, timestamp: None, snapshot: None, targets: None })
    }

    /// What became of the stored state.
    #[must_use]
    pub const fn memory(&self) -> &Memory {
        &self.memory
    }

    /// What to keep for the next refresh.
    #[must_use]
    pub const fn stored(&self) -> &Stored {
        &self.stored
    }

    /// The newest root that is trusted.
    #[must_use]
    pub const fn root(&self) -> &Root {
        &self.root
    }

    /// What was taken although its time is over; empty unless [`Staleness::Accept`].
    #[must_use]
    pub fn expired(&self) -> &[Expired] {
        self.freshness.expired()
    }

    /// The newest time at which a file that was taken says it was signed: it is that late at least,
    /// whatever the clock of the machine shows.
    #[must_use]
    pub fn issued(&self) -> Option<Moment> {
        let timestamp = self.timestamp.as_ref().map(|body| body.header);
        let snapshot = self.snapshot.as_ref().map(|body| body.header);
        let targets = self.targets.as_ref().map(|body| body.header);
        let headers = [Some(self.root.header), timestamp, snapshot, targets];
        headers.into_iter().flatten().filter_map(|header| header.issued).max()
    }

    /// The next root file. That the source does not have it is the usual case, and no error.
    #[must_use]
    pub fn root_file(&self) -> Wanted {
        let next = self.root.header.version.saturating_add(1);
        Wanted { name: self.root.file(Role::Root, next), limit: Role::Root.limit() }
    }

    /// The timestamp file.
    #[must_use]
    pub fn timestamp_file(&self) -> Wanted {
        let name = self.root.file(Role::Timestamp, 0);
        Wanted { name, limit: Role::Timestamp.limit() }
    }

    /// The snapshot file that the timestamp names.
    #[must_use]
    pub fn snapshot_file(&self) -> Option<Wanted> {
        let timestamp = self.timestamp.as_ref()?;
        Some(self.wanted(Role::Snapshot, &timestamp.snapshot))
    }

    /// The targets file that the snapshot names.
    #[must_use]
    pub fn targets_file(&self) -> Option<Wanted> {
        let snapshot = self.snapshot.as_ref()?;
        Some(self.wanted(Role::Targets, &snapshot.targets))
    }

    fn wanted(&self, role: Role, info: &FileInfo) -> Wanted {
        let name = self.root.file(role, info.version);
        Wanted { name, limit: info.length.min(role.limit()) }
    }

    /// Takes the next root file (section 5.3). Its expiry does not matter as long as another one may
    /// follow.
    ///
    /// # Errors
    /// It is not the next version, or not signed by both the old and the new keys of the root role.
    pub fn update_root(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.timestamp.is_some() {
            return Err(order(Role::Root, "root files come before the timestamp"));
        }
        let root = next_root(&self.root, bytes)?;
        let text = text_of(bytes)?;
        self.stored.follow(&self.root, &root, text);
        self.root = root;
        Ok(())
    }

    /// Takes the timestamp file (section 5.4). From then on no root is taken.
    ///
    /// # Errors
    /// Not signed as it must be, older than what was seen before, or expired; or the root expired.
    pub fn update_timestamp(&mut self, bytes: &[u8]) -> Result<(), Error> {
        if self.timestamp.is_some() {
            return Err(order(Role::Timestamp, "it was taken already"));
        }
        let envelope = self.verified(Role::Timestamp, bytes)?;
        let timestamp: Timestamp = envelope.body()?;
        let (version, named) = (timestamp.header.version, timestamp.snapshot.version);
        if let Some(seen) = &self.stored.timestamp {
            seen.check(Role::Timestamp, version, envelope.digest())?;
            seen.check_named(Role::Snapshot, named)?;
        }
        self.check_fresh::<Timestamp>(&timestamp.header)?;
        let record = Record::of(&timestamp.header, envelope.digest(), Some(named));
        self.stored.timestamp = Some(record);
        self.timestamp = Some(timestamp);
        Ok(())
    }

    /// Takes the snapshot file (section 5.5).
    ///
    /// # Errors
    /// Not the file that the timestamp names, not signed as it must be, expired, or it names an older
    /// targets file than was seen before.
    pub fn update_snapshot(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (Some(timestamp), None) = (&self.timestamp, &self.snapshot) else {
            return Err(order(Role::Snapshot, "it comes after the timestamp, once"));
        };
        let info = timestamp.snapshot;
        info.check(Role::Snapshot, Role::Timestamp, bytes)?;
        let envelope = self.verified(Role::Snapshot, bytes)?;
        let snapshot: Snapshot = envelope.body()?;
        let (version, named) = (snapshot.header.version, snapshot.targets.version);
        check_version(Role::Snapshot, info.version, version)?;
        if let Some(seen) = &self.stored.snapshot {
            seen.check(Role::Snapshot, version, envelope.digest())?;
            seen.check_named(Role::Targets, named)?;
        }
        self.check_fresh::<Snapshot>(&snapshot.header)?;
        let record = Record::of(&snapshot.header, envelope.digest(), Some(named));
        self.stored.snapshot = Some(record);
        self.snapshot = Some(snapshot);
        Ok(())
    }

    /// Takes the targets file (section 5.6).
    ///
    /// # Errors
    /// Not the file that the snapshot names, not signed as it must be, expired, older than what was
    /// seen before, or it delegates.
    pub fn update_targets(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let (Some(snapshot), None) = (&self.snapshot, &self.targets) else {
            return Err(order(Role::Targets, "it comes after the snapshot, once"));
        };
        let info = snapshot.targets;
        info.check(Role::Targets, Role::Snapshot, bytes)?;
        let envelope = self.verified(Role::Targets, bytes)?;
        let targets: Targets = envelope.body()?;
        let version = targets.header.version;
        check_version(Role::Targets, info.version, version)?;
        if let Some(seen) = &self.stored.targets {
            seen.check(Role::Targets, version, envelope.digest())?;
        }
        self.check_fresh::<Targets>(&targets.header)?;
        self.stored.targets = Some(Record::of(&targets.header, envelope.digest(), None));
        self.targets = Some(targets);
        Ok(())
    }

    /// The release files, once all four roles have been heard.
    #[must_use]
    pub const fn targets(&self) -> Option<&Targets> {
        self.targets.as_ref()
    }

    /// A release file by its name.
    ///
    /// # Errors
    /// There is none of that name, or the targets file was not taken yet.
    pub fn target(&self, name: &str) -> Result<&Target, Error> {
        let targets = self.targets.as_ref();
        let targets = targets.ok_or(order(Role::Targets, "it was not taken yet"))?;
        targets.targets.get(name).ok_or_else(|| Error::NoTarget {
            name: anklume_layout::text::printable(name, 200),
            version: targets.header.version,
        })
    }

    /// Opens a file and checks its signatures, before anything is believed that it says.
    fn verified(&self, role: Role, bytes: &[u8]) -> Result<Envelope, Error> {
        let envelope = Envelope::open(role, bytes)?;
        envelope.check(&self.root)?;
        Ok(envelope)
    }

    /// Checks all that was taken so far, and the file with that header: it may tell that it is later
    /// than was known when the others were checked.
    fn check_fresh<B: Body>(&mut self, header: &Header) -> Result<(), Error> {
        let mut headers = vec![(Role::Root, self.root.header)];
        headers.extend(self.timestamp.as_ref().map(|body| (Role::Timestamp, body.header)));
        headers.extend(self.snapshot.as_ref().map(|body| (Role::Snapshot, body.header)));
        headers.push((B::ROLE, *header));
        self.freshness.check(&headers, &self.stored)
    }
}

/// The root that follows `trusted`, if `bytes` are it.
pub(crate) fn next_root(trusted: &Root, bytes: &[u8]) -> Result<Root, Error> {
    let envelope = Envelope::open(Role::Root, bytes)?;
    envelope.check(trusted)?;
    let root: Root = envelope.body()?;
    // At the highest version there is no next one.
    let next = trusted.header.version.saturating_add(1);
    let found = root.header.version;
    if found != next || next == trusted.header.version {
        return Err(Error::Version { file: Role::Root.file(), expected: next, found });
    }
    envelope.check(&root)?;
    Ok(root)
}

/// A file of metadata as text.
pub(crate) fn text_of(bytes: &[u8]) -> Result<&str, Error> {
    let file = Role::Root.file();
    std::str::from_utf8(bytes).map_err(|_| Error::Json { file, reason: "not UTF-8".into() })
}

fn check_version(role: Role, expected: u64, found: u64) -> Result<(), Error> {
    if found == expected {
        return Ok(());
    }
    Err(Error::Version { file: role.file(), expected, found })
}

const fn order(role: Role, reason: &'static str) -> Error {
    Error::Order { file: role.file(), reason }
}
