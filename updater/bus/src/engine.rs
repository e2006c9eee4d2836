//! What the service needs from whoever does the work.

use crate::dict::Dict;
use crate::failure::Failure;
use crate::order::Order;

/// Does the work. The service calls it from threads of its own; [`Engine::run`] from one at a time,
/// the others meanwhile.
pub trait Engine: Send + Sync {
    /// What is so now. Read when the service starts, when the slots are asked for and after every
    /// job; so it should be quick and touch no network.
    fn facts(&self) -> Facts;

    /// The newest `limit` updates, newest first; 0 is all.
    ///
    /// # Errors
    /// What stands in the way of reading them.
    fn history(&self, limit: u32) -> Result<Vec<Dict>, Failure>;

    /// Carries `order` out and says what came of it. It reports what it does to `watch`, and looks
    /// there, often, whether it is to end.
    ///
    /// # Errors
    /// Why it did not come about; [`crate::Kind::Cancelled`] when it was told to end.
    fn run(&self, order: &Order, watch: &dyn Watch) -> Result<Dict, Failure>;
}

/// Whoever waits for a job.
pub trait Watch: Send + Sync {
    /// Says how far it is. Cheap: what is not needed is dropped.
    fn progress(&self, progress: &Progress);

    /// Whether somebody asked for the job to end.
    fn cancelled(&self) -> bool;
}

/// How far a job is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Progress {
    /// What it does: one word such as `fetch` or `write`.
    pub phase: String,
    /// Bytes of this phase that are done.
    pub done: u64,
    /// Bytes of this phase; 0 when nobody knows.
    pub total: u64,
    /// Bytes that came from the source so far, in all phases.
    pub fetched: u64,
    /// What there is to say about it, for people.
    pub message: String,
}

/// What is so now.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Facts {
    /// The version that runs.
    pub version: String,
    /// The channel that is followed.
    pub channel: String,
    /// Where updates come from.
    pub source: String,
    /// Whether the timer may update.
    pub automatic: bool,
    /// Versions that are not to be installed.
    pub held: Vec<String>,
    /// The version that boots next, if it is not the one that runs.
    pub pending: String,
    /// The slots of the medium; none where it has none.
    pub slots: Vec<Slot>,
}

/// A slot of the medium.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Slot {
    /// `a` or `b`. It is the last part of the object's path: other names are left out.
    pub slot: String,
    /// The version in it; empty if there is none, or nobody knows.
    pub version: String,
    /// The root hash of that version, in hexadecimal digits.
    pub root_hash: String,
    /// What the boot record says about it.
    pub state: String,
    /// How often it will still be tried, if it is on trial.
    pub tries_left: u32,
    /// Whether it runs.
    pub running: bool,
    /// Whether it boots next.
    pub next: bool,
    /// Whether a boot of it was good.
    pub good: bool,
}
