//! Signing what changed, and the moment that readers see it.

use anklume_release::{Custom, names};
use anklume_trust::{
    Client, Clock, FileInfo, Header, Moment, Role, Root, Snapshot, Staleness, Target, Targets,
    Timestamp,
};

use super::Publisher;
use super::image::Files;
use crate::failure::{Context, Failure};
use crate::repo::keyring::KeyRing;
use crate::repo::metadata::{self, Signed, damaged};

/// The list of files counts for a year at least: its key may be far away when timestamp and snapshot
/// are signed anew.
const TARGETS_SECONDS: u64 = 366 * 86_400;

/// Checks that the keys that will sign are here.
pub(super) fn check_keys(
    keys: &KeyRing,
    before: Option<&Signed>,
    targets: bool,
) -> Result<(), Failure> {
    let roots = roots(keys, before);
    let roles =
        [Role::Timestamp, Role::Snapshot].into_iter().chain(targets.then_some(Role::Targets));
    for role in roles {
        keys.signers(&roots, role)?;
    }
    Ok(())
}

/// The roots that readers may trust until this is over: that of the repository, and that of the keys.
///
/// A root that names other keys would be seen before the files that those keys sign, or after: so they
/// are signed with the old keys and the new ones, and count for both.
fn roots<'a>(keys: &'a KeyRing, before: Option<&'a Signed>) -> Vec<&'a Root> {
    let before = before.filter(|before| before.targets().is_some());
    let before = before.map(|before| before.client.root());
    let older = before.filter(|root| root.header.version < keys.root().header.version);
    older.into_iter().chain([keys.root()]).collect()
}

/// Files that are signed and not there yet.
pub(super) struct Signing<'a> {
    publisher: &'a Publisher<'a>,
    roots: Vec<&'a Root>,
}

impl<'a> Signing<'a> {
    pub(super) fn new(publisher: &'a Publisher<'a>) -> Result<Self, Failure> {
        let roots = roots(&publisher.keys, publisher.before.as_ref());
        let root = publisher.keys.root();
        if root.header.expires <= publisher.now {
            return Err(Failure::refused(format!(
                "root {} counted until {} only",
                root.header.version, root.header.expires
            ))
            .hint(
                "`anklume-build keys rotate DIR --role root` signs a new one, with the root keys",
            ));
        }
        Ok(Self { publisher, roots })
    }

    /// Makes a release part of the list, and the list the newest.
    pub(super) fn release(&self, custom: &Custom, files: &Files) -> Result<Signed, Failure> {
        let old = self.before().and_then(Signed::targets);
        let mut all = old.map(|targets| targets.targets.clone()).unwrap_or_default();
        let folder = names::folder(&custom.compatible, &custom.version);
        let image = names::image(&custom.compatible, &custom.version);
        let release = Target { custom: Some(custom.value()), ..files.release.clone() };
        all.insert(names::file(&folder, names::RELEASE), release);
        all.insert(names::file(&folder, names::CHUNKS), files.chunks.clone());
        all.insert(names::file(&folder, &image), files.image.clone());
        let targets = Targets { header: self.targets_header(), targets: all };
        self.publish(Some(&targets))
    }

    /// Whether the keys have root files that the repository lacks.
    pub(super) fn has_new_roots(&self) -> bool {
        self.roots.len() > 1
    }

    /// Signs timestamp and snapshot anew, and the list if that is over soon.
    pub(super) fn refresh(&self) -> Result<Signed, Failure> {
        let nothing = || {
            let shown = self.publisher.repository.root().display();
            Failure::refused(format!("the repository {shown} has no release"))
                .hint("publish one first: `anklume-build publish ISO --repo DIR --channel stable`")
        };
        let old = self.before().and_then(Signed::targets).ok_or_else(nothing)?;
        let rotated = self.has_new_roots();
        if !self.is_over_soon(Role::Targets) && !rotated {
            return self.publish(None);
        }
        match self.publisher.keys.signers(&self.roots, Role::Targets) {
            Ok(_) => {
                let targets = Targets { header: self.targets_header(), ..old.clone() };
                self.publish(Some(&targets))
            }
            Err(failure) if rotated => Err(failure),
            Err(failure) => {
                self.publisher.reporter.note(&format!(
                    "the list of files counts until {} and could not be signed anew: {}",
                    old.header.expires,
                    failure.message()
                ));
                self.publish(None)
            }
        }
    }

