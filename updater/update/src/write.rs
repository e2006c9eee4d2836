//! Writing the other slot, and making it the one that boots.

use std::ops::{ControlFlow, Range};
use std::time::Instant;

use anklume_bus::{Dict, Failure, Kind, Progress, Watch};
use anklume_chunks::{ChunkList, Options as Choices, plan};
use anklume_fetch::{Cancel, Source};
use anklume_install::{
    BootRecord, Error, Fault, Image, Partition, Phase, Prepared, Request, Seed, Target, activate,
    prepare, survey, verify,
};
use anklume_layout::Slot;
use anklume_medium::{Medium, UpdateError};
use anklume_release::{MAX_CHUNK_LIST_BYTES, Release, names};
use anklume_slots::{Record, Refusal, State as SlotState};
use serde_json::Value;

use crate::disk::{reading, writing};
use crate::failure::{of_medium, of_source};
use crate::log::{self, Event};
use crate::offer::Offered;
use crate::site::{Here, Site};
use crate::state::{Pending, State, WRITING, Writing};

/// The image file at its source.
struct Remote<'a> {
    source: &'a Source,
    name: String,
    bytes: u64,
}

impl Image for Remote<'_> {
    type Error = anklume_fetch::Error;

    fn fetch(
        &mut self,
        ranges: &[Range<u64>],
        take: &mut dyn FnMut(u64, &[u8]) -> ControlFlow<()>,
    ) -> Result<(), Self::Error> {
        self.source.ranges(&self.name, self.bytes, ranges, take).map(drop)
    }
}

/// The boot record of a medium.
struct OnMedium<'a> {
    medium: &'a Medium,
    warnings: Vec<String>,
}

/// A boot record that was not changed.
#[derive(Debug)]
enum RecordError {
    Lost,
    Refused(Refusal),
    Medium(anklume_medium::Error),
}

impl std::fmt::Display for RecordError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Lost => f.write_str("both copies are damaged"),
            Self::Refused(refusal) => write!(f, "{refusal}"),
            Self::Medium(error) => write!(f, "{error}"),
        }
    }
}

impl std::error::Error for RecordError {}

impl BootRecord for OnMedium<'_> {
    type Error = RecordError;

    fn change(
        &mut self,
        change: &mut dyn FnMut(Record) -> Result<Record, Refusal>,
    ) -> Result<Record, RecordError> {
        let changed = self.medium.update(|record| match record {
            Some(record) => change(record).map_err(RecordError::Refused),
            None => Err(RecordError::Lost),
        });
        let updated = changed.map_err(|error| match error {
            UpdateError::Refused(error) => error,
            UpdateError::Medium(error) => RecordError::Medium(error),
        })?;
        self.warnings.extend(updated.warning.map(|error| error.to_string()));
        Ok(updated.record)
    }
}

/// Passes progress on, and the wish to end.
struct Meter<'a> {
    watch: &'a dyn Watch,
    cancel: &'a Cancel,
}

impl Meter<'_> {
    fn tell(&self, progress: anklume_install::Progress) -> ControlFlow<()> {
        let phase = match progress.phase {
            Phase::Scanning => "scan",
            Phase::Writing => "write",
            Phase::Flushing => "flush",
            Phase::ReadingBack => "verify",
        };
        self.watch.progress(&Progress {
            phase: phase.to_owned(),
            done: progress.done,
            total: progress.total,
            fetched: progress.fetched,
            message: progress.phase.to_string(),
        });
        if self.watch.cancelled() || self.cancel.is_cancelled() {
            return ControlFlow::Break(());
        }
        ControlFlow::Continue(())
    }
}

/// An update that is carried out.
pub(crate) struct Job<'a> {
    pub(crate) site: &'a Site,
    pub(crate) here: &'a Here,
    pub(crate) watch: &'a dyn Watch,
    pub(crate) cancel: &'a Cancel,
}

/// What is in the slot that runs, and what it takes to make the new version of it.
pub(crate) struct Survey {
    list: Option<ChunkList>,
    pub(crate) warning: Option<String>,
}

