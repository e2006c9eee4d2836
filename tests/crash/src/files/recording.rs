//! What calls do to a folder, with every file and folder known by a number and not by its name.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::data::{Change, Content};
use super::reader::Reader;
use super::trace::{TraceError, calls};
use super::{Snapshot, State, states};

/// Number of a file, folder or link, as that of an inode.
pub(crate) type Id = usize;
/// Number of the folder itself.
pub(crate) const ROOT: Id = 0;
/// A name in a folder.
pub(crate) type Place = (Id, OsString);

/// What a number stands for, without its unfinished changes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Inode {
    Folder { mode: u32 },
    File(Content),
    Link { target: PathBuf },
}

/// A change, or what makes changes durable.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Op {
    /// Names that change together; no number where a name is removed.
    Entries(Vec<(Place, Option<Id>)>),
    Change(Id, Change),
    /// A file or folder is flushed; for messages, its path at that time.
    Flush(Id, PathBuf),
    /// The program said something.
    Mark(String),
}

/// A run of a program that changed a folder.
#[derive(Debug, Clone, Default)]
pub struct Recording {
    /// Names before the run.
    pub(crate) entries: BTreeMap<Place, Id>,
    /// Everything that ever had a name, as it was before the run or when it was made.
    pub(crate) inodes: BTreeMap<Id, Inode>,
    pub(crate) ops: Vec<Op>,
}

impl Recording {
    /// Reads what strace wrote about one process, run with the arguments [`super::CALLS`].
    ///
    /// `root` is the path of the folder as the program spells it, absolute, without links, `.` and `..`;
    /// `before` is what was in it.
    ///
    /// # Errors
    /// [`TraceError`], also for calls on the folder that the model does not have.
    pub fn of(root: &Path, before: &Snapshot, trace: &str) -> Result<Self, TraceError> {
        let mut reader = Reader::new(root, before);
        for call in calls(trace)? {
            reader.call(&call)?;
        }
        Ok(reader.recording)
    }

    /// The flushes, each as the path of what was flushed.
    pub fn flushes(&self) -> impl Iterator<Item = &Path> {
        self.ops.iter().filter_map(|op| match op {
            Op::Flush(_, path) => Some(path.as_path()),
            _ => None,
        })
    }

    /// The same run, had the flush of this number, from 0, not been made.
    #[must_use]
    pub fn without_flush(&self, number: usize) -> Self {
        let flushes = self.ops.iter().enumerate().filter(|(_, op)| matches!(op, Op::Flush(..)));
        let left_out = flushes.map(|(index, _)| index).nth(number);
        let kept = self.ops.iter().enumerate().filter(|(index, _)| Some(*index) != left_out);
        Self { ops: kept.map(|(_, op)| op.clone()).collect(), ..self.clone() }
    }

    /// What a program sees at the end of the run.
    #[must_use]
    pub fn end(&self) -> Snapshot {
        states::end(self)
    }

    /// Every state that a power cut during or after the run can leave, as the model of [`crate::files`]
    /// has it; each once.
    pub fn states(&self) -> impl Iterator<Item = State> {
        states::states(self)
    }
}
