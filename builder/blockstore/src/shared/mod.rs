//! The store that machines share: requests with a time limit, for callers that wait.

mod backend;
mod breaker;
mod transport;
mod uploads;

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anklume_squashfs_writer::BlockKey;
use futures_util::StreamExt;
use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt};
use tokio::runtime::Runtime;
use tokio::sync::Semaphore;

use self::breaker::Breaker;
use self::uploads::Uploads;
use crate::entry::{self, HEADER_BYTES, Seal};
use crate::local::hexadecimal;
use crate::stats::Counters;
use crate::{MacKey, Shared, Tier, Warning};

/// Requests for blocks in flight at once. The threads that compress wait for them, so that there
/// are rarely more.
const DOWNLOADS: usize = 32;
/// Threads that serve all requests.
const RUNTIME_THREADS: usize = 2;

/// A store that machines share; see [`crate`].
#[derive(Debug)]
pub(crate) struct SharedStore {
    remote: Arc<Remote>,
    uploads: Arc<Uploads>,
    upload_limit: Duration,
    mac_key: MacKey,
    url: String,
    counters: Arc<Counters>,
    /// `None` only while it is dropped.
    runtime: Option<Runtime>,
}

/// What requests need.
#[derive(Debug)]
struct Remote {
    store: Box<dyn ObjectStore>,
    prefix: Path,
    time_limit: Duration,
    downloads: Semaphore,
    reads: Breaker,
}

/// How a request for an object ended.
#[derive(Debug)]
enum Answer {
    Object(Vec<u8>),
    Absent,
    /// Longer than the block can be.
    TooLong,
    Failed(String),
}

/// What [`SharedStore::finish`] leaves behind.
pub(crate) struct Finished {
    pub(crate) tier: Tier,
    pub(crate) warnings: Vec<Warning>,
}

impl SharedStore {
    /// Gets ready; no request is made yet.
    pub(crate) fn open(shared: Shared) -> Result<Self, Warning> {
        let url = shared.public_url();
        let unusable = |reason: String| Warning::SharedUnusable { url: url.clone(), reason };
        let runtime = tokio::runtime::Builder::new_multi_thread()
            .worker_threads(RUNTIME_THREADS)
            .thread_name("blockstore")
            .enable_all()
            .build()
            .map_err(|error| unusable(error.to_string()))?;
        let (store, prefix) = backend::open(&shared)
            .map_err(|error| unusable(breaker::one_line(&error.to_string())))?;
        let counters = Arc::new(Counters::default());
        let remote = Remote {
            store,
            prefix,
            time_limit: shared.request_limit,
            downloads: Semaphore::new(DOWNLOADS),
            reads: Breaker::default(),
        };
        Ok(Self {
            remote: Arc::new(remote),
            uploads: Arc::new(Uploads::new(Arc::clone(&counters))),
            upload_limit: shared.upload_limit,
            mac_key: shared.mac_key,
            url,
            counters,
            runtime: Some(runtime),
        })
    }

    /// The payload of an object that has a valid MAC and is at most `limit` bytes long.
    pub(crate) fn get(&self, key: &BlockKey, limit: usize) -> Option<Vec<u8>> {
        let runtime = self.runtime.as_ref()?;
        if self.remote.reads.is_off() {
            return None;
        }
        let longest = limit.saturating_add(HEADER_BYTES).min(transport::MAX_RESPONSE_BYTES);
        let (sender, receiver) = mpsc::sync_channel(1);
        let (remote, path) = (Arc::clone(&self.remote), self.remote.path(key));
        runtime.spawn(async move {
            // Nobody waits any more only when the waiting thread is gone.
            let _ = sender.send(remote.fetch(&path, longest).await);
        });
        // The channel closes without an answer when the task panicked: what a storage answers
        // passes through much code that is not ours.
        let answer = receiver.recv().unwrap_or_else(|_| Answer::Failed("panic".to_owned()));
        self.judge(answer, key)
    }

