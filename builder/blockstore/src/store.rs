//! The store that the squashfs writer asks.

use std::sync::atomic::{AtomicU64, Ordering};

use anklume_squashfs_writer::{BlockCache, BlockKey};

use crate::local::Local;
#[cfg(feature = "shared")]
use crate::shared::SharedStore;
use crate::stats::add;
use crate::{Settings, Stats, Warning};

/// A store of compressed blocks; see [`crate`]. Used from many threads at once.
#[derive(Debug)]
pub struct Store {
    asked: AtomicU64,
    local: Option<Local>,
    #[cfg(feature = "shared")]
    shared: Option<SharedStore>,
}

/// What a store did, and what it could not do.
#[derive(Debug)]
pub struct Summary {
    /// What it did.
    pub stats: Stats,
    /// What it could not do since it was opened.
    pub warnings: Vec<Warning>,
}

impl Store {
    /// Opens the store that `settings` describe. What cannot be used is left out, with a warning;
    /// in the worst case the store has nothing and takes nothing.
    #[must_use]
    pub fn open(settings: Settings) -> (Self, Vec<Warning>) {
        let mut warnings = Vec::new();
        let local = Local::open(&settings.folder, settings.limit_bytes);
        #[cfg(feature = "shared")]
        let shared = settings.shared.map(SharedStore::open);
        #[cfg(not(feature = "shared"))]
        warnings.extend(settings.shared.map(|shared| Warning::SharedUnusable {
            url: shared.public_url(),
            reason: "this program was built without shared stores".to_owned(),
        }));
        let store = Self {
            asked: AtomicU64::default(),
            local: local.map_err(|warning| warnings.push(warning)).ok(),
            #[cfg(feature = "shared")]
            shared: shared.and_then(|shared| shared.map_err(|warning| warnings.push(warning)).ok()),
        };
        (store, warnings)
    }

    /// Waits for what is on its way to the shared store, within a time limit, and removes what
    /// exceeds the limit of the folder. A store that is dropped instead does neither.
    #[must_use]
    pub fn finish(self) -> Summary {
        let mut summary = Summary { stats: Stats::default(), warnings: Vec::new() };
        summary.stats.asked = self.asked.load(Ordering::Relaxed);
        if let Some(local) = &self.local {
            let finished = local.finish();
            summary.stats.local = local.counters.snapshot();
            summary.stats.evicted = finished.evicted;
            summary.stats.evicted_bytes = finished.evicted_bytes;
            summary.stats.folder_bytes = finished.folder_bytes;
            summary.warnings.extend(finished.warning);
        }
        #[cfg(feature = "shared")]
        if let Some(shared) = self.shared {
            let finished = shared.finish();
            summary.stats.shared = finished.tier;
            summary.warnings.extend(finished.warnings);
        }
        summary
    }
}

impl BlockCache for Store {
    fn get(&self, key: &BlockKey, limit: usize) -> Option<Vec<u8>> {
        add(&self.asked, 1);
        let found = self.local.as_ref().and_then(|local| local.get(key, limit));
        #[cfg(feature = "shared")]
        let found = found.or_else(|| {
            let payload = self.shared.as_ref()?.get(key, limit)?;
            if let Some(local) = &self.local {
                local.put(key, &payload);
            }
            Some(payload)
        });
        found
    }

    fn put(&self, key: &BlockKey, stored: &[u8]) {
        if let Some(local) = &self.local {
            local.put(key, stored);
        }
        #[cfg(feature = "shared")]
        if let Some(shared) = &self.shared {
            shared.put(key, stored);
        }
    }
}
