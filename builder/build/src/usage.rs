//! Which files take the room of a root file system.

use std::collections::{BTreeMap, BTreeSet};

use anklume_squashfs_writer::Report;

/// Gathers what the squashfs writer tells, or a reader finds. Content that several files share belongs to the first.
#[derive(Debug, Default)]
pub(crate) struct Usage {
    /// Stored bytes of the blocks of each file.
    blocks: BTreeMap<Vec<u8>, u64>,
    /// First bytes of the blocks that were counted.
    counted: BTreeSet<u64>,
    /// The end of a file: where it lies in which fragment block, and whose it is.
    tails: BTreeMap<(u32, u32), (Vec<u8>, u32)>,
    /// Content and stored bytes of each fragment block.
    fragments: BTreeMap<u32, (u32, u32)>,
}

impl Usage {
    /// Takes a report of the squashfs writer.
    pub(crate) fn hear(&mut self, report: &Report<'_>) {
        match *report {
            Report::Block { path, extent, .. } => self.block(path, (extent.start, extent.stored)),
            Report::Tail { path, length, fragment, at, .. } => {
                self.tail(path, (fragment, at), length);
            }
            Report::Fragment { index, length, extent, .. } => {
                self.fragment(index, length, extent.stored);
            }
        }
    }

    /// A data block of a file, by its first byte in the image and its stored bytes.
    pub(crate) fn block(&mut self, path: &[u8], (start, stored): (u64, u32)) {
        if stored > 0 && self.counted.insert(start) {
            *self.blocks.entry(path.to_owned()).or_default() += u64::from(stored);
        }
    }

    /// The end of a file, of `length` bytes, at a byte of a fragment block.
    pub(crate) fn tail(&mut self, path: &[u8], (fragment, at): (u32, u32), length: u32) {
        self.tails.entry((fragment, at)).or_insert_with(|| (path.to_owned(), length));
    }

    /// A fragment block: bytes of content and stored bytes.
    pub(crate) fn fragment(&mut self, index: u32, length: u32, stored: u32) {
        self.fragments.insert(index, (length, stored));
    }

    /// Stored bytes of each file. A tail has the share of its fragment block that its length has.
    pub(crate) fn stored(self) -> BTreeMap<Vec<u8>, u64> {
        let mut stored = self.blocks;
        for ((fragment, _), (path, length)) in self.tails {
            let Some(&(all, bytes)) = self.fragments.get(&fragment) else { continue };
            let share = u64::from(length) * u64::from(bytes) / u64::from(all.max(1));
            *stored.entry(path).or_default() += share;
        }
        stored
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anklume_squashfs_writer::Extent;

    #[test]
    fn shared_content_is_counted_once() {
        let extent = |start, stored| Extent { start, stored, compressed: true };
        let mut usage = Usage::default();
        for path in [b"a", b"b"] {
            let block = Report::Block {
                path,
                offset: 0,
                length: 4096,
                hash: [0; 32],
                extent: extent(96, 1000),
            };
            usage.hear(&block);
        }
        let hole =
            Report::Block { path: b"c", offset: 0, length: 9, hash: [0; 32], extent: extent(0, 0) };
        usage.hear(&hole);
        for (path, at, length) in [(b"a", 0, 300), (b"b", 0, 300), (b"c", 300, 100)] {
            usage.hear(&Report::Tail { path, offset: 0, length, hash: [0; 32], fragment: 3, at });
        }
        usage.hear(&Report::Fragment {
            index: 3,
            length: 400,
            hash: [0; 32],
            extent: extent(1096, 200),
        });
        let stored = usage.stored();
        let expected = [(b"a".to_vec(), 1150), (b"c".to_vec(), 50)];
        assert_eq!(stored.into_iter().collect::<Vec<_>>(), expected);
    }
}
