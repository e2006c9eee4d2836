//! Directories and files that need the large forms of inodes.

use std::io::{self, Read};

use anklume_squashfs_writer::{Error, Options, write};

use crate::from_tar::sqfs2tar;
use crate::image::{BLOCK, Memory, options, pack};
use crate::node::{Node, What};
use crate::odd_tree::assert_same;
use crate::readers::{backhand, unsquashfs_list};

#[test]
fn a_directory_of_seventy_thousand_entries() {
    let mut nodes = vec![Node::directory(""), Node::directory("big")];
    for number in 0..70_000 {
        nodes.push(Node::new(format!("big/entry-{number:06}"), What::Fifo));
    }
    nodes.push(Node::directory("small"));
    let packed = pack(&nodes, &options(2));
    assert_same(&sqfs2tar(&packed.bytes), &nodes);
    assert_same(&backhand(&packed.bytes), &nodes);
    assert_eq!(unsquashfs_list(&packed.bytes).len(), nodes.len());
}

#[test]
fn a_file_larger_than_four_gibibytes() {
    // A hole with one block at the end, so that nothing large is written.
    let hole = 5_u64 << 30;
    let memory = Memory::new();
    let options = Options { block_bytes: 1 << 20, ..options(2) };
    let summary = write(&options, &memory, None, &mut |_| {}, |writer| {
        Node::directory("").add(writer, None)?;
        let path = b"a".as_slice();
        let kind = anklume_squashfs_writer::Kind::File { size: hole + BLOCK as u64 };
        let (mode, uid, gid, mtime) = (0o644, 0, 0, 0);
        let xattrs = &[];
        let entry = anklume_squashfs_writer::Entry { path, mode, uid, gid, mtime, xattrs, kind };
        let mut content = io::repeat(0).take(hole).chain(io::repeat(9).take(BLOCK as u64));
        writer.add(&entry, &mut content)
    });
    let summary: Result<_, Error> = summary;
    let bytes = usize::try_from(summary.unwrap().bytes).unwrap();
    let mut image = vec![0; bytes];
    anklume_bytes::ReadAt::read_at(&memory, 0, &mut image).unwrap();
    let listed = unsquashfs_list(&image);
    assert_eq!(listed[1].size, (hole + BLOCK as u64).to_string());
}
