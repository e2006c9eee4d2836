//! An engine that does as it is told, a clock that stands until it is moved, and a client's watch.

use std::future::Future;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use anklume_bus::{
    Clock, Dict, Engine, Facts, Failure, Kind, Order, Progress, Sleep, Slot, Verb, Watch,
};

use crate::alone::{Alone, Service};

/// What takes longer than this will never come: a failure, not a hang.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

/// What the engine does next in a job that writes.
pub(crate) enum Step {
    Report(Progress),
    /// So many reports of one phase.
    Storm(u64),
    /// It waits until it is cancelled.
    Wait,
    Panic,
    End(Result<Dict, Failure>),
}

/// Carries out what the test sends.
pub(crate) struct Fake {
    pub(crate) facts: Mutex<Facts>,
    pub(crate) orders: Mutex<Vec<Order>>,
    steps: Mutex<Receiver<Step>>,
    begun: Sender<()>,
}

pub(crate) fn dict(value: serde_json::Value) -> Dict {
    value.as_object().unwrap().clone()
}

pub(crate) fn report(phase: &str, done: u64) -> Progress {
    Progress {
        phase: phase.into(),
        done,
        total: 1000,
        fetched: done / 2,
        message: format!("{phase} {done}"),
    }
}

pub(crate) fn facts() -> Facts {
    let slot = |slot: &str, version: &str| Slot {
        slot: slot.into(),
        version: version.into(),
        root_hash: "ab".repeat(32),
        state: "good".into(),
        tries_left: 3,
        running: slot == "a",
        next: slot == "a",
        good: true,
    };
    Facts {
        version: "2026.1".into(),
        channel: "stable".into(),
        source: "https://example.org/repo".into(),
        automatic: true,
        held: vec!["2026.0".into()],
        pending: String::new(),
        slots: vec![slot("a", "2026.1"), slot("b", "2025.9")],
    }
}

/// The test's end of a [`Fake`].
pub(crate) struct Strings {
    pub(crate) step: Sender<Step>,
    begun: Receiver<()>,
}

impl Strings {
    /// Until a job is in the engine's hands.
    pub(crate) fn wait_for_job(&self) {
        self.begun.recv_timeout(PATIENCE).unwrap();
    }
}

impl Fake {
    pub(crate) fn new() -> (Arc<Self>, Strings) {
        let (step, steps) = channel();
        let (begin, begun) = channel();
        let fake = Self {
            facts: Mutex::new(facts()),
            orders: Mutex::default(),
            steps: Mutex::new(steps),
            begun: begin,
        };
        (Arc::new(fake), Strings { step, begun })
    }

    fn act(&self, watch: &dyn Watch) -> Result<Dict, Failure> {
        loop {
            match self.steps.lock().unwrap().recv_timeout(PATIENCE).unwrap() {
                Step::Report(progress) => watch.progress(&progress),
                Step::Storm(count) => {
                    (0..count).for_each(|n| watch.progress(&report("fetch", n)));
                }
                Step::Wait => {
                    let start = std::time::Instant::now();
                    while !watch.cancelled() {
                        assert!(start.elapsed() < PATIENCE, "nobody cancelled it");
                        std::thread::park_timeout(Duration::from_millis(1));
                    }
                    return Err(Failure::new(Kind::Cancelled, "the update was cancelled"));
                }
                Step::Panic => panic!("as it was told"),
                Step::End(outcome) => return outcome,
            }
        }
    }
}

impl Engine for Fake {
    fn facts(&self) -> Facts {
        self.facts.lock().unwrap().clone()
    }

    fn history(&self, limit: u32) -> Result<Vec<Dict>, Failure> {
        match limit {
            u32::MAX => Err(Failure::new(Kind::Damaged, "history.jsonl: line 3 is no JSON")),
            _ => Ok((0..limit)
                .map(|n| dict(serde_json::json!({"version": n.to_string()})))
                .collect()),
        }
    }

