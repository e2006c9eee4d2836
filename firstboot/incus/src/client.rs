//! Requests and answers over the socket.

use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_host::interrupt;
use anklume_layout::text::printable;
use serde::de::DeserializeOwned;
use serde_json::Value;
use ureq::http::header::{CONTENT_LENGTH, CONTENT_TYPE, ETAG, IF_MATCH};
use ureq::http::{self, Response};
use ureq::{Agent, Body, SendBody};

use crate::answer::{self, Answer};
use crate::error::{AnswerFault, Error};
use crate::operation::{MAX_TEXT, Operation};
use crate::request::{Method, Request};
use crate::transport::{NoResolver, NotConnected, Stop, ToSocket};

/// The longest answer, in bytes. A thousand instances with their settings have some 4 MB.
const MAX_ANSWER: u64 = 32 << 20;
/// How long a request may take that is sent because the program stops.
const LAST_WORDS: Duration = Duration::from_secs(2);

/// Where Incus keeps what is its own, unless a variable says otherwise.
pub const FOLDER: &str = "/var/lib/incus";

/// How long things may take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// An answer about what is there.
    pub answer: Duration,
    /// An answer to a change; a file system may have to be made for it.
    pub change: Duration,
    /// Sending the files of an image.
    pub upload: Duration,
    /// An operation.
    pub operation: Duration,
    /// From one look at an operation's progress to the next. Its end is seen at once. Whole seconds count.
    pub look: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        let minutes = |minutes: u64| Duration::from_secs(60 * minutes);
        Self {
            answer: minutes(1),
            change: minutes(10),
            upload: minutes(60),
            operation: minutes(60),
            look: Duration::from_secs(1),
        }
    }
}

/// How to talk to Incus.
#[derive(Debug, Clone)]
pub struct Settings {
    /// Incus's own folder, `$INCUS_DIR` or [`FOLDER`].
    pub folder: PathBuf,
    /// How long things may take.
    pub limits: Limits,
    /// Whether the program was asked to stop.
    pub stop: fn() -> bool,
}

impl Default for Settings {
    fn default() -> Self {
        let folder = PathBuf::from(FOLDER);
        Self { folder, limits: Limits::default(), stop: interrupt::interrupted }
    }
}

/// Incus, over its socket.
#[derive(Debug)]
pub struct Client {
    socket: PathBuf,
    settings: Settings,
    agent: Agent,
}

/// What Incus is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Server {
    /// Its version, as `6.0.4`.
    pub version: String,
    /// What its API can do beyond version 1.0.
    pub extensions: Vec<String>,
    /// The drivers of storage pools that work here.
    pub drivers: Vec<String>,
}

/// An answer that is no error.
#[derive(Debug, Clone, PartialEq)]
pub enum Reply {
    /// It is done, or this is what was asked for.
    Done {
        /// What Incus says about it.
        metadata: Value,
        /// What identifies the state of the object.
        etag: Option<String>,
    },
    /// It goes on.
    Started(Operation),
}

