//! The bytes of an image, in pieces.

use std::collections::BTreeMap;
use std::ops::Range;

use super::inode::Kind;
use super::read::Tree;
use super::stored::Stored;

/// All bytes of an image without padding.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pieces {
    /// Data blocks and fragment blocks by place; one that several files share is there once.
    pub blocks: Vec<Stored>,
    /// Byte ranges of everything else: superblock, compressor options, what no file has between the
    /// blocks, each metadata block of inodes and directories, and the other tables as one.
    pub rest: Vec<Range<u64>>,
}

impl Pieces {
    /// The first byte that is in no piece or in two, if any of `total` is. In an image of a writer
    /// none of its [`bytes_used`](crate::Superblock::bytes_used) is.
    #[must_use]
    pub fn first_fault(&self, total: u64) -> Option<u64> {
        let blocks = self.blocks.iter().map(|block| block.start..block.end());
        let mut ranges: Vec<_> = blocks.chain(self.rest.iter().cloned()).collect();
        ranges.sort_by_key(|range| range.start);
        let mut end = 0;
        for range in ranges {
            if range.start != end || range.end <= end {
                return Some(end.min(range.start));
            }
            end = range.end;
        }
        (end != total).then_some(end.min(total))
    }
}

impl Tree {
    /// The bytes of the image in pieces, which cover all of it. Only in an image that no writer
    /// produces do blocks overlap.
    #[must_use]
    pub fn pieces(&self) -> Pieces {
        let mut blocks = BTreeMap::new();
        let of_files = self.inodes.iter().filter_map(|inode| match &inode.kind {
            Kind::File(file) => Some(file.blocks()),
            _ => None,
        });
        for block in of_files.flatten().chain(self.fragments.iter().copied()) {
            if !block.is_hole() {
                blocks.entry((block.start, block.bytes)).or_insert(block);
            }
        }
        let blocks: Vec<Stored> = blocks.into_values().collect();
        let tables = self.tables.first().map_or(0, |first| first.start);
        let (mut rest, mut covered) = (Vec::new(), 0_u64);
        let places = blocks.iter().map(|block| (block.start, block.end()));
        for (start, end) in places.chain([(tables, tables)]) {
            if start > covered {
                rest.push(covered..start);
            }
            covered = covered.max(end);
        }
        rest.extend(self.tables.iter().filter(|range| !range.is_empty()).cloned());
        Pieces { blocks, rest }
    }
}
