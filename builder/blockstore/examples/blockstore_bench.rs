//! Measures a folder: `blockstore_bench FOLDER [BLOCKS]` stores that many blocks of 5 to 60 KB,
//! 10 000 if nothing is said, and gets them again. The folder is made and stays.
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program for the command line")]

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Instant;

use anklume_blockstore::{BlockCache, BlockKey, Settings, Store};

const LONGEST: usize = 60_000;

/// A block's length, which only its number decides.
fn length(number: u64) -> usize {
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 48;
    5_000 + usize::try_from(spread).unwrap_or(0) * 55_000 / 65_536
}

fn key(number: u64) -> BlockKey {
    let mut key = [0; 32];
    key[..8].copy_from_slice(&number.wrapping_mul(0x9e37_79b9_7f4a_7c15).to_le_bytes());
    key[8..16].copy_from_slice(&number.to_le_bytes());
    BlockKey(key)
}

fn open(folder: &Path) -> Store {
    let settings = Settings { folder: folder.to_owned(), limit_bytes: 1 << 40, shared: None };
    let (store, warnings) = Store::open(settings);
    for warning in warnings {
        eprintln!("warning: {warning}");
    }
    store
}

/// Runs `work` on every number, on `threads` threads; returns the seconds it took, opening and
/// finishing included.
fn measure(folder: &Path, blocks: u64, threads: u64, work: impl Fn(&Store, u64) + Sync) -> f64 {
    let start = Instant::now();
    let store = open(folder);
    std::thread::scope(|scope| {
        for thread in 0..threads {
            let (store, work) = (&store, &work);
            scope.spawn(move || {
                (thread..blocks)
                    .step_by(usize::try_from(threads).unwrap_or(1))
                    .for_each(|number| work(store, number));
            });
        }
    });
    let summary = store.finish();
    for warning in summary.warnings {
        eprintln!("warning: {warning}");
    }
    start.elapsed().as_secs_f64()
}

fn main() -> ExitCode {
    let mut arguments = std::env::args().skip(1);
    let Some(folder) = arguments.next().map(PathBuf::from) else {
        eprintln!("error: usage: blockstore_bench FOLDER [BLOCKS]");
        return ExitCode::from(2);
    };
    let blocks = arguments.next().and_then(|count| count.parse().ok()).unwrap_or(10_000);
    let content: Vec<u8> = (0..LONGEST).map(|i| (i * 7 % 251).to_le_bytes()[0]).collect();
    let bytes: usize = (0..blocks).map(length).sum();
    println!("{blocks} blocks, {bytes} bytes");
    for threads in [1, 2] {
        let seconds = measure(&folder, blocks, threads, |store, number| {
            store.put(&key(number), &content[..length(number)]);
        });
        println!("put, {threads} threads: {seconds:.3} s");
        let seconds = measure(&folder, blocks, threads, |store, number| {
            let found = store.get(&key(number), LONGEST).is_some_and(|b| b.len() == length(number));
            assert!(found, "block {number} is not there");
        });
        println!("get, {threads} threads: {seconds:.3} s");
    }
    ExitCode::SUCCESS
}
