//! What a store did.

use std::sync::atomic::{AtomicU64, Ordering};

/// What a store did during one build.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stats {
    /// Blocks that were asked for.
    pub asked: u64,
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
    /// Blocks that it was asked for and did not have, rejected ones and failed requests included. The
    /// shared store is asked for what the folder does not have.
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
        add(&self.read_bytes, bytes(payload.len()));
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

    /// A block of `length` bytes was written.
    pub(crate) fn write(&self, length: usize) {
        add(&self.written, 1);
        add(&self.written_bytes, bytes(length));
    }

    #[cfg_attr(not(feature = "shared"), expect(dead_code, reason = "only uploads are dropped"))]
    pub(crate) fn drop_blocks(&self, count: u64) {
        add(&self.dropped, count);
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

fn bytes(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
