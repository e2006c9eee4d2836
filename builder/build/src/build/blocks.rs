//! The store of compressed blocks, as a build uses it.

use anklume_blockstore::{Settings, Stats, Store};
use anklume_report::Cache;

use super::request::Request;
use crate::events::Reporter;

/// Opens the store that `request` asks for. What cannot be used is reported and left out.
pub(super) fn open(request: &Request, reporter: &Reporter) -> Option<Store> {
    if request.block_cache_bytes == 0 {
        return None;
    }
    let settings = Settings {
        folder: request.cache.clone(),
        limit_bytes: request.block_cache_bytes,
        shared: None,
    };
    let (store, warnings) = Store::open(settings);
    warnings.iter().for_each(|warning| reporter.note(&warning.to_string()));
    Some(store)
}

/// Ends the use of a store, and says what it did.
pub(super) fn finish(store: Store, reporter: &Reporter) -> Stats {
    let summary = store.finish();
    summary.warnings.iter().for_each(|warning| reporter.note(&warning.to_string()));
    summary.stats
}

/// What the stores did, for the page about the build.
pub(super) fn caches(stats: &Stats) -> Vec<Cache> {
    let tiers = [("compressed blocks", stats.local), ("shared blocks", stats.shared)];
    let used = tiers.into_iter().filter(|(_, tier)| tier.hits + tier.misses > 0);
    used.map(|(name, tier)| Cache {
        name: name.to_owned(),
        hits: tier.hits,
        misses: tier.misses,
        bytes: tier.read_bytes,
    })
    .collect()
}

/// How many blocks did not have to be compressed, in a few words.
pub(super) fn in_words(stats: &Stats) -> String {
    format!("{} of {} blocks from the cache", stats.hits(), stats.asked())
}
