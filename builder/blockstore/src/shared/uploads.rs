//! Blocks on their way to the shared store.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

use object_store::path::Path;
use object_store::{ObjectStore, ObjectStoreExt, PutPayload};
use tokio::sync::Semaphore;

use super::breaker::{Breaker, cause};
use crate::stats::Counters;

/// Uploads in flight at once.
const IN_FLIGHT: usize = 8;
/// Bytes that may wait to be uploaded. What does not fit is not uploaded: a slow store must not
/// make the build wait, nor eat its memory.
const WAITING_BYTES: usize = 64 << 20;
/// Time that one upload may take. Nobody waits for it, so that it is longer than that of a request.
const TIME_LIMIT: Duration = Duration::from_secs(30);

/// All uploads of a build.
#[derive(Debug)]
pub(super) struct Uploads {
    pub(super) breaker: Breaker,
    counters: Arc<Counters>,
    in_flight: Semaphore,
    waiting_bytes: AtomicUsize,
    /// Uploads that have begun and not ended.
    pending: Mutex<u64>,
    ended: Condvar,
}

/// One upload. Counts as pending until it is dropped.
pub(super) struct Upload {
    uploads: Arc<Uploads>,
    object: Vec<u8>,
    bytes: usize,
    payload_bytes: usize,
}

impl Uploads {
    pub(super) fn new(counters: Arc<Counters>) -> Self {
        Self {
            breaker: Breaker::default(),
            counters,
            in_flight: Semaphore::new(IN_FLIGHT),
            waiting_bytes: AtomicUsize::default(),
            pending: Mutex::default(),
            ended: Condvar::default(),
        }
    }

    /// An upload of `object`; `None` when too much is waiting already or uploads do not work.
    pub(super) fn begin(self: &Arc<Self>, object: Vec<u8>, payload: &[u8]) -> Option<Upload> {
        let bytes = object.len();
        let waiting = self.waiting_bytes.fetch_add(bytes, Ordering::Relaxed);
        *self.pending.lock().unwrap_or_else(PoisonError::into_inner) += 1;
        let uploads = Arc::clone(self);
        let upload = Upload { uploads, object, bytes, payload_bytes: payload.len() };
        if waiting.saturating_add(bytes) > WAITING_BYTES || self.breaker.is_off() {
            self.counters.drop_blocks(1);
            return None;
        }
        Some(upload)
    }

    /// Waits until all have ended or `limit` is over; the others count as dropped.
    pub(super) fn wait(&self, limit: Duration) {
        let pending = self.pending.lock().unwrap_or_else(PoisonError::into_inner);
        let (pending, _) = self
            .ended
            .wait_timeout_while(pending, limit, |pending| *pending > 0)
            .unwrap_or_else(PoisonError::into_inner);
        self.counters.drop_blocks(*pending);
    }
}

impl Upload {
    pub(super) async fn run(mut self, store: &dyn ObjectStore, path: &Path) {
        let uploads = Arc::clone(&self.uploads);
        let Ok(_permit) = uploads.in_flight.acquire().await else { return };
        if uploads.breaker.is_off() {
            uploads.counters.drop_blocks(1);
            return;
        }
        let payload = PutPayload::from(std::mem::take(&mut self.object));
        match tokio::time::timeout(TIME_LIMIT, store.put(path, payload)).await {
            Ok(Ok(_)) => {
                uploads.breaker.worked();
                uploads.counters.write(self.payload_bytes);
            }
            Ok(Err(error)) => uploads.fail(cause(&error)),
            Err(_) => uploads.fail(format!("no answer in {TIME_LIMIT:?}")),
        }
    }
}

impl Uploads {
    fn fail(&self, error: String) {
        self.breaker.failed(error);
        self.counters.fail();
    }
}

impl Drop for Upload {
    fn drop(&mut self) {
        self.uploads.waiting_bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        let mut pending = self.uploads.pending.lock().unwrap_or_else(PoisonError::into_inner);
        *pending = pending.saturating_sub(1);
        self.uploads.ended.notify_all();
    }
}