/// What is sent along.
pub(crate) enum Outgoing<'a> {
    Nothing,
    Json(&'a Value),
    Stream { headers: Vec<(&'static str, String)>, length: u64, bytes: &'a mut dyn Read },
}

impl Client {
    /// A client for a socket. Nothing is sent yet.
    #[must_use]
    pub fn new(socket: &Path, settings: Settings) -> Self {
        let agent = agent(socket, settings.stop);
        Self { socket: socket.to_owned(), settings, agent }
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.settings.folder
    }

    pub(crate) const fn stop(&self) -> Stop {
        self.settings.stop
    }

    pub(crate) const fn limits(&self) -> &Limits {
        &self.settings.limits
    }

    /// Sends a request.
    ///
    /// # Errors
    /// What went wrong on the way, or what Incus says.
    pub fn send(&self, request: &Request) -> Result<Reply, Error> {
        let outgoing = request.body.as_ref().map_or(Outgoing::Nothing, Outgoing::Json);
        let limit = match request.method {
            Method::Get => self.limits().answer,
            _ => self.limits().change,
        };
        self.send_with(request, outgoing, limit)
    }

    /// Reads an object.
    ///
    /// # Errors
    /// As [`Self::send`], and when it has another form.
    pub fn read<T: DeserializeOwned>(
        &self,
        request: &Request,
    ) -> Result<(T, Option<String>), Error> {
        let (metadata, etag) = self.send(request)?.done(request)?;
        let fault = |fault: serde_json::Error| AnswerFault::Shape(fault.to_string());
        let object = serde_json::from_value(metadata)
            .map_err(|error| Error::Answer { request: request.to_string(), fault: fault(error) })?;
        Ok((object, etag))
    }

    /// Reads an object that may be missing.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn find<T: DeserializeOwned>(
        &self,
        request: &Request,
    ) -> Result<Option<(T, Option<String>)>, Error> {
        match self.read(request) {
            Ok(found) => Ok(Some(found)),
            Err(error) if error.is_not_found() => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// What Incus is.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn server(&self) -> Result<Server, Error> {
        #[derive(serde::Deserialize)]
        struct Found {
            #[serde(default)]
            api_extensions: Vec<String>,
            environment: Environment,
        }
        #[derive(serde::Deserialize)]
        struct Environment {
            server_version: String,
            #[serde(default)]
            storage_supported_drivers: Vec<Driver>,
        }
        #[derive(serde::Deserialize)]
        struct Driver {
            #[serde(rename = "Name")]
            name: String,
        }
        let (found, _): (Found, _) = self.read(&Request::get(&[]))?;
        let environment = found.environment;
        let drivers = environment.storage_supported_drivers.into_iter().map(|driver| driver.name);
        Ok(Server {
            version: printable(&environment.server_version, 40),
            extensions: found.api_extensions,
            drivers: drivers.collect(),
        })
    }

    pub(crate) fn send_with(
        &self,
        request: &Request,
        outgoing: Outgoing<'_>,
        limit: Duration,
    ) -> Result<Reply, Error> {
        let say = Say { request, socket: &self.socket, limit, is_stopped: self.settings.stop };
        let mut response = call(&self.agent, &say, outgoing)?;
        let status = response.status().as_u16();
        let etag = response.headers().get(ETAG).and_then(|value| value.to_str().ok());
        let etag = etag.map(str::to_owned);
        let body = response.body_mut().with_config().limit(MAX_ANSWER).read_to_vec();
        let body = body.map_err(|fault| say.error(fault))?;
        match answer::parse(status, &body) {
            Ok(Answer::Sync(metadata)) => Ok(Reply::Done { metadata, etag }),
            Ok(Answer::Async(operation)) => Ok(Reply::Started(operation)),
            Ok(Answer::Error { code, text }) => {
                Err(Error::Refused { request: request.to_string(), code, text })
            }
            Err(fault) => Err(Error::Answer { request: request.to_string(), fault }),
        }
    }

    /// Reads a file: at most so many bytes, and whether that is all of it.
    pub(crate) fn read_file(
        &self,
        request: &Request,
        limit: u64,
    ) -> Result<(Vec<u8>, bool), Error> {
        let limits = self.limits();
        let say = Say {
            request,
            socket: &self.socket,
            limit: limits.answer,
            is_stopped: self.settings.stop,
        };
        let mut response = call(&self.agent, &say, Outgoing::Nothing)?;
        let status = response.status().as_u16();
        let mut bytes = Vec::new();
        let body = response.body_mut().as_reader();
        let read = body.take(limit.saturating_add(1)).read_to_end(&mut bytes);
        read.map_err(|fault| say.error(fault.into()))?;
        if status != 200 {
            let fault = match answer::parse(status, &bytes) {
                Ok(Answer::Error { code, text }) => {
                    return Err(Error::Refused { request: request.to_string(), code, text });
                }
                Ok(_) => AnswerFault::Status(status),
                Err(fault) => fault,
            };
            return Err(Error::Answer { request: request.to_string(), fault });
        }
        let limit = usize::try_from(limit).unwrap_or(usize::MAX);
        let is_all = bytes.len() <= limit;
        bytes.truncate(limit);
        Ok((bytes, is_all))
    }

    /// Asks for an end of an operation, although the program was asked to stop. The answer does not matter.
    pub(crate) fn cancel(&self, operation: &Operation) {
        if operation.may_cancel {
            let request = Request::of(Method::Delete, &["operations", &operation.id]);
            let never: Stop = || false;
            let say = Say {
                request: &request,
                socket: &self.socket,
                limit: LAST_WORDS,
                is_stopped: never,
            };
            drop(call(&agent(&self.socket, never), &say, Outgoing::Nothing));
        }
    }
}

impl Reply {
    /// The metadata of what is done.
    pub(crate) fn done(self, request: &Request) -> Result<(Value, Option<String>), Error> {
        match self {
            Self::Done { metadata, etag } => Ok((metadata, etag)),
            Self::Started(_) => {
                let fault = AnswerFault::Kind { expected: "sync", found: "async" };
                Err(Error::Answer { request: request.to_string(), fault })
            }
        }
    }
}

fn agent(socket: &Path, stop: Stop) -> Agent {
    let config = ureq::config::Config::builder()
        // Not what the environment says.
        .proxy(None)
        .http_status_as_error(false)
        .max_redirects(0)
        .max_redirects_will_error(false)
        .user_agent(concat!("anklume/", env!("CARGO_PKG_VERSION")))
        .accept_encoding("identity")
        .max_idle_connections(0)
        .build();
    let connector = ToSocket { path: socket.to_owned(), stop };
    Agent::with_parts(config, connector, NoResolver)
}

fn call(agent: &Agent, say: &Say<'_>, outgoing: Outgoing<'_>) -> Result<Response<Body>, Error> {
    let request = say.request;
    // The host is not used, but HTTP asks for one.
    let mut builder = http::Request::builder()
        .method(request.method.as_str())
        .uri(format!("http://incus{}", request.path));
    if let Some(etag) = &request.etag {
        builder = builder.header(IF_MATCH, etag);
    }
    let result = match outgoing {
        Outgoing::Nothing => run(agent, say, builder.body(())),
        Outgoing::Json(value) => {
            let builder = builder.header(CONTENT_TYPE, "application/json");
            run(agent, say, builder.body(value.to_string()))
        }
        Outgoing::Stream { headers, length, bytes } => {
            for (name, value) in headers {
                builder = builder.header(name, value);
            }
            let builder = builder.header(CONTENT_LENGTH, length);
            run(agent, say, builder.body(SendBody::from_reader(bytes)))
        }
    };
    result.map_err(|fault| say.error(fault))
}

fn run(
    agent: &Agent,
    say: &Say<'_>,
    request: Result<http::Request<impl ureq::AsSendBody>, http::Error>,
) -> Result<Response<Body>, ureq::Error> {
    let limit = Some(say.limit);
    let request = agent.configure_request(request?).timeout_global(limit).build();
    agent.run(request)
}

/// Puts errors into words.
struct Say<'a> {
    request: &'a Request,
    socket: &'a Path,
    limit: Duration,
    is_stopped: Stop,
}

