//! Disks of tests.

use std::collections::BTreeMap;
use std::io;

use anklume_bytes::{ReadAt, ReadError, WriteAt, WriteError, put};

use crate::SECTOR_BYTES;

/// Unit in which written bytes are kept. One is allocated for each that was touched.
const BLOCK_BYTES: u64 = 4096;

/// A disk of so many bytes that was never written.
#[derive(Debug, Clone, Copy)]
pub struct Zeros(pub u64);

impl ReadAt for Zeros {
    fn size(&self) -> u64 {
        self.0
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = length(buffer);
        if !inside(offset, length, self.0) {
            return Err(ReadError::OutOfBounds { offset, length, size: self.0 });
        }
        buffer.fill(0);
        Ok(())
    }
}

/// What was done to a [`RecordingDisk`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// Bytes were written: whole sectors.
    Write {
        /// First byte, a multiple of [`SECTOR_BYTES`].
        offset: u64,
        /// What was written.
        bytes: Vec<u8>,
    },
    /// Everything before was made durable.
    Flush,
}

/// A sparse disk in memory over the bytes of another one, with a log of what was done to it.
#[derive(Debug, Clone)]
pub struct RecordingDisk<B = Zeros> {
    base: B,
    blocks: BTreeMap<u64, Vec<u8>>,
    log: Vec<Entry>,
}

impl RecordingDisk {
    /// An empty disk of `size` bytes. Costs memory only for what is written.
    #[must_use]
    pub fn new(size: u64) -> Self {
        Self::over(Zeros(size))
    }
}

impl<B: ReadAt> RecordingDisk<B> {
    /// A disk that holds the bytes of `base`, which itself is never changed.
    #[must_use]
    pub fn over(base: B) -> Self {
        Self { base, blocks: BTreeMap::new(), log: Vec::new() }
    }

    /// What was done so far, in order.
    #[must_use]
    pub fn log(&self) -> &[Entry] {
        &self.log
    }

    /// The same disk as one that nothing was done to yet.
    #[must_use]
    pub fn forget(mut self) -> Self {
        self.log.clear();
        self
    }

    /// What was written: byte offsets, in order, and the bytes from there.
    pub fn blocks(&self) -> impl Iterator<Item = (u64, &[u8])> {
        self.blocks.iter().map(|(index, bytes)| (index.saturating_mul(BLOCK_BYTES), &bytes[..]))
    }

    /// The block with `index`, with its present bytes.
    fn block(&mut self, index: u64) -> Result<&mut Vec<u8>, ReadError> {
        if !self.blocks.contains_key(&index) {
            let start = index.saturating_mul(BLOCK_BYTES);
            let rest = self.base.size().saturating_sub(start).min(BLOCK_BYTES);
            let bytes = self.base.read_vec(start, rest, BLOCK_BYTES)?;
            self.blocks.insert(index, bytes);
        }
        Ok(self.blocks.entry(index).or_default())
    }
}

impl<B: ReadAt> ReadAt for RecordingDisk<B> {
    fn size(&self) -> u64 {
        self.base.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.base.read_at(offset, buffer)?;
        let end = offset.saturating_add(length(buffer));
        let first = offset.checked_div(BLOCK_BYTES).unwrap_or(0);
        for (index, bytes) in self.blocks.range(first..end.div_ceil(BLOCK_BYTES)) {
            overlay(offset, buffer, index.saturating_mul(BLOCK_BYTES), bytes);
        }
        Ok(())
    }
}

impl<B: ReadAt> WriteAt for RecordingDisk<B> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        let (length, size) = (length(bytes), self.size());
        if !inside(offset, length, size) {
            return Err(WriteError::OutOfBounds { offset, length, size });
        }
        let failed = |source| WriteError::Io { offset, length, source };
        if !offset.is_multiple_of(SECTOR_BYTES) || !length.is_multiple_of(SECTOR_BYTES) {
            return Err(failed(io::Error::new(io::ErrorKind::InvalidInput, "not whole sectors")));
        }
        let first = offset.checked_div(BLOCK_BYTES).unwrap_or(0);
        let end = offset.saturating_add(length);
        for index in first..end.div_ceil(BLOCK_BYTES) {
            let start = index.saturating_mul(BLOCK_BYTES);
            if offset <= start && start.saturating_add(BLOCK_BYTES) <= end {
                let whole = usize::try_from(BLOCK_BYTES).unwrap_or_default();
                self.blocks.entry(index).or_insert_with(|| vec![0; whole]);
            }
            let block = self.block(index).map_err(|error| failed(io::Error::other(error)))?;
            overlay(start, block, offset, bytes);
        }
        self.log.push(Entry::Write { offset, bytes: bytes.to_vec() });
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.log.push(Entry::Flush);
        Ok(())
    }
}

/// A disk that says it flushed, once, and did not.
#[derive(Debug)]
pub struct WithoutFlush<D> {
    disk: D,
    left: Option<usize>,
}

