//! What went wrong in one try, and whether another one is worth it.

use std::time::Duration;

use ureq::Timeout;

use super::pace::{Brought, Harvest};
use super::tls;
use crate::error::{AnswerFault, Error, ProxyFault, ReachFault, TlsFault};
use crate::settings::{Settings, Timeouts};
use crate::url::Url;

/// A try that failed.
#[derive(Debug)]
pub(super) struct Fault {
    /// What it means when it was the last one.
    pub(super) error: Error,
    /// Whether it may pass.
    pub(super) may_pass: bool,
    /// How long the server asks to wait.
    pub(super) wait: Option<Duration>,
}

impl Fault {
    /// What may pass.
    pub(super) fn passing(error: Error) -> Self {
        Self { error, may_pass: true, wait: None }
    }

    /// What will not.
    pub(super) fn lasting(error: Error) -> Self {
        Self { error, may_pass: false, wait: None }
    }

    /// An answer that is wrong, which may be the fault of something on the way.
    pub(super) fn answer(url: &Url, fault: AnswerFault) -> Self {
        Self::passing(Error::Answer { url: url.to_string(), fault })
    }

    /// What the HTTP client says.
    pub(super) fn of(error: ureq::Error, url: &Url, timeouts: &Timeouts) -> Self {
        let reach = |fault| Self::passing(Error::Unreachable { url: url.to_string(), fault });
        let protocol = |text: String| Self::answer(url, AnswerFault::Protocol(text));
        let proxy = |text| Self::passing(Error::Proxy { fault: ProxyFault::Tunnel(text) });
        match error {
            ureq::Error::HostNotFound => reach(ReachFault::Host),
            ureq::Error::Io(error) => {
                let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
                match inner {
                    Some(inner) => Self::tls(inner, url),
                    None => reach(ReachFault::Io(error)),
                }
            }
            ureq::Error::Rustls(error) => Self::tls(&error, url),
            ureq::Error::Tls(text) => Self::no_tls(TlsFault::Other(text.to_owned()), url),
            ureq::Error::Timeout(timeout) => reach(silent(timeout, timeouts)),
            ureq::Error::ConnectProxyFailed(text) => proxy(text),
            ureq::Error::Protocol(error) => protocol(error.to_string()),
            other => protocol(other.to_string()),
        }
    }

    fn tls(error: &rustls::Error, url: &Url) -> Self {
        let (fault, may_pass) = tls::fault(error);
        Self { error: Error::Tls { url: url.to_string(), fault }, may_pass, wait: None }
    }

    /// No secure connection, and there will be none.
    pub(super) fn no_tls(fault: TlsFault, url: &Url) -> Self {
        Self::lasting(Error::Tls { url: url.to_string(), fault })
    }
}

fn silent(timeout: Timeout, timeouts: &Timeouts) -> ReachFault {
    let (doing, after) = match timeout {
        Timeout::Resolve => ("looking up the host", timeouts.resolve),
        Timeout::Connect => ("connecting", timeouts.connect),
        Timeout::RecvResponse => ("waiting for the answer", timeouts.answer),
        _ => ("waiting for more", timeouts.stall),
    };
    ReachFault::Silent { doing, after }
}

/// Counts tries that bring nothing, or next to nothing.
#[derive(Debug, Default)]
pub(super) struct Tries {
    /// In a row.
    failures: u32,
    harvest: Harvest,
}

impl Tries {
    /// A try is over. Whether it brought something, and the tries bring enough on the whole.
    pub(super) fn brought(&mut self, brought: Brought, settings: &Settings) -> bool {
        // One that brings nothing says nothing about how fast the source is, and is counted anyway.
        let is_enough = brought.bytes > 0 && self.harvest.add(brought, settings);
        if is_enough {
            self.failures = 0;
        }
        is_enough
    }

    /// What is wrong with tries that each brought something, and not enough.
    pub(super) fn too_little(&self, url: &Url) -> Fault {
        let fault = self.harvest.fault();
        Fault::passing(Error::Unreachable { url: url.to_string(), fault })
    }

    /// What went wrong, and how long to wait before the next try, which there may be none of.
    pub(super) fn after(
        &mut self,
        fault: Fault,
        settings: &Settings,
    ) -> Result<(Error, Duration), Error> {
        self.failures = self.failures.saturating_add(1);
        let asks_too_much = fault.wait.is_some_and(|wait| wait > settings.back_off.patience);
        if !fault.may_pass || asks_too_much || self.failures >= settings.tries.max(1) {
            return Err(fault.error);
        }
        let own = settings.back_off.wait(self.failures, settings.pause.chance());
        // Not before the server wants it, and not all machines at that very moment.
        let wait = fault.wait.map_or(own, |wait| wait.saturating_add(own));
        Ok((fault.error, wait))
    }
}
