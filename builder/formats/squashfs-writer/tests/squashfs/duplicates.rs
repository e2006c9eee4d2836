//! Content that is there more than once.

use anklume_squashfs_writer::{Options, Tails};

use crate::from_tar::{as_tar, sqfs2tar};
use crate::image::{BLOCK, options, pack};
use crate::node::{Node, noise, words};
use crate::odd_tree::assert_same;
use crate::readers::{backhand, backhand_holes};

fn root_and(files: Vec<Node>) -> Vec<Node> {
    let mut nodes = vec![Node::directory("")];
    nodes.extend(files);
    nodes
}

/// Packs and checks that every reader gets every content.
fn checked(nodes: &[Node], options: &Options) -> anklume_squashfs_writer::Summary {
    let packed = pack(nodes, options);
    assert_same(&sqfs2tar(&packed.bytes), &as_tar(nodes));
    assert_same(&backhand(&packed.bytes), nodes);
    packed.summary
}

#[test]
fn the_same_file_is_stored_once() {
    let content = noise(1, 10 * BLOCK + 100);
    let files = |names: &[&str]| {
        root_and(names.iter().map(|name| Node::file(name, content.as_slice())).collect())
    };
    let one = checked(&files(&["a"]), &options(2));
    let three = checked(&files(&["a", "b", "c"]), &options(2));
    assert_eq!(one.shared_block_bytes, 0);
    assert_eq!(three.shared_block_bytes, 2 * 10 * BLOCK as u64);
    assert_eq!(three.shared_tail_bytes, 2 * 100);
    assert!(three.bytes_used < one.bytes_used + 200);
}

#[test]
fn blocks_and_tails_are_shared_apart() {
    let (blocks, other) = (noise(1, 3 * BLOCK), noise(2, 3 * BLOCK));
    let (tail, more) = (words(3, 500), words(4, 500));
    let nodes = root_and(vec![
        Node::file("a", [blocks.as_slice(), &tail].concat()),
        Node::file("b", [blocks.as_slice(), &more].concat()),
        Node::file("c", [other.as_slice(), &tail].concat()),
        Node::file("d", tail.as_slice()),
        // As long as the others, and different in the last byte only.
        Node::file("e", [&tail[..499], b"~"].concat()),
    ]);
    let summary = checked(&nodes, &options(1));
    assert_eq!(summary.shared_block_bytes, 3 * BLOCK as u64);
    assert_eq!(summary.shared_tail_bytes, 2 * 500);
    let small = checked(&nodes, &Options { tails: Tails::SmallFiles, ..options(1) });
    assert_eq!((small.shared_block_bytes, small.shared_tail_bytes), (0, 0));
}

#[test]
fn tails_are_found_wherever_their_fragment_block_is() {
    let file = |name: String, seed| Node::file(name, noise(seed, 1000));
    // Four tails to a block: the first ones are in the image long before they come again, the last
    // ones are still on their way.
    let mut nodes: Vec<_> = (0..400).map(|seed| file(format!("a{seed:03}"), seed)).collect();
    nodes.extend((0..400).map(|seed| file(format!("b{seed:03}"), 399 - seed)));
    let nodes = root_and(nodes);
    for threads in [1, 5] {
        let summary = checked(&nodes, &options(threads));
        assert_eq!((summary.shared_tail_bytes, summary.fragments), (400 * 1000, 100));
    }
    let compressible = |name: &str| Node::file(format!("{name}/x"), words(1, 4000));
    let mut nodes = root_and(vec![Node::directory("a"), compressible("a"), Node::directory("b")]);
    nodes.extend((0..200).map(|seed| Node::file(format!("b/{seed:03}"), words(seed, 4001))));
    nodes.extend([Node::directory("c"), compressible("c")]);
    assert_eq!(checked(&nodes, &options(1)).shared_tail_bytes, 4000);
}

