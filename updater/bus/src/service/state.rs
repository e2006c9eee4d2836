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
    /// Whether the last job is over, and not everybody was told yet: nothing begins before that.
    is_ending: bool,
    /// So many orders wait for a job that gives way to them.
    in_line: usize,
    jobs: u32,
    calls: usize,
    /// When the last call was answered, or the last job was over.
    active: Duration,
}

impl Hub {
    pub(super) fn new(engine: Arc<dyn Engine>, config: Config) -> Arc<Self> {
        let active = config.clock.now();
        let facts = engine.facts();
        let state =
            State { facts, job: None, is_ending: false, in_line: 0, jobs: 0, calls: 0, active };
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

    /// Makes `order` the job that runs, as soon as one that only looks has given way to it.
    pub(super) async fn claim(
        self: &Arc<Self>,
        order: &Order,
        owner: &str,
        user: u32,
    ) -> Result<Arc<Job>, Failure> {
        let _place = (!order.verb.looks()).then(|| InLine::new(self));
        loop {
            let changed = self.changed();
            if let Some(job) = self.try_claim(order, owner, user)? {
                return Ok(job);
            }
            changed.await;
        }
    }

    /// None if the job is to be asked for again after the next change.
    fn try_claim(
        &self,
        order: &Order,
        owner: &str,
        user: u32,
    ) -> Result<Option<Arc<Job>>, Failure> {
        if self.is_to_stop() {
            return Err(Failure::new(Kind::Busy, "the update service is ending").hint("try again"));
        }
        let mut state = self.state();
        if let Some(job) = &state.job {
            if job.order.verb.looks() && !order.verb.looks() {
                job.give_way();
                return Ok(None);
            }
            return Err(Failure::new(Kind::Busy, job.describe())
                .hint("wait until it is over, or end it with `anklume update cancel`"));
        }
        // Who only looks, again and again, must not keep an update away.
        if state.is_ending || (order.verb.looks() && state.in_line > 0) {
            return Ok(None);
        }
        state.jobs = state.jobs.checked_add(1).unwrap_or(1);
        let job = Arc::new(Job::new(state.jobs, order.clone(), owner, user));
        state.job = Some(Arc::clone(&job));
        Ok(Some(job))
    }

    /// The job is over.
    pub(super) fn release(&self) {
        let now = self.now();
        let mut state = self.state();
        state.job = None;
        state.is_ending = true;
        state.active = now;
    }

    /// Everybody was told that the job is over: the next one may begin.
    pub(super) fn make_room(&self) {
        self.state().is_ending = false;
        self.notify();
    }

    pub(super) fn cancel_all(&self) {
        if let Some(job) = self.job() {
            job.cancel();
        }
    }
}

/// A place in the line of orders that jobs give way to.
struct InLine(Arc<Hub>);

impl InLine {
    fn new(hub: &Arc<Hub>) -> Self {
        hub.state().in_line += 1;
        Self(Arc::clone(hub))
    }
}

impl Drop for InLine {
    fn drop(&mut self) {
        let mut state = self.0.state();
        state.in_line = state.in_line.saturating_sub(1);
        drop(state);
        self.0.notify();
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
