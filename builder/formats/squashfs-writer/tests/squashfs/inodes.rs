//! Fields of inodes that no listing shows.

use std::collections::HashMap;
use std::io::Cursor;

use backhand::v4::inode::InodeInner;

use crate::image::{options, pack};
use crate::node::{Node, What};

/// What an inode says about names and places.
#[derive(Debug, PartialEq, Eq)]
struct Found {
    number: u32,
    links: u32,
    /// Inode number of the directory that holds a directory.
    parent: Option<u32>,
}

fn found(number: u32, inner: &InodeInner) -> Found {
    let (links, parent) = match inner {
        InodeInner::BasicDirectory(inode) => (inode.link_count, Some(inode.parent_inode)),
        InodeInner::ExtendedDirectory(inode) => (inode.link_count, Some(inode.parent_inode)),
        InodeInner::BasicFile(_) => (1, None),
        InodeInner::ExtendedFile(inode) => (inode.link_count, None),
        InodeInner::BasicNamedPipe(inode) => (inode.link_count, None),
        InodeInner::ExtendedCharacterDevice(inode) => (inode.link_count, None),
        other => panic!("{other:?}"),
    };
    Found { number, links, parent }
}

#[test]
fn names_are_counted_and_parents_are_named() {
    let nodes = [
        Node::directory(""),
        Node::directory("a"),
        Node::directory("a/b").xattr("user.x", b"1"),
        Node::file("a/c", "content"),
        Node::link("a/d", "a/c"),
        Node::directory("e"),
        Node::new("e/f", What::Fifo),
        Node::link("e/g", "e/f"),
        Node::link("e/h", "e/g"),
        Node::new("e/i", What::Char(1, 2)).xattr("trusted.x", b"2"),
        Node::file("e/j", "alone"),
    ];
    // The time tells the inodes apart.
    let timed = nodes.into_iter().enumerate();
    let nodes: Vec<_> = timed.map(|(at, node)| Node { mtime: at as u32, ..node }).collect();
    let image = pack(&nodes, &options(1)).bytes;
    let squashfs = backhand::Squashfs::from_reader(Cursor::new(image)).unwrap();
    let inodes: HashMap<u32, Found> = squashfs
        .inodes
        .values()
        .map(|inode| (inode.header.mtime, found(inode.header.inode_number, &inode.inner)))
        .collect();
    let expect = |mtime: u32, number, links, parent| {
        assert_eq!(inodes[&mtime], Found { number, links, parent });
    };
    // The root's parent is an inode that does not exist.
    expect(0, 1, 4, Some(9));
    expect(1, 2, 3, Some(1));
    expect(2, 3, 2, Some(2));
    expect(3, 4, 2, None);
    expect(5, 5, 2, Some(1));
    expect(6, 6, 3, None);
    expect(9, 7, 1, None);
    expect(10, 8, 1, None);
    assert_eq!((inodes.len(), squashfs.export.unwrap().len()), (8, 8));
}
