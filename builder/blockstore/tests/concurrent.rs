//! Many threads and processes in one folder that is too small for them.
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

mod common;

use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::time::{Duration, Instant};

use anklume_blockstore::{BlockCache, Store};
use common::{block, key, store};

/// Room for half of the blocks in use, each of which takes one or two disk blocks.
const LIMIT: u64 = 24 * 8192;
const BLOCKS: u8 = 48;

/// Asks for blocks in an order of its own, and stores those that are missing. Whatever is answered
/// must be right. Returns how many were there.
fn work(store: &Store, seed: u64, until: Instant) -> u64 {
    let mut state = seed | 1;
    let mut hits = 0;
    while Instant::now() < until {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        let number = (state % u64::from(BLOCKS)) as u8;
        match store.get(&key(number), 8192) {
            Some(found) => {
                assert!(found == block(number), "block {number} is another");
                hits += 1;
            }
            None => store.put(&key(number), &block(number)),
        }
    }
    hits
}

fn files(folder: &Path) -> Vec<fs::DirEntry> {
    fs::read_dir(folder.join("blocks-v1")).unwrap().map(Result::unwrap).collect()
}

/// Bytes of disk that the entries take.
fn entry_bytes(folder: &Path) -> u64 {
    let entries = files(folder).into_iter().filter(|file| file.file_name().len() == 64);
    entries.map(|file| file.metadata().unwrap().len().next_multiple_of(4096)).sum()
}

#[test]
fn threads_of_two_stores_share_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    let stores = [store(folder.path(), LIMIT), store(folder.path(), LIMIT)];
    let until = Instant::now() + Duration::from_millis(700);
    let hits: u64 = std::thread::scope(|scope| {
        let start = |seed: u64| {
            let store = &stores[seed as usize % 2];
            scope.spawn(move || work(store, seed * 977, until))
        };
        let threads: Vec<_> = (1..=8).map(start).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let mut evicted = 0;
    for store in stores {
        let summary = store.finish();
        assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
        assert_eq!(summary.stats.local.rejected, 0);
        assert!(summary.stats.folder_bytes <= LIMIT);
        evicted += summary.stats.evicted;
    }
    assert!(hits > 100 && evicted > 100, "{hits} hits, {evicted} evicted");
    assert!(entry_bytes(folder.path()) <= LIMIT);
}

#[test]
fn worker_child() {
    let Some(folder) = common::child_folder() else { return };
    let store = store(&folder, LIMIT);
    let until = Instant::now() + Duration::from_millis(1500);
    let seed = u64::from(std::process::id());
    let hits: u64 = std::thread::scope(|scope| {
        let store = &store;
        let threads: Vec<_> =
            (1..=2).map(|n| scope.spawn(move || work(store, seed * 31 + n, until))).collect();
        threads.into_iter().map(|thread| thread.join().unwrap()).sum()
    });
    let summary = store.finish();
    assert!(summary.warnings.is_empty(), "{:?}", summary.warnings);
    println!("child done: {hits} hits, {} evicted", summary.stats.evicted);
}

/// Overwrites a byte of some entry, as a failing disk would.
fn damage_one(folder: &Path, round: usize) {
    let files = files(folder);
    let Some(file) = files.get(round * 7 % files.len().max(1)) else { return };
    // It may be gone by now.
    if let Ok(file) = OpenOptions::new().write(true).open(file.path()) {
        file.write_all_at(&[0xa5], (round as u64 * 211) % 4000).unwrap();
    }
}

#[test]
fn processes_share_a_folder_that_decays() {
    let folder = tempfile::tempdir().unwrap();
    drop(store(folder.path(), LIMIT));
    let spawn = || {
        let mut command = common::child("worker_child", folder.path(), "");
        command.stdout(std::process::Stdio::piped()).spawn().unwrap()
    };
    let workers: Vec<_> = (0..4).map(|_| spawn()).collect();
    let mut killed = spawn();
    let damage = |rounds: std::ops::Range<usize>| {
        for round in rounds {
            std::thread::sleep(Duration::from_millis(25));
            damage_one(folder.path(), round);
        }
    };
    damage(0..20);
    killed.kill().unwrap();
    killed.wait().unwrap();
    damage(20..40);
    for worker in workers {
        let output = worker.wait_with_output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(output.status.success() && text.contains("child done"), "{text}");
    }
    // The last one to look keeps the limit; a temporary file of the killed one may remain.
    assert!(store(folder.path(), LIMIT).finish().stats.folder_bytes <= LIMIT);
    assert!(entry_bytes(folder.path()) <= LIMIT);
}
