//! What this project's own reader reads in an image, and whether it finds what was reported.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use anklume_squashfs::{Contents, Inode, Kind, Stored, Superblock, Tree};
use anklume_squashfs_writer::{Extent, Options, Report, order};

use crate::image::{Memory, pack, try_pack};
use crate::node::{Node, What};
use crate::odd_tree::{assert_same, odd_tree, settings};
use crate::readers::without_links;

/// Paths, attributes but for the extended ones, contents; hard links are files.
pub(crate) fn ours(image: &Vec<u8>) -> Vec<Node> {
    let superblock = Superblock::read(image).unwrap();
    let tree = Tree::read(image, &superblock).unwrap();
    let mut contents = Contents::new(image, &superblock, &tree);
    let mut nodes: Vec<_> = tree
        .entries
        .iter()
        .map(|entry| node(&entry.path, tree.inode(entry).unwrap(), &mut contents))
        .collect();
    nodes.sort_by(|a, b| order(&a.path, &b.path));
    nodes
}

fn node(path: &[u8], inode: &Inode, contents: &mut Contents<'_, Vec<u8>>) -> Node {
    let device =
        |number: u32| ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00));
    let what = match &inode.kind {
        Kind::Directory(_) => What::Directory,
        Kind::File(file) => {
            let mut content = Vec::new();
            let mut take = |piece: &[u8]| {
                content.extend_from_slice(piece);
                ControlFlow::Continue(())
            };
            contents.read(file, &mut take).unwrap();
            assert_eq!(content.len() as u64, file.size);
            What::File(content)
        }
        Kind::Symlink { target } => What::Symlink(target.clone()),
        Kind::BlockDevice(number) => {
            let (major, minor) = device(*number);
            What::Block(major, minor)
        }
        Kind::CharacterDevice(number) => {
            let (major, minor) = device(*number);
            What::Char(major, minor)
        }
        Kind::Fifo => What::Fifo,
        Kind::Socket => What::Socket,
    };
    let &Inode { mode, uid, gid, mtime, .. } = inode;
    Node { path: path.to_vec(), mode, uid, gid, mtime, xattrs: Vec::new(), what }
}

/// Where the content of files is, as the writer reports it or the reader finds it.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Places {
    /// Blocks by path, with offset and length of their content.
    blocks: BTreeMap<Vec<u8>, Vec<(u64, u32, Extent2)>>,
    /// Tails by path: fragment, place, offset in the file, length.
    tails: BTreeMap<Vec<u8>, (u32, u32, u64, u32)>,
    fragments: BTreeMap<u32, Extent2>,
}

/// Start, stored bytes, whether compressed.
type Extent2 = (u64, u32, bool);

fn extent(extent: Extent) -> Extent2 {
    // A hole has no bytes that could be compressed.
    (extent.start, extent.stored, extent.stored > 0 && extent.compressed)
}

fn stored(block: Stored) -> Extent2 {
    (if block.is_hole() { 0 } else { block.start }, block.bytes, block.compressed)
}

impl Places {
    fn hear(&mut self, report: &Report<'_>) {
        match *report {
            Report::Block { path, offset, length, extent: at, .. } => {
                let blocks = self.blocks.entry(path.to_vec()).or_default();
                blocks.push((offset, length, extent(at)));
            }
            Report::Tail { path, offset, length, fragment, at, .. } => {
                self.tails.insert(path.to_vec(), (fragment, at, offset, length));
            }
            Report::Fragment { index, extent: at, .. } => {
                self.fragments.insert(index, extent(at));
            }
        }
    }

    /// What the reader finds of the files that are no links.
    fn found(image: &Vec<u8>, nodes: &[Node]) -> Self {
        let superblock = Superblock::read(image).unwrap();
        let tree = Tree::read(image, &superblock).unwrap();
        let inodes: BTreeMap<_, _> =
            tree.entries.iter().map(|entry| (&entry.path, tree.inode(entry).unwrap())).collect();
        let mut places = Self::default();
        for node in nodes.iter().filter(|node| matches!(node.what, What::File(_))) {
            let Kind::File(file) = &inodes[&node.path].kind else { panic!("{node:?}") };
            let mut offset = 0;
            for block in file.blocks() {
                let length = (file.size - offset).min(superblock.block_bytes.into()) as u32;
                let blocks = places.blocks.entry(node.path.clone()).or_default();
                blocks.push((offset, length, stored(block)));
                offset += u64::from(length);
            }
            if let Some(tail) = file.tail {
                let tail = (tail.fragment, tail.at, offset, tail.bytes);
                places.tails.insert(node.path.clone(), tail);
            }
        }
        places.fragments = (0..).zip(tree.fragments.iter().copied().map(stored)).collect();
        places
    }
}

/// Packs, and compares what the writer reports with what the reader finds.
pub(crate) fn assert_reports(nodes: &[Node], options: &Options) {
    let mut reported = Places::default();
    let mut observer = |report: &Report<'_>| reported.hear(report);
    try_pack(nodes, options, &Memory::new(), None, &mut observer).unwrap();
    let image = pack(nodes, options).bytes;
    let found = Places::found(&image, nodes);
    for (path, blocks) in &reported.blocks {
        assert_eq!(found.blocks.get(path), Some(blocks), "{}", path.escape_ascii());
    }
    for (path, tail) in &reported.tails {
        assert_eq!(found.tails.get(path), Some(tail), "{}", path.escape_ascii());
    }
    assert_eq!(found.fragments, reported.fragments);
    assert_eq!(
        (found.blocks.len(), found.tails.len()),
        (reported.blocks.len(), reported.tails.len())
    );
    let superblock = Superblock::read(&image).unwrap();
    let pieces = Tree::read(&image, &superblock).unwrap().pieces();
    assert_eq!(pieces.first_fault(superblock.bytes_used), None);
}

#[test]
fn the_own_reader_sees_every_attribute_that_it_knows() {
    let tree = odd_tree();
    for options in settings() {
        assert_same(&ours(&pack(&tree, &options).bytes), &without_links(&tree));
        assert_reports(&tree, &options);
    }
}

#[test]
fn names_of_one_file_share_an_inode_and_attributes_are_told() {
    let tree = odd_tree();
    let image = pack(&tree, &settings()[0]).bytes;
    let superblock = Superblock::read(&image).unwrap();
    let read = Tree::read(&image, &superblock).unwrap();
    let find = |path: &[u8]| read.entries.iter().find(|entry| entry.path == path).unwrap();
    for node in &tree {
        let entry = find(&node.path);
        match &node.what {
            What::Link(to) => assert_eq!(entry.inode, find(to).inode),
            _ => assert_eq!(
                read.inode(entry).unwrap().xattrs.is_some(),
                !node.xattrs.is_empty(),
                "{}",
                node.path.escape_ascii()
            ),
        }
    }
    assert_eq!(read.inode(find(b"link/a")).unwrap().links, 3);
}
