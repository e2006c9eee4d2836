//! Images in memory, and how they are made.

use std::cell::{Cell, RefCell};
use std::io;
use std::num::NonZeroUsize;

use anklume_bytes::{ReadAt, ReadError};
use anklume_squashfs_writer::{
    BlockCache, Compressor, Error, Image, Options, Report, Summary, Tails, write,
};

use crate::node::Node;

/// Bytes of a block in most tests: small, so that small files have many blocks.
pub(crate) const BLOCK: usize = 4096;

/// An image in memory, which held something else before.
pub(crate) struct Memory {
    bytes: RefCell<Vec<u8>>,
    /// Writes that succeed before one fails.
    pub(crate) writes_left: Cell<u32>,
    /// Reads that succeed before one fails.
    pub(crate) reads_left: Cell<u32>,
}

impl Memory {
    pub(crate) fn new() -> Self {
        let (writes_left, reads_left) = (Cell::new(u32::MAX), Cell::new(u32::MAX));
        Self { bytes: RefCell::new(vec![0xee; 1 << 20]), writes_left, reads_left }
    }

    fn spend(left: &Cell<u32>) -> io::Result<()> {
        let rest = left.get().checked_sub(1).ok_or_else(|| io::Error::other("worn out"))?;
        left.set(rest);
        Ok(())
    }
}

impl ReadAt for Memory {
    fn size(&self) -> u64 {
        self.bytes.borrow().size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = buffer.len() as u64;
        Self::spend(&self.reads_left).map_err(|source| ReadError::Io { offset, length, source })?;
        self.bytes.borrow().read_at(offset, buffer)
    }
}

impl Image for Memory {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        Self::spend(&self.writes_left)?;
        let (mut image, start) = (self.bytes.borrow_mut(), offset as usize);
        let end = start + bytes.len();
        if image.len() < end {
            image.resize(end, 0xee);
        }
        image[start..end].copy_from_slice(bytes);
        Ok(())
    }
}

/// A report that owns its path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen(pub(crate) String);

/// An image and what was said about it.
pub(crate) struct Packed {
    pub(crate) bytes: Vec<u8>,
    pub(crate) summary: Summary,
    /// The reports as text, to be compared.
    pub(crate) reports: Vec<Seen>,
}

pub(crate) fn options(threads: usize) -> Options {
    Options {
        block_bytes: BLOCK as u32,
        compressor: Compressor::Zstd { level: 3 },
        mkfs_time: 1_600_000_000,
        threads: NonZeroUsize::new(threads).unwrap(),
        tails: Tails::Packed,
    }
}

/// Packs nodes in the order in which they are.
pub(crate) fn pack(nodes: &[Node], options: &Options) -> Packed {
    pack_with(nodes, options, None)
}

pub(crate) fn pack_with(
    nodes: &[Node],
    options: &Options,
    cache: Option<&dyn BlockCache>,
) -> Packed {
    let memory = Memory::new();
    let mut reports = Vec::new();
    let mut observer = |report: &Report<'_>| reports.push(Seen(format!("{report:?}")));
    let summary = try_pack(nodes, options, &memory, cache, &mut observer).unwrap();
    let mut bytes = memory.bytes.into_inner();
    let length = usize::try_from(summary.bytes).unwrap();
    // What was there before stays only where the image never was.
    let rest = &bytes[length..];
    let untouched = rest.iter().skip_while(|byte| **byte == 0).all(|byte| *byte == 0xee);
    assert!(untouched, "stale bytes behind the image");
    bytes.truncate(length);
    let padding = &bytes[usize::try_from(summary.bytes_used).unwrap()..];
    assert!(padding.len() < 4096 && padding.iter().all(|byte| *byte == 0));
    Packed { bytes, summary, reports }
}

pub(crate) fn try_pack(
    nodes: &[Node],
    options: &Options,
    memory: &Memory,
    cache: Option<&dyn BlockCache>,
    observer: &mut dyn FnMut(&Report<'_>),
) -> Result<Summary, Error> {
    write(options, memory, cache, observer, |writer| {
        nodes.iter().try_for_each(|node| node.add(writer, None))
    })
}
