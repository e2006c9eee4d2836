//! Checking: which version is taken, whether it fits, and what it would take.

use std::collections::BTreeSet;

use anklume_bus::{Failure, Kind, Options};
use anklume_chunks::ChunkList;
use anklume_fetch::Source;
use anklume_layout::Role;
use anklume_release::{
    Choice, Chosen, Day, File, LocalTime, MAX_RELEASE_BYTES, Machine, Note, Passed, Refusal,
    Release, ReleaseError, STATE_SCHEMA, Settings, SlotSizes, UPDATER_PROTOCOL, Wanted, check,
    choose, names,
};
use anklume_trust::{Digest, Targets};
use sha2::{Digest as _, Sha256};

use crate::failure::{of_refusal, of_release, of_source};
use crate::power::power;
use crate::refresh::Signed;
use crate::site::{Here, Site};
use crate::state::State;

/// The most versions whose description does not fit before it is given up.
const MAX_UNFIT: usize = 20;

/// A version that fits this machine.
pub(crate) struct Offered {
    pub(crate) chosen: Chosen,
    pub(crate) release: Release,
    pub(crate) list: ChunkList,
    /// The list as it was signed.
    pub(crate) list_bytes: Vec<u8>,
    /// What a person should know.
    pub(crate) notes: Vec<String>,
}

/// What a check found.
pub(crate) enum Found {
    UpToDate {
        newest: String,
        passed: Vec<Passed>,
    },
    /// Nobody asked, and the maintenance window opens in so many minutes.
    Waits {
        why: String,
        minutes: u16,
    },
    Offered(Box<Offered>),
}

/// What the machine is, as far as it decides.
pub(crate) fn machine(
    site: &Site,
    here: &Here,
    state: &State,
    settings: &Settings,
    (signed, automatic): (&Signed, bool),
) -> Machine {
    let bytes = |role| here.medium.partition(role).map_or(0, |place| place.bytes);
    let target = here.target();
    Machine {
        running: here.manifest.image_version.clone(),
        other: here.other().map(|manifest| manifest.image_version),
        floor: state.floor.clone(),
        held: state.held.clone(),
        failed: state.failed.clone(),
        updater: UPDATER_PROTOCOL,
        state_schema: STATE_SCHEMA,
        slot: SlotSizes { boot: bytes(Role::Boot(target)), os: bytes(Role::Os(target)) },
        free_bytes: site.keep.free_bytes().unwrap_or(u64::MAX),
        power: power(&site.path("sys")),
        grown: here.is_grown(),
        automatic,
        seed: seed(site),
        now: signed.now,
        window: settings.window.clone(),
        local: local((site.now)()),
    }
}

/// What the clocks on the wall show.
fn local(now: u64) -> LocalTime {
    let (day, hour, minute) = anklume_host::clock::local(now);
    let day = Day::ALL.get(usize::from(day)).copied().unwrap_or(Day::ALL[0]);
    LocalTime::new(day, hour, minute).unwrap_or_default()
}

/// This machine's place in the waves of a rollout: from its ID, so that it stays.
fn seed(site: &Site) -> [u8; 32] {
    let id = std::fs::read(site.path("etc/machine-id")).unwrap_or_default();
    Sha256::new().chain_update(b"anklume rollout\0").chain_update(id).finalize().into()
}

/// Looks for a version.
pub(crate) fn find(
    source: &Source,
    signed: &Signed,
    here: &Here,
    machine: &Machine,
    (settings, version, options): (&Settings, Option<&str>, &Options),
) -> Result<Found, Failure> {
    let mut wanted = Wanted {
        channel: options.channel.clone().unwrap_or_else(|| settings.channel().to_owned()),
        compatible: here.manifest.compatible.clone(),
        architecture: here.manifest.architecture.clone(),
        version: version.map(str::to_owned),
        retry: options.retry,
        except: BTreeSet::new(),
    };
    let targets = targets(source, signed);
    loop {
        let choice = match choose(&targets, &wanted, machine) {
            Ok(choice) => choice,
            Err(refusal @ Refusal::OutsideWindow { opens_in, .. }) => {
                return Ok(Found::Waits { why: refusal.to_string(), minutes: opens_in });
            }
            Err(refusal) => return Err(of_refusal(&refusal)),
        };
        let chosen = match choice {
            Choice::UpToDate { newest, passed } => return Ok(Found::UpToDate { newest, passed }),
            Choice::Take(chosen) => *chosen,
        };
        let unfit = match fitting(source, &chosen, machine)? {
            Ok((release, notes)) => {
                return offered(source, signed, chosen, release, &notes).map(Found::Offered);
            }
            Err(unfit) => unfit,
        };
        // An older one may be what leads to it.
        let is_last = wanted.version.is_some() || wanted.except.len() >= MAX_UNFIT;
        if is_last || !unfit.others_may_fit {
            return Err(unfit.failure);
        }
        wanted.except.insert(chosen.offer.custom.version.clone());
        if let Ok(Choice::UpToDate { .. }) = choose(&targets, &wanted, machine) {
            return Err(unfit.failure);
        }
    }
}

