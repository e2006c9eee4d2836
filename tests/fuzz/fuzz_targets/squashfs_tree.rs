//! Invariant: reading the tree of any image and the contents of its files ends without a panic and
//! within the bounds; in an accepted tree every block lies between superblock and tables, the pieces
//! lie inside the image, every name has an inode, and a file that is read has its size.
#![no_main]

use std::ops::ControlFlow;

use anklume_squashfs::{Contents, ENTRIES_MAX, INODES_MAX, Kind, Superblock, Tree};
use libfuzzer_sys::fuzz_target;

/// Content that is read: a list of blocks that are holes stands for a thousand times its size.
const CONTENT_BYTES_MAX: u64 = 16 << 20;

fuzz_target!(|image: &[u8]| {
    let Ok(superblock) = Superblock::read(image) else { return };
    let Ok(tree) = Tree::read(image, &superblock) else { return };
    assert!(tree.inodes.len() <= INODES_MAX as usize && tree.entries.len() as u64 <= ENTRIES_MAX);
    assert!(tree.entries.iter().all(|entry| tree.inode(entry).is_some()));
    assert!(tree.entries[0].path.is_empty());
    let data = 96..=superblock.tables.inode;
    let pieces = tree.pieces();
    for block in &pieces.blocks {
        assert!(data.contains(&block.start) && data.contains(&block.end()) && !block.is_hole());
    }
    assert!(pieces.rest.iter().all(|range| range.end <= superblock.bytes_used));
    let mut contents = Contents::new(image, &superblock, &tree);
    let mut left = CONTENT_BYTES_MAX;
    for inode in &tree.inodes {
        let Kind::File(file) = &inode.kind else { continue };
        if file.size > left {
            continue;
        }
        left -= file.size;
        let mut read = 0;
        let result = contents.read(file, &mut |piece| {
            read += piece.len() as u64;
            ControlFlow::Continue(())
        });
        assert!(read <= file.size && (result.is_err() || read == file.size));
    }
});
