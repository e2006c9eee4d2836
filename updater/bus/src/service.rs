//! The service.

mod call;
mod introspection;
mod job;
mod leave;
mod properties;
mod state;

use std::ffi::OsString;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use zbus::fdo::{RequestNameFlags, RequestNameReply};
use zbus::message::Type;
use zbus::{Connection, MatchRule, Message, MessageStream};

use crate::bus::{Bus, call_failure};
use crate::clock::{Clock, Monotonic};
use crate::engine::Engine;
use crate::failure::{Failure, Kind};
use crate::names;
use crate::wait::{First, first, next};

use state::Hub;

/// How often it is looked whether the service is to end: a signal handler can wake nobody.
const LOOK: Duration = Duration::from_millis(250);

/// How the service runs.
pub struct Config {
    /// Where it is offered.
    pub bus: Bus,
    /// It leaves after so long without a call or a job.
    pub idle: Duration,
    /// What says how long that is.
    pub clock: Arc<dyn Clock>,
    /// The user who needs nobody's leave.
    pub root: u32,
    /// The service manager's socket, `NOTIFY_SOCKET`.
    pub notify: Option<OsString>,
    /// Whether it is to end now, as after `SIGTERM`.
    pub stop: Box<dyn Fn() -> bool + Send + Sync>,
    /// Takes what is worth a line in the journal.
    pub warn: Box<dyn Fn(&str) + Send + Sync>,
}

impl Config {
    /// On the system bus, until it was idle for a minute. It says nothing and is not to be stopped.
    #[must_use]
    pub fn new() -> Self {
        Self {
            bus: Bus::System,
            idle: Duration::from_secs(60),
            clock: Arc::new(Monotonic::new()),
            root: 0,
            notify: std::env::var_os("NOTIFY_SOCKET"),
            stop: Box::new(|| false),
            warn: Box::new(|_| ()),
        }
    }
}

impl Default for Config {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Config {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Config").field("bus", &self.bus).field("idle", &self.idle).finish()
    }
}

/// Offers `engine` on the bus until it was idle for long enough, or is to stop.
///
/// # Errors
/// [`Kind::NoService`] without a bus; [`Kind::Busy`] if another one is the service already;
/// [`Kind::Denied`] if the bus does not let us be it; [`Kind::Failed`] when the bus goes away.
pub fn serve(engine: Arc<dyn Engine>, config: Config) -> Result<(), Failure> {
    zbus::block_on(async move {
        let connection = config.bus.connect().await?;
        let hub = Hub::new(engine, config);
        let rule = MatchRule::builder().msg_type(Type::MethodCall).build();
        let rule = rule.map_err(|error| call_failure(&error))?;
        let calls = MessageStream::for_match_rule(rule, &connection, None).await;
        let mut calls = calls.map_err(|error| call_failure(&error))?;
        take_name(&connection).await?;
        run(&hub, &connection, &mut calls).await
    })
}

async fn take_name(connection: &Connection) -> Result<(), Failure> {
    let flags = RequestNameFlags::DO_NOT_QUEUE;
    match connection.request_name_with_flags(names::NAME, flags).await {
        Ok(RequestNameReply::PrimaryOwner | RequestNameReply::AlreadyOwner) => Ok(()),
        Ok(_) | Err(zbus::Error::NameTaken) => {
            Err(Failure::new(Kind::Busy, "another update service runs already"))
        }
        Err(error) => Err(call_failure(&error)),
    }
}

async fn run(
    hub: &Arc<Hub>,
    connection: &Connection,
    calls: &mut MessageStream,
) -> Result<(), Failure> {
    loop {
        if hub.is_to_stop() {
            // While it has its name still, so that everybody hears how the job ended.
            hub.cancel_all();
            if !hub.is_busy() {
                return leave::leave(hub, connection, calls).await;
            }
        }
        let changed = hub.changed();
        let wait = match hub.idle_left() {
            Some(Duration::ZERO) => return leave::leave(hub, connection, calls).await,
            Some(left) => left.min(LOOK),
            None => LOOK,
        };
        match first(next(calls), first(changed, hub.config.clock.sleep(wait))).await {
            First::A(Some(call)) => accept(hub, connection, call),
            First::A(None) => return Err(lost(hub).await),
            First::B(_) => (),
        }
    }
}

/// Answers a call, beside the others.
fn accept(hub: &Arc<Hub>, connection: &Connection, call: Message) {
    let open = hub.open_call();
    let (hub, connection) = (Arc::clone(hub), connection.clone());
    let answer = async move {
        call::answer(&hub, &connection, &call).await;
        drop(open);
    };
    zruntime::spawn(answer).detach();
}

/// Nobody can be told anything any more; a job is not left half done.
async fn lost(hub: &Arc<Hub>) -> Failure {
    hub.cancel_all();
    while hub.is_busy() {
        let changed = hub.changed();
        if hub.is_busy() {
            changed.await;
        }
    }
    Failure::new(Kind::Failed, "the system bus went away")
}
