//! The store that the squashfs writer asks.

use anklume_squashfs_writer::{BlockCache, BlockKey};

use crate::local::Local;
use crate::{Settings, Stats, Warning};

/// A store of compressed blocks; see [`crate`]. Used from many threads at once.
#[derive(Debug)]
pub struct Store {
    local: Option<Local>,
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
        let local = match Local::open(&settings.folder, settings.limit_bytes) {
            Ok(local) => Some(local),
            Err(warning) => {
                warnings.push(warning);
                None
            }
        };
        #[cfg(not(feature = "shared"))]
        warnings.extend(settings.shared.map(|shared| Warning::SharedUnusable {
            url: shared.public_url(),
            reason: "this program was built without shared stores".to_owned(),
        }));
        (Self { local }, warnings)
    }

    /// Waits for what is on its way to the shared store, within a time limit, and removes what
    /// exceeds the limit of the folder. A store that is dropped instead does neither.
    #[must_use]
    pub fn finish(self) -> Summary {
        let mut summary = Summary { stats: Stats::default(), warnings: Vec::new() };
        if let Some(local) = &self.local {
            let finished = local.finish();
            summary.stats.local = local.counters.snapshot();
            summary.stats.evicted = finished.evicted;
            summary.stats.evicted_bytes = finished.evicted_bytes;
            summary.stats.folder_bytes = finished.folder_bytes;
            summary.warnings.extend(finished.warning);
        }
        summary
    }
}

impl BlockCache for Store {
    fn get(&self, key: &BlockKey, limit: usize) -> Option<Vec<u8>> {
        self.local.as_ref()?.get(key, limit)
    }

    fn put(&self, key: &BlockKey, stored: &[u8]) {
        if let Some(local) = &self.local {
            local.put(key, stored);
        }
    }
}