    fn judge(&self, answer: Answer, key: &BlockKey) -> Option<Vec<u8>> {
        if let Answer::Failed(error) = answer {
            self.remote.reads.failed(error);
            self.counters.fail();
            self.counters.miss();
            return None;
        }
        let payload = match answer {
            Answer::Object(object) => self.payload(key, object).ok_or("an object with a wrong MAC"),
            Answer::TooLong => Err("an object longer than any block"),
            Answer::Absent | Answer::Failed(_) => {
                self.remote.reads.worked();
                self.counters.miss();
                return None;
            }
        };
        match payload {
            Ok(payload) => {
                self.remote.reads.worked();
                self.counters.hit(&payload);
                Some(payload)
            }
            Err(fault) => {
                // With another secret, all objects would be fetched for nothing, and replaced by
                // what others cannot use.
                self.remote.reads.failed(fault.to_owned());
                self.counters.reject();
                self.counters.miss();
                None
            }
        }
    }

    fn payload(&self, key: &BlockKey, mut object: Vec<u8>) -> Option<Vec<u8>> {
        let (header, payload) = object.split_first_chunk()?;
        if !entry::is_valid(Seal::Mac(&self.mac_key), key, header, payload) {
            return None;
        }
        object.drain(..HEADER_BYTES);
        Some(object)
    }

    /// Uploads a block in the background.
    pub(crate) fn put(&self, key: &BlockKey, payload: &[u8]) {
        let Some(runtime) = &self.runtime else { return };
        if self.remote.reads.is_off() {
            return;
        }
        let Some(object) = entry::encode(Seal::Mac(&self.mac_key), key, payload) else { return };
        let Some(upload) = self.uploads.begin(object, payload) else { return };
        let (remote, path) = (Arc::clone(&self.remote), self.remote.path(key));
        runtime.spawn(async move { upload.run(&*remote.store, &path).await });
    }

    /// Waits for the uploads, within their time limit, and says what happened.
    pub(crate) fn finish(mut self) -> Finished {
        // A store that does not answer will not take anything either.
        let off = self.remote.reads.is_off();
        self.uploads.wait(if off { Duration::ZERO } else { self.upload_limit });
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
        let tier = self.counters.snapshot();
        let url = || self.url.clone();
        let off = self.remote.reads.reason();
        let off = off.map(|(failures, last)| Warning::SharedOff { url: url(), failures, last });
        let refused = self.uploads.breaker.reason();
        let refused = refused.map(|(failures, last)| Warning::SharedNotWritable {
            url: url(),
            failures,
            last,
        });
        let rejected = (tier.rejected > 0)
            .then(|| Warning::SharedRejected { url: url(), rejected: tier.rejected });
        let slow = (tier.dropped > 0 && off.is_none() && refused.is_none())
            .then(|| Warning::SharedSlow { url: url(), dropped: tier.dropped });
        Finished { tier, warnings: [off, refused, rejected, slow].into_iter().flatten().collect() }
    }
}

impl Drop for SharedStore {
    /// A runtime that is dropped waits for what cannot be cancelled, such as opening a file of a
    /// server that is gone.
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

impl Remote {
    fn path(&self, key: &BlockKey) -> Path {
        self.prefix.clone().join(format!("{}.v1", hexadecimal(key)))
    }

    async fn fetch(&self, path: &Path, longest: usize) -> Answer {
        let Ok(_permit) = self.downloads.acquire().await else {
            return Answer::Failed("closed".to_owned());
        };
        let request = self.download(path, longest);
        match tokio::time::timeout(self.time_limit, request).await {
            Ok(Ok(answer)) => answer,
            Ok(Err(object_store::Error::NotFound { .. })) => Answer::Absent,
            Ok(Err(error)) => Answer::Failed(breaker::cause(&error)),
            Err(_) => Answer::Failed(format!("no answer in {:?}", self.time_limit)),
        }
    }

    async fn download(&self, path: &Path, longest: usize) -> object_store::Result<Answer> {
        let result = self.store.get(path).await?;
        let Ok(announced) = usize::try_from(result.meta.size) else { return Ok(Answer::TooLong) };
        if announced > longest {
            return Ok(Answer::TooLong);
        }
        let mut object = Vec::with_capacity(announced);
        let mut pieces = result.into_stream();
        while let Some(piece) = pieces.next().await {
            let piece = piece?;
            if object.len().saturating_add(piece.len()) > longest {
                return Ok(Answer::TooLong);
            }
            object.extend_from_slice(&piece);
        }
        Ok(Answer::Object(object))
    }
}
