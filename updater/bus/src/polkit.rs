//! Who may do what.
//!
//! Root may do everything. Everybody else is judged by polkit; where there is none, they may check
//! and nothing else.

use std::collections::HashMap;

use zbus::message::Flags;
use zbus::{Connection, Message, Variant};

use crate::bus::{call_failure, error_name};
use crate::failure::{Failure, Kind};
use crate::names;
use crate::order::{Order, Verb};

const NAME: &str = "org.freedesktop.PolicyKit1";
const PATH: &str = "/org/freedesktop/PolicyKit1/Authority";
const AUTHORITY: &str = "org.freedesktop.PolicyKit1.Authority";
/// `AllowUserInteraction`: polkit may ask for a password.
const ALLOW_INTERACTION: u32 = 1;

/// Something that not everybody may do; `overlays/update` has the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Look for updates at the configured source.
    Check,
    /// Update to the newest version of the configured source.
    Update,
    /// Choose a version or a source.
    UpdateToVersion,
    /// Go back to the other slot.
    Rollback,
    /// Hold a version back.
    Hold,
    /// Restart the machine: logind's own rule.
    Reboot,
}

impl Action {
    /// All that are ours.
    pub const OURS: [Self; 5] =
        [Self::Check, Self::Update, Self::UpdateToVersion, Self::Rollback, Self::Hold];

    /// polkit's name for it.
    #[must_use]
    pub fn id(self) -> &'static str {
        match self {
            Self::Check => "org.anklume.update1.check",
            Self::Update => "org.anklume.update1.update",
            Self::UpdateToVersion => "org.anklume.update1.update-to-version",
            Self::Rollback => "org.anklume.update1.rollback",
            Self::Hold => "org.anklume.update1.hold",
            Self::Reboot => "org.freedesktop.login1.reboot",
        }
    }

    /// What `order` needs. A source of one's own is read by root, so looking there is more than
    /// looking.
    pub(crate) fn of(order: &Order) -> Self {
        match order.verb {
            Verb::Refresh | Verb::Check | Verb::Prepare | Verb::Update if order.chooses() => {
                Self::UpdateToVersion
            }
            Verb::Refresh | Verb::Check => Self::Check,
            Verb::Prepare | Verb::Update | Verb::Activate => Self::Update,
            Verb::Rollback => Self::Rollback,
            Verb::Hold | Verb::Unhold => Self::Hold,
        }
    }
}

/// The user of whoever sent a call.
pub(crate) async fn user(connection: &Connection, sender: &str) -> Result<u32, Failure> {
    let method = "GetConnectionUnixUser";
    let call = connection.call_method(
        Some(names::BUS),
        names::BUS_PATH,
        Some(names::BUS),
        method,
        &sender,
    );
    let reply = call.await.map_err(|error| call_failure(&error))?;
    reply.body().deserialize().map_err(|error| call_failure(&error))
}

/// Lets the sender of `call` do `action`, or not. The user `root` may do everything.
pub(crate) async fn authorize(
    connection: &Connection,
    call: &Message,
    action: Action,
    root: u32,
) -> Result<(), Failure> {
    let header = call.header();
    let Some(sender) = header.sender() else {
        return Err(denied(action, "the caller has no name"));
    };
    if user(connection, sender.as_str()).await? == root {
        return Ok(());
    }
    let interactive = header.primary().flags().contains(Flags::ALLOW_INTERACTIVE_AUTH);
    match ask(connection, sender.as_str(), action, interactive).await {
        Ok((true, _)) => Ok(()),
        Ok((false, true)) => Err(denied(action, "a password is needed")),
        Ok((false, false)) => Err(denied(action, "polkit does not allow it")),
        Err(error) if is_absent(&error) => match action {
            Action::Check => Ok(()),
            _ => Err(denied(action, "there is no polkit that could allow it")),
        },
        Err(error) => Err(denied(action, call_failure(&error).message())),
    }
}

async fn ask(
    connection: &Connection,
    sender: &str,
    action: Action,
    interactive: bool,
) -> zbus::Result<(bool, bool)> {
    let subject = ("system-bus-name", HashMap::from([("name", Variant::from(sender))]));
    let flags = if interactive { ALLOW_INTERACTION } else { 0 };
    let body = (subject, action.id(), HashMap::<&str, &str>::new(), flags, "");
    let method = "CheckAuthorization";
    let reply = connection.call_method(Some(NAME), PATH, Some(AUTHORITY), method, &body).await?;
    let (authorized, challenge, _) =
        reply.body().deserialize::<((bool, bool, HashMap<String, String>),)>()?.0;
    Ok((authorized, challenge))
}

fn is_absent(error: &zbus::Error) -> bool {
    error_name(error).is_some_and(|name| Kind::from_error_name(&name) == Kind::NoService)
}

fn denied(action: Action, why: &str) -> Failure {
    Failure::new(Kind::Denied, format_args!("not allowed ({}): {why}", action.id()))
        .hint("run it as root")
}
