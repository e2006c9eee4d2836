//! The job that runs.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use zbus::message::Type;
use zbus::{Connection, MatchRule, MessageStream, ObjectPath};

use super::properties;
use super::state::Hub;
use crate::bus::call_failure;
use crate::dict::{Dict, to_wire};
use crate::engine::{Facts, Progress, Watch};
use crate::failure::{Failure, Kind};
use crate::login::{inhibit_on, reboot_on};
use crate::names;
use crate::order::Order;
use crate::reports::{Due, Report, Reports};
use crate::wait::{first, next};

/// What came of a job.
pub(super) type Outcome = Result<Dict, Failure>;

/// A job.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) id: u32,
    pub(super) order: Order,
    /// Unique name of who asked for it, and the user behind it.
    pub(super) owner: String,
    pub(super) user: u32,
    cancelled: AtomicBool,
    /// Whether it was cancelled because something else is to be done.
    gave_way: AtomicBool,
    reports: Mutex<Reports>,
    /// What the engine gave, and what was so then.
    ended: Mutex<Option<(Outcome, Facts)>>,
    /// What callers are told.
    outcome: Mutex<Option<Outcome>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Job {
    pub(super) fn new(id: u32, order: Order, owner: &str, user: u32) -> Self {
        Self {
            id,
            order,
            owner: owner.to_owned(),
            user,
            cancelled: AtomicBool::new(false),
            gave_way: AtomicBool::new(false),
            reports: Mutex::default(),
            ended: Mutex::default(),
            outcome: Mutex::default(),
        }
    }

    pub(super) fn path(&self) -> ObjectPath<'static> {
        ObjectPath::from_string_unchecked(names::job_path(self.id))
    }

    pub(super) fn cancel(&self) {
        self.cancelled.store(true, Ordering::SeqCst);
    }

    /// Ends it, for something else is to be done.
    pub(super) fn give_way(&self) {
        self.gave_way.store(true, Ordering::SeqCst);
        self.cancel();
    }

    /// What its owner is told if it was ended for something else.
    fn explain(&self, outcome: Outcome) -> Outcome {
        match outcome {
            Err(failure)
                if failure.kind() == Kind::Cancelled && self.gave_way.load(Ordering::SeqCst) =>
            {
                let text =
                    format!("{} gave way to a change of this machine", self.order.verb.name());
                Err(Failure::new(Kind::Busy, text).hint("look again when that is over"))
            }
            outcome => outcome,
        }
    }

    pub(super) fn newest(&self) -> Report {
        lock(&self.reports).newest().clone()
    }

    /// For whoever has to wait for it.
    pub(super) fn describe(&self) -> String {
        let Progress { phase, done, total, .. } = self.newest().progress;
        let version = self.order.version.as_deref().map(|v| format!(" of {v}")).unwrap_or_default();
        let part = match u128::from(done).saturating_mul(100).checked_div(u128::from(total)) {
            Some(percent) => format!(", {phase} {percent} %"),
            None if phase.is_empty() => String::new(),
            None => format!(", {phase}"),
        };
        format!("job {} runs: {}{version}{part}", self.id, self.order.verb.name())
    }

    /// Whether it ends when its owner leaves: it was asked to, or nobody is left to hear the answer.
    fn follows_its_owner(&self) -> bool {
        self.order.options.follow || self.order.verb.looks()
    }
}

/// The engine's view of a job.
struct Watcher(Arc<Hub>, Arc<Job>);

impl Watch for Watcher {
    fn progress(&self, progress: &Progress) {
        let now = self.0.now();
        if lock(&self.1.reports).push(now, progress) {
            self.0.notify();
        }
    }

    fn cancelled(&self) -> bool {
        self.1.cancelled.load(Ordering::SeqCst)
    }
}

/// Starts `order`, for `owner`.
pub(super) async fn start(
    hub: &Arc<Hub>,
    connection: &Connection,
    order: Order,
    owner: &str,
    user: u32,
) -> Result<Arc<Job>, Failure> {
    let job = hub.claim(&order, owner, user).await?;
    // Until everybody was told how it ended, the service is not idle.
    let open = hub.open_call();
    let (hub, connection, supervised) = (Arc::clone(hub), connection.clone(), Arc::clone(&job));
    let task = async move {
        supervise(hub, connection, supervised).await;
        drop(open);
    };
    zruntime::spawn(task).detach();
    Ok(job)
}

/// Waits for what comes of it.
pub(super) async fn outcome(hub: &Hub, job: &Job) -> Outcome {
    loop {
        let changed = hub.changed();
        if let Some(outcome) = lock(&job.outcome).clone() {
            return outcome;
        }
        changed.await;
    }
}

async fn supervise(hub: Arc<Hub>, connection: Connection, job: Arc<Job>) {
    let mut owner = watch_owner(&connection, &job).await;
    announce(&hub, &connection, &job).await;
    let inhibitor = match job.order.verb.writes() {
        true => inhibit_on(&connection).await.map_err(|failure| hub.warn(&failure)).ok(),
        false => None,
    };
    work(&hub, &job);
    let (mut outcome, facts) = follow(&hub, &connection, &job, &mut owner).await;
    drop(inhibitor);
    // Nothing was installed, nothing waits: nobody wants to be interrupted for that.
    if let Ok(dict) = &mut outcome
        && job.order.options.reboot
        && dict.get("restart-needed") == Some(&true.into())
    {
        reboot(&hub, &connection, dict).await;
    }
    finish(&hub, &connection, &job, job.explain(outcome), facts).await;
}