#[test]
fn holes_do_not_hide_duplicates() {
    let content = [noise(1, BLOCK), vec![0; 5 * BLOCK], noise(2, BLOCK)].concat();
    let shifted = [noise(1, BLOCK), noise(2, BLOCK), vec![0; 5 * BLOCK]].concat();
    let nodes = root_and(vec![
        Node::file("a", content.as_slice()),
        Node::file("b", content.as_slice()),
        // The same stored bytes, with the hole elsewhere.
        Node::file("c", shifted),
    ]);
    assert_eq!(checked(&nodes, &options(2)).shared_block_bytes, 4 * BLOCK as u64);
}

#[test]
fn blocks_among_those_of_another_file_are_found() {
    let parts = |seeds: &[u64]| {
        seeds.iter().flat_map(|seed| noise(*seed, BLOCK)).chain(noise(9, 7)).collect::<Vec<u8>>()
    };
    let shared = |files: &[&[u64]]| {
        let node = |(at, seeds): (usize, &&[u64])| Node::file(format!("{at}"), parts(seeds));
        let summary = checked(&root_and(files.iter().enumerate().map(node).collect()), &options(2));
        summary.shared_block_bytes / BLOCK as u64
    };
    assert_eq!(shared(&[&[1, 2, 3, 4], &[2, 3]]), 2);
    assert_eq!(shared(&[&[1, 2, 3, 4], &[1, 2]]), 2);
    assert_eq!(shared(&[&[1, 2, 3, 4], &[4]]), 1);
    // Only in the order of an earlier file, and not beyond its end.
    assert_eq!(shared(&[&[1, 2, 3, 4], &[3, 2], &[4, 5]]), 0);
    // The end of a file is a block of its own here, and the beginning of a longer one.
    let rule = Options { tails: Tails::SmallFiles, ..options(1) };
    let nodes = [
        Node::file("a", [noise(1, BLOCK), noise(2, BLOCK)].concat()),
        Node::file("b", [noise(1, BLOCK), noise(2, 100)].concat()),
        Node::file("c", [noise(1, BLOCK), noise(2, 100)].concat()),
    ];
    let summary = checked(&root_and(nodes.to_vec()), &rule);
    assert_eq!(summary.shared_block_bytes, BLOCK as u64 + 100);
    // All of a file is found behind another one that begins alike.
    assert_eq!(shared(&[&[1, 2], &[1, 3, 4], &[1, 3, 4]]), 3);
}

#[test]
fn a_fragment_block_is_filled_to_the_last_byte() {
    let fragments = |first, second| {
        let nodes = [Node::file("a", noise(1, first)), Node::file("b", noise(2, second))];
        checked(&root_and(nodes.to_vec()), &options(1)).fragments
    };
    assert_eq!(fragments(BLOCK / 2, BLOCK / 2), 1);
    assert_eq!(fragments(BLOCK / 2, BLOCK / 2 + 1), 2);
}

#[test]
fn holes_are_counted() {
    let nodes = root_and(vec![
        Node::file("all", vec![0; 40 * BLOCK]),
        Node::file("middle", [noise(1, BLOCK), vec![0; 5 * BLOCK], noise(2, 9)].concat()),
        Node::file("none", noise(3, 2 * BLOCK)),
        Node::file("tail", [noise(4, BLOCK), vec![0; 9]].concat()),
    ]);
    let counted = |tails| {
        let packed = pack(&nodes, &Options { tails, ..options(1) });
        let holes = backhand_holes(&packed.bytes);
        ["all", "middle", "none", "tail"].map(|name| holes[name.as_bytes()])
    };
    let block = BLOCK as u64;
    assert_eq!(counted(Tails::Packed), [40 * block, 5 * block, 0, 9]);
    assert_eq!(counted(Tails::SmallFiles), [40 * block, 5 * block, 0, 9]);
}

#[test]
fn a_large_duplicate_at_the_end_leaves_nothing_behind() {
    // More than is gathered before it is written: the second copy has reached the image.
    let content = noise(1, 3 << 20);
    let nodes =
        root_and(vec![Node::file("a", content.as_slice()), Node::file("b", content.as_slice())]);
    let summary = checked(&nodes, &options(2));
    assert_eq!(summary.shared_block_bytes, 3 << 20);
    assert!(summary.bytes < (3 << 20) + (1 << 16));
}
