//! The client.

use std::cell::RefCell;
use std::collections::{HashMap, VecDeque};
use std::num::NonZeroU32;
use std::time::Duration;

use serde_json::Value;
use zbus::message::{Flags, Type};
use zbus::{Connection, DynamicType, MatchRule, Message, MessageStream, OwnedVariant, Variant};

use crate::bus::{Bus, call_failure};
use crate::clock::{Clock, Monotonic};
use crate::dict::{Dict, Wire, from_wire, json};
use crate::engine::{Facts, Progress, Slot, Watch};
use crate::failure::{Failure, Kind};
use crate::names;
use crate::order::{Order, Verb};
use crate::wait::{First, first, next};

/// How often it is looked whether the caller wants to stop.
const LOOK: Duration = Duration::from_millis(100);
/// Signals that are kept while an answer is waited for. The service sends four a second.
const MOST: usize = 4096;

/// A connection to the service.
///
/// All messages come in one stream, so that signals and answers are seen in the order in which the
/// service sent them.
pub struct Client {
    connection: Connection,
    stream: RefCell<MessageStream>,
    clock: Monotonic,
}

impl std::fmt::Debug for Client {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Client").finish_non_exhaustive()
    }
}

/// What a signal means for a job.
enum News {
    Progress(Progress),
    Over(Result<Dict, Failure>),
    Other,
}

impl Client {
    /// Connects to `bus`, and has the service started.
    ///
    /// # Errors
    /// [`Kind::NoService`] when there is no bus or no such service: root can do without.
    pub fn connect(bus: &Bus) -> Result<Self, Failure> {
        zbus::block_on(async {
            let connection = bus.connect().await?;
            let stream = RefCell::new(MessageStream::from(&connection));
            let client = Self { connection, stream, clock: Monotonic::new() };
            client.subscribe().await?;
            let peer = "org.freedesktop.DBus.Peer";
            client.call(names::NAME, names::PATH, peer, "Ping", &(), None).await?;
            Ok(client)
        })
    }

    /// All signals of the service, and who leaves the bus. Not by the service's name: a job that began
    /// as the service was leaving ends without it. Who sent a signal is looked at when it comes.
    async fn subscribe(&self) -> Result<(), Failure> {
        let ours = MatchRule::builder().msg_type(Type::Signal).path_namespace(names::PATH).build();
        let owners = MatchRule::builder()
            .msg_type(Type::Signal)
            .sender(names::BUS)
            .interface(names::BUS)
            .member("NameOwnerChanged")
            .build();
        for rule in [ours, owners] {
            let rule = rule.map_err(|error| call_failure(&error))?.to_string();
            self.call(names::BUS, names::BUS_PATH, names::BUS, "AddMatch", &rule, None).await?;
        }
        Ok(())
    }

    /// Has `order` carried out and waits for what comes of it. Progress goes to `watch`; when that
    /// says so, the job is cancelled and its end awaited.
    ///
    /// A relative path as the source is one of this program's folder.
    ///
    /// # Errors
    /// What the service says; [`Kind::Failed`] if it goes away; [`Kind::Cancelled`].
    pub fn run(&self, order: &Order, watch: &dyn Watch) -> Result<Dict, Failure> {
        let order = absolute(order.clone());
        zbus::block_on(async {
            match order.verb.answers_with_job() {
                true => self.job(&order, watch).await,
                false => self.answer(&order, watch).await,
            }
        })
    }

    async fn ask(
        &self,
        order: &Order,
        watch: &dyn Watch,
    ) -> Result<(Message, VecDeque<Message>), Failure> {
        let version = order.version.as_deref().unwrap_or_default();
        let method = order.verb.method();
        let target = (names::NAME, names::PATH, names::MANAGER);
        let (name, path, interface) = target;
        let watch = Some(watch);
        match order.verb {
            Verb::Hold | Verb::Unhold => {
                self.call(name, path, interface, method, &version, watch).await
            }
            _ if order.verb.takes_version() => {
                self.call(name, path, interface, method, &(version, order.wire()), watch).await
            }
            _ => self.call(name, path, interface, method, &order.wire(), watch).await,
        }
    }

    /// A verb whose method answers with what came of it.
    async fn answer(&self, order: &Order, watch: &dyn Watch) -> Result<Dict, Failure> {
        if !matches!(order.verb, Verb::Hold | Verb::Unhold) {
            let (reply, _) = self.ask(order, watch).await?;
            return Ok(from_wire(&body::<Wire>(&reply)?));
        }
        // Their methods answer with nothing.
        let before = facts(&self.properties(names::PATH, names::MANAGER).await?);
        self.ask(order, watch).await?;
        Ok(held(order, &before.held))
    }