/// What the source offers of what is signed: an image has a bundle with one release only.
fn targets(source: &Source, signed: &Signed) -> Targets {
    let mut targets = signed.targets.clone();
    targets.targets.retain(|name, _| {
        names::folder_of_release(name).is_none() || source.holds(name) != Some(false)
    });
    targets
}

/// A version that is not for this machine.
struct Unfit {
    failure: Failure,
    /// Whether another version may be for it.
    others_may_fit: bool,
}

/// The description of a release, if it is one for this machine.
fn fitting(
    source: &Source,
    chosen: &Chosen,
    machine: &Machine,
) -> Result<Result<(Release, Vec<Note>), Unfit>, Failure> {
    let bytes = description(source, chosen)?;
    let release = match Release::parse(&bytes) {
        Ok(release) => release,
        Err(error @ ReleaseError::Version { .. }) => {
            return Ok(Err(Unfit { failure: of_release(&error), others_may_fit: true }));
        }
        Err(error) => return Err(of_release(&error)),
    };
    Ok(match check(&chosen.offer, &release, machine) {
        Ok(notes) => Ok((release, notes)),
        Err(refusal) => {
            let failure = of_refusal(&refusal);
            Err(Unfit { failure, others_may_fit: refusal.may_fit_others() })
        }
    })
}

/// The description as it was signed.
fn description(source: &Source, chosen: &Chosen) -> Result<Vec<u8>, Failure> {
    let name = names::file(&chosen.offer.folder, names::RELEASE);
    let target = &chosen.offer.target;
    signed_file(source, &name, MAX_RELEASE_BYTES, target.length, &target.sha256)
}

fn offered(
    source: &Source,
    signed: &Signed,
    chosen: Chosen,
    release: Release,
    notes: &[Note],
) -> Result<Box<Offered>, Failure> {
    let folder = &chosen.offer.folder;
    listed(signed, folder, &release.image)?;
    listed(signed, folder, &release.chunks)?;
    let File { name, bytes: length, sha256 } = &release.chunks;
    let name = names::file(folder, name);
    let limit = anklume_release::MAX_CHUNK_LIST_BYTES;
    let list_bytes = signed_file(source, &name, limit, *length, sha256)?;
    let list = ChunkList::parse(&list_bytes, release.image.bytes).map_err(|error| {
        Failure::new(Kind::Untrusted, format_args!("{name}: {error}"))
            .hint("whoever published it made a mistake: `anklume-build repo check` names it")
    })?;
    let notes = chosen.notes.iter().chain(notes).map(ToString::to_string).collect();
    Ok(Box::new(Offered { chosen, release, list, list_bytes, notes }))
}

/// The signed list of files says the same of a file as the description.
fn listed(signed: &Signed, folder: &str, file: &File) -> Result<(), Failure> {
    let name = names::file(folder, &file.name);
    let same = signed
        .targets
        .targets
        .get(&name)
        .is_some_and(|target| (target.length, &target.sha256) == (file.bytes, &file.sha256));
    if same {
        return Ok(());
    }
    Err(Failure::new(
        Kind::Untrusted,
        format_args!(
            "{name}: the signed list of files and {} do not say the same of it",
            names::RELEASE
        ),
    )
    .hint("whoever published it made a mistake: `anklume-build repo check` names it"))
}

/// A file with this length and digest.
fn signed_file(
    source: &Source,
    name: &str,
    limit: u64,
    length: u64,
    sha256: &Digest,
) -> Result<Vec<u8>, Failure> {
    let wrong = |what: std::fmt::Arguments<'_>| {
        Failure::new(Kind::Untrusted, format_args!("{name}: {what}"))
            .hint("the source is being published right now, or is a broken copy: try again later")
    };
    if length > limit {
        return Err(wrong(format_args!(
            "expected at most {limit} bytes, the signed list says {length}"
        )));
    }
    let bytes = source.file(name, length).map_err(|error| of_source(&error))?;
    let bytes = bytes.ok_or_else(|| {
        Failure::new(Kind::Source, format_args!("the source has no {name}"))
            .hint("it is being published right now, or is a broken copy: try again later")
    })?;
    let found = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
    if found != length {
        return Err(wrong(format_args!("expected {length} bytes, found {found}")));
    }
    let found = Digest::of(&bytes);
    if found != *sha256 {
        return Err(wrong(format_args!("expected SHA-256 {sha256}, found {found}")));
    }
    Ok(bytes)
}