impl Job<'_> {
    /// Looks at the slot that runs; that takes as long as reading it, once in a boot.
    pub(crate) fn survey(&self) -> Result<Survey, Failure> {
        let root_hash = &self.here.manifest.root_hash;
        let known = self.site.known_list(root_hash);
        if let Some(list) = known.and_then(|bytes| ChunkList::parse(&bytes, u64::MAX).ok()) {
            return Ok(Survey { list: Some(list), warning: None });
        }
        let slot = reading(&self.site.root, &self.here.medium, self.here.slot)?;
        let meter = Meter { watch: self.watch, cancel: self.cancel };
        match survey(&slot.boot, &slot.os, &mut |progress| meter.tell(progress)) {
            Ok(list) => {
                self.site.keep_list(root_hash, &list.encode());
                Ok(Survey { list: Some(list), warning: None })
            }
            Err(anklume_install::SurveyError::Cancelled) => Err(cancelled()),
            // Everything is fetched then.
            Err(error) => {
                let slot = self.here.slot;
                let warning = format!("slot {slot} is not used as a source: {error}");
                Ok(Survey { list: None, warning: Some(warning) })
            }
        }
    }

    /// What installing would take, in numbers.
    pub(crate) fn predict(&self, offered: &Offered, survey: &Survey) -> Dict {
        let mut seeds = anklume_chunks::Seeds::new();
        if let Some(list) = &survey.list {
            seeds.add(anklume_chunks::Origin::Seed(0), list);
        }
        let cost = plan(&offered.list, &seeds, &Choices::default()).cost;
        let image = offered.release.image.bytes;
        let mut dict = Dict::new();
        for (key, bytes) in [
            ("image-bytes", image),
            ("fetch-bytes", cost.fetched_bytes),
            ("fetch-requests", cost.requests),
            ("copy-bytes", cost.copied_bytes),
            ("write-bytes", cost.written_bytes()),
        ] {
            dict.insert(key.to_owned(), bytes.into());
        }
        if let Some(seconds) = self.predict_seconds(cost.written_bytes()) {
            dict.insert("seconds".to_owned(), seconds.into());
        }
        dict
    }

    /// As the last update of this machine went; none if there was none.
    fn predict_seconds(&self, write_bytes: u64) -> Option<u64> {
        let updates = log::updates(&log::read(self.site.keep.as_ref()).ok()?, 0);
        let number = |update: &Dict, key: &str| update.get(key).and_then(Value::as_u64);
        let rates = updates.iter().filter_map(|update| {
            let (bytes, seconds) =
                (number(update, "total-bytes")?, number(update, "took-seconds")?);
            (bytes > 0).then_some((bytes, seconds.max(1)))
        });
        let (bytes, seconds) = { rates }.next()?;
        let predicted = u128::from(write_bytes) * u128::from(seconds) / u128::from(bytes);
        u64::try_from(predicted).ok().map(|seconds| seconds.max(1))
    }

    /// Writes the version into the other slot. `from` is the source, for people.
    pub(crate) fn prepare(
        &self,
        (source, from): (&Source, &str),
        offered: &Offered,
        state: &mut State,
    ) -> Result<(Prepared, Dict), Failure> {
        let started = Instant::now();
        let survey = self.survey()?;
        let (site, medium, slot) = (self.site, &self.here.medium, self.here.target());
        let release = &offered.release;
        // Before what is remembered of the slot is forgotten.
        self.may_be_written(slot)?;
        let held = begun(site, state, slot);
        // While the disk is locked, udev does not take its partitions away for a moment.
        let _hold = medium.number().and_then(|_| medium.hold().ok());
        let mut target = writing(&site.root, medium, slot)?;
        let back = reading(&site.root, medium, slot)?;
        let running = reading(&site.root, medium, self.here.slot)?;
        self.begin(offered, state)?;
        let seeds: Vec<Seed<'_>> = survey
            .list
            .iter()
            .map(|list| Seed { boot: &running.boot, os: &running.os, list })
            .collect();
        let name = names::file(&offered.chosen.offer.folder, &release.image.name);
        let mut image = Remote { source, name, bytes: release.image.bytes };
        let mut record = OnMedium { medium, warnings: Vec::new() };
        let meter = Meter { watch: self.watch, cancel: self.cancel };
        let target = Target {
            boot: Partition { writer: &mut target.boot, reader: &back.boot },
            os: Partition { writer: &mut target.os, reader: &back.os },
            holds: held.as_ref(),
        };
        let request = request(slot, release, &offered.list);
        let prepared =
            prepare(&request, target, &seeds, &mut image, &mut record, &mut |progress| {
                meter.tell(progress)
            });
        let prepared = prepared.map_err(|error| of_install(error, self.cancel))?;
        let summary = prepared.summary();
        let mut dict = Dict::new();
        for (key, number) in [
            ("total-bytes", summary.total_bytes),
            ("fetched-bytes", summary.fetched_bytes),
            ("copied-bytes", summary.copied_bytes),
            ("kept-bytes", summary.kept_bytes),
            ("image-bytes", release.image.bytes),
            ("took-seconds", started.elapsed().as_secs()),
        ] {
            dict.insert(key.to_owned(), number.into());
        }
        dict.insert("source".to_owned(), from.into());
        *state = store(site, |state| {
            if let Some(writing) = &mut state.writing {
                (writing.is_whole, writing.took) = (true, dict.clone());
            }
        })?;
        warn(&mut dict, survey.warning.into_iter().chain(record.warnings));
        Ok((prepared, dict))
    }

    /// Whether the boot record lets the slot be written: it does not while that may be all that there
    /// is to fall back to.
    fn may_be_written(&self, slot: Slot) -> Result<(), Failure> {
        let cleared = self.here.record.map(|record| record.clear(slot)).transpose();
        cleared.map(drop).map_err(|refusal| of_record(RecordError::Refused(refusal)))
    }

    /// Notes down what is being written, before anything is.
    fn begin(&self, offered: &Offered, state: &mut State) -> Result<(), Failure> {
        let keep = self.site.keep.as_ref();
        keep.write(WRITING, &offered.list_bytes).map_err(|error| unkept(&error))?;
        let slot = self.here.target();
        *state = store(self.site, |state| {
            // What waits for its verdict in the slot that runs goes on waiting.
            state.pending = state.pending.take().filter(|pending| pending.slot != slot);
            state.writing = Some(Writing {
                version: offered.release.version.clone(),
                slot,
                root_hash: offered.release.root_hash.to_string(),
                is_whole: false,
                release: Some(offered.release.clone()),
                took: Dict::new(),
            });
        })?;
        Ok(())
    }

    /// Reads back what was prepared before, possibly by another program.
    pub(crate) fn verify(&self, state: &State) -> Result<(Prepared, Writing), Failure> {
        let nothing = || {
            Failure::new(Kind::Refused, "nothing is prepared")
                .hint("`anklume update prepare` writes the next version into the other slot")
        };
        let writing = state.writing.clone().filter(|writing| writing.is_whole);
        let writing = writing.filter(|writing| writing.slot == self.here.target());
        let writing = writing.ok_or_else(nothing)?;
        let release = writing.release.as_ref().ok_or_else(nothing)?;
        let list = begun(self.site, state, writing.slot).ok_or_else(nothing)?;
        let slot = reading(&self.site.root, &self.here.medium, writing.slot)?;
        let meter = Meter { watch: self.watch, cancel: self.cancel };
        let request = request(writing.slot, release, &list);
        let found = verify(&request, &slot.boot, &slot.os, &mut |progress| meter.tell(progress));
        let again = "`anklume update prepare` writes it again";
        let found = found.map_err(|refused| Failure::new(Kind::Damaged, refused).hint(again))?;
        let prepared = found.map_err(|fault| match fault {
            // Not a word about what is in the slot.
            Fault::Cancelled { .. } | Fault::Read { .. } => of_fault(&fault),
            fault => {
                let slot = writing.slot;
                Failure::new(Kind::Damaged, format_args!("the version in slot {slot}: {fault}"))
                    .hint(again)
            }
        })?;
        Ok((prepared, writing))
    }

    /// Makes the prepared version the one that boots, on trial.
    pub(crate) fn activate(
        &self,
        prepared: &Prepared,
        version: &str,
        state: &mut State,
        mut took: Dict,
    ) -> Result<Dict, Failure> {
        let (keep, now) = (self.site.keep.as_ref(), (self.site.now)());
        let root_hash = prepared.root_hash().to_string();
        let slot = prepared.slot();
        // Before the flip: a version on trial that nobody remembers could not be found to have failed.
        let pending = Pending { version: version.to_owned(), slot, root_hash: root_hash.clone() };
        let (mut before, mut writing) = (None, None);
        *state = store(self.site, |state| {
            before = state.pending.replace(pending);
            writing = state.writing.take();
        })?;
        let mut record = OnMedium { medium: &self.here.medium, warnings: Vec::new() };
        if let Err(error) = activate(prepared, &mut record) {
            let is_refused =
                matches!(error, Error::Record(RecordError::Refused(_) | RecordError::Lost));
            let _ = store(self.site, |state| {
                // It lies there, and need not be written again. It may boot, unless nothing changed.
                state.writing = writing;
                if is_refused {
                    state.pending = before;
                }
            });
            return Err(of_activation(error));
        }
        warn(&mut took, std::mem::take(&mut record.warnings));
        let _ = keep.remove(WRITING);
        took.insert("version".to_owned(), version.into());
        took.insert("from-version".to_owned(), self.here.manifest.image_version.clone().into());
        took.insert("slot".to_owned(), slot.to_string().into());
        let line = without_warnings(&took);
        if let Err(error) = log::append(keep, &Event::installed(now, version, &root_hash, line)) {
            warn(&mut took, [format!("the history of updates was not written: {error}")]);
        }
        took.insert("restart-needed".to_owned(), true.into());
        Ok(took)
    }

    /// Whether this version is in the other slot, waiting for the next start.
    pub(crate) fn waits(&self, release: &Release) -> bool {
        let target = self.here.target();
        let on_trial =
            |record: Record| record.state(target) == SlotState::Trial && record.left() > 0;
        self.here.record.is_some_and(on_trial)
            && self.here.other().is_some_and(|m| m.root_hash == release.root_hash.to_string())
    }
}

