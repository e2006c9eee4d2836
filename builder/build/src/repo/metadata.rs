//! The signed metadata of a repository, as every client reads it.

use anklume_release::names;
use anklume_trust::{Client, Clock, Error, Moment, Role, Staleness, Targets, Wanted};
use serde_json::Value;

use super::numbers::Numbers;
use super::store::Repository;
use crate::failure::Failure;

/// Gives a file of the metadata by its name there, of at most so many bytes.
pub(super) type Files<'a> = dyn Fn(&str, u64) -> Result<Option<Vec<u8>>, Failure> + 'a;

/// What is signed now.
#[derive(Debug, Clone)]
pub(super) struct Signed {
    /// A client that has read all of it.
    pub(super) client: Client,
    /// Names and bytes of the root files, from the first on that is trusted.
    pub(super) roots: Vec<(String, Vec<u8>)>,
    /// Timestamp, snapshot and targets file, with their names; all or none.
    pub(super) rest: Vec<(Role, String, Vec<u8>)>,
}

/// When a file was signed and until when it counts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Times {
    pub(super) version: u64,
    pub(super) issued: Option<Moment>,
    pub(super) expires: Moment,
}

impl Signed {
    /// The list of files, if there is one.
    pub(super) fn targets(&self) -> Option<&Targets> {
        self.client.targets()
    }

    /// Version and times of a role's file.
    pub(super) fn times(&self, role: Role) -> Option<Times> {
        let header = self.client.root().header;
        if role == Role::Root {
            let (version, issued, expires) = (header.version, header.issued, header.expires);
            return Some(Times { version, issued, expires });
        }
        let (_, _, bytes) = self.rest.iter().find(|(found, ..)| *found == role)?;
        times(bytes)
    }

    /// The newest time at which something was signed.
    pub(super) fn issued(&self) -> Option<Moment> {
        Role::ALL.iter().filter_map(|role| self.times(*role)?.issued).max()
    }
}

/// What a file says of itself; that it is sound was seen by a client.
fn times(bytes: &[u8]) -> Option<Times> {
    let value: Value = serde_json::from_slice(bytes).ok()?;
    let signed = value.get("signed")?;
    let moment = |key: &str| Moment::parse(signed.get(key)?.as_str()?);
    Some(Times {
        version: signed.get("version")?.as_u64()?,
        issued: moment("x-anklume-issued"),
        expires: moment("expires")?,
    })
}

/// Reads everything that is signed, as a client that trusts the file `anchor` does. What is over is
/// taken, and listed by the client. Without a timestamp file only the roots are read.
pub(super) fn read(anchor: &[u8], now: Moment, files: &Files<'_>) -> Result<Signed, Failure> {
    let clock = Clock { rtc: now, built: Moment::from_unix(0) };
    let mut client =
        Client::new(anchor, None, clock, Staleness::Accept).map_err(|error| damaged(&error))?;
    let first = Role::Root.versioned_file(client.root().header.version);
    let mut roots = vec![(first, anchor.to_vec())];
    loop {
        let Wanted { name, limit } = client.root_file();
        let Some(bytes) = files(&name, limit)? else { break };
        client.update_root(&bytes).map_err(|error| damaged(&error))?;
        roots.push((name, bytes));
    }
    let mut rest = Vec::new();
    let timestamp = client.timestamp_file();
    let Some(bytes) = files(&timestamp.name, timestamp.limit)? else {
        return Ok(Signed { client, roots, rest });
    };
    client.update_timestamp(&bytes).map_err(|error| damaged(&error))?;
    rest.push((Role::Timestamp, timestamp.name, bytes));
    let (name, bytes) = wanted(client.snapshot_file(), files)?;
    client.update_snapshot(&bytes).map_err(|error| damaged(&error))?;
    rest.push((Role::Snapshot, name, bytes));
    let (name, bytes) = wanted(client.targets_file(), files)?;
    client.update_targets(&bytes).map_err(|error| damaged(&error))?;
    rest.push((Role::Targets, name, bytes));
    Ok(Signed { client, roots, rest })
}

/// A file that another one names.
fn wanted(wanted: Option<Wanted>, files: &Files<'_>) -> Result<(String, Vec<u8>), Failure> {
    let Wanted { name, limit } = wanted.unwrap_or(Wanted { name: String::new(), limit: 0 });
    match files(&name, limit)? {
        Some(bytes) => Ok((name, bytes)),
        None => Err(Failure::damaged(format!("{}: is not there", names::metadata(&name)))),
    }
}

/// What is signed in a repository; `None` where it has no metadata yet.
pub(super) fn of(
    repository: &Repository,
    numbers: &Numbers,
    now: Moment,
) -> Result<Option<Signed>, Failure> {
    let first = names::metadata(&Role::Root.versioned_file(1));
    match repository.read(&first, Role::Root.limit())? {
        Some(anchor) => {
            let file = |name: &str, limit| repository.read(&names::metadata(name), limit);
            read(&anchor, now, &file).map(Some)
        }
        None if numbers.is_empty() => Ok(None),
        None => Err(in_part(repository, &first, "but other files of the metadata are")),
    }
}

/// A file is not there that must be beside those that are. Beginning anew would lock every machine out
/// that remembers what was signed.
pub(super) fn in_part(repository: &Repository, name: &str, but: &str) -> Failure {
    let shown = repository.root().display();
    Failure::refused(format!("the repository {shown}: {name} is not there, {but}"))
        .hint("copy the repository whole, timestamp.json last; a new one begins in an empty folder")
}

/// What a client refuses.
pub(super) fn damaged(error: &Error) -> Failure {
    let failure = Failure::damaged(format!("{}/{error}", names::METADATA));
    match error {
        Error::Threshold { .. } => failure.hint(
            "either the keys were changed without signing anew, or somebody else wrote the file; \
             `anklume-build repo check` looks at everything",
        ),
        _ => failure.hint("`anklume-build repo check` looks at everything"),
    }
}
