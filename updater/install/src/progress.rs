//! How far it is, and whether to go on.

use std::ops::ControlFlow;

use crate::Fault;

/// Bytes after which is reported again.
const STEP_BYTES: u64 = 128 << 10;

/// What is being done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Phase {
    /// A slot is read and hashed, to learn what is in it.
    Scanning,
    /// The target is written, from what is fetched and what is copied.
    Writing,
    /// What was written becomes durable.
    Flushing,
    /// The target is read back.
    ReadingBack,
}

impl std::fmt::Display for Phase {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Scanning => "scanning",
            Self::Writing => "writing",
            Self::Flushing => "flushing",
            Self::ReadingBack => "reading back",
        })
    }
}

/// How far a phase is, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Progress {
    /// The phase.
    pub phase: Phase,
    /// Bytes of the version that are done in this phase.
    pub done: u64,
    /// Bytes of the version that there are to do in this phase.
    pub total: u64,
    /// Bytes that arrived from the source so far, those that were wrong or not needed too.
    pub fetched: u64,
    /// Bytes that were taken from seeds or were in the target already.
    pub reused: u64,
}

/// Is told about progress, and ends everything with `Break`.
pub type Report<'a> = dyn FnMut(Progress) -> ControlFlow<()> + 'a;

/// Counts bytes.
pub(crate) struct Meter<'a> {
    report: &'a mut Report<'a>,
    now: Progress,
    /// `done` and `fetched` at the last report.
    told: u64,
}

impl<'a> Meter<'a> {
    pub(crate) fn new(report: &'a mut Report<'a>) -> Self {
        let now = Progress { phase: Phase::Scanning, done: 0, total: 0, fetched: 0, reused: 0 };
        Self { report, now, told: 0 }
    }

    /// Begins a phase with `total` bytes.
    pub(crate) fn begin(&mut self, phase: Phase, total: u64) -> Result<(), Fault> {
        self.now = Progress { phase, total, done: 0, ..self.now };
        self.tell()
    }

    pub(crate) fn done(&mut self, bytes: u64) -> Result<(), Fault> {
        self.now.done = self.now.done.saturating_add(bytes);
        self.step()
    }

    pub(crate) fn fetched(&mut self, bytes: u64) -> Result<(), Fault> {
        self.now.fetched = self.now.fetched.saturating_add(bytes);
        self.step()
    }

    pub(crate) fn reused(&mut self, bytes: u64) -> Result<(), Fault> {
        self.now.reused = self.now.reused.saturating_add(bytes);
        self.done(bytes)
    }

    /// Ends a phase.
    pub(crate) fn end(&mut self) -> Result<(), Fault> {
        self.now.done = self.now.total;
        self.tell()
    }

    fn step(&mut self) -> Result<(), Fault> {
        let sum = self.now.done.saturating_add(self.now.fetched);
        if sum.saturating_sub(self.told) < STEP_BYTES { Ok(()) } else { self.tell() }
    }

    fn tell(&mut self) -> Result<(), Fault> {
        self.told = self.now.done.saturating_add(self.now.fetched);
        match (self.report)(self.now) {
            ControlFlow::Continue(()) => Ok(()),
            ControlFlow::Break(()) => Err(Fault::Cancelled { phase: self.now.phase }),
        }
    }
}
