//! What the service knows.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use zruntime::{Event, EventListener};

use super::Config;
use super::job::Job;
use crate::engine::{Engine, Facts};
use crate::failure::{Failure, Kind};
use crate::order::Order;

/// Shared by all calls and the job.
pub(super) struct Hub {
    pub(super) engine: Arc<dyn Engine>,
    pub(super) config: Config,
    state: Mutex<State>,
    event: Event,
}

#[derive(Debug)]
struct State {
    facts: Facts,
    job: Option<Arc<Job>>,
    jobs: u32,
    calls: usize,
    /// When the last call was answered, or the last job was over.
    active: Duration,
}

impl Hub {
    pub(super) fn new(engine: Arc<dyn Engine>, config: Config) -> Arc<Self> {
        let active = config.clock.now();
        let facts = engine.facts();
        let state = State { facts, job: None, jobs: 0, calls: 0, active };
        Arc::new(Self { engine, config, state: Mutex::new(state), event: Event::new() })
    }

    /// A panic of one call is not to end all others.
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn now(&self) -> Duration {
        self.config.clock.now()
    }

    pub(super) fn warn(&self, failure: &Failure) {
        (self.config.warn)(&failure.to_text().replace('\n', "; "));
    }

    pub(super) fn is_to_stop(&self) -> bool {
        (self.config.stop)()
    }

    /// Ends at the next change: a report, the end of a job or a call. To be taken before looking.
    pub(super) fn changed(&self) -> EventListener {
        self.event.listen()
    }

    pub(super) fn notify(&self) {
        self.event.notify(usize::MAX);
    }

    /// Whether a job runs or a call is not answered yet.
    pub(super) fn is_busy(&self) -> bool {
        let state = self.state();
        state.job.is_some() || state.calls > 0
    }

    /// How long until the service was idle for long enough; `None` while it is not idle.
    pub(super) fn idle_left(&self) -> Option<Duration> {
        if self.is_busy() {
            return None;
        }
        let idle = self.now().saturating_sub(self.state().active);
        Some(self.config.idle.saturating_sub(idle))
    }

    /// Counts a call until what this gives is dropped, however it ends.
    pub(super) fn open_call(self: &Arc<Self>) -> OpenCall {
        self.state().calls += 1;
        OpenCall(Arc::clone(self))
    }

    pub(super) fn facts(&self) -> Facts {
        self.state().facts.clone()
    }

    /// Takes new facts and gives the old ones.
    pub(super) fn set_facts(&self, facts: Facts) -> Facts {
        std::mem::replace(&mut self.state().facts, facts)
    }

    pub(super) fn job(&self) -> Option<Arc<Job>> {
        self.state().job.clone()
    }

    /// Makes `order` the job that runs.
    pub(super) fn claim(&self, order: Order, owner: &str, user: u32) -> Result<Arc<Job>, Failure> {
        if self.is_to_stop() {
            return Err(Failure::new(Kind::Busy, "the update service is ending").hint("try again"));
        }
        let mut state = self.state();
        if let Some(job) = &state.job {
            return Err(Failure::new(Kind::Busy, job.describe())
                .hint("wait until it is over, or end it with `anklume update cancel`"));
        }
        state.jobs = state.jobs.checked_add(1).unwrap_or(1);
        let job = Arc::new(Job::new(state.jobs, order, owner, user));
        state.job = Some(Arc::clone(&job));
        Ok(job)
    }

    /// The job is over.
    pub(super) fn release(&self) {
        let now = self.now();
        let mut state = self.state();
        state.job = None;
        state.active = now;
    }

    pub(super) fn cancel_all(&self) {
        if let Some(job) = self.job() {
            job.cancel();
        }
    }
}

/// A call that is not answered yet.
pub(super) struct OpenCall(Arc<Hub>);

impl Drop for OpenCall {
    fn drop(&mut self) {
        let now = self.0.now();
        let mut state = self.0.state();
        state.calls = state.calls.saturating_sub(1);
        state.active = now;
        drop(state);
        self.0.notify();
    }
}
