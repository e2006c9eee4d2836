//! What happens to blocks when they are compressed, in the order of the entries.

use sha2::{Digest, Sha256};

use crate::error::Error;
use crate::image::Appender;
use crate::layout::{BLOCK_STORED, NO_FRAGMENT, wide};
use crate::pipeline::Done;
use crate::report::{Extent, Report};
use crate::store::{Head, Index, Log, key_of};
use crate::tables::Placed;

/// Receives the [`Report`]s.
pub(crate) type Observer<'a> = &'a mut dyn FnMut(&Report<'_>);

/// What is done next.
#[derive(Debug)]
pub(crate) enum Event {
    /// The oldest compressed block belongs to the file.
    Block,
    /// So many zeros belong to the file.
    Hole(u32),
    /// The file has no more blocks.
    BlocksEnd,
    /// The oldest compressed block is a fragment block.
    Fragment,
    /// The file is complete.
    File(Box<FileEnd>),
    /// The inode of something else is complete.
    Record(Vec<u8>),
}

impl Event {
    /// Whether a compressed block is needed.
    pub(crate) fn needs_block(&self) -> bool {
        matches!(self, Self::Block | Self::Fragment)
    }
}

/// A file whose content has come.
#[derive(Debug)]
pub(crate) struct FileEnd {
    pub(crate) path: Vec<u8>,
    pub(crate) head: Head,
    pub(crate) size: u64,
    pub(crate) tail: Option<Tail>,
}

/// The end of a file in a fragment block.
#[derive(Debug)]
pub(crate) struct Tail {
    pub(crate) fragment: u32,
    /// First byte in the fragment block's content.
    pub(crate) at: u32,
    pub(crate) length: u32,
    pub(crate) hash: [u8; 32],
}

/// Puts blocks into the image and inodes into the log.
pub(crate) struct Output<'a> {
    pub(crate) image: Appender<'a>,
    pub(crate) log: Log,
    /// The fragment blocks so far.
    pub(crate) fragments: Vec<Placed>,
    /// Bytes of blocks that were taken back because they were there already.
    pub(crate) shared: u64,
    observer: Observer<'a>,
    /// First bytes of the blocks of files, by a hash of the content; not of single blocks.
    runs: Index<u64>,
    /// First bytes of blocks, by a hash of the content; of several, the first.
    blocks: Index<u64>,
    /// First bytes of all blocks that are in the image to stay, ascending.
    starts: Vec<u64>,
    run: Run,
    /// The hash of the last hole's content, and its length.
    hole: (u32, [u8; 32]),
}

/// The blocks of one file, which lie one behind the other in the image.
#[derive(Default)]
struct Run {
    start: u64,
    /// Bytes in the image.
    stored: u64,
    /// Bytes of content in holes.
    sparse: u64,
    /// What the inode says about the blocks.
    words: Vec<u8>,
    blocks: Vec<RunBlock>,
}

struct RunBlock {
    length: u32,
    stored: u32,
    compressed: bool,
    hash: [u8; 32],
}

impl Run {
    fn push(&mut self, block: RunBlock) {
        let bit = if block.compressed || block.stored == 0 { 0 } else { BLOCK_STORED };
        self.words.extend((block.stored | bit).to_le_bytes());
        self.stored = self.stored.saturating_add(block.stored.into());
        self.blocks.push(block);
    }

    /// The blocks that are not holes.
    fn stored(&self) -> impl Iterator<Item = &RunBlock> {
        self.blocks.iter().filter(|block| block.stored > 0)
    }

    /// 64 bits of a hash over the content outside of holes; `None` for a single block.
    fn key(&self) -> Option<u64> {
        let mut all = Sha256::new();
        self.stored().for_each(|block| all.update(block.hash));
        self.stored().nth(1).map(|_| key_of(&all.finalize().into()))
    }

    fn clear(&mut self) {
        (self.start, self.stored, self.sparse) = (0, 0, 0);
        self.words.clear();
        self.blocks.clear();
    }
}

impl<'a> Output<'a> {
    pub(crate) fn new(image: Appender<'a>, observer: Observer<'a>) -> Result<Self, Error> {
        Ok(Self {
            image,
            log: Log::new()?,
            fragments: Vec::new(),
            shared: 0,
            observer,
            runs: Index::new(),
            blocks: Index::new(),
            starts: Vec::new(),
            run: Run::default(),
            hole: (0, [0; 32]),
        })
    }

    /// Does what an event says that needs no block.
    pub(crate) fn event(&mut self, event: &Event) -> Result<(), Error> {
        match event {
            Event::Hole(length) => self.hole(*length),
            Event::BlocksEnd => return self.blocks_end(),
            Event::File(file) => return self.file(file),
            Event::Record(record) => return self.log.push(record),
            // These come with a block.
            Event::Block | Event::Fragment => {}
        }
        Ok(())
    }

    /// Appends a block of the file.
    pub(crate) fn block(&mut self, done: &Done) -> Result<(), Error> {
        if self.run.stored == 0 {
            self.run.start = self.image.position();
        }
        let form = done.form();
        self.image.append(form)?;
        let (hash, compressed) = (done.hash, done.compressed);
        let (length, stored) = (narrow(done.content.len()), narrow(form.len()));
        self.run.push(RunBlock { length, stored, compressed, hash });
        Ok(())
    }

