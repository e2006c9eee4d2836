//! Signing what changed, and the moment that readers see it.

use anklume_release::{Custom, names};
use anklume_trust::{
    Client, Clock, FileInfo, Header, Moment, Role, Snapshot, Staleness, Target, Targets, Timestamp,
};

use super::Publisher;
use super::image::Files;
use super::signers::Signers;
use crate::failure::{Context, Failure};
use crate::repo::metadata::{self, Signed, damaged};

/// The list of files counts for a year at least: its key may be far away when timestamp and snapshot
/// are signed anew.
const TARGETS_SECONDS: u64 = 366 * 86_400;

/// A day more or less is not worth new files, in seconds.
const WORTH_SECONDS: u64 = 86_400;

/// Files that are signed and not there yet.
pub(super) struct Signing<'a> {
    publisher: &'a Publisher<'a>,
    signers: Signers<'a>,
}

impl<'a> Signing<'a> {
    pub(super) fn new(publisher: &'a Publisher<'a>) -> Result<Self, Failure> {
        let signers = Signers::new(&publisher.keys, publisher.before.signed.as_ref());
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
        Ok(Self { publisher, signers })
    }

    /// Makes a release part of the list, and the list the newest.
    pub(super) fn release(&self, custom: &Custom, files: &Files) -> Result<Signed, Failure> {
        let old = self.publisher.before.targets();
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

    /// Takes a release off the list, by its folder.
    pub(super) fn withdraw(&self, folder: &str) -> Result<Signed, Failure> {
        let old = self.publisher.before.targets();
        let mut all = old.map(|targets| targets.targets.clone()).unwrap_or_default();
        all.retain(|name, _| !name.strip_prefix(folder).is_some_and(|name| name.starts_with('/')));
        self.publish(Some(&Targets { header: self.targets_header(), targets: all }))
    }

    /// Whether signing anew would change something, though the list stays as it is.
    pub(super) fn is_worthwhile(&self) -> bool {
        let longer = |role| {
            let end = self.header(role, self.publisher.expires).expires;
            let times = self.before().and_then(|before| before.times(role));
            times.is_none_or(|times| end.since(times.expires) > WORTH_SECONDS)
        };
        self.signers.has_new_roots()
            || self.publisher.before.is_unfinished
            || [Role::Timestamp, Role::Snapshot].into_iter().any(longer)
    }

    /// Signs timestamp and snapshot anew, and the list if its keys were replaced or it is over soon.
    pub(super) fn refresh(&self) -> Result<Signed, Failure> {
        let nothing = || {
            let shown = self.publisher.repository.root().display();
            Failure::refused(format!("the repository {shown} has no release"))
                .hint("publish one first: `anklume-build publish ISO --repo DIR --channel stable`")
        };
        let old = self.publisher.before.targets().ok_or_else(nothing)?;
        let replaced = self.signers.is_replaced(Role::Targets);
        if !self.is_over_soon(Role::Targets) && !replaced {
            return self.publish(None);
        }
        match self.signers.of(Role::Targets) {
            Ok(_) => {
                let targets = Targets { header: self.targets_header(), ..old.clone() };
                self.publish(Some(&targets))
            }
            Err(failure) if replaced => Err(failure),
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
        self.publisher.before.signed.as_ref()
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
        let Publisher { before, now, .. } = self.publisher;
        // Timestamp and snapshot rise together, so that files tell of timestamps that are gone.
        let numbered = if role == Role::Timestamp { Role::Snapshot } else { role };
        let highest = before.version(role).max(before.numbers.highest(numbered));
        let version = highest.saturating_add(1);
        // Nothing counts for longer than the root that says who signs it.
        let end = self.publisher.keys.root().header.expires;
        Header { version, issued: Some(*now), expires: now.plus(seconds).min(end) }
    }

    fn targets_header(&self) -> Header {
        self.header(Role::Targets, TARGETS_SECONDS.max(self.publisher.expires))
    }

    /// Writes what is signed in the order in which readers must see it.
    fn publish(&self, targets: Option<&Targets>) -> Result<Signed, Failure> {
        let Publisher { repository, keys, expires, .. } = self.publisher;
        let signers = |role| self.signers.of(role);
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
        if self.publisher.before.targets().is_none() {
            // Nobody reads it yet; and whoever comes after finds the beginning of the chain.
            self.write_roots()?;
        }
        for (name, bytes) in &made {
            repository.write(&names::metadata(name), bytes)?;
        }
        made.push(timestamp);
        let lost = self.lost(targets.is_some());
        let signed = self.try_out(&made, lost.is_empty())?;
        if !lost.is_empty() || self.publisher.before.is_unfinished {
            self.note_lost(&lost);
            self.write_roots()?;
        }
        if let Some((name, bytes)) = made.last() {
            repository.write(&names::metadata(name), bytes)?;
        }
        self.write_roots()?;
        Ok(signed)
    }

    /// The roles that sign without the keys that they had before.
    fn lost(&self, targets: bool) -> Vec<Role> {
        let targets = targets.then_some(Role::Targets);
        let roles = [Role::Timestamp, Role::Snapshot].into_iter().chain(targets);
        roles.filter(|role| self.signers.is_lost(*role)).collect()
    }

    fn note_lost(&self, lost: &[Role]) {
        for role in lost {
            self.publisher.reporter.note(&format!(
                "the old keys of the {role} role are not here, so that the new ones sign alone; a machine \
                 that asks at this moment has to ask again"
            ));
        }
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
    /// seen what was there before; with the new roots and, if what is signed counts for them, without.
    fn try_out(&self, made: &[(String, Vec<u8>)], without_roots: bool) -> Result<Signed, Failure> {
        let Publisher { repository, keys, now, .. } = self.publisher;
        let shown = |roots: &[(String, Vec<u8>)], name: &str, limit| {
            let known = made.iter().chain(roots).find(|(own, _)| own == name);
            match known {
                Some((_, bytes)) => Ok(Some(bytes.clone())),
                // New roots may be there already.
                None if name.ends_with(Role::Root.file()) => Ok(None),
                None => repository.read(&names::metadata(name), limit),
            }
        };
        let with_new = |name: &str, limit| shown(keys.roots(), name, limit);
        let anchor = keys.roots().first().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
        if let Some(before) = self.before().filter(|before| before.targets().is_some()) {
            let stored = before.client.stored().clone();
            let clock = Clock { rtc: *now, built: Moment::from_unix(0) };
            let mut client = Client::new(anchor, Some(stored), clock, Staleness::Refuse)
                .map_err(|error| damaged(&error))?;
            for (_, bytes) in keys.roots().iter().skip(before.roots.len()) {
                client.update_root(bytes).map_err(|error| damaged(&error))?;
            }
            take(&mut client, made, &with_new)?;
            if without_roots {
                metadata::read(anchor, *now, &|name, limit| shown(&before.roots, name, limit))?;
            }
        }
        let signed = metadata::read(anchor, *now, &with_new)?;
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
