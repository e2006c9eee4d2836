//! Random small trees.

use std::collections::BTreeMap;

use anklume_squashfs_writer::{Options, Tails, order};
use proptest::collection::vec;
use proptest::prelude::*;

use crate::from_tar::{as_tar, sqfs2tar};
use crate::image::{BLOCK, options, pack};
use crate::node::{Node, What, noise, words};
use crate::odd_tree::assert_same;
use crate::ours::{assert_reports, ours};
use crate::readers::{backhand, without_links};

/// What a random entry is before the tree is known.
#[derive(Debug, Clone)]
enum Wish {
    Directory,
    File {
        seed: u64,
        length: usize,
        kind: u8,
    },
    Symlink(Vec<u8>),
    Device(u32, u32),
    Fifo,
    /// A link to one of the earlier entries.
    Link(usize),
}

fn wish() -> impl Strategy<Value = Wish> {
    let length = prop_oneof![0..100_usize, 0..3 * BLOCK, Just(BLOCK), Just(2 * BLOCK)];
    prop_oneof![
        3 => Just(Wish::Directory),
        // Few seeds, so that contents and tails come again.
        6 => (0..4_u64, length, 0..3_u8)
            .prop_map(|(seed, length, kind)| Wish::File { seed, length, kind }),
        1 => vec(1..=255_u8, 1..50).prop_map(Wish::Symlink),
        1 => (0..4096_u32, 0..1_048_576_u32).prop_map(|(a, b)| Wish::Device(a, b)),
        1 => Just(Wish::Fifo),
        2 => any::<usize>().prop_map(Wish::Link),
    ]
}

fn name() -> impl Strategy<Value = Vec<u8>> {
    let byte = prop_oneof![8 => b'a'..=b'd', 1 => 1..=255_u8];
    vec(byte.prop_map(|byte| if byte == b'/' { b'_' } else { byte }), 1..4)
        .prop_filter("dots", |name| name != b"." && name != b"..")
}

/// An entry: the directory it goes to, its name, what it is, its attributes.
type Raw = (usize, Vec<u8>, Wish, u16, u32, u32, Option<u8>);

fn raw() -> impl Strategy<Value = Raw> {
    (any::<usize>(), name(), wish(), 0..=0o7777_u16, 0..u32::MAX, any::<u32>(), any::<Option<u8>>())
}

fn content(seed: u64, length: usize, kind: u8) -> Vec<u8> {
    match kind {
        0 => noise(seed, length),
        1 => words(seed, length),
        _ => vec![0; length],
    }
}

fn tree(raw: Vec<Raw>) -> Vec<Node> {
    let mut directories = vec![Vec::new()];
    let mut nodes = BTreeMap::from([(Vec::new(), (Node::directory(""), None))]);
    for (place, name, wish, mode, uid, mtime, xattr) in raw {
        let mut path: Vec<u8> = directories[place % directories.len()].clone();
        if !path.is_empty() {
            path.push(b'/');
        }
        path.extend(name);
        if nodes.contains_key(&path) {
            continue;
        }
        let (what, link) = match wish {
            Wish::Directory => {
                directories.push(path.clone());
                (What::Directory, None)
            }
            Wish::File { seed, length, kind } => (What::File(content(seed, length, kind)), None),
            Wish::Symlink(target) => (What::Symlink(target), None),
            Wish::Device(major, minor) => (What::Block(major, minor), None),
            Wish::Fifo => (What::Fifo, None),
            Wish::Link(to) => (What::Fifo, Some(to)),
        };
        let node = Node { mode, uid, gid: uid / 3, mtime, ..Node::new(&path, what) };
        let node = match xattr {
            Some(value) => node.xattr("user.value", &[value % 3]),
            None => node,
        };
        nodes.insert(path, (node, link));
    }
    sorted(nodes.into_values().collect())
}

/// Sorts, and gives the links their targets.
fn sorted(mut nodes: Vec<(Node, Option<usize>)>) -> Vec<Node> {
    nodes.sort_by(|a, b| order(&a.0.path, &b.0.path));
    let mut tree: Vec<Node> = Vec::new();
    for (mut node, link) in nodes {
        let can = |node: &&Node| !matches!(node.what, What::Directory | What::Link(_));
        let targets: Vec<_> = tree.iter().filter(can).map(|node| node.path.clone()).collect();
        if let Some(to) = link.filter(|_| !targets.is_empty()) {
            node.what = What::Link(targets[to % targets.len()].clone());
        }
        tree.push(node);
    }
    tree
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_reader_gets_the_tree_back(
        raw in vec(raw(), 0..40),
        packed in any::<bool>(),
        threads in 1..4_usize,
    ) {
        let tree = tree(raw);
        let tails = if packed { Tails::Packed } else { Tails::SmallFiles };
        let options = Options { tails, ..options(threads) };
        let image = pack(&tree, &options).bytes;
        assert_same(&backhand(&image), &without_links(&tree));
        assert_same(&sqfs2tar(&image), &as_tar(&tree));
        assert_same(&ours(&image), &without_links(&tree));
        assert_reports(&tree, &options);
        let more_threads = Options { threads: 5.try_into().unwrap(), ..options };
        prop_assert!(pack(&tree, &more_threads).bytes == image, "threads change the image");
    }
}
