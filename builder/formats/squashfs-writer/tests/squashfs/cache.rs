//! Caches that keep what they get, and caches that answer nonsense.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::mpsc::channel;
use std::thread;
use std::time::Duration;

use anklume_squashfs_writer::{BlockCache, BlockKey, Compressor, Options, Precompressor};

use crate::image::{Memory, options, pack, pack_with, try_pack};
use crate::node::{Node, What, noise, words};

/// Keeps everything.
#[derive(Default)]
struct Keeper {
    blocks: Mutex<HashMap<BlockKey, Vec<u8>>>,
    answered: AtomicU32,
}

impl BlockCache for Keeper {
    fn get(&self, key: &BlockKey, limit: usize) -> Option<Vec<u8>> {
        let found = self.blocks.lock().unwrap().get(key).cloned()?;
        assert!(found.len() <= limit);
        self.answered.fetch_add(1, Ordering::Relaxed);
        Some(found)
    }

    fn put(&self, key: &BlockKey, stored: &[u8]) {
        self.blocks.lock().unwrap().insert(*key, stored.to_vec());
    }
}

/// Makes another answer of the right one and the limit.
type Spoil<'a> = &'a (dyn Fn(Vec<u8>, usize) -> Option<Vec<u8>> + Sync);

/// Answers what a function makes of the right answer.
struct Spoilt<F>(Keeper, F);

impl<F: Fn(Vec<u8>, usize) -> Option<Vec<u8>> + Sync> BlockCache for Spoilt<F> {
    fn get(&self, key: &BlockKey, limit: usize) -> Option<Vec<u8>> {
        (self.1)(self.0.get(key, limit)?, limit)
    }

    fn put(&self, _: &BlockKey, _: &[u8]) {}
}

fn tree() -> Vec<Node> {
    let mut nodes = vec![Node::directory("")];
    for number in 0..20 {
        nodes.push(Node::file(format!("n{number:02}"), noise(number, 9000)));
        nodes.push(Node::file(format!("w{number:02}"), words(number, 20_000)));
    }
    nodes.sort_by(|a, b| a.path.cmp(&b.path));
    nodes
}

fn filled(nodes: &[Node], options: &Options) -> Keeper {
    let keeper = Keeper::default();
    pack_with(nodes, options, Some(&keeper));
    keeper
}

#[test]
fn a_cache_saves_every_block_and_changes_nothing() {
    let (nodes, options) = (tree(), options(3));
    let plain = pack(&nodes, &options);
    let keeper = Keeper::default();
    assert!(pack_with(&nodes, &options, Some(&keeper)).bytes == plain.bytes);
    let blocks = keeper.blocks.lock().unwrap().len() as u32;
    assert_eq!(keeper.answered.swap(0, Ordering::Relaxed), 0);
    let again = pack_with(&nodes, &options, Some(&keeper));
    assert!(again.bytes == plain.bytes && again.reports == plain.reports);
    assert_eq!(keeper.answered.load(Ordering::Relaxed), blocks);
    // Blocks of another level are other blocks.
    keeper.answered.store(0, Ordering::Relaxed);
    let other = Options { compressor: Compressor::Zstd { level: 4 }, ..options };
    pack_with(&nodes, &other, Some(&keeper));
    assert_eq!(keeper.answered.load(Ordering::Relaxed), 0);
}

#[test]
fn nonsense_changes_nothing() {
    let (nodes, options) = (tree(), options(2));
    let plain = pack(&nodes, &options);
    let last: Mutex<Vec<u8>> = Mutex::new(Vec::new());
    let spoil: [Spoil<'_>; 7] = [
        // Garbage, of a plausible length and of the longest.
        &|right, _| Some(noise(99, right.len())),
        &|_, limit| Some(noise(98, limit)),
        // Too much.
        &|right, limit| Some([right, vec![0; limit]].concat()),
        // Nothing, or not all.
        &|_, _| Some(Vec::new()),
        &|mut right, _| {
            right.pop();
            Some(right)
        },
        // One bit is wrong.
        &|mut right, _| {
            let at = right.len() / 2;
            right[at] ^= 0x10;
            Some(right)
        },
        // What another block would be.
        &|right, _| Some(std::mem::replace(&mut *last.lock().unwrap(), right)),
    ];
    for (number, spoil) in spoil.into_iter().enumerate() {
        let cache = Spoilt(filled(&nodes, &options), spoil);
        let packed = pack_with(&nodes, &options, Some(&cache));
        assert!(cache.0.answered.load(Ordering::Relaxed) > 0);
        assert!(packed.bytes == plain.bytes && packed.reports == plain.reports, "{number}");
    }
}

/// Ends the first thread that asks.
#[derive(Default)]
struct Panics(AtomicU32);

impl BlockCache for Panics {
    fn get(&self, _: &BlockKey, _: usize) -> Option<Vec<u8>> {
        assert_ne!(self.0.fetch_add(1, Ordering::Relaxed), 0, "a cache that breaks");
        None
    }

    fn put(&self, _: &BlockKey, _: &[u8]) {}
}

#[test]
fn a_cache_that_panics_does_not_hang_the_writer() {
    let (ended, end) = channel();
    thread::spawn(move || {
        let cache = Panics::default();
        let result = std::panic::catch_unwind(AssertUnwindSafe(|| {
            try_pack(&tree(), &options(2), &Memory::new(), Some(&cache), &mut |_| {})
        }));
        // The scope of the threads hands the panic on.
        ended.send(result.is_err()).unwrap();
    });
    assert_eq!(end.recv_timeout(Duration::from_secs(60)), Ok(true));
}

#[test]
fn whole_blocks_are_found_that_were_compressed_ahead() {
    let (mut nodes, options) = (tree(), options(3));
    let block = options.block_bytes as usize;
    nodes.push(Node::file("z-hole", vec![0; 3 * block]));
    let plain = pack(&nodes, &options);
    let keeper = Keeper::default();
    let mut precompressor = Precompressor::new(&options, &keeper).unwrap();
    let contents = || {
        nodes.iter().filter_map(|node| match &node.what {
            What::File(content) => Some(content),
            _ => None,
        })
    };
    let mut made = 0;
    for content in contents() {
        made += precompressor.file(&mut &content[..]).unwrap();
        // The second time there is nothing to do.
        assert_eq!(precompressor.file(&mut &content[..]).unwrap(), 0);
    }
    let expected: usize = contents().map(|content| content.len() / block).sum();
    assert_eq!(made as usize, expected - 3);
    assert_eq!(keeper.blocks.lock().unwrap().len() as u64, made);
    keeper.answered.store(0, Ordering::Relaxed);
    let packed = pack_with(&nodes, &options, Some(&keeper));
    assert!(packed.bytes == plain.bytes && packed.reports == plain.reports);
    assert_eq!(u64::from(keeper.answered.load(Ordering::Relaxed)), made);
    let wrong = Options { block_bytes: 5000, ..options };
    assert!(Precompressor::new(&wrong, &keeper).is_err());
}
