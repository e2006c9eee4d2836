//! The store of compressed blocks, as a build uses it.

use anklume_blockstore::{MacKey, Settings, Shared, Stats, Store, Warning};
use anklume_report::Cache;

use super::request::Request;
use crate::cli::SourceArgs;
use crate::events::Reporter;
use crate::failure::Failure;

/// Opens the store that `request` asks for. What cannot be used is reported and left out.
pub(super) fn open(request: &Request, reporter: &Reporter) -> Option<Store> {
    let (store, warnings) = try_open(request)?;
    warnings.iter().for_each(|warning| reporter.note(&warning.to_string()));
    Some(store)
}

/// As [`open`], without a word about what cannot be used.
pub(super) fn open_quietly(request: &Request) -> Option<Store> {
    try_open(request).map(|(store, _)| store)
}

fn try_open(request: &Request) -> Option<(Store, Vec<Warning>)> {
    if request.block_cache_bytes == 0 && request.shared_blocks.is_none() {
        return None;
    }
    Some(Store::open(Settings {
        folder: request.derived.clone(),
        limit_bytes: request.block_cache_bytes,
        shared: request.shared_blocks.clone().filter(|_| !request.offline),
    }))
}

/// The store that machines share, if the command line names one.
pub(super) fn shared(args: &SourceArgs) -> Result<Option<Shared>, Failure> {
    let (Some(url), Some(key)) = (&args.shared_blocks, &args.shared_blocks_key) else {
        return Ok(None);
    };
    if !cfg!(feature = "shared-blocks") {
        return Err(Failure::refused("this program was built without shared block stores").hint(
            "build it with `cargo build --release -p anklume-build --features shared-blocks`",
        ));
    }
    let key = MacKey::read(key).map_err(|error| {
        Failure::refused(error)
            .hint("make one with `head -c 32 /dev/urandom >FILE; chmod 600 FILE`")
    })?;
    let shared = Shared::new(url, key).map_err(|error| {
        Failure::refused(error).hint("such as --shared-blocks s3://bucket/folder")
    })?;
    Ok(Some(shared))
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
        // Blocks are asked for while others are compressed.
        milliseconds: None,
    })
    .collect()
}

/// How many blocks did not have to be compressed, in a few words.
pub(super) fn in_words(stats: &Stats) -> String {
    format!("{} of {} blocks from the cache", stats.hits(), stats.asked)
}
