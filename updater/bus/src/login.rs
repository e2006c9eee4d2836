//! systemd-logind: the machine stays awake while a slot is written, and is restarted through it.
//!
//! The lock blocks; it does not delay. A delay lasts five seconds, in which no slot is written, so a
//! laptop that goes to sleep whenever its lid is closed would never see the end of an update. Nothing
//! is lost when somebody insists on switching off (`systemctl poweroff --ignore-inhibitors`, or the
//! plug): the update begins again, and the running slot is untouched. So the lock informs: whoever
//! asks for a shutdown is told what it would interrupt, and decides.

use zbus::{Connection, OwnedFd};

use crate::bus::{Bus, call_failure};
use crate::failure::{Failure, Kind};

const NAME: &str = "org.freedesktop.login1";
const PATH: &str = "/org/freedesktop/login1";
const MANAGER: &str = "org.freedesktop.login1.Manager";

/// What is held off while a slot is written.
const WHAT: &str = "shutdown:sleep:idle";
const WHO: &str = "anklume";
const WHY: &str = "an update is being written";
const MODE: &str = "block";

/// Keeps the machine from being shut down, suspended or considered idle, until it is dropped.
#[derive(Debug)]
#[must_use = "the machine is held while this lives"]
pub struct Inhibitor(#[expect(dead_code, reason = "logind lets go when it is closed")] OwnedFd);

/// Keeps the machine awake for an update.
///
/// # Errors
/// [`Kind::NoService`] without a bus or without logind, which should be a warning only; what logind
/// says otherwise.
pub fn inhibit(bus: &Bus) -> Result<Inhibitor, Failure> {
    zbus::block_on(async { inhibit_on(&bus.connect().await?).await })
}

/// Asks logind to restart the machine. It begins a moment later.
///
/// # Errors
/// [`Kind::NoService`] without a bus or without logind; [`Kind::Refused`] when another program holds
/// the machine; [`Kind::Denied`].
pub fn reboot(bus: &Bus) -> Result<(), Failure> {
    zbus::block_on(async { reboot_on(&bus.connect().await?).await })
}

pub(crate) async fn inhibit_on(connection: &Connection) -> Result<Inhibitor, Failure> {
    let body = (WHAT, WHO, WHY, MODE);
    let reply = connection.call_method(Some(NAME), PATH, Some(MANAGER), "Inhibit", &body).await;
    let reply = reply.map_err(|error| failure("the machine is not kept awake", &error))?;
    match reply.body().deserialize::<OwnedFd>() {
        Ok(lock) => Ok(Inhibitor(lock)),
        Err(error) => Err(failure("the machine is not kept awake", &error)),
    }
}

pub(crate) async fn reboot_on(connection: &Connection) -> Result<(), Failure> {
    // Not interactive: whoever may ask for it was asked before.
    let call = connection.call_method(Some(NAME), PATH, Some(MANAGER), "Reboot", &false).await;
    call.map(drop).map_err(|error| failure("the machine does not restart", &error))
}

fn failure(what: &str, error: &zbus::Error) -> Failure {
    let cause = call_failure(error);
    let kind = match crate::bus::error_name(error).as_deref() {
        Some("org.freedesktop.login1.OperationInProgress") => Kind::Busy,
        Some("org.freedesktop.login1.BlockedByInhibitorLock") => Kind::Refused,
        _ => cause.kind(),
    };
    let failure = Failure::new(kind, format_args!("{what}: systemd-logind: {}", cause.message()));
    match kind {
        Kind::Refused => failure.hint("`systemd-inhibit --list` says which program holds it"),
        _ => failure,
    }
}
