//! Calls and their answers.

use std::collections::HashMap;
use std::sync::Arc;

use zbus::message::{Body, Flags, Header};
use zbus::{Connection, Message, Variant};

use super::introspection;
use super::job::{self, Job};
use super::properties::{self, Properties};
use super::state::Hub;
use crate::bus::call_failure;
use crate::dict::{Dict, Wire, to_wire};
use crate::engine::Facts;
use crate::failure::{Failure, Kind};
use crate::names;
use crate::order::{Order, Verb};
use crate::polkit::{Action, authorize, user};

/// An error reply.
pub(super) struct Refusal {
    name: &'static str,
    text: String,
}

impl Refusal {
    /// One of the standard errors.
    fn standard(name: &'static str, text: String) -> Self {
        Self { name, text }
    }
}

impl From<Failure> for Refusal {
    fn from(failure: Failure) -> Self {
        Self { name: failure.kind().error_name(), text: failure.to_text() }
    }
}

impl From<zbus::Error> for Refusal {
    fn from(error: zbus::Error) -> Self {
        call_failure(&error).into()
    }
}

type Answer = Result<Message, Refusal>;

const UNKNOWN_OBJECT: &str = "org.freedesktop.DBus.Error.UnknownObject";
const UNKNOWN_INTERFACE: &str = "org.freedesktop.DBus.Error.UnknownInterface";
const UNKNOWN_METHOD: &str = "org.freedesktop.DBus.Error.UnknownMethod";
const UNKNOWN_PROPERTY: &str = "org.freedesktop.DBus.Error.UnknownProperty";
const READ_ONLY: &str = "org.freedesktop.DBus.Error.PropertyReadOnly";
const INVALID_ARGS: &str = "org.freedesktop.DBus.Error.InvalidArgs";

/// What a path leads to.
pub(super) enum Object {
    /// A part of the way to the others, with what it leads to.
    Way(Vec<String>),
    /// [`names::PATH`]
    Manager,
    /// A slot, by name.
    Slot(String),
    /// The job that runs.
    Job(Arc<Job>),
}

impl Object {
    fn find(hub: &Hub, path: &str) -> Option<Self> {
        if path == names::PATH {
            return Some(Self::Manager);
        }
        let facts = hub.facts();
        if let Some(name) = path.strip_prefix("/org/anklume/Update1/slot/") {
            let slot = properties::slots(&facts).find(|slot| slot.slot == name)?;
            return Some(Self::Slot(slot.slot.clone()));
        }
        let job = hub.job();
        if let Some(job) = job.as_ref().filter(|job| job.path().as_str() == path) {
            return Some(Self::Job(Arc::clone(job)));
        }
        Some(Self::Way(match path {
            "/" => vec!["org".into()],
            "/org" => vec!["anklume".into()],
            "/org/anklume" => vec!["Update1".into()],
            "/org/anklume/Update1/slot" => {
                properties::slots(&facts).map(|slot| slot.slot.clone()).collect()
            }
            "/org/anklume/Update1/job" => job.iter().map(|job| job.id.to_string()).collect(),
            _ => return None,
        }))
    }

    pub(super) fn interface(&self) -> Option<&'static str> {
        match self {
            Self::Way(_) => None,
            Self::Manager => Some(names::MANAGER),
            Self::Slot(_) => Some(names::SLOT),
            Self::Job(_) => Some(names::JOB),
        }
    }

    /// The last parts of the paths below.
    pub(super) fn children(&self, facts: &Facts) -> Vec<String> {
        match self {
            Self::Way(children) => children.clone(),
            Self::Manager if facts.slots.is_empty() => vec!["job".into()],
            Self::Manager => vec!["job".into(), "slot".into()],
            Self::Slot(_) | Self::Job(_) => Vec::new(),
        }
    }

    fn properties(&self, hub: &Hub) -> Properties {
        let facts = hub.facts();
        match self {
            Self::Way(_) => Properties::new(),
            Self::Manager => properties::manager(&facts, hub.job().as_deref()),
            Self::Slot(name) => properties::slots(&facts)
                .find(|slot| slot.slot == *name)
                .map(properties::slot)
                .unwrap_or_default(),
            Self::Job(job) => properties::job(job),
        }
    }
}