    /// A verb whose method answers with the job.
    async fn job(&self, order: &Order, watch: &dyn Watch) -> Result<Dict, Failure> {
        let (reply, mut early) = self.ask(order, watch).await?;
        let path = body::<zbus::OwnedObjectPath>(&reply)?.to_string();
        let service = sender(&reply);
        let mut asked = false;
        let mut progress = Progress::default();
        loop {
            let message = match early.pop_front() {
                Some(message) => message,
                None => match self.next_or_look().await? {
                    Some(message) => message,
                    None if watch.cancelled() && !asked => {
                        asked = true;
                        self.send(&service, &path, names::JOB, "Cancel", &()).await?;
                        continue;
                    }
                    None => continue,
                },
            };
            match news(&message, &service, &path, &progress)? {
                News::Progress(new) => {
                    watch.progress(&new);
                    progress = new;
                }
                News::Over(outcome) => return outcome,
                News::Other => (),
            }
        }
    }

    /// What is so now, as the service says it.
    ///
    /// # Errors
    /// What the service says.
    pub fn facts(&self) -> Result<Facts, Failure> {
        zbus::block_on(async {
            let (reply, _) = self.manager("ListSlots", &()).await?;
            let listed: Vec<(String, zbus::OwnedObjectPath)> = body(&reply)?;
            let mut slots = Vec::new();
            for (_, path) in listed {
                let dict = self.properties(path.as_str(), names::SLOT).await?;
                slots.push(slot(&dict));
            }
            let dict = self.properties(names::PATH, names::MANAGER).await?;
            Ok(Facts { slots, ..facts(&dict) })
        })
    }

    /// Asks the job that runs to end, whoever began it; `false` if none runs. It goes on for as long
    /// as it takes to leave everything as it may be left.
    ///
    /// # Errors
    /// What the service says.
    pub fn cancel(&self) -> Result<bool, Failure> {
        zbus::block_on(async {
            let job = text(&self.properties(names::PATH, names::MANAGER).await?, "Job");
            // `/` is no job.
            if job.len() < 2 {
                return Ok(false);
            }
            self.call(names::NAME, &job, names::JOB, "Cancel", &(), None).await.map(|_| true)
        })
    }

    async fn properties(&self, path: &str, interface: &str) -> Result<Dict, Failure> {
        let call = self.call(names::NAME, path, names::PROPERTIES, "GetAll", &interface, None);
        Ok(from_wire(&body::<Wire>(&call.await?.0)?))
    }

    /// The newest `limit` updates, newest first; 0 is all.
    ///
    /// # Errors
    /// What the service says.
    pub fn history(&self, limit: u32) -> Result<Vec<Dict>, Failure> {
        zbus::block_on(async {
            let (reply, _) = self.manager("History", &limit).await?;
            Ok(body::<Vec<Wire>>(&reply)?.iter().map(from_wire).collect())
        })
    }

    async fn manager<B>(
        &self,
        method: &str,
        arguments: &B,
    ) -> Result<(Message, VecDeque<Message>), Failure>
    where
        B: serde::ser::Serialize + DynamicType,
    {
        self.call(names::NAME, names::PATH, names::MANAGER, method, arguments, None).await
    }

    async fn send<B>(
        &self,
        name: &str,
        path: &str,
        interface: &str,
        method: &str,
        arguments: &B,
    ) -> Result<NonZeroU32, Failure>
    where
        B: serde::ser::Serialize + DynamicType,
    {
        let call = Message::method_call(path, method)
            .destination(name)
            .interface(interface)
            // polkit may ask the user.
            .with_flags(Flags::ALLOW_INTERACTIVE_AUTH)
            .build(arguments)
            .map_err(|error| call_failure(&error))?;
        self.connection.send(&call).await.map_err(|error| call_failure(&error))?;
        Ok(call.primary_header().serial_num())
    }

    /// The answer to a call, and the signals that came before it.
    async fn call<B>(
        &self,
        name: &str,
        path: &str,
        interface: &str,
        method: &str,
        arguments: &B,
        watch: Option<&dyn Watch>,
    ) -> Result<(Message, VecDeque<Message>), Failure>
    where
        B: serde::ser::Serialize + DynamicType,
    {
        let serial = self.send(name, path, interface, method, arguments).await?;
        let mut early = VecDeque::new();
        loop {
            let Some(message) = self.next_or_look().await? else {
                match watch {
                    Some(watch) if watch.cancelled() => {
                        return Err(Failure::new(Kind::Cancelled, "interrupted"));
                    }
                    _ => continue,
                }
            };
            if message.header().reply_serial() == Some(serial) {
                return match message.message_type() {
                    Type::Error => Err(call_failure(&zbus::Error::from(message))),
                    _ => Ok((message, early)),
                };
            }
            if early.len() < MOST && message.message_type() == Type::Signal {
                early.push_back(message);
            }
        }
    }