fn request<'a>(slot: Slot, release: &'a Release, list: &'a ChunkList) -> Request<'a> {
    Request {
        slot,
        list,
        boot: release.boot.offset..release.boot.end(),
        os: release.os.offset..release.os.end(),
        root_hash: release.root_hash,
        salt: &release.salt.0,
        options: Choices::default(),
    }
}

/// The list of what somebody began to write into the slot.
fn begun(site: &Site, state: &State, slot: Slot) -> Option<ChunkList> {
    state.writing.as_ref().filter(|writing| writing.slot == slot)?;
    let bytes = site.keep.read(WRITING, MAX_CHUNK_LIST_BYTES).ok()??;
    ChunkList::parse(&bytes, u64::MAX).ok()
}

/// Changes what is remembered.
pub(crate) fn store(site: &Site, edit: impl FnOnce(&mut State)) -> Result<State, Failure> {
    State::change(site.keep.as_ref(), &site.root, edit).map_err(|error| unkept(&error))
}

/// What goes into the history.
pub(crate) fn without_warnings(took: &Dict) -> Dict {
    let mut line = took.clone();
    line.remove("warnings");
    line
}

fn unkept(error: &std::io::Error) -> Failure {
    let kind = match error.kind() {
        std::io::ErrorKind::StorageFull => Kind::NoSpace,
        std::io::ErrorKind::PermissionDenied => {
            return Failure::new(Kind::Denied, "only root may update this machine")
                .hint("run it as root");
        }
        _ => Kind::Failed,
    };
    Failure::new(kind, format_args!("the persistent partition: {error}"))
        .hint("without it an update cannot be followed; `anklume status` says how it is")
}