/// Answers `call`.
pub(super) async fn answer(hub: &Arc<Hub>, connection: &Connection, call: &Message) {
    let header = call.header();
    let answer = dispatch(hub, connection, call, &header).await.or_else(|refusal| {
        Message::error(&header, refusal.name).build(&refusal.text).map_err(Refusal::from)
    });
    if header.primary().flags().contains(Flags::NO_REPLY_EXPECTED) {
        return;
    }
    if let Ok(answer) = answer
        && let Err(error) = connection.send(&answer).await
    {
        hub.warn(&call_failure(&error));
    }
}

async fn dispatch(
    hub: &Arc<Hub>,
    connection: &Connection,
    call: &Message,
    header: &Header<'_>,
) -> Answer {
    let path = header.path().map(|path| path.as_str()).unwrap_or_default();
    let member = header.member().map(|member| member.as_str()).unwrap_or_default();
    // Without an interface, any method of that name is meant.
    let interface = match header.interface() {
        Some(interface) => interface.as_str(),
        None => guess(member),
    };
    // Any path has these two.
    if interface == "org.freedesktop.DBus.Peer" && member == "Ping" {
        return reply(header, &());
    }
    let object = Object::find(hub, path)
        .ok_or_else(|| Refusal::standard(UNKNOWN_OBJECT, format!("there is no object {path}")))?;
    match interface {
        names::MANAGER if matches!(object, Object::Manager) => {
            manager(hub, connection, call, header, member).await
        }
        names::JOB => match object {
            Object::Job(job) => {
                job_call(connection, call, header, member, &job, hub.config.root).await
            }
            _ => Err(unknown_interface(interface, path)),
        },
        names::SLOT if matches!(object, Object::Slot(_)) => Err(unknown(interface, member)),
        names::PROPERTIES => property(hub, call, header, member, &object),
        "org.freedesktop.DBus.Introspectable" if member == "Introspect" => {
            reply(header, &introspection::xml(&object, &hub.facts()))
        }
        "org.freedesktop.DBus.Introspectable" | "org.freedesktop.DBus.Peer" => {
            Err(unknown(interface, member))
        }
        _ => Err(unknown_interface(interface, path)),
    }
}

fn guess(member: &str) -> &'static str {
    match member {
        "Get" | "GetAll" | "Set" => names::PROPERTIES,
        "Introspect" => "org.freedesktop.DBus.Introspectable",
        "Ping" => "org.freedesktop.DBus.Peer",
        "Cancel" => names::JOB,
        _ => names::MANAGER,
    }
}

fn unknown_interface(interface: &str, path: &str) -> Refusal {
    Refusal::standard(UNKNOWN_INTERFACE, format!("{path} has no interface {interface}"))
}

fn unknown(interface: &str, member: &str) -> Refusal {
    Refusal::standard(UNKNOWN_METHOD, format!("{interface} has no method {member}"))
}

fn reply<B>(header: &Header<'_>, body: &B) -> Answer
where
    B: serde::ser::Serialize + zbus::DynamicType,
{
    Message::method_return(header).build(body).map_err(Refusal::from)
}

/// The arguments of a call.
fn arguments<'b, T>(body: &'b Body) -> Result<T, Refusal>
where
    T: serde::de::Deserialize<'b> + zbus::Type,
{
    body.deserialize().map_err(|_| {
        let (found, expected) = (body.signature().to_string_no_parens(), T::SIGNATURE);
        let expected = expected.to_string_no_parens();
        let text = format!("the arguments have the types \"{found}\", expected \"{expected}\"");
        Refusal::standard(INVALID_ARGS, text)
    })
}

