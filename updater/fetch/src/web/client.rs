//! Requests, redirects, and what an answer's status means.

use std::collections::HashMap;
use std::fmt;
use std::io::Read;
use std::sync::Mutex;

use ureq::Agent;
use ureq::config::Config;
use ureq::http::{Response, StatusCode};
use ureq::unversioned::resolver::DefaultResolver;
use ureq::unversioned::transport::{Connector, DefaultConnector};

use super::absolute::{AbsoluteForm, ToProxy};
use super::fault::Fault;
use super::{Call, count, lock, tls};
use crate::error::{AnswerFault, Error, RedirectFault};
use crate::header::{Validator, digits, retry_after};
use crate::settings::{Roots, Settings, Timeouts};
use crate::url::Url;

/// How often a request may be sent elsewhere.
const MAX_REDIRECTS: usize = 5;
/// Buffers of a connection, in bytes. A head must fit.
const INPUT_BYTES: usize = 64 << 10;
const OUTPUT_BYTES: usize = 24 << 10;
/// The longest head of an answer, in bytes.
const MAX_HEAD_BYTES: usize = 32 << 10;

/// Connections, kept between requests.
pub(super) struct Client {
    timeouts: Timeouts,
    roots: Roots,
    connections: usize,
    agents: Mutex<Agents>,
}

#[derive(Default)]
struct Agents {
    /// By whether the address is `https`, and whether a proxy is asked.
    made: HashMap<(bool, bool), Agent>,
    is_closed: bool,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Proxies may have passwords.
        f.write_str("Client")
    }
}

/// An answer that is no redirect.
pub(super) struct Reply {
    /// Who gave it.
    pub(super) url: Url,
    pub(super) status: StatusCode,
    /// Whether a redirect led there.
    pub(super) was_led: bool,
    response: Response<ureq::Body>,
}

impl Client {
    pub(super) fn new(settings: &Settings) -> Self {
        anklume_host::names::only_built_in();
        Self {
            timeouts: settings.timeouts,
            roots: settings.roots.clone(),
            connections: settings.connections(),
            agents: Mutex::default(),
        }
    }

    /// Ends all requests, also those that wait.
    pub(super) fn close(&self) {
        let mut agents = lock(&self.agents);
        agents.is_closed = true;
        agents.made.drain().for_each(|(_, agent)| agent.shutdown());
    }

    /// The agent for an address. They are made when they are needed: the system's certificates are read
    /// for `https` only.
    fn agent(&self, url: &Url, settings: &Settings) -> Result<Agent, Fault> {
        let proxy = settings.proxies.pick(url).map_err(Fault::lasting)?;
        let mut agents = lock(&self.agents);
        if agents.is_closed {
            return Err(Fault::lasting(Error::Cancelled));
        }
        let key = (url.is_secure(), proxy.is_some());
        if let Some(agent) = agents.made.get(&key) {
            return Ok(agent.clone());
        }
        let mut config = self.config();
        if url.is_secure() {
            let tls = tls::config(&self.roots).map_err(|fault| Fault::no_tls(fault, url))?;
            config = config.tls_config(tls);
        }
        let resolver = DefaultResolver::default();
        let agent = match proxy {
            Some(proxy) if !url.is_secure() => {
                let connector = DefaultConnector::new().chain(AbsoluteForm::new(&proxy));
                let to_proxy = ToProxy { proxy: proxy.uri().clone(), inner: resolver };
                Agent::with_parts(config.build(), connector, to_proxy)
            }
            // A tunnel, or nothing in between.
            proxy => {
                let config = config.proxy(proxy).build();
                Agent::with_parts(config, DefaultConnector::new(), resolver)
            }
        };
        agents.made.insert(key, agent.clone());
        Ok(agent)
    }

    fn config(&self) -> ureq::config::ConfigBuilder<ureq::typestate::AgentScope> {
        Config::builder()
            // Not what the client would read from the environment by rules of its own.
            .proxy(None)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_redirects_will_error(false)
            .user_agent(concat!("anklume/", env!("CARGO_PKG_VERSION")))
            .accept_encoding("identity")
            .timeout_resolve(Some(self.timeouts.resolve))
            .timeout_connect(Some(self.timeouts.connect))
            .timeout_send_request(Some(self.timeouts.stall))
            .timeout_recv_response(Some(self.timeouts.answer))
            .timeout_per_read(Some(self.timeouts.stall))
            .input_buffer_size(INPUT_BYTES)
            .output_buffer_size(OUTPUT_BYTES)
            .max_response_header_size(MAX_HEAD_BYTES)
            .max_idle_connections(self.connections)
            .max_idle_connections_per_host(self.connections)
    }
}

