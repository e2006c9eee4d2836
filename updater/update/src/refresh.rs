//! Refreshing: what is signed now.

use std::path::Path;

use anklume_bus::{Failure, Kind};
use anklume_fetch::Source;
use anklume_release::names;
use anklume_trust::{
    Client, Clock, Error, Memory, Moment, Role, Staleness, Stored, Targets, Wanted,
};

use crate::failure::{of_source, of_trust};
use crate::keep::Keep;

/// Name of what is remembered.
pub(crate) const FILE: &str = "trust.json";
/// The most root files that are followed at a time: a key is rotated once a year, if ever.
const MAX_ROOTS: usize = 64;

/// What a refresh begins with.
pub(crate) struct Anchor {
    /// The root file in the OS.
    pub(crate) root: Vec<u8>,
    /// Clock of the machine, build time of the OS.
    pub(crate) clock: Clock,
}

/// What is signed now.
#[derive(Debug)]
pub(crate) struct Signed {
    /// The files of releases.
    pub(crate) targets: Targets,
    /// The time is at least this.
    pub(crate) now: Moment,
    /// What a person should know.
    pub(crate) warnings: Vec<String>,
}

impl Anchor {
    /// The root file of the OS at `path`, and a clock. The build time is that of the file: all times of
    /// an image are.
    pub(crate) fn load(path: &Path, now: u64) -> Result<Self, Failure> {
        let none = || {
            Failure::new(Kind::Refused, "this OS trusts no repository: it has no root file").hint(
                "build the image with --update-root, which names the root file of the repository",
            )
        };
        let file = match std::fs::read(path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Err(none()),
            read => read,
        };
        let damaged =
            |error| Failure::new(Kind::Damaged, format_args!("{}: {error}", path.display()));
        let built = std::fs::metadata(path).and_then(|metadata| metadata.modified());
        let built = built.ok().and_then(|time| time.duration_since(std::time::UNIX_EPOCH).ok());
        let built = Moment::from_unix(built.unwrap_or_default().as_secs());
        let clock = Clock { rtc: Moment::from_unix(now), built };
        Ok(Self { root: file.map_err(damaged)?, clock })
    }
}

/// Asks the source for what is signed now, and remembers it.
pub(crate) fn refresh(
    source: &Source,
    anchor: &Anchor,
    staleness: Staleness,
    keep: &dyn Keep,
) -> Result<Signed, Failure> {
    let mut warnings = Vec::new();
    let stored = remembered(keep, &mut warnings);
    let client = Client::new(&anchor.root, stored, anchor.clock, staleness);
    let mut client = client.map_err(|error| of_anchor(&error))?;
    if let Memory::Dropped(why) = client.memory() {
        warnings.push(format!("what was remembered of signed files is not used: {why}"));
    }
    let mut refresh = Refresh { source, keep, warnings, saved: None };
    let followed = refresh.follow(&mut client);
    // Also what was learned before something went wrong.
    refresh.save(&client);
    followed?;
    for expired in client.expired() {
        refresh.warnings.push(expired.to_string());
    }
    let targets = client.targets().ok_or_else(|| of_trust(&order()))?.clone();
    // The timestamp is signed anew every few days, the list of files with a release.
    let now = [anchor.clock.rtc, anchor.clock.built].into_iter().chain(client.issued()).max();
    Ok(Signed { targets, now: now.unwrap_or(anchor.clock.rtc), warnings: refresh.warnings })
}

/// What is wrong with the root file of the OS is nobody's doing at the source.
fn of_anchor(error: &Error) -> Failure {
    let failure = of_trust(error);
    if failure.kind() != Kind::Untrusted {
        return failure;
    }
    Failure::new(Kind::Damaged, format_args!("{}: {error}", names::TRUST_ANCHOR))
        .hint("build the image with the root file of the repository: --update-root")
}

fn remembered(keep: &dyn Keep, warnings: &mut Vec<String>) -> Option<Stored> {
    let limit = u64::try_from(anklume_trust::MAX_STORED_BYTES).unwrap_or(u64::MAX);
    let bytes = keep.read(FILE, limit).unwrap_or_else(|error| {
        warnings.push(format!("{FILE}: {error}"));
        None
    })?;
    let stored = Stored::decode(&bytes);
    stored.map_err(|error| warnings.push(error.to_string())).ok()
}

struct Refresh<'a> {
    source: &'a Source,
    keep: &'a dyn Keep,
    warnings: Vec<String>,
    /// What is on the persistent partition.
    saved: Option<Stored>,
}

impl Refresh<'_> {
    fn follow(&mut self, client: &mut Client) -> Result<(), Failure> {
        for _ in 0..MAX_ROOTS {
            let Some(bytes) = self.next_root(client)? else { break };
            client.update_root(&bytes).map_err(|error| of_trust(&error))?;
            self.save(client);
        }
        let bytes = self.expect(Some(client.timestamp_file()))?;
        client.update_timestamp(&bytes).map_err(|error| of_trust(&error))?;
        self.save(client);
        let bytes = self.expect(client.snapshot_file())?;
        client.update_snapshot(&bytes).map_err(|error| of_trust(&error))?;
        self.save(client);
        let bytes = self.expect(client.targets_file())?;
        client.update_targets(&bytes).map_err(|error| of_trust(&error))
    }

    /// The root file that follows, if there is one. Object stores that may not be listed say that a
    /// file which is not there is forbidden.
    fn next_root(&self, client: &Client) -> Result<Option<Vec<u8>>, Failure> {
        match self.fetch(&client.root_file()) {
            Err(anklume_fetch::Error::Refused { status: 403, .. }) => Ok(None),
            answer => answer.map_err(|error| of_source(&error)),
        }
    }

    fn ask(&self, wanted: &Wanted) -> Result<Option<Vec<u8>>, Failure> {
        self.fetch(wanted).map_err(|error| of_source(&error))
    }

    fn fetch(&self, wanted: &Wanted) -> Result<Option<Vec<u8>>, anklume_fetch::Error> {
        self.source.file(&names::metadata(&wanted.name), wanted.limit)
    }

    fn expect(&self, wanted: Option<Wanted>) -> Result<Vec<u8>, Failure> {
        let wanted = wanted.ok_or_else(|| of_trust(&order()))?;
        self.ask(&wanted)?.ok_or_else(|| {
            Failure::new(
                Kind::Source,
                format_args!("the source has no {}", names::metadata(&wanted.name)),
            )
            .hint("is it an anklume repository, and whole? `anklume-build repo check` tells")
        })
    }

    /// A partition that is full must not keep anybody from an update that makes room.
    fn save(&mut self, client: &Client) {
        if self.saved.as_ref() == Some(client.stored()) {
            return;
        }
        match self.keep.write(FILE, &client.stored().encode()) {
            Ok(()) => self.saved = Some(client.stored().clone()),
            Err(error) => {
                let warning = format!("what was signed is not remembered: {FILE}: {error}");
                if !self.warnings.contains(&warning) {
                    self.warnings.push(warning);
                }
            }
        }
    }
}

fn order() -> Error {
    Error::Order { file: Role::Targets.file(), reason: "the files before it were not taken" }
}