fn property(
    hub: &Hub,
    call: &Message,
    header: &Header<'_>,
    member: &str,
    object: &Object,
) -> Answer {
    let body = call.body();
    let of = |interface: &str| match object.interface() {
        Some(ours) if ours == interface => Ok(object.properties(hub)),
        // Ours have none of the standard interfaces' properties.
        _ if interface.starts_with("org.freedesktop.DBus.") => Ok(Properties::new()),
        _ => {
            let path = header.path().map(|path| path.as_str()).unwrap_or_default();
            Err(unknown_interface(interface, path))
        }
    };
    let missing =
        |name: &str| Refusal::standard(UNKNOWN_PROPERTY, format!("there is no property {name}"));
    match member {
        "Get" => {
            let (interface, name): (&str, &str) = arguments(&body)?;
            match of(interface)?.remove(name) {
                Some(value) => reply(header, &value),
                None => Err(missing(name)),
            }
        }
        "GetAll" => reply(header, &of(arguments::<&str>(&body)?)?),
        "Set" => {
            let (interface, name, _): (&str, &str, Variant<'_>) = arguments(&body)?;
            match of(interface)?.contains_key(name) {
                true => Err(Refusal::standard(READ_ONLY, format!("{name} cannot be set"))),
                false => Err(missing(name)),
            }
        }
        _ => Err(unknown(names::PROPERTIES, member)),
    }
}

async fn manager(
    hub: &Arc<Hub>,
    connection: &Connection,
    call: &Message,
    header: &Header<'_>,
    member: &str,
) -> Answer {
    if let Some(verb) = Verb::of_method(member) {
        return order(hub, connection, call, header, verb).await;
    }
    let body = call.body();
    match member {
        "History" => {
            let limit: u32 = arguments(&body)?;
            let engine = Arc::clone(&hub.engine);
            let history = zruntime::unblock(move || engine.history(limit)).await?;
            reply(header, &history.iter().map(to_wire).collect::<Vec<_>>())
        }
        "ListSlots" => {
            arguments::<()>(&body)?;
            let engine = Arc::clone(&hub.engine);
            let facts = zruntime::unblock(move || engine.facts()).await;
            properties::refresh(hub, connection, facts.clone()).await;
            let slots = properties::slots(&facts).map(|slot| {
                let path = names::slot_path(&slot.slot);
                (slot.slot.clone(), zbus::ObjectPath::from_string_unchecked(path))
            });
            reply(header, &slots.collect::<Vec<_>>())
        }
        "ListJobs" => {
            arguments::<()>(&body)?;
            let jobs = hub.job().into_iter().map(|job| {
                let phase = job.newest().progress.phase.replace('\0', " ");
                (job.id, job.order.verb.name(), phase, job.path())
            });
            reply(header, &jobs.collect::<Vec<_>>())
        }
        _ => Err(unknown(names::MANAGER, member)),
    }
}

/// Does what is asked for, if it is allowed.
async fn order(
    hub: &Arc<Hub>,
    connection: &Connection,
    call: &Message,
    header: &Header<'_>,
    verb: Verb,
) -> Answer {
    let order = parse(verb, &call.body())?;
    authorize(connection, call, Action::of(&order), hub.config.root).await?;
    if order.options.reboot {
        authorize(connection, call, Action::Reboot, hub.config.root).await?;
    }
    let owner = header.sender().map(|sender| sender.as_str()).unwrap_or_default();
    let user = user(connection, owner).await?;
    let job = job::start(hub, connection, order, owner, user).await?;
    if verb.answers_with_job() {
        return reply(header, &job.path());
    }
    let dict: Dict = job::outcome(hub, &job).await?;
    match verb {
        Verb::Hold | Verb::Unhold => reply(header, &()),
        _ => reply(header, &to_wire(&dict)),
    }
}

fn parse(verb: Verb, body: &Body) -> Result<Order, Refusal> {
    let order = match (verb.takes_version(), verb) {
        (true, Verb::Hold | Verb::Unhold) => Order::parse(verb, arguments(body)?, &HashMap::new()),
        (true, _) => {
            let (version, options): (&str, Wire) = arguments(body)?;
            Order::parse(verb, version, &options)
        }
        (false, _) => Order::parse(verb, "", &arguments(body)?),
    }?;
    match (verb, &order.version) {
        (Verb::Hold, None) => Err(Failure::new(Kind::Usage, "which version is to be held?").into()),
        _ => Ok(order),
    }
}

async fn job_call(
    connection: &Connection,
    call: &Message,
    header: &Header<'_>,
    member: &str,
    job: &Job,
    root: u32,
) -> Answer {
    if member != "Cancel" {
        return Err(unknown(names::JOB, member));
    }
    arguments::<()>(&call.body())?;
    let sender = header.sender().map(|sender| sender.as_str()).unwrap_or_default();
    if user(connection, sender).await? != job.user {
        // Whoever may start such a job may end it.
        authorize(connection, call, Action::of(&job.order), root).await?;
    }
    job.cancel();
    reply(header, &())
}