impl<D> WithoutFlush<D> {
    /// `disk`, whose flush number `nth` (from 0) does nothing.
    #[must_use]
    pub fn new(disk: D, nth: usize) -> Self {
        Self { disk, left: Some(nth) }
    }

    /// Whether there were so many flushes that one was left out.
    #[must_use]
    pub fn left_one_out(&self) -> bool {
        self.left.is_none()
    }

    /// The disk.
    #[must_use]
    pub fn into_inner(self) -> D {
        self.disk
    }
}

impl<D: ReadAt> ReadAt for WithoutFlush<D> {
    fn size(&self) -> u64 {
        self.disk.size()
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.disk.read_at(offset, buffer)
    }
}

impl<D: WriteAt> WriteAt for WithoutFlush<D> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        self.disk.write_at(offset, bytes)
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let Some(left) = self.left else {
            return self.disk.flush();
        };
        self.left = left.checked_sub(1);
        if self.left.is_some() { self.disk.flush() } else { Ok(()) }
    }
}

/// Length of a buffer in bytes.
pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn inside(offset: u64, length: u64, size: u64) -> bool {
    offset.checked_add(length).is_some_and(|end| end <= size)
}

/// Puts the part of `from` (at byte `from_start` of a disk) that lies within `to` (at `to_start`)
/// into it.
pub(crate) fn overlay(to_start: u64, to: &mut [u8], from_start: u64, from: &[u8]) {
    let skip = |start: u64, other: u64| usize::try_from(other.saturating_sub(start)).ok();
    let part = skip(from_start, to_start).and_then(|skip| from.get(skip..));
    let (Some(part), Some(at)) = (part, skip(to_start, from_start)) else { return };
    let room = to.len().saturating_sub(at).min(part.len());
    let _ = put(to, at, part.get(..room).unwrap_or_default());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_disk_reads_what_was_written_and_zeros_elsewhere() {
        let mut disk = RecordingDisk::new(64_000_000_000);
        disk.write_at(4096 - 512, &[7; 1024]).unwrap();
        disk.write_at(63_999_999_488, &[8; 512]).unwrap();
        let mut bytes = [1; 2048];
        disk.read_at(3072, &mut bytes).unwrap();
        assert_eq!(bytes[..512], [0; 512]);
        assert_eq!(bytes[512..1536], [7; 1024]);
        assert_eq!(bytes[1536..], [0; 512]);
        assert_eq!(disk.blocks().count(), 3);
        let mut last = [0; 2];
        disk.read_at(63_999_999_998, &mut last).unwrap();
        assert_eq!(last, [8; 2]);
        assert!(disk.read_at(63_999_999_999, &mut last).is_err());
    }

    #[test]
    fn writes_are_whole_sectors_within_the_disk() {
        let mut disk = RecordingDisk::new(1024);
        for (offset, length) in [(256, 512), (0, 100)] {
            let error = disk.write_at(offset, &vec![1; length]).unwrap_err();
            assert!(matches!(error, WriteError::Io { .. }), "{error}");
        }
        let error = disk.write_at(1024, &[1; 512]).unwrap_err();
        assert!(matches!(error, WriteError::OutOfBounds { size: 1024, .. }), "{error}");
        assert!(disk.log().is_empty());
    }

    #[test]
    fn the_base_shows_through_and_stays_as_it_was() {
        let base = vec![5; 1536];
        let mut disk = RecordingDisk::over(&base);
        disk.write_at(512, &[6; 512]).unwrap();
        let mut bytes = [0; 1536];
        disk.read_at(0, &mut bytes).unwrap();
        assert_eq!([bytes[511], bytes[512], bytes[1023], bytes[1024]], [5, 6, 6, 5]);
        assert_eq!(base, [5; 1536]);
        assert_eq!(disk.log(), [Entry::Write { offset: 512, bytes: vec![6; 512] }]);
        assert!(disk.forget().log().is_empty());
    }

    #[test]
    fn a_write_across_blocks_keeps_what_lies_around_it() {
        let base = vec![5; 16384];
        let mut disk = RecordingDisk::over(&base);
        disk.write_at(512, &[6; 12288]).unwrap();
        let mut expected = base.clone();
        expected[512..12800].fill(6);
        assert!(disk.read_vec(0, 16384, 16384).unwrap() == expected);
    }

    #[test]
    fn exactly_one_flush_is_left_out() {
        let mut disk = WithoutFlush::new(RecordingDisk::new(4096), 1);
        for byte in 0..3 {
            disk.write_at(0, &[byte; 512]).unwrap();
            disk.flush().unwrap();
        }
        assert!(disk.left_one_out());
        let flushes: Vec<bool> =
            disk.into_inner().log().iter().map(|entry| *entry == Entry::Flush).collect();
        assert_eq!(flushes, [false, true, false, false, true]);
        let mut disk = WithoutFlush::new(RecordingDisk::new(4096), 1);
        disk.flush().unwrap();
        assert!(!disk.left_one_out());
    }
}
