//! Leaving the bus without losing a call.
//!
//! A call may be on its way when the service decides to leave. Giving up the name is the one moment
//! that the bus orders against all calls: those before it are ours, those after it start a new
//! service. So:
//!
//! 1. The service manager is told first, for it must not take us for running when the bus asks it to
//!    start the service: it waits for our end and starts the next one then.
//! 2. The name is given up. When the bus answers, all calls that are ours have been received.
//! 3. They are answered. One may have started a job; then that is carried to its end, while the
//!    service manager is told to be patient.

use std::sync::Arc;
use std::time::Duration;

use zbus::{Connection, MessageStream};

use super::state::Hub;
use super::{LOOK, accept};
use crate::bus::call_failure;
use crate::failure::Failure;
use crate::names;
use crate::notify::notify;
use crate::wait::{First, first, next, ready};

/// For how long the service manager is asked to wait. It is asked again well before.
const PATIENCE: Duration = Duration::from_secs(60);

pub(super) async fn leave(
    hub: &Arc<Hub>,
    connection: &Connection,
    calls: &mut MessageStream,
) -> Result<(), Failure> {
    tell(hub, "STOPPING=1");
    give_up_name(hub, connection, calls).await?;
    while let Some(call) = ready(calls).await {
        accept(hub, connection, call);
    }
    finish(hub, connection, calls).await;
    Ok(())
}

fn tell(hub: &Hub, state: &str) {
    notify(hub.config.notify.as_deref(), state);
}

/// Calls are taken meanwhile: where many wait, the answer of the bus is behind them.
async fn give_up_name(
    hub: &Arc<Hub>,
    connection: &Connection,
    calls: &mut MessageStream,
) -> Result<(), Failure> {
    let mut release = std::pin::pin!(connection.release_name(names::NAME));
    loop {
        match first(next(calls), release.as_mut()).await {
            First::A(Some(call)) => accept(hub, connection, call),
            First::A(None) => return Ok(()),
            First::B(released) => {
                return released.map(drop).map_err(|error| call_failure(&error));
            }
        }
    }
}

/// Until no call and no job is left. Calls to our unique name still come, such as `Cancel`.
async fn finish(hub: &Arc<Hub>, connection: &Connection, calls: &mut MessageStream) {
    let mut told = None;
    loop {
        let changed = hub.changed();
        if !hub.is_busy() {
            return;
        }
        if hub.is_to_stop() {
            hub.cancel_all();
        }
        let now = hub.now();
        if told.is_none_or(|then| now.saturating_sub(then) >= PATIENCE / 4) {
            tell(hub, &format!("EXTEND_TIMEOUT_USEC={}", PATIENCE.as_micros()));
            told = Some(now);
        }
        match first(next(calls), first(changed, hub.config.clock.sleep(LOOK))).await {
            First::A(Some(call)) => accept(hub, connection, call),
            First::A(None) => hub.cancel_all(),
            First::B(_) => (),
        }
    }
}