impl Say<'_> {
    fn error(&self, fault: ureq::Error) -> Error {
        let request = self.request.to_string();
        match fault {
            ureq::Error::Timeout(_) => Error::Timeout { request, after: self.limit },
            ureq::Error::BodyExceedsLimit(limit) => Error::TooLong { request, limit },
            ureq::Error::Io(fault) => self.io(request, fault),
            other => broken(request, &other),
        }
    }

    fn io(&self, request: String, fault: io::Error) -> Error {
        let is_interrupted = fault.kind() == io::ErrorKind::Interrupted;
        match fault.downcast::<NotConnected>() {
            Ok(NotConnected(fault)) if fault.kind() == io::ErrorKind::NotFound => {
                Error::NoSocket { tried: vec![self.socket.to_owned()] }
            }
            Ok(NotConnected(_)) if (self.is_stopped)() => Error::Interrupted { request },
            Ok(NotConnected(fault)) => Error::Unreachable { socket: self.socket.to_owned(), fault },
            Err(_) if is_interrupted && (self.is_stopped)() => Error::Interrupted { request },
            Err(fault) => broken(request, &fault),
        }
    }
}

fn broken(request: String, fault: &impl ToString) -> Error {
    Error::Broken { request, fault: printable(&fault.to_string(), MAX_TEXT) }
}
