//! What a store did.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a store did during one build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// The folder of this machine.
    pub local: Tier,
    /// The store that machines share; all zero without one.
    pub shared: Tier,
    /// Entries removed from the folder to keep its limit.
    pub evicted: u64,
    /// Bytes of disk that they took.
    pub evicted_bytes: u64,
    /// Bytes of disk that the folder takes at the end; 0 without a folder.
    pub folder_bytes: u64,
}

impl Stats {
    /// Blocks that were asked for.
    #[must_use]
    pub fn asked(&self) -> u64 {
        self.local.hits.saturating_add(self.local.misses)
    }

    /// Blocks that did not have to be compressed.
    #[must_use]
    pub fn hits(&self) -> u64 {
        self.local.hits.saturating_add(self.shared.hits)
    }
}

/// What one of the two stores did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Tier {
    /// Blocks that it had.
    pub hits: u64,
    /// Blocks that it was asked for and did not have, rejected ones and failed requests included.
    /// While a store is off or absent, every block is a miss of the local store and the shared one
    /// is not asked.
    pub misses: u64,
    /// Entries that were there and not used: damaged, longer than the block, or without a valid
    /// MAC.
    pub rejected: u64,
    /// Requests and writes that failed or took too long.
    pub failed: u64,
    /// Bytes of the blocks that it had, without headers.
    pub read_bytes: u64,
    /// Blocks put into it.
    pub written: u64,
    /// Their bytes, without headers.
    pub written_bytes: u64,
    /// Blocks that were not put into it because too much was waiting already or the time at the end
    /// of the build was up. Always 0 for the folder.
    pub dropped: u64,
}

/// [`Tier`] while threads count.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    hits: AtomicU64,
    misses: AtomicU64,
    rejected: AtomicU64,
    failed: AtomicU64,
    read_bytes: AtomicU64,
    written: AtomicU64,
    written_bytes: AtomicU64,
    dropped: AtomicU64,
}

impl Counters {
    pub(crate) fn hit(&self, payload: &[u8]) {
        add(&self.hits, 1);
        add(&self.read_bytes, bytes(payload));
    }

    pub(crate) fn miss(&self) {
        add(&self.misses, 1);
    }

    pub(crate) fn reject(&self) {
        add(&self.rejected, 1);
    }

    pub(crate) fn fail(&self) {
        add(&self.failed, 1);
    }

    pub(crate) fn write(&self, payload: &[u8]) {
        add(&self.written, 1);
        add(&self.written_bytes, bytes(payload));
    }

    pub(crate) fn snapshot(&self) -> Tier {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Tier {
            hits: of(&self.hits),
            misses: of(&self.misses),
            rejected: of(&self.rejected),
            failed: of(&self.failed),
            read_bytes: of(&self.read_bytes),
            written: of(&self.written),
            written_bytes: of(&self.written_bytes),
            dropped: of(&self.dropped),
        }
    }
}

/// Adds to a counter that nothing else depends on.
pub(crate) fn add(counter: &AtomicU64, count: u64) {
    counter.fetch_add(count, Ordering::Relaxed);
}

fn bytes(payload: &[u8]) -> u64 {
    u64::try_from(payload.len()).unwrap_or(u64::MAX)
}