impl Call {
    /// Sends a `GET` to an address and follows redirects.
    pub(super) fn get(&self, address: &Url, headers: &[(&str, String)]) -> Result<Reply, Fault> {
        let mut seen = vec![address.clone()];
        let mut url = address.clone();
        loop {
            let reply = self.get_once(&url, headers)?;
            let is_redirect = matches!(reply.status.as_u16(), 301 | 302 | 303 | 307 | 308);
            if !is_redirect {
                let was_led = seen.len() > 1;
                return reply.check().map(|reply| Reply { was_led, ..reply });
            }
            let next = reply.next()?;
            let redirect =
                |fault| Fault::lasting(Error::Redirect { url: seen[0].to_string(), fault });
            if seen.contains(&next) {
                return Err(redirect(RedirectFault::Loop(next.to_string())));
            }
            if seen.len() > MAX_REDIRECTS {
                return Err(redirect(RedirectFault::TooMany(MAX_REDIRECTS)));
            }
            seen.push(next.clone());
            url = next;
        }
    }

    fn get_once(&self, url: &Url, headers: &[(&str, String)]) -> Result<Reply, Fault> {
        let agent = self.client.agent(url, &self.settings)?;
        let mut request = agent.get(url.to_string());
        for (name, value) in headers {
            request = request.header(*name, value);
        }
        count(&self.counters.requests, 1);
        let response =
            request.call().map_err(|error| Fault::of(error, url, &self.settings.timeouts))?;
        Ok(Reply { url: url.clone(), status: response.status(), was_led: false, response })
    }

    /// The next try asks the first address again when the one that it led to fails, whatever is wrong:
    /// such addresses may hold for a while only, and the first one may know a server that is well.
    pub(super) fn forget(&self, asked: &Url, fault: Fault) -> Fault {
        if *asked == self.url {
            return fault;
        }
        let mut target = lock(&self.target);
        // Another thread may have been led elsewhere meanwhile.
        if target.as_ref() == Some(asked) {
            *target = None;
        }
        Fault { may_pass: true, wait: None, ..fault }
    }
}

impl Reply {
    /// The value of a header that is there once.
    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.response.headers().get(name).and_then(|value| value.to_str().ok())
    }

    /// What the server says that the body has.
    pub(super) fn length(&self) -> Option<u64> {
        digits(self.header("content-length")?)
    }

    pub(super) fn validator(&self) -> Validator {
        let own = |name| self.header(name).map(str::to_owned);
        Validator { etag: own("etag"), modified: own("last-modified") }
    }

    /// The body. It is as long as the server likes.
    pub(super) fn body(self) -> impl Read {
        self.response.into_body().into_reader()
    }

    /// Where a redirect leads.
    fn next(&self) -> Result<Url, Fault> {
        let fault = |fault| Fault::lasting(Error::Redirect { url: self.url.to_string(), fault });
        let text = self.header("location").ok_or_else(|| fault(RedirectFault::Nowhere))?;
        let next = self
            .url
            .resolve(text)
            .map_err(|url| fault(RedirectFault::Url { text: text.to_owned(), fault: url }))?;
        if self.url.is_secure() && !next.is_secure() {
            return Err(fault(RedirectFault::Insecure(next.to_string())));
        }
        Ok(next)
    }

    /// Turns statuses that are no content into faults, but for 416, which is about a range.
    fn check(self) -> Result<Self, Fault> {
        let (url, status) = (self.url.to_string(), self.status.as_u16());
        match status {
            200 | 206 | 416 => match self.header("content-encoding") {
                Some(encoding) if !encoding.eq_ignore_ascii_case("identity") => {
                    Err(Fault::answer(&self.url, AnswerFault::Encoding(encoding.to_owned())))
                }
                _ => Ok(self),
            },
            404 | 410 => Err(Fault::lasting(Error::NotFound { object: url })),
            408 | 429 | 500..=599 => {
                let value = self.header("retry-after");
                let wait = value.and_then(|value| retry_after(value, self.header("date")));
                let error = Error::Busy { url, status, wait };
                Err(Fault { error, may_pass: true, wait })
            }
            400..=499 => Err(Fault::lasting(Error::Refused { url, status })),
            _ => Err(Fault::answer(&self.url, AnswerFault::Status(status))),
        }
    }
}