    fn run(&self, order: &Order, watch: &dyn Watch) -> Result<Dict, Failure> {
        self.orders.lock().unwrap().push(order.clone());
        let _ = self.begun.send(());
        let facts = || self.facts.lock().unwrap();
        match order.verb {
            Verb::Prepare | Verb::Update => self.act(watch),
            // Looks for as long as it is told to.
            Verb::Check if order.version.as_deref() == Some("slow") => self.act(watch),
            Verb::Check => Ok(dict(serde_json::json!({"version": "2026.3", "fetch-bytes": 7}))),
            Verb::Refresh => Ok(dict(serde_json::json!({"timestamp": 12}))),
            Verb::Activate => {
                facts().pending = "2026.3".into();
                facts().slots[1].next = true;
                Ok(dict(serde_json::json!({"slot": "b"})))
            }
            Verb::Rollback => {
                Err(Failure::new(Kind::Refused, "slot b was never good").hint("update instead"))
            }
            Verb::Hold => {
                facts().held.push(order.version.clone().unwrap());
                Ok(Dict::new())
            }
            Verb::Unhold => {
                facts().held.clear();
                Ok(Dict::new())
            }
        }
    }
}

/// A client's watch.
#[derive(Default)]
pub(crate) struct Seen {
    pub(crate) progress: Mutex<Vec<Progress>>,
    pub(crate) cancel: AtomicBool,
}

impl Watch for Seen {
    fn progress(&self, progress: &Progress) {
        self.progress.lock().unwrap().push(progress.clone());
    }

    fn cancelled(&self) -> bool {
        self.cancel.load(Ordering::SeqCst)
    }
}

#[derive(Default)]
struct Dial {
    now: Duration,
    sleepers: Vec<(Duration, Waker)>,
    /// Whether somebody asked for the time since it was moved.
    asked: bool,
}

/// A clock that stands until it is moved.
#[derive(Clone, Default)]
pub(crate) struct Manual(Arc<(Mutex<Dial>, Condvar)>);

impl Manual {
    /// Moves it once somebody sleeps, and gives what the time is then.
    pub(crate) fn advance(&self, by: Duration) -> Duration {
        let (dial, changed) = &*self.0;
        let mut dial =
            changed.wait_while(dial.lock().unwrap(), |dial| dial.sleepers.is_empty()).unwrap();
        dial.now += by;
        dial.asked = false;
        for (_, waker) in std::mem::take(&mut dial.sleepers) {
            waker.wake();
        }
        dial.now
    }

    /// Until somebody has asked for the time since it was moved.
    pub(crate) fn wait_until_asked(&self) {
        let (dial, changed) = &*self.0;
        drop(changed.wait_while(dial.lock().unwrap(), |dial| !dial.asked).unwrap());
    }
}

struct Sleeping(Manual, Duration);

impl Future for Sleeping {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let (dial, changed) = &*self.0.0;
        let mut dial = dial.lock().unwrap();
        if dial.now >= self.1 {
            return Poll::Ready(());
        }
        dial.sleepers.push((self.1, cx.waker().clone()));
        changed.notify_all();
        Poll::Pending
    }
}

impl Clock for Manual {
    fn now(&self) -> Duration {
        let (dial, changed) = &*self.0;
        let mut dial = dial.lock().unwrap();
        dial.asked = true;
        changed.notify_all();
        dial.now
    }

    fn sleep(&self, duration: Duration) -> Sleep {
        let until = self.now() + duration;
        Box::pin(Sleeping(self.clone(), until))
    }
}

/// A bus of its own with the service on it, whose engine does what it is told. In this order, so that the
/// service ends before whoever tells it and before the bus.
pub(crate) fn serving() -> (Alone, Strings, Service) {
    let bus = Alone::new();
    let (fake, strings) = Fake::new();
    let service = bus.serve(fake);
    (bus, strings, service)
}