    /// The next message; `None` when it is time to look whether the caller wants to stop.
    #[expect(
        clippy::await_holding_refcell_ref,
        reason = "the client is used by one call at a time"
    )]
    async fn next_or_look(&self) -> Result<Option<Message>, Failure> {
        let mut stream = self.stream.borrow_mut();
        match first(next(&mut stream), self.clock.sleep(LOOK)).await {
            First::A(Some(message)) => Ok(Some(message)),
            First::A(None) => Err(Failure::new(Kind::Failed, "the system bus went away")),
            First::B(()) => Ok(None),
        }
    }
}

fn absolute(mut order: Order) -> Order {
    if let Some(source) = &order.options.source
        && !source.contains("://")
        && !source.starts_with("file:")
        && let Ok(path) = std::path::absolute(source)
    {
        order.options.source = Some(path.to_string_lossy().into_owned());
    }
    order
}

fn sender(message: &Message) -> String {
    message.header().sender().map(|sender| sender.to_string()).unwrap_or_default()
}

fn body<T>(message: &Message) -> Result<T, Failure>
where
    T: serde::de::DeserializeOwned + zbus::Type,
{
    message.body().deserialize().map_err(|error| {
        Failure::new(Kind::Failed, format_args!("the update service answers nonsense: {error}"))
    })
}

/// What `message` says about the job at `path` of `service`.
fn news(message: &Message, service: &str, path: &str, old: &Progress) -> Result<News, Failure> {
    let header = message.header();
    let member = header.member().map(|member| member.as_str()).unwrap_or_default();
    let from = header.sender().map(|sender| sender.as_str()).unwrap_or_default();
    if message.message_type() != Type::Signal {
        return Ok(News::Other);
    }
    if from == names::BUS && member == "NameOwnerChanged" {
        let (name, _, owner): (String, String, String) = body(message)?;
        return match name == service && owner.is_empty() {
            true => Err(Failure::new(Kind::Failed, "the update service went away")
                .hint("`journalctl -u anklume-update` may say why; run the update again")),
            false => Ok(News::Other),
        };
    }
    if from != service {
        return Ok(News::Other);
    }
    match member {
        "PropertiesChanged" if header.path().is_some_and(|at| at.as_str() == path) => {
            let (_, changed, _): (String, Wire, Vec<String>) = body(message)?;
            Ok(News::Progress(progress(&changed, old)))
        }
        "JobRemoved" => {
            let (_, job, name, text, dict): (u32, zbus::OwnedObjectPath, String, String, Wire) =
                body(message)?;
            Ok(match (job.as_str() == path, name.as_str()) {
                (false, _) => News::Other,
                (true, "done") => News::Over(Ok(from_wire(&dict))),
                (true, name) => News::Over(Err(Failure::from_text(name, &text))),
            })
        }
        _ => Ok(News::Other),
    }
}

fn progress(changed: &HashMap<String, OwnedVariant>, old: &Progress) -> Progress {
    let mut new = old.clone();
    for (name, value) in changed {
        let value: &Variant<'_> = value;
        match (name.as_str(), json(value)) {
            ("Phase", Value::String(phase)) => new.phase = phase,
            ("Message", Value::String(message)) => new.message = message,
            ("Done", value) => new.done = value.as_u64().unwrap_or_default(),
            ("Total", value) => new.total = value.as_u64().unwrap_or_default(),
            ("Fetched", value) => new.fetched = value.as_u64().unwrap_or_default(),
            _ => (),
        }
    }
    new
}

fn text(dict: &Dict, key: &str) -> String {
    dict.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

fn flag(dict: &Dict, key: &str) -> bool {
    dict.get(key).and_then(Value::as_bool).unwrap_or_default()
}

fn facts(dict: &Dict) -> Facts {
    let held = dict.get("Held").and_then(Value::as_array).into_iter().flatten();
    Facts {
        version: text(dict, "Version"),
        channel: text(dict, "Channel"),
        source: text(dict, "Source"),
        automatic: flag(dict, "Automatic"),
        held: held.filter_map(Value::as_str).map(str::to_owned).collect(),
        pending: text(dict, "Pending"),
        slots: Vec::new(),
    }
}

/// What the engine says of an order to hold a version, or to hold it no more.
fn held(order: &Order, before: &[String]) -> Dict {
    let version = order.version.clone().unwrap_or_default();
    let (held, was_held) = (order.verb == Verb::Hold, before.contains(&version));
    Dict::from_iter([
        ("version".to_owned(), Value::from(version)),
        ("held".to_owned(), held.into()),
        ("changed".to_owned(), (held != was_held).into()),
    ])
}

fn slot(dict: &Dict) -> Slot {
    let tries = dict.get("TriesLeft").and_then(Value::as_u64).unwrap_or_default();
    Slot {
        slot: text(dict, "Slot"),
        version: text(dict, "Version"),
        root_hash: text(dict, "RootHash"),
        state: text(dict, "State"),
        tries_left: u32::try_from(tries).unwrap_or(u32::MAX),
        running: flag(dict, "Running"),
        next: flag(dict, "Next"),
        good: flag(dict, "Good"),
    }
}
