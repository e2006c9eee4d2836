//! What the writer reports, against the image itself.

use std::collections::HashMap;

use anklume_squashfs_writer::{Extent, Report};
use sha2::{Digest, Sha256};

use crate::image::{BLOCK, Memory, options, pack, try_pack};
use crate::node::What;
use crate::odd_tree::odd_tree;

type Hash = [u8; 32];

/// The content that an extent of the image holds.
fn content(image: &[u8], extent: &Extent, length: u32) -> Vec<u8> {
    let start = usize::try_from(extent.start).unwrap();
    let stored = &image[start..start + extent.stored as usize];
    match (extent.stored, extent.compressed) {
        (0, _) => vec![0; length as usize],
        (_, false) => stored.to_vec(),
        (_, true) => zstd::bulk::decompress(stored, BLOCK).unwrap(),
    }
}

/// What was reported, checked against the image.
#[derive(Default)]
struct Found {
    files: HashMap<Vec<u8>, Vec<u8>>,
    /// Path, offset, length, hash, fragment, place.
    tails: Vec<(Vec<u8>, u64, u32, Hash, u32, u32)>,
    fragments: Vec<Vec<u8>>,
}

impl Found {
    fn take(&mut self, report: &Report<'_>, image: &[u8]) {
        match *report {
            Report::Block { path, offset, length, hash, extent } => {
                let block = content(image, &extent, length);
                assert_eq!(
                    (block.len(), Hash::from(Sha256::digest(&block))),
                    (length as usize, hash)
                );
                let file = self.files.entry(path.to_vec()).or_default();
                assert_eq!(file.len() as u64, offset);
                file.extend(block);
            }
            Report::Tail { path, offset, length, hash, fragment, at } => {
                self.tails.push((path.to_vec(), offset, length, hash, fragment, at));
            }
            Report::Fragment { index, length, hash, extent } => {
                let block = content(image, &extent, length);
                assert_eq!(
                    (block.len(), Hash::from(Sha256::digest(&block))),
                    (length as usize, hash)
                );
                assert_eq!(self.fragments.len(), index as usize);
                self.fragments.push(block);
            }
        }
    }
}

#[test]
fn files_can_be_put_together_from_the_reports() {
    let tree = odd_tree();
    let image = pack(&tree, &options(1)).bytes;
    let mut found = Found::default();
    let mut observer = |report: &Report<'_>| found.take(report, &image);
    try_pack(&tree, &options(3), &Memory::new(), None, &mut observer).unwrap();
    for (path, offset, length, hash, fragment, at) in found.tails {
        let block = &found.fragments[fragment as usize];
        let tail = &block[at as usize..(at + length) as usize];
        assert_eq!(Hash::from(Sha256::digest(tail)), hash);
        let file = found.files.entry(path).or_default();
        assert_eq!(file.len() as u64, offset);
        file.extend(tail);
    }
    let files = tree.iter().filter_map(|node| match &node.what {
        What::File(content) if !content.is_empty() => Some((node.path.clone(), content.clone())),
        _ => None,
    });
    let expected: HashMap<_, _> = files.collect();
    assert!(found.files == expected);
}
