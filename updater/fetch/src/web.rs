//! Sources on web servers.

mod absolute;
mod client;
mod fault;
mod job;
mod pace;
mod small;
mod tls;
mod transfer;

use std::ops::Range;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock};
use std::thread;
use std::time::Duration;

use crate::error::{AnswerFault, Error, ReachFault};
use crate::header::Validator;
use crate::rate::Limiter;
use crate::settings::Settings;
use crate::source::{Fetched, Take};
use crate::url::Url;

use client::Client;

/// The most that is asked for in one request, in bytes. Also what a connection may hold while it is not
/// its turn.
pub const REQUEST_BYTES: u64 = 2 << 20;
/// The longest piece that is given on, in bytes.
pub const PIECE_BYTES: usize = 64 << 10;
/// How often the caller's thread looks whether it is cancelled.
const LOOK: Duration = Duration::from_millis(50);

/// The folder of a repository on a web server.
#[derive(Debug)]
pub(crate) struct Web {
    folder: Url,
    /// Open connections of the last call, if that left them in order.
    client: Mutex<Option<Arc<Client>>>,
    limiter: OnceLock<Arc<Limiter>>,
}

/// What the threads of one call share.
#[derive(Debug)]
struct Call {
    client: Arc<Client>,
    limiter: Arc<Limiter>,
    settings: Settings,
    url: Url,
    /// Where the first request was led to.
    target: Mutex<Option<Url>>,
    /// Who answered, and what tells the file there from another one.
    validator: Mutex<Option<(Url, Validator)>>,
    counters: Counters,
    /// Nobody waits for this call any more.
    is_over: AtomicBool,
}

#[derive(Debug, Default)]
struct Counters {
    bytes: AtomicU64,
    requests: AtomicU64,
    retries: AtomicU64,
}

impl Web {
    pub(crate) fn new(folder: Url) -> Self {
        Self { folder, client: Mutex::default(), limiter: OnceLock::new() }
    }

    pub(crate) fn file(
        &self,
        name: &str,
        limit: u64,
        settings: &Settings,
    ) -> Result<Option<Vec<u8>>, Error> {
        let call = self.begin(name, settings);
        let result = small::fetch(&call, limit);
        self.end(&call, result.is_ok());
        result
    }

    pub(crate) fn ranges(
        &self,
        name: &str,
        length: u64,
        ranges: &[Range<u64>],
        settings: &Settings,
        take: Take<'_>,
    ) -> Result<Fetched, Error> {
        let call = self.begin(name, settings);
        let result = transfer::fetch(&call, length, ranges, take);
        // A caller that has enough leaves connections in the middle of an answer.
        self.end(&call, matches!(result, Ok(flow) if flow.is_continue()));
        result.map(|_| call.counters.fetched())
    }

    fn begin(&self, name: &str, settings: &Settings) -> Arc<Call> {
        let limiter = self.limiter.get_or_init(|| Arc::new(Limiter::new(settings.limit_rate)));
        // Taken, not shared: whoever ends early closes all connections of its client.
        let client = lock(&self.client).take();
        let client = client.unwrap_or_else(|| Arc::new(Client::new(settings)));
        Arc::new(Call {
            client,
            limiter: Arc::clone(limiter),
            settings: settings.clone(),
            url: self.folder.file(name),
            target: Mutex::default(),
            validator: Mutex::default(),
            counters: Counters::default(),
            is_over: AtomicBool::new(false),
        })
    }

    fn end(&self, call: &Call, is_in_order: bool) {
        call.is_over.store(true, Ordering::SeqCst);
        if is_in_order {
            *lock(&self.client) = Some(Arc::clone(&call.client));
        } else {
            call.client.close();
        }
    }
}

impl Call {
    /// Whether threads should come to an end.
    fn is_over(&self) -> bool {
        self.is_over.load(Ordering::SeqCst) || self.settings.cancel.is_cancelled()
    }

    /// The address to ask.
    fn address(&self) -> Url {
        lock(&self.target).clone().unwrap_or_else(|| self.url.clone())
    }

    /// What to send as `If-Range` to an address.
    fn if_range(&self, address: &Url) -> Option<String> {
        let known = lock(&self.validator);
        let (_, own) = known.as_ref().filter(|(url, _)| url == address)?;
        own.if_range().map(str::to_owned)
    }

    /// Whether an answer may be of the same file as those before it. Servers make up tags as they like:
    /// only those of one address are compared.
    fn agrees(&self, answerer: &Url, validator: Validator) -> bool {
        let mut known = lock(&self.validator);
        if let Some((_, first)) = known.as_ref().filter(|(url, _)| url == answerer) {
            return first.agrees(&validator);
        }
        *known = Some((answerer.clone(), validator));
        true
    }

    /// Runs `work` in a thread of its own. What it sends comes out of the receiver.
    fn spawn<T: Send + 'static>(
        self: &Arc<Self>,
        room: usize,
        work: impl FnOnce(Arc<Self>, SyncSender<T>) + Send + 'static,
    ) -> Result<Receiver<T>, Error> {
        let (sender, receiver) = sync_channel(room);
        let call = Arc::clone(self);
        let thread = thread::Builder::new().name("fetch".to_owned());
        thread.spawn(move || work(call, sender)).map_err(|error| Error::Unreachable {
            url: self.url.to_string(),
            fault: ReachFault::Io(error),
        })?;
        Ok(receiver)
    }

    /// The next thing that a thread sends.
    fn receive<T>(&self, receiver: &Receiver<T>) -> Result<T, Error> {
        loop {
            if self.settings.cancel.is_cancelled() {
                return Err(Error::Cancelled);
            }
            match receiver.recv_timeout(LOOK) {
                Ok(message) => return Ok(message),
                Err(RecvTimeoutError::Timeout) => {}
                // Each thread says how it ended, unless it panicked.
                Err(RecvTimeoutError::Disconnected) => {
                    let url = self.url.to_string();
                    return Err(Error::Answer { url, fault: AnswerFault::GivenUp });
                }
            }
        }
    }
}

impl Counters {
    fn fetched(&self) -> Fetched {
        let value = |counter: &AtomicU64| counter.load(Ordering::SeqCst);
        Fetched {
            bytes: value(&self.bytes),
            requests: value(&self.requests),
            retries: value(&self.retries),
        }
    }
}

fn count(counter: &AtomicU64, number: usize) {
    counter.fetch_add(u64::try_from(number).unwrap_or(u64::MAX), Ordering::SeqCst);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poison| poison.into_inner())
}

#[cfg(test)]
mod tests {
    use super::fault::Fault;
    use super::*;

    #[test]
    fn the_address_that_is_given_up_is_the_one_that_failed() {
        let url = |text| Url::parse(text).unwrap();
        let (old, new) = (url("http://old/x"), url("http://new/x"));
        let call = Web::new(Url::folder("http://h/").unwrap()).begin("x", &Settings::default());
        let may_pass = |asked: &Url| call.forget(asked, Fault::lasting(Error::Cancelled)).may_pass;
        *lock(&call.target) = Some(new.clone());
        // A thread that was led elsewhere before.
        assert!(may_pass(&old));
        assert_eq!(call.address(), new);
        // Two threads one after the other.
        assert!(may_pass(&new));
        assert!(may_pass(&new));
        assert_eq!(call.address(), call.url);
        assert!(!may_pass(&call.url));
    }
}