/// Adds what one step says to what is known; warnings add up.
pub(crate) fn merge(into: &mut Dict, mut from: Dict) {
    let warnings = from.remove("warnings");
    into.extend(from);
    if let Some(Value::Array(warnings)) = warnings {
        warn(into, warnings.iter().filter_map(Value::as_str).map(str::to_owned));
    }
}

fn warn(dict: &mut Dict, warnings: impl IntoIterator<Item = String>) {
    let list = dict.entry("warnings").or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.extend(warnings.into_iter().map(Value::from));
    }
}

fn cancelled() -> Failure {
    Failure::new(Kind::Cancelled, "cancelled").hint("what was written so far is used the next time")
}

fn of_record(error: RecordError) -> Failure {
    match error {
        RecordError::Lost => Failure::new(Kind::Damaged, format_args!("the boot record: {error}"))
            .hint("restart the machine: the next start makes it anew"),
        RecordError::Refused(refusal) => Failure::new(Kind::Refused, refusal)
            .hint("this boot has no good verdict yet; `anklume status` says why. Then try again"),
        RecordError::Medium(error) => of_medium(&error),
    }
}

fn of_activation(error: Error<std::convert::Infallible, RecordError>) -> Failure {
    match error {
        Error::Record(error) => of_record(error),
        error => Failure::new(Kind::Failed, error)
            .hint("the medium does not keep what is written to it: replace it soon"),
    }
}

fn of_install(error: Error<anklume_fetch::Error, RecordError>, cancel: &Cancel) -> Failure {
    match error {
        _ if cancel.is_cancelled() => cancelled(),
        Error::Source(error) => of_source(&error),
        Error::Record(error) => of_record(error),
        Error::Refused(refused) => Failure::new(Kind::Refused, refused)
            .hint("the release does not fit this medium; nothing was written"),
        Error::Fault(fault) => of_fault(&fault),
    }
}

fn of_fault(fault: &Fault) -> Failure {
    use Fault as F;
    match fault {
        F::Cancelled { .. } => cancelled(),
        F::Fetched { .. } | F::Ended { .. } | F::Unasked { .. } => {
            Failure::new(Kind::Untrusted, fault).hint(
                "the source's image is not the one that was signed: a broken copy? Try again later",
            )
        }
        F::ReadBack(_) => Failure::new(Kind::Failed, fault)
            .hint("the medium does not keep what is written to it: replace it soon"),
        fault => Failure::new(Kind::Failed, fault)
            .hint("this version goes on running; is the medium still plugged in, and sound?"),
    }
}
