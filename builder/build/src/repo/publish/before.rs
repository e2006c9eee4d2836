//! What is signed in the repository when somebody begins to write to it.

use anklume_release::names;
use anklume_trust::{FileInfo, Header, Moment, Role, Targets, Timestamp};

use crate::events::Reporter;
use crate::failure::{Context, Failure};
use crate::repo::keyring::KeyRing;
use crate::repo::metadata::{self, Signed, in_part};
use crate::repo::numbers::Numbers;
use crate::repo::store::Repository;

/// For how long the timestamp counts that is made to read what a killed publisher left: nobody else sees it.
const UNSEEN_SECONDS: u64 = 86_400;

/// What is signed before.
pub(super) struct Before {
    /// `None` before the first release.
    pub(super) signed: Option<Signed>,
    pub(super) numbers: Numbers,
    /// Whether a publisher was killed after it wrote new roots, and before the timestamp that they count
    /// for: what is signed is what it would have finished.
    pub(super) is_unfinished: bool,
}

impl Before {
    pub(super) fn read(
        repository: &Repository,
        keys: &KeyRing,
        clock: Moment,
        reporter: &Reporter,
    ) -> Result<Self, Failure> {
        let numbers = Numbers::read(repository)?;
        let chain = check_chain(keys, &numbers, repository);
        let read = metadata::of(repository, &numbers, clock);
        let (signed, is_unfinished) = match read {
            Ok(signed) => {
                chain?;
                (signed, false)
            }
            Err(failure) => {
                let finished = chain.and_then(|()| finished(repository, keys, &numbers, clock));
                // That what is there cannot be read is the reason; this was only a try.
                (Some(finished.map_err(|_| failure)?), true)
            }
        };
        let before = Self { signed, numbers, is_unfinished };
        before.note_strays(reporter);
        Ok(before)
    }

    /// The list of files, if there is one.
    pub(super) fn targets(&self) -> Option<&Targets> {
        self.signed.as_ref().and_then(Signed::targets)
    }

    /// The version of a role's file that readers find; 0 without one.
    pub(super) fn version(&self, role: Role) -> u64 {
        let times = self.signed.as_ref().and_then(|signed| signed.times(role));
        times.map_or(0, |times| times.version)
    }

    fn note_strays(&self, reporter: &Reporter) {
        for role in [Role::Targets, Role::Snapshot] {
            // The highest tells enough: each release has one.
            if let Some(name) = self.numbers.above(role, self.version(role)).last() {
                reporter.note(&format!(
                    "{name}: nothing refers to it, a publisher was killed or an older timestamp.json was \
                     put back; its number is not used again"
                ));
            }
        }
    }

    /// Whether this is the beginning of a repository, or there is one. `release` is the folder of what is
    /// to be published.
    ///
    /// A first publisher that was killed left lists of its release only. Anything else without
    /// timestamp.json is a copy of which a part is missing.
    pub(super) fn check_beginning(
        &self,
        repository: &Repository,
        release: Option<&str>,
    ) -> Result<(), Failure> {
        let Some(file) = self.numbers.list_or_snapshot() else { return Ok(()) };
        if self.targets().is_some() {
            return Ok(());
        }
        let lists: Vec<u64> = self.numbers.of(Role::Targets).collect();
        let last = lists.last().copied().unwrap_or(0);
        let is_begun = (1..).zip(&lists).all(|(number, list)| number == *list)
            && self.numbers.highest(Role::Snapshot) <= last
            && release.is_some_and(|release| {
                lists.iter().all(|list| lists_only(repository, *list, release))
            });
        match is_begun {
            true => Ok(()),
            false => {
                let name = names::metadata(Role::Timestamp.file());
                Err(in_part(repository, &name, &format!("but {file} is")))
            }
        }
    }
}

/// Whether a list, which nobody has verified, has files of one release and no others.
fn lists_only(repository: &Repository, version: u64, release: &str) -> bool {
    let name = names::metadata(&Role::Targets.versioned_file(version));
    let bytes = repository.read(&name, Role::Targets.limit()).ok().flatten().unwrap_or_default();
    let value: Option<serde_json::Value> = serde_json::from_slice(&bytes).ok();
    let files = value.as_ref().and_then(|value| value.get("signed")?.get("targets")?.as_object());
    let own = |name: &String| name.strip_prefix(release).is_some_and(|name| name.starts_with('/'));
    files.is_some_and(|files| !files.is_empty() && files.keys().all(own))
}

/// The keys must be those of the repository.
fn check_chain(keys: &KeyRing, numbers: &Numbers, repository: &Repository) -> Result<(), Failure> {
    let shown = keys.folder().display();
    for (name, bytes) in keys.roots() {
        let there = repository.read(&names::metadata(name), Role::Root.limit())?;
        if there.is_some_and(|there| there != *bytes) {
            return Err(Failure::refused(format!(
                "the keys {shown} are not those of the repository {}: {name} differs",
                repository.root().display()
            ))
            .hint("--keys names the folder that the repository was begun with"));
        }
    }
    let (own, there) = (keys.root().header.version, numbers.highest(Role::Root));
    if own < there {
        return Err(Failure::refused(format!(
            "the keys {shown} know root {own}, the repository has root {there}"
        ))
        .hint("somebody replaced keys with another copy of the folder; use that one"));
    }
    Ok(())
}

/// What a killed publisher would have finished: the newest snapshot, with a timestamp that is made for it.
///
/// What readers find counts for an older root only. It is not taken: whoever stole the keys that were
/// replaced could have his own list signed anew with the new keys.
fn finished(
    repository: &Repository,
    keys: &KeyRing,
    numbers: &Numbers,
    now: Moment,
) -> Result<Signed, Failure> {
    let root = keys.root();
    let older = (1..keys.roots().len()).filter_map(|count| keys.roots().get(..count));
    let mut read = older.map(|roots| read_with(repository, roots, None, now));
    if !read.any(|read| read.is_ok_and(|signed| signed.targets().is_some())) {
        return Err(Failure::damaged("it does not count for an older root either"));
    }
    let version = numbers.highest(Role::Snapshot);
    let snapshot = names::metadata(&root.file(Role::Snapshot, version));
    let bytes = repository.read(&snapshot, Role::Snapshot.limit())?.unwrap_or_default();
    let header = Header { version, issued: Some(now), expires: now.plus(UNSEEN_SECONDS) };
    let timestamp = Timestamp { header, snapshot: FileInfo::of(version, &bytes) };
    let timestamp = timestamp.sign(&keys.signers(&[root], Role::Timestamp)?);
    let timestamp = timestamp.context("the timestamp file")?;
    read_with(repository, keys.roots(), Some(&timestamp), now)
}

/// Reads with these root files, and with another timestamp than the one that is there.
fn read_with(
    repository: &Repository,
    roots: &[(String, Vec<u8>)],
    timestamp: Option<&Vec<u8>>,
    now: Moment,
) -> Result<Signed, Failure> {
    let anchor = roots.first().map(|(_, bytes)| bytes.as_slice()).unwrap_or_default();
    metadata::read(anchor, now, &|name, limit| {
        if name.ends_with(Role::Root.file()) {
            let root = roots.iter().find(|(own, _)| own == name);
            return Ok(root.map(|(_, bytes)| bytes.clone()));
        }
        match timestamp.filter(|_| name == Role::Timestamp.file()) {
            Some(bytes) => Ok(Some(bytes.clone())),
            None => repository.read(&names::metadata(name), limit),
        }
    })
}
