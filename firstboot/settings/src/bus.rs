//! The system's services: calls with an end, and errors that say whom was asked for what.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::num::NonZeroUsize;
use std::pin::{Pin, pin};
use std::task::Poll;
use std::time::Duration;

use futures_core::Stream;
use zbus::{Connection, DynamicType, Message, MessageStream, OwnedVariant, connection};
use zruntime::SharedRuntime;

use crate::error::Error;

/// How long a service may take to answer, in which it may have to be started.
const PATIENCE: Duration = Duration::from_secs(25);
/// Signals that are kept until they are looked at.
const MOST_SIGNALS: usize = 4096;
const BUS: &str = "org.freedesktop.DBus";
const PROPERTIES: &str = "org.freedesktop.DBus.Properties";

/// A connection to the services of a system.
#[derive(Debug)]
pub struct Services {
    connection: Connection,
}

/// An object of a service, and one of its interfaces.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Object<'a> {
    pub(crate) service: &'static str,
    pub(crate) path: &'a str,
    pub(crate) interface: &'a str,
}

/// Properties of an interface.
pub(crate) type Dict = HashMap<String, OwnedVariant>;

impl Services {
    /// Connects to the system's bus.
    ///
    /// # Errors
    /// [`Error::NoBus`].
    pub fn system() -> Result<Self, Error> {
        Self::connect(connection::Builder::system())
    }

    /// Connects to the bus at a D-Bus address, such as `unix:path=/run/x`.
    ///
    /// # Errors
    /// [`Error::NoBus`].
    pub fn at(address: &str) -> Result<Self, Error> {
        Self::connect(connection::Builder::address(address))
    }

    fn connect(builder: connection::Builder<'_>) -> Result<Self, Error> {
        let connection = zbus::block_on(builder.method_timeout(PATIENCE).build());
        let connection = connection.map_err(|error| Error::NoBus { cause: error.to_string() })?;
        Ok(Self { connection })
    }

    /// Calls a method. polkit may not ask anybody: the message does not say that it may.
    pub(crate) async fn call<B>(
        &self,
        object: Object<'_>,
        method: &str,
        body: &B,
        what: &str,
    ) -> Result<Message, Error>
    where
        B: serde::ser::Serialize + DynamicType,
    {
        let Object { service, path, interface } = object;
        let call =
            self.connection.call_method(Some(service), path, Some(interface), method, body).await;
        call.map_err(|error| failure(service, what, &error))
    }

    /// All properties of an interface.
    pub(crate) async fn properties(&self, object: Object<'_>) -> Result<Dict, Error> {
        let properties = Object { interface: PROPERTIES, ..object };
        let what = object.interface;
        let reply = self.call(properties, "GetAll", &object.interface, what).await?;
        body(object.service, what, &reply)
    }

    /// Signals of `service` from now on: those of `rule`, and when it goes away.
    pub(crate) async fn signals(
        &self,
        service: &'static str,
        rule: &str,
        what: &str,
    ) -> Result<Signals, Error> {
        let owner = format!(
            "type='signal',sender='{BUS}',interface='{BUS}',member='NameOwnerChanged',arg0='{service}'"
        );
        let rule = format!("type='signal',sender='{service}',{rule}");
        let most = NonZeroUsize::new(MOST_SIGNALS);
        let signals = MessageStream::for_match_rule(rule.as_str(), &self.connection, most);
        let signals = signals.await.map_err(|error| failure(service, what, &error))?;
        let owners = MessageStream::for_match_rule(owner.as_str(), &self.connection, most);
        let owners = owners.await.map_err(|error| failure(service, what, &error))?;
        Ok(Signals { service, what: what.to_owned(), signals, owners })
    }
}

/// Signals of a service as they come.
pub(crate) struct Signals {
    service: &'static str,
    what: String,
    signals: MessageStream,
    owners: MessageStream,
}

impl Signals {
    /// The next signal.
    ///
    /// # Errors
    /// [`Error::Gone`] when the service or the bus goes away.
    pub(crate) async fn next(&mut self) -> Result<Message, Error> {
        loop {
            let (mut signal, mut owner) =
                (pin!(next(&mut self.signals)), pin!(next(&mut self.owners)));
            let message = poll_fn(|cx| {
                // What was sent before the end counts.
                if let Poll::Ready(message) = signal.as_mut().poll(cx) {
                    return Poll::Ready(message);
                }
                owner.as_mut().poll(cx)
            });
            let gone = Error::Gone { service: self.service, what: self.what.clone() };
            let Some(message) = message.await else { return Err(gone) };
            let is_owner = message.header().interface().is_some_and(|name| name.as_str() == BUS);
            if !is_owner {
                return Ok(message);
            }
            // Also sent when it is started, with the new owner.
            let changed = message.body().deserialize::<(String, String, String)>();
            if changed.is_ok_and(|(_, old, new)| !old.is_empty() && new.is_empty()) {
                return Err(gone);
            }
        }
    }
}

async fn next(stream: &mut MessageStream) -> Option<Message> {
    poll_fn(|cx| Pin::new(&mut *stream).poll_next(cx)).await.and_then(Result::ok)
}

/// What `work` gives, if it gives it in time; `None` if not.
pub(crate) async fn within<F: Future>(limit: Duration, work: F) -> Option<F::Output> {
    match SharedRuntime::current() {
        Ok(runtime) => runtime.timeout(limit, work).await.ok(),
        // No descriptor is left for a timer. The calls in it have their own ends.
        Err(_) => Some(work.await),
    }
}

/// The content of an answer.
pub(crate) fn body<T>(service: &'static str, what: &str, reply: &Message) -> Result<T, Error>
where
    T: serde::de::DeserializeOwned + zbus::Type,
{
    reply.body().deserialize().map_err(|error| Error::Answer {
        service,
        what: what.to_owned(),
        cause: error.to_string(),
    })
}

fn failure(service: &'static str, what: &str, error: &zbus::Error) -> Error {
    use zbus::DBusError;
    let what = what.to_owned();
    let (name, text) = match error {
        zbus::Error::MethodError(name, text, _) => (name.to_string(), text.clone()),
        zbus::Error::FDO(error) => {
            (error.name().to_string(), error.description().map(str::to_owned))
        }
        zbus::Error::InputOutput(error) if error.kind() == std::io::ErrorKind::TimedOut => {
            return Error::Late { service, what, seconds: PATIENCE.as_secs() };
        }
        other => (String::new(), Some(other.to_string())),
    };
    let short = name.strip_prefix("org.freedesktop.DBus.Error.").unwrap_or(&name);
    let absent = matches!(short, "ServiceUnknown" | "NameHasNoOwner")
        || short.starts_with("Spawn.")
        // The bus has systemd start it.
        || matches!(
            name.strip_prefix("org.freedesktop.systemd1."),
            Some("NoSuchUnit" | "UnitMasked" | "LoadFailed")
        );
    if absent {
        return Error::NoService { service, what };
    }
    if matches!(short, "NoReply" | "Timeout" | "TimedOut") {
        return Error::Late { service, what, seconds: PATIENCE.as_secs() };
    }
    let cause = text.unwrap_or_default();
    let cause = if cause.is_empty() { name.clone() } else { cause };
    Error::Service { service, what, error: name, cause }
}