    fn before(&self) -> Option<&'a Signed> {
        self.publisher.before.as_ref()
    }

    /// Whether two thirds of a file's time are over.
    fn is_over_soon(&self, role: Role) -> bool {
        let times = self.before().and_then(|before| before.times(role));
        times.is_none_or(|times| {
            let whole = times.issued.map_or(0, |issued| times.expires.since(issued));
            times.expires.since(self.publisher.now).saturating_mul(3) < whole
        })
    }

    fn header(&self, role: Role, seconds: u64) -> Header {
        let version = self.before().and_then(|before| before.times(role));
        let version = version.map_or(0, |times| times.version).saturating_add(1);
        let now = self.publisher.now;
        // Nothing counts for longer than the root that says who signs it.
        let end = self.publisher.keys.root().header.expires;
        Header { version, issued: Some(now), expires: now.plus(seconds).min(end) }
    }

    fn targets_header(&self) -> Header {
        self.header(Role::Targets, TARGETS_SECONDS.max(self.publisher.expires))
    }

    /// Writes what is signed in the order in which readers must see it.
    fn publish(&self, targets: Option<&Targets>) -> Result<Signed, Failure> {
        let Publisher { repository, keys, expires, .. } = self.publisher;
        let signers = |role| keys.signers(&self.roots, role);
        let mut made: Vec<(String, Vec<u8>)> = Vec::new();
        let newest = keys.root();
        let info = match targets {
            Some(targets) => {
                let bytes = targets.sign(&signers(Role::Targets)?).context("the list of files")?;
                let info = FileInfo::of(targets.header.version, &bytes);
                made.push((newest.file(Role::Targets, info.version), bytes));
                info
            }
            None => self.known(Role::Targets)?,
        };
        let snapshot = Snapshot { header: self.header(Role::Snapshot, *expires), targets: info };
        let bytes = snapshot.sign(&signers(Role::Snapshot)?).context("the snapshot file")?;
        let info = FileInfo::of(snapshot.header.version, &bytes);
        made.push((newest.file(Role::Snapshot, info.version), bytes));
        let timestamp =
            Timestamp { header: self.header(Role::Timestamp, *expires), snapshot: info };
        let bytes = timestamp.sign(&signers(Role::Timestamp)?).context("the timestamp file")?;
        let timestamp = (newest.file(Role::Timestamp, 0), bytes);
        let first = self.before().is_none_or(|before| before.targets().is_none());
        if first {
            // Nobody reads it yet; and whoever comes after finds the beginning of the chain.
            self.write_roots()?;
        }
        for (name, bytes) in &made {
            repository.write(&names::metadata(name), bytes)?;
        }
        made.push(timestamp);
        let signed = self.try_out(&made)?;
        if let Some((name, bytes)) = made.last() {
            repository.write(&names::metadata(name), bytes)?;
        }
        self.write_roots()?;
        Ok(signed)
    }

    fn write_roots(&self) -> Result<(), Failure> {
        let Publisher { repository, keys, .. } = self.publisher;
        let mut roots = keys.roots().iter();
        roots.try_for_each(|(name, bytes)| repository.write(&names::metadata(name), bytes))
    }

    /// A file that stays as it is.
    fn known(&self, role: Role) -> Result<FileInfo, Failure> {
        let file = self.before().and_then(|before| {
            let version = before.times(role)?.version;
            let (_, _, bytes) = before.rest.iter().find(|(found, ..)| *found == role)?;
            Some(FileInfo::of(version, bytes))
        });
        file.ok_or_else(|| Failure::failed(format!("{}: is not there", role.file())))
    }

    /// Reads everything as machines will: those that start with the first root and those that have
    /// seen what was there before; with the new roots and without them.
    fn try_out(&self, made: &[(String, Vec<u8>)]) -> Result<Signed, Failure> {
        let Publisher { repository, keys, now, .. } = self.publisher;
        let shown = |with_new: bool, name: &str, limit| {
            let own = made.iter().find(|(own, _)| own == name);
            let root = keys.roots().iter().find(|(own, _)| own == name).filter(|_| with_new);
            match own.or(root) {
                Some((_, bytes)) => Ok(Some(bytes.clone())),
                None => repository.read(&names::metadata(name), limit),
            }
        };
        let anchor = keys.roots().first().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
        if let Some(before) = self.before().filter(|before| before.targets().is_some()) {
            let stored = before.client.stored().clone();
            let clock = Clock { rtc: *now, built: Moment::from_unix(0) };
            let mut client = Client::new(anchor, Some(stored), clock, Staleness::Refuse)
                .map_err(|error| damaged(&error))?;
            for (_, bytes) in keys.roots().iter().skip(before.roots.len()) {
                client.update_root(bytes).map_err(|error| damaged(&error))?;
            }
            take(&mut client, made, &|name, limit| shown(true, name, limit))?;
            metadata::read(anchor, *now, &|name, limit| shown(false, name, limit))?;
        }
        let signed = metadata::read(anchor, *now, &|name, limit| shown(true, name, limit))?;
        match signed.client.expired().first() {
            None => Ok(signed),
            Some(expired) => Err(Failure::refused(format!("metadata/{expired}"))
                .hint("--expires takes a longer time; or the clock of this machine is ahead")),
        }
    }
}

/// Lets a client read timestamp, snapshot and targets.
fn take(
    client: &mut Client,
    made: &[(String, Vec<u8>)],
    files: &metadata::Files<'_>,
) -> Result<(), Failure> {
    let explain = |error| damaged(&error);
    let timestamp = made.last().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
    client.update_timestamp(timestamp).map_err(explain)?;
    let fetch = |wanted: Option<anklume_trust::Wanted>| {
        let Some(wanted) = wanted else { return Ok(Vec::new()) };
        Ok::<_, Failure>(files(&wanted.name, wanted.limit)?.unwrap_or_default())
    };
    let bytes = fetch(client.snapshot_file())?;
    client.update_snapshot(&bytes).map_err(explain)?;
    let bytes = fetch(client.targets_file())?;
    client.update_targets(&bytes).map_err(explain)
}
