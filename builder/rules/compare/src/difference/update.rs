//! What an update costs.

use std::collections::BTreeSet;

use serde::Serialize;

use super::Total;
use crate::image::{Block, Image};

/// What a machine with the first image has to fetch to get the second one, to the byte, if it fetches
/// nothing between two ranges only to have fewer of them. It may take every block that it has,
/// wherever that lies. Blocks that the second image holds more than once count once, where they come
/// first: the first copy is the source of the others. Blocks of zeros count never.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Update {
    /// Blocks that only the second image has: what is fetched.
    pub missing: Total,
    /// All blocks of the second image: what a machine without the first one would fetch.
    pub all: Total,
    /// Of these, the data blocks and fragment blocks of the squashfs.
    pub blocks: Part,
    /// The superblock and the tables of the squashfs, and the verity superblock.
    pub metadata: Part,
    /// The boot partition: kernel, initramfs and what is around them.
    pub boot_files: Part,
    /// Bytes of the hash blocks of the second image. They are computed from the squashfs, and not in
    /// any of the other numbers.
    pub hash_tree_bytes: u64,
}

/// A part of an update.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Part {
    /// Blocks that only the second image has.
    pub missing: Total,
    /// All blocks of the second image.
    pub all: Total,
}

/// None where the blocks of an image are not known.
pub(super) fn compare(before: &Image, after: &Image) -> Option<Update> {
    if before.blocks.is_empty() || after.blocks.is_empty() {
        return None;
    }
    let held = [&before.blocks, &before.metadata, &before.boot_files];
    let held: BTreeSet<&Block> = held.into_iter().flatten().collect();
    let mut seen = BTreeSet::new();
    let mut part = |blocks: &[Block]| {
        let mut part = Part::default();
        for block in blocks {
            if seen.insert(*block) {
                part.all.add(block);
                if !held.contains(block) {
                    part.missing.add(block);
                }
            }
        }
        part
    };
    let blocks = part(&after.blocks);
    let metadata = part(&after.metadata);
    let boot_files = part(&after.boot_files);
    let sum = |total: fn(&Part) -> Total| {
        let parts = [&blocks, &metadata, &boot_files].into_iter().map(total);
        parts.fold(Total::default(), Total::plus)
    };
    Some(Update {
        missing: sum(|part| part.missing),
        all: sum(|part| part.all),
        blocks,
        metadata,
        boot_files,
        hash_tree_bytes: after.hash_tree_bytes,
    })
}

impl Total {
    fn add(&mut self, block: &Block) {
        *self = self.plus(Self { count: 1, bytes: block.stored.into() });
    }

    fn plus(self, other: Self) -> Self {
        Self {
            count: self.count.saturating_add(other.count),
            bytes: self.bytes.saturating_add(other.bytes),
        }
    }
}
