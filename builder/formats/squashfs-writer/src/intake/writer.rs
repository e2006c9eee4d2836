//! Takes the entries.

use std::collections::VecDeque;
use std::io::Read;
use std::sync::Arc;

use super::content::{Content, is_zero};
use super::tails::Tails;
use super::tree::Tree;
use crate::codec::Codec;
use crate::error::Error;
use crate::image::Appender;
use crate::layout::{InodeType, METADATA_STORED, PADDING};
use crate::options::Tails as TailRule;
use crate::output::{Event, FileEnd, Observer, Output};
use crate::pipeline::{Content as Block, Pipeline};
use crate::store::Head;
use crate::tables::{self, Ids, Parts, Xattrs};
use crate::{Entry, Kind, Options, Summary};

/// The most events that wait for blocks; small against the memory of the blocks.
const MAX_EVENTS: usize = 8192;

/// An image that entries are added to. [`crate::write()`] makes one.
pub struct Writer<'a> {
    options: Options,
    pipeline: Pipeline,
    /// What is to be done in this order, as blocks are compressed.
    events: VecDeque<Event>,
    output: Output<'a>,
    /// For metadata, and for fragment blocks that are read back.
    codec: Codec,
    tree: Tree,
    tails: Tails,
    /// The end of the file at hand.
    tail: Vec<u8>,
    ids: Ids,
    xattrs: Xattrs,
    failed: bool,
}

impl<'a> Writer<'a> {
    pub(crate) fn new(
        options: &Options,
        pipeline: Pipeline,
        mut image: Appender<'a>,
        observer: Observer<'a>,
    ) -> Result<Self, Error> {
        let block_bytes = options.block_length()?;
        // The superblock comes at the end.
        image.append(&[0; anklume_squashfs::SUPERBLOCK_BYTES])?;
        if let Some(stored) = options.compressor.stored_options() {
            let length = u16::try_from(stored.len()).unwrap_or(0) | METADATA_STORED;
            image.append(&length.to_le_bytes())?;
            image.append(&stored)?;
        }
        Ok(Self {
            options: *options,
            pipeline,
            events: VecDeque::new(),
            output: Output::new(image, observer)?,
            codec: Codec::new(options.compressor).map_err(Error::Compress)?,
            tree: Tree::new(),
            tails: Tails::new(block_bytes),
            tail: Vec::new(),
            ids: Ids::default(),
            xattrs: Xattrs::new(),
            failed: false,
        })
    }

    /// Adds an entry. Entries come in [`crate::order`]: the root first, directories before their
    /// content, siblings by the bytes of their names. `content` is read for files only.
    ///
    /// # Errors
    /// [`Error::Path`] for a path that is malformed, out of order, there already or without a
    /// directory; [`Error::HardLink`]; [`Error::Field`] and [`Error::Xattr`] for what the format
    /// cannot hold; [`Error::Content`] and [`Error::ContentLength`] when the content does not come
    /// as announced; [`Error::TableFull`]. Also [`Error::Write`], [`Error::ReadBack`] and errors of
    /// compression, which concern this entry or an earlier one. There is no going on after an
    /// error: every further call gives [`Error::Abandoned`].
    pub fn add(&mut self, entry: &Entry<'_>, content: &mut dyn Read) -> Result<(), Error> {
        if self.failed {
            return Err(Error::Abandoned);
        }
        let result = self.try_add(entry, content);
        self.failed = result.is_err();
        result
    }

    fn try_add(&mut self, entry: &Entry<'_>, content: &mut dyn Read) -> Result<(), Error> {
        entry.check()?;
        self.tree.enter(entry, &mut |record| self.events.push_back(Event::Record(record)))?;
        let (kind, detail) = match entry.kind {
            Kind::HardLink { to } => return self.tree.link(entry, to),
            Kind::File { size } => return self.add_file(entry, size, content),
            Kind::Directory => {
                let head = self.head(entry, InodeType::Directory)?;
                return self.tree.add(entry, head);
            }
            Kind::Symlink(_) => (InodeType::Symlink, 0),
            Kind::BlockDevice { major, minor } => {
                (InodeType::BlockDevice, tables::device(major, minor))
            }
            Kind::CharDevice { major, minor } => {
                (InodeType::CharDevice, tables::device(major, minor))
            }
            Kind::Fifo => (InodeType::Fifo, 0),
            Kind::Socket => (InodeType::Socket, 0),
        };
        let head = self.head(entry, kind)?;
        self.tree.add(entry, head)?;
        let mut record = match entry.kind {
            Kind::Symlink(target) => tables::symlink_record(&head, target),
            _ => head.record(),
        };
        if matches!(kind, InodeType::BlockDevice | InodeType::CharDevice) {
            record.extend(detail.to_le_bytes());
        }
        self.event(Event::Record(record))
    }

    fn head(&mut self, entry: &Entry<'_>, kind: InodeType) -> Result<Head, Error> {
        Ok(Head {
            kind,
            mode: entry.mode,
            uid: self.ids.place(entry.uid)?,
            gid: self.ids.place(entry.gid)?,
            mtime: entry.mtime,
            number: self.tree.number()?,
            xattr: self.xattrs.number(&mut self.codec, entry)?,
        })
    }

