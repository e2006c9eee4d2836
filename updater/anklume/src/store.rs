//! The boot medium, as the commands see it.

use std::path::Path;
use std::{fmt, io};

use anklume_host::lock::Lock;
use anklume_layout::Slot;
use anklume_layout::report::BootReport;
use anklume_medium::{Error, Medium, SlotContent, UpdateError};
use anklume_slots::{Copies, Record, Refusal};

/// Why the last boot did not reach the OS.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LastFailure {
    pub(crate) slot: Option<Slot>,
    pub(crate) reason: String,
}

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub(crate) struct Content {
    /// Version of the image, and the root hash of its OS, by the manifest.
    pub(crate) version: Option<String>,
    pub(crate) root_hash: Option<String>,
    /// Whether the OS partition holds what the manifest says.
    pub(crate) is_complete: bool,
    /// What is wrong, or that nothing is there.
    pub(crate) problem: Option<String>,
}

/// A medium that cannot be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum StoreError {
    /// Only root may.
    NeedsRoot,
    /// It is not there any more, or another one is in its place.
    Gone(String),
    /// The rules of slots forbid it.
    Refused(Refusal),
    /// Something else.
    Failed(String),
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NeedsRoot => f.write_str("only root may read the boot medium"),
            Self::Gone(why) | Self::Failed(why) => f.write_str(why),
            Self::Refused(refusal) => write!(f, "{refusal}"),
        }
    }
}

/// A change of the record; it is given the record that counts, if there is one.
pub(crate) type Change<'a> = &'a mut dyn FnMut(Option<Record>) -> Result<Record, Refusal>;

/// The boot record and the slots of a medium.
pub(crate) trait RecordStore {
    /// Both copies of the record.
    fn copies(&self) -> Result<Copies, StoreError>;
    /// Changes the record; the record afterwards, and a warning. Nothing is written if both copies
    /// say that already.
    fn update(&self, change: Change<'_>) -> Result<(Record, Option<String>), StoreError>;
    /// Why the last boot did not reach the OS.
    fn last_failure(&self) -> Result<Option<LastFailure>, StoreError>;
    /// Forgets it.
    fn clear_last_failure(&self) -> Result<(), StoreError>;
    /// What a slot holds.
    fn slot(&self, slot: Slot) -> Content;
    /// Makes files of the boot medium anew that are gone; the file system is mounted at `place`
    /// meanwhile. Their names.
    fn make_files(&self, place: &Path) -> Result<Vec<&'static str>, StoreError>;
    /// Keeps others from taking the partitions of the disk away for a moment, until it is dropped.
    fn hold(&self) -> Result<Option<Lock>, StoreError>;
}

/// Opens the medium that the OS was booted from.
pub(crate) fn open(report: &BootReport) -> Result<Box<dyn RecordStore>, StoreError> {
    Ok(Box::new(Medium::of_report(report).map_err(failed)?))
}

impl RecordStore for Medium {
    fn copies(&self) -> Result<Copies, StoreError> {
        self.copies().map_err(failed)
    }

    fn update(&self, change: Change<'_>) -> Result<(Record, Option<String>), StoreError> {
        let updated = self.update(change).map_err(|error| match error {
            UpdateError::Refused(refusal) => StoreError::Refused(refusal),
            UpdateError::Medium(error) => failed(error),
        })?;
        Ok((updated.record, updated.warning.map(|error| error.to_string())))
    }

    fn last_failure(&self) -> Result<Option<LastFailure>, StoreError> {
        let failure = self.last_failure().map_err(failed)?;
        Ok(failure.map(|failure| LastFailure { slot: failure.slot, reason: failure.reason }))
    }

    fn clear_last_failure(&self) -> Result<(), StoreError> {
        self.clear_last_failure().map_err(failed)
    }

    fn make_files(&self, place: &Path) -> Result<Vec<&'static str>, StoreError> {
        self.make_files(place).map_err(failed)
    }

    fn hold(&self) -> Result<Option<Lock>, StoreError> {
        self.hold().map(Some).map_err(failed)
    }

    fn slot(&self, slot: Slot) -> Content {
        match self.slot(slot) {
            SlotContent::Absent => Content::problem("not on this medium"),
            SlotContent::Empty => Content::problem("empty"),
            SlotContent::Unreadable(error) => Content::problem(error),
            SlotContent::Described { manifest, os } => Content {
                version: Some(manifest.image_version),
                root_hash: Some(manifest.root_hash),
                is_complete: os.is_ok(),
                problem: os.err().map(|problem| problem.to_string()),
            },
        }
    }
}

impl Content {
    fn problem(problem: impl fmt::Display) -> Self {
        Self { problem: Some(problem.to_string()), ..Self::default() }
    }
}

fn failed(error: Error) -> StoreError {
    match &error {
        Error::Open { source, .. } | Error::Lock { source, .. }
            if source.kind() == io::ErrorKind::PermissionDenied =>
        {
            StoreError::NeedsRoot
        }
        Error::NoDevice(_) | Error::OtherDisk { .. } | Error::Open { .. } => {
            StoreError::Gone(error.to_string())
        }
        _ => StoreError::Failed(error.to_string()),
    }
}