/// Runs the engine on a thread of its own.
fn work(hub: &Arc<Hub>, job: &Arc<Job>) {
    let watcher = Watcher(Arc::clone(hub), Arc::clone(job));
    let thread = std::thread::Builder::new().name(format!("job {}", job.id)).spawn(move || {
        let Watcher(hub, job) = &watcher;
        let run = || (hub.engine.run(&job.order, &watcher), hub.engine.facts());
        let ended = catch_unwind(AssertUnwindSafe(run)).unwrap_or_else(|_| {
            (Err(Failure::new(Kind::Failed, "the update service has a bug")), hub.facts())
        });
        *lock(&job.ended) = Some(ended);
        hub.notify();
    });
    if let Err(error) = thread {
        let failure = Failure::new(Kind::Failed, format_args!("cannot start a thread: {error}"));
        *lock(&job.ended) = Some((Err(failure), hub.facts()));
    }
}

/// Tells how far the job is until it is over.
async fn follow(
    hub: &Hub,
    connection: &Connection,
    job: &Job,
    owner: &mut Option<MessageStream>,
) -> (Outcome, Facts) {
    loop {
        let changed = hub.changed();
        let ended = lock(&job.ended).take();
        if let Some(ended) = ended {
            loop {
                let last = lock(&job.reports).last(hub.now());
                let Some(report) = last else { return ended };
                tell(hub, connection, job, &report).await;
            }
        }
        let due = lock(&job.reports).due(hub.now());
        match due {
            Due::Now(report) => tell(hub, connection, job, &report).await,
            Due::In(wait) => {
                let sleep = hub.config.clock.sleep(wait);
                first(gone(owner, job), first(changed, sleep)).await;
            }
            Due::Nothing => {
                first(gone(owner, job), changed).await;
            }
        }
    }
}

/// Cancels the job when its owner leaves the bus; never ends otherwise.
async fn gone(owner: &mut Option<MessageStream>, job: &Job) {
    if let Some(stream) = owner
        && next(stream).await.is_some()
    {
        job.cancel();
    }
    *owner = None;
    std::future::pending().await
}

/// What says that the owner left the bus, if that matters.
async fn watch_owner(connection: &Connection, job: &Job) -> Option<MessageStream> {
    if !job.follows_its_owner() {
        return None;
    }
    let rule = MatchRule::builder()
        .msg_type(Type::Signal)
        .sender(names::BUS)
        .interface(names::BUS)
        .member("NameOwnerChanged")
        .add_arg(job.owner.as_str())
        .build()
        .ok()?;
    let stream = MessageStream::for_match_rule(rule, connection, None).await.ok()?;
    // It may have left before anybody looked.
    if crate::polkit::user(connection, &job.owner).await.is_err() {
        job.cancel();
    }
    Some(stream)
}

async fn announce(hub: &Hub, connection: &Connection, job: &Job) {
    let body = (job.id, job.path(), job.order.verb.name());
    signal(hub, connection, names::PATH, names::MANAGER, "JobNew", &body).await;
    let changed = [("Job", zbus::Variant::from(job.path()))].into();
    properties::emit(hub, connection, names::PATH, names::MANAGER, changed).await;
}

async fn tell(hub: &Hub, connection: &Connection, job: &Job, report: &Report) {
    let changed = properties::progress(report);
    let path = job.path();
    properties::emit(hub, connection, path.as_str(), names::JOB, changed.into()).await;
}

async fn reboot(hub: &Hub, connection: &Connection, dict: &mut Dict) {
    match reboot_on(connection).await {
        Ok(()) => {
            dict.insert("rebooting".into(), true.into());
        }
        Err(failure) => {
            hub.warn(&failure);
            dict.insert("rebooting".into(), false.into());
            dict.insert("reboot-failure".into(), failure.to_text().into());
        }
    }
}

/// The job is over for everybody: first for those who look, then for those who wait.
async fn finish(hub: &Hub, connection: &Connection, job: &Job, outcome: Outcome, facts: Facts) {
    hub.release();
    properties::refresh(hub, connection, facts).await;
    let changed = [("Job", zbus::Variant::from(properties::no_job()))].into();
    properties::emit(hub, connection, names::PATH, names::MANAGER, changed).await;
    let (name, text, dict) = match &outcome {
        Ok(dict) => ("done", String::new(), to_wire(dict)),
        Err(failure) => (failure.kind().error_name(), failure.to_text(), to_wire(&Dict::new())),
    };
    let body = (job.id, job.path(), name, text, dict);
    signal(hub, connection, names::PATH, names::MANAGER, "JobRemoved", &body).await;
    *lock(&job.outcome) = Some(outcome);
    hub.make_room();
}

/// Sends a signal. If it cannot be sent, the bus is gone, which is noticed elsewhere.
pub(super) async fn signal<B>(
    hub: &Hub,
    connection: &Connection,
    path: &str,
    interface: &str,
    member: &str,
    body: &B,
) where
    B: serde::ser::Serialize + zbus::DynamicType,
{
    let sent = connection.emit_signal(None::<&str>, path, interface, member, body).await;
    if let Err(error) = sent {
        hub.warn(&call_failure(&error));
    }
}