    /// Appends a fragment block.
    pub(crate) fn fragment(&mut self, done: &Done) -> Result<(), Error> {
        let index = narrow(self.fragments.len());
        let start = self.image.position();
        let stored = narrow(done.form().len());
        self.image.append(done.form())?;
        let word = if done.compressed { stored } else { stored | BLOCK_STORED };
        self.fragments.push(Placed { start, word });
        self.starts.push(start);
        let (length, hash) = (narrow(done.content.len()), done.hash);
        let extent = Extent { start, stored, compressed: done.compressed };
        (self.observer)(&Report::Fragment { index, length, hash, extent });
        Ok(())
    }

    fn hole(&mut self, length: u32) {
        if self.hole.0 != length {
            let zeros = vec![0; usize::try_from(length).unwrap_or(0)];
            self.hole = (length, Sha256::digest(zeros).into());
        }
        self.run.sparse = self.run.sparse.saturating_add(length.into());
        let hash = self.hole.1;
        self.run.push(RunBlock { length, stored: 0, compressed: false, hash });
    }

    /// Looks for an earlier file with the same blocks, or one that has them among its own. The bytes
    /// there are compared with those just written: whatever they were written for, the same bytes
    /// mean the same content to this file's list of block lengths. When they are the same, the new
    /// ones are taken back.
    fn blocks_end(&mut self) -> Result<(), Error> {
        let (start, stored) = (self.run.start, self.run.stored);
        let Some(first) = self.run.stored().next() else { return Ok(()) };
        let (run, first) = (self.run.key(), key_of(&first.hash));
        let fits = |earlier: &u64| earlier.saturating_add(stored) <= start;
        let alike = [run.and_then(|run| self.runs.find(run, fits)), self.blocks.find(first, fits)];
        for earlier in alike.into_iter().flatten() {
            if self.begins_blocks(earlier) && self.image.same(earlier, start, stored)? {
                self.image.rewind(start);
                self.run.start = earlier;
                self.shared = self.shared.saturating_add(stored);
                return Ok(());
            }
        }
        self.remember(run)
    }

    /// Notes where the blocks of the file are.
    fn remember(&mut self, run: Option<u64>) -> Result<(), Error> {
        let full = || Error::TableFull { table: "list of blocks", limit: u32::MAX.into() };
        let mut start = self.run.start;
        if let Some(run) = run {
            self.runs.insert(run, start).ok_or_else(full)?;
        }
        for block in self.run.stored() {
            let key = key_of(&block.hash);
            // Records with the same key stand in each other's way.
            if self.blocks.find(key, |_| true).is_none() {
                self.blocks.insert(key, start).ok_or_else(full)?;
            }
            self.starts.push(start);
            start = start.saturating_add(block.stored.into());
        }
        Ok(())
    }

    /// Whether blocks with the stored lengths of the file's lie from `earlier` on. The same bytes
    /// may be there as parts of others, as a file that holds compressed data shows.
    fn begins_blocks(&self, earlier: u64) -> bool {
        let Ok(at) = self.starts.binary_search(&earlier) else { return false };
        // The file's own blocks come behind all others.
        let there = self.starts.get(at..).unwrap_or_default().iter().chain([&self.run.start]);
        let mut there = there.copied();
        let mut place = earlier;
        let begins = self.run.stored().all(|block| {
            let begins = there.next() == Some(place);
            place = place.saturating_add(block.stored.into());
            begins
        });
        begins && there.next() == Some(place)
    }

    fn file(&mut self, file: &FileEnd) -> Result<(), Error> {
        let mut record = file.head.record();
        for long in [self.run.start, file.size, self.run.sparse] {
            record.extend(long.to_le_bytes());
        }
        let tail = file.tail.as_ref().map_or((NO_FRAGMENT, 0), |tail| (tail.fragment, tail.at));
        for word in [tail.0, tail.1] {
            record.extend(word.to_le_bytes());
        }
        record.extend(wide(self.run.words.len()).to_le_bytes());
        self.log.push(&record)?;
        self.log.push(&self.run.words)?;
        self.report(file);
        self.run.clear();
        Ok(())
    }

    fn report(&mut self, file: &FileEnd) {
        let path = file.path.as_slice();
        let (mut offset, mut start) = (0_u64, self.run.start);
        for block in &self.run.blocks {
            let &RunBlock { length, stored, compressed, hash } = block;
            let place = if stored == 0 { 0 } else { start };
            let extent = Extent { start: place, stored, compressed };
            (self.observer)(&Report::Block { path, offset, length, hash, extent });
            offset = offset.saturating_add(length.into());
            start = start.saturating_add(stored.into());
        }
        if let Some(tail) = &file.tail {
            let &Tail { fragment, at, length, hash } = tail;
            (self.observer)(&Report::Tail { path, offset, length, hash, fragment, at });
        }
    }
}

/// A length that is at most that of a block, or a number of blocks that was checked.
fn narrow(length: usize) -> u32 {
    u32::try_from(length).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::tests::Memory;

    /// The hash of the second file's blocks is given to the first one's.
    #[test]
    fn blocks_with_the_same_hash_are_compared() {
        let (memory, mut observer) = (Memory::default(), |_: &Report<'_>| {});
        let mut output = Output::new(Appender::new(&memory), &mut observer).unwrap();
        let mut file = |bytes: &[u8]| {
            let (length, compressed, hash) = (4, false, [7; 32]);
            output.run.start = output.image.position();
            output.image.append(bytes).unwrap();
            output.run.push(RunBlock { length, stored: length, compressed, hash });
            output.blocks_end().unwrap();
            let start = output.run.start;
            output.run.clear();
            (start, output.image.position(), output.shared)
        };
        assert_eq!(file(b"1234"), (0, 4, 0));
        assert_eq!(file(b"1235"), (4, 8, 0));
        assert_eq!(file(b"1234"), (0, 8, 4));
    }
}
