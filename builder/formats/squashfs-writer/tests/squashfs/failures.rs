//! Devices and readers that fail, and entries that are wrong.

use std::io::{self, Read};

use anklume_squashfs_writer::{Error, PathFault, write};

use crate::image::{BLOCK, Memory, options, try_pack};
use crate::node::{Node, What, noise};

fn tree() -> Vec<Node> {
    let mut nodes = vec![Node::directory("")];
    // Enough that bytes reach the image before the end, with duplicates that are read back.
    for name in ["a", "b", "c", "d"] {
        nodes.push(Node::file(name, noise(1, 2 << 20)));
    }
    nodes.extend((0..50).map(|seed| Node::file(format!("e{seed:02}"), noise(seed, 3000))));
    nodes.extend((0..50).map(|seed| Node::file(format!("f{seed:02}"), noise(seed, 3000))));
    nodes
}

#[test]
fn every_failing_write_is_an_error() {
    let nodes = tree();
    let mut failures = 0;
    for writes in 0.. {
        let memory = Memory::new();
        memory.writes_left.set(writes);
        match try_pack(&nodes, &options(2), &memory, None, &mut |_| {}) {
            Err(Error::Write { .. }) => failures += 1,
            Err(other) => panic!("{other}"),
            Ok(_) => break,
        }
    }
    assert!(failures > 5, "{failures}");
}

#[test]
fn a_failing_read_of_the_image_is_an_error() {
    let nodes = tree();
    let mut failures = 0;
    for reads in (0..).map(|n| n * n) {
        let memory = Memory::new();
        memory.reads_left.set(reads);
        match try_pack(&nodes, &options(2), &memory, None, &mut |_| {}) {
            Err(Error::ReadBack(_)) => failures += 1,
            Err(other) => panic!("{other}"),
            Ok(_) => break,
        }
    }
    assert!(failures > 5, "{failures}");
}

/// Gives so many bytes and then fails.
struct Breaks(usize);

impl Read for Breaks {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.0.min(buffer.len());
        if count == 0 {
            return Err(io::Error::other("torn"));
        }
        buffer[..count].fill(7);
        self.0 -= count;
        Ok(count)
    }
}

/// The error of a file of three and a half blocks that is read from `content`.
fn file_error(content: &mut dyn Read) -> Error {
    let memory = Memory::new();
    let mut refused = None;
    let result = write(&options(2), &memory, None, &mut |_| {}, |writer| {
        Node::directory("").add(writer, None)?;
        let file = Node::file("a", vec![7; 3 * BLOCK + BLOCK / 2]);
        let error = file.add(writer, Some(content)).unwrap_err();
        assert!(matches!(Node::file("b", "").add(writer, None), Err(Error::Abandoned)));
        refused = Some(error);
        Ok::<(), Error>(())
    });
    // Going on after an error does not make an image.
    assert!(matches!(result, Err(Error::Abandoned)));
    refused.unwrap()
}

#[test]
fn a_failing_reader_is_an_error() {
    for good in [0, 1, BLOCK, 2 * BLOCK + 5, 3 * BLOCK, 3 * BLOCK + BLOCK / 2] {
        match file_error(&mut Breaks(good)) {
            Error::Content { path, offset, .. } => {
                assert_eq!((path, offset), (b"a".to_vec(), good as u64))
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn content_has_the_size_that_was_announced() {
    let size = (3 * BLOCK + BLOCK / 2) as u64;
    for length in [0, 1, BLOCK as u64, size - 1, size + 1, size + 100] {
        match file_error(&mut io::repeat(7).take(length)) {
            Error::ContentLength { expected, found, .. } => {
                assert_eq!((expected, found), (size, length.min(size + 1)));
            }
            other => panic!("{other}"),
        }
    }
}

fn refused(nodes: &[Node]) -> Error {
    try_pack(nodes, &options(1), &Memory::new(), None, &mut |_| {}).unwrap_err()
}

#[test]
fn hard_links_name_earlier_paths_that_are_no_directories() {
    let link = |to: &str| Node::link("d", to);
    for to in ["d", "e", "b", "", "/c", "c/"] {
        let nodes = [Node::directory(""), Node::directory("b"), Node::file("c", "x"), link(to)];
        match refused(&nodes) {
            Error::HardLink { path, target } => {
                assert_eq!((path, target), (b"d".to_vec(), to.as_bytes().to_vec()));
            }
            other => panic!("{other}"),
        }
    }
}

#[test]
fn wrong_trees_are_refused() {
    let fault = |nodes: &[Node]| match refused(nodes) {
        Error::Path { fault, .. } => fault,
        other => panic!("{other}"),
    };
    assert_eq!(fault(&[]), PathFault::RootNotDirectory);
    assert_eq!(fault(&[Node::new("", What::Fifo)]), PathFault::RootNotDirectory);
    assert_eq!(fault(&[Node::directory(""), Node::file("a/b", "")]), PathFault::NoParent);
    let twice = [Node::directory(""), Node::file("a", ""), Node::link("a", "a")];
    assert_eq!(fault(&twice), PathFault::Duplicate);
    let unsorted = [Node::directory(""), Node::file("b", ""), Node::file("a", "")];
    assert_eq!(fault(&unsorted), PathFault::Unsorted);
}

#[test]
fn ids_are_counted() {
    let mut nodes = vec![Node::directory("")];
    nodes.extend((0..65_536_u32).map(|uid| {
        let node = Node::new(format!("{uid:05}"), What::Fifo);
        Node { uid, ..node }
    }));
    assert!(matches!(refused(&nodes), Error::TableFull { table: "id table", limit: 65_535 }));
}