    fn add_file(
        &mut self,
        entry: &Entry<'_>,
        size: u64,
        reader: &mut dyn Read,
    ) -> Result<(), Error> {
        let head = self.head(entry, InodeType::File)?;
        self.tree.add(entry, head)?;
        let mut content = Content::new(entry, size, reader);
        let block = u64::from(self.options.block_bytes);
        // Whether the end of the file is a block of its own, however short.
        let own_block = self.options.tails == TailRule::SmallFiles && size > block;
        while content.rest() >= block || (own_block && content.rest() > 0) {
            let length = content.rest().min(block);
            let mut buffer = self.pipeline.buffer();
            let bytes = Arc::get_mut(&mut buffer);
            content.fill(bytes.ok_or(Error::Inconsistent { object: "block buffer" })?, length)?;
            self.block(buffer)?;
        }
        let rest = content.rest();
        content.fill(&mut self.tail, rest)?;
        content.end()?;
        if is_zero(&self.tail) {
            self.tail.clear();
            if let Some(length) = u32::try_from(rest).ok().filter(|rest| *rest > 0) {
                self.event(Event::Hole(length))?;
            }
        }
        if size >= block {
            self.event(Event::BlocksEnd)?;
        }
        let path = entry.path.to_vec();
        if self.tail.is_empty() {
            return self.event(Event::File(Box::new(FileEnd { path, head, size, tail: None })));
        }
        let (tail, full) =
            self.tails.place(&self.tail, &self.output, &mut self.codec, &mut self.pipeline)?;
        let tail = Some(tail);
        self.event(Event::File(Box::new(FileEnd { path, head, size, tail })))?;
        full.map_or(Ok(()), |full| self.submit(full, Event::Fragment))
    }

    /// A block of the file at hand.
    fn block(&mut self, content: Block) -> Result<(), Error> {
        if !is_zero(&content) {
            return self.submit(content, Event::Block);
        }
        let length = u32::try_from(content.len()).unwrap_or(u32::MAX);
        self.pipeline.recycle(content);
        self.event(Event::Hole(length))
    }

    fn submit(&mut self, content: Block, event: Event) -> Result<(), Error> {
        while self.pipeline.is_full() {
            self.proceed(true)?;
        }
        self.pipeline.submit(content)?;
        self.event(event)
    }

    fn event(&mut self, event: Event) -> Result<(), Error> {
        self.events.push_back(event);
        self.proceed(false)?;
        while self.events.len() > MAX_EVENTS {
            self.proceed(true)?;
        }
        Ok(())
    }

    /// Does what can be done; with `wait`, waits for one block.
    fn proceed(&mut self, mut wait: bool) -> Result<(), Error> {
        while let Some(event) = self.events.front() {
            if event.needs_block() {
                let Some(done) = self.pipeline.oldest(wait)? else { return Ok(()) };
                wait = false;
                match event {
                    Event::Fragment => self.output.fragment(&done)?,
                    _ => self.output.block(&done)?,
                }
                self.pipeline.release(done);
            } else {
                self.output.event(event)?;
            }
            self.events.pop_front();
        }
        Ok(())
    }

    /// Writes what is left: tables, padding, superblock.
    pub(crate) fn finish(mut self) -> Result<Summary, Error> {
        if self.failed {
            return Err(Error::Abandoned);
        }
        self.tree.leave(0, &mut |record| self.events.push_back(Event::Record(record)));
        if let Some(full) = self.tails.close(&self.output, &mut self.pipeline)? {
            self.submit(full, Event::Fragment)?;
        }
        while !self.events.is_empty() {
            self.proceed(true)?;
        }
        let (inodes, links) = self.tree.into_parts();
        if inodes == 0 {
            let path = Vec::new();
            return Err(Error::Path { path, fault: crate::PathFault::RootNotDirectory });
        }
        let Output { mut image, log, fragments, shared, .. } = self.output;
        let (ids, xattrs) = (self.ids, self.xattrs);
        let xattr_sets = xattrs.count();
        let parts = Parts { log, inodes, links, fragments, ids, xattrs };
        let superblock = tables::assemble(parts, &mut self.codec, &mut image)?;
        let bytes = pad(&mut image)?;
        image.finish(&superblock.encode(&self.options)?)?;
        Ok(Summary {
            bytes,
            bytes_used: superblock.bytes_used,
            inodes,
            fragments: superblock.fragments,
            ids: superblock.ids,
            xattr_sets,
            shared_block_bytes: shared,
            shared_tail_bytes: self.tails.shared,
        })
    }
}

/// Appends zeros up to a multiple of [`PADDING`], and returns the length.
fn pad(image: &mut Appender<'_>) -> Result<u64, Error> {
    let used = image.position();
    let padded = anklume_bytes::align_up(used, PADDING).unwrap_or(used);
    let length = usize::try_from(padded.saturating_sub(used)).unwrap_or(0);
    image.append(&vec![0; length])?;
    Ok(padded)
}
