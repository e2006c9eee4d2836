//! A disk in memory that writes down what is done to it, and can lie.

use std::io;
use std::ops::Range;
use std::sync::{Arc, Mutex, MutexGuard};

use anklume_bytes::{ReadAt, ReadError, WriteAt, WriteError};
use anklume_chunks::Part;
use anklume_crash::Entry;
use anklume_slots::Slot;

/// Who writes: each has caches of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Device {
    Record,
    Part(Slot, Part),
}

/// What is wrong with a disk. Places are bytes of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Lie {
    /// Writes that touch these bytes are lost.
    Drop(Range<u64>),
    /// A bit of this byte is another one when it is written.
    Flip(u64),
    /// These bytes are read as they were at first, past the caches.
    Stale(Range<u64>),
    /// What lies so many bytes behind the first byte of a partition lies on its first bytes.
    Wrap(u64),
    /// Writing these bytes fails.
    FailWrite(Range<u64>),
    /// Reading these bytes fails.
    FailRead(Range<u64>),
    /// The flush with this number fails.
    FailFlush(usize),
}

pub(crate) struct State {
    pub(crate) base: Vec<u8>,
    pub(crate) bytes: Vec<u8>,
    pub(crate) log: Vec<(Device, Entry)>,
    pub(crate) lies: Vec<Lie>,
    flushes: usize,
}

/// The disk, as many see it.
#[derive(Clone)]
pub(crate) struct Disk(Arc<Mutex<State>>);

fn touches(range: &Range<u64>, offset: u64, length: usize) -> bool {
    range.start < offset + length as u64 && offset < range.end
}

impl Disk {
    pub(crate) fn new(bytes: Vec<u8>) -> Self {
        let (base, log) = (bytes.clone(), Vec::new());
        Self(Arc::new(Mutex::new(State { base, bytes, log, lies: Vec::new(), flushes: 0 })))
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap()
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.state().bytes.clone()
    }

    pub(crate) fn log_length(&self) -> usize {
        self.state().log.len()
    }

    /// A partition, whose reads come from caches or past them.
    pub(crate) fn window(&self, device: Device, range: &Range<u64>, past_caches: bool) -> Window {
        Window { disk: self.clone(), device, range: range.clone(), past_caches }
    }
}

/// A partition of a disk, or all of it.
#[derive(Clone)]
pub(crate) struct Window {
    disk: Disk,
    device: Device,
    range: Range<u64>,
    past_caches: bool,
}

impl Window {
    /// Where a byte of the partition lies on the disk.
    fn place(&self, state: &State, offset: u64) -> u64 {
        let capacity = state.lies.iter().find_map(|lie| match lie {
            Lie::Wrap(capacity) => Some(*capacity),
            _ => None,
        });
        self.range.start + capacity.map_or(offset, |capacity| offset % capacity)
    }
}

impl ReadAt for Window {
    fn size(&self) -> u64 {
        self.range.end - self.range.start
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let (length, size) = (buffer.len() as u64, self.size());
        if offset + length > size {
            return Err(ReadError::OutOfBounds { offset, length, size });
        }
        let state = self.disk.state();
        let place = self.place(&state, offset);
        for lie in &state.lies {
            if matches!(lie, Lie::FailRead(range) if touches(range, place, buffer.len())) {
                let source = io::Error::other("bad sector");
                return Err(ReadError::Io { offset, length, source });
            }
        }
        for (at, byte) in (offset..).zip(buffer.iter_mut()) {
            let at = self.place(&state, at) as usize;
            *byte = state.bytes[at];
            let is_stale =
                |lie: &Lie| matches!(lie, Lie::Stale(range) if range.contains(&(at as u64)));
            if self.past_caches && !state.lies.is_empty() && state.lies.iter().any(is_stale) {
                *byte = state.base[at];
            }
        }
        Ok(())
    }
}

impl WriteAt for Window {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        let (length, size) = (bytes.len() as u64, self.size());
        assert!(!self.past_caches, "{:?} is only read", self.device);
        assert!(offset.is_multiple_of(512) && length.is_multiple_of(512), "{offset} {length}");
        if offset + length > size {
            return Err(WriteError::OutOfBounds { offset, length, size });
        }
        let state = &mut *self.disk.state();
        let place = self.place(state, offset);
        let mut written = bytes.to_vec();
        for lie in &state.lies {
            match lie {
                Lie::Drop(range) if touches(range, place, bytes.len()) => return Ok(()),
                Lie::FailWrite(range) if touches(range, place, bytes.len()) => {
                    let source = io::Error::other("broken");
                    return Err(WriteError::Io { offset, length, source });
                }
                Lie::Flip(at) if touches(&(*at..at + 1), place, bytes.len()) => {
                    written[(at - place) as usize] ^= 4;
                }
                _ => {}
            }
        }
        for (at, byte) in (offset..).zip(&written) {
            let at = self.place(state, at) as usize;
            state.bytes[at] = *byte;
        }
        state.log.push((self.device, Entry::Write { offset: place, bytes: written }));
        Ok(())
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        let state = &mut *self.disk.state();
        let number = state.flushes;
        state.flushes += 1;
        if state.lies.contains(&Lie::FailFlush(number)) {
            return Err(WriteError::Flush { source: io::Error::other("broken") });
        }
        state.log.push((self.device, Entry::Flush));
        Ok(())
    }
}
