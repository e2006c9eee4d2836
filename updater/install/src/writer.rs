//! Bytes of a part, collected into large writes.

use std::ops::Range;

use anklume_bytes::{WriteAt, align_up};
use anklume_chunks::Part;
use anklume_verity::{Builder, Tree};

use crate::{Fault, narrow, wide};

/// Bytes of a write, where not less is to be written. A write begins at a multiple of that.
pub const WRITE_BYTES: u64 = 1 << 20;
/// What a shorter write is a multiple of, in bytes, but for the end of a part.
const ALIGN_BYTES: usize = 4096;

/// Writes a part from its first byte to its last.
pub(crate) struct Writer<'a, W: ?Sized> {
    pub(crate) disk: &'a mut W,
    part: Part,
    /// First byte in the part of what is held: a multiple of [`WRITE_BYTES`].
    start: u64,
    held: Vec<u8>,
    /// The bytes of `held` that are not on the disk.
    dirty: Option<Range<usize>>,
    hashing: Option<Hashing>,
}

/// What is hashed of the OS part.
pub(crate) struct Hashing {
    pub(crate) builder: Builder,
    /// Bytes that were hashed.
    pub(crate) done: u64,
    /// The bytes that are written as zeros, and come last.
    pub(crate) withheld: Range<u64>,
    /// What they ought to be, as far as it is known.
    pub(crate) mark: Vec<u8>,
}

impl<'a, W: WriteAt + ?Sized> Writer<'a, W> {
    pub(crate) fn new(disk: &'a mut W, part: Part, hashing: Option<Hashing>) -> Self {
        let held = Vec::with_capacity(narrow(WRITE_BYTES));
        Self { disk, part, start: 0, held, dirty: None, hashing }
    }

    /// First byte in the part that was not pushed.
    pub(crate) fn at(&self) -> u64 {
        self.start.saturating_add(wide(self.held.len()))
    }

    /// Takes the next bytes, which are on the disk already or not.
    pub(crate) fn push(&mut self, mut bytes: &[u8], on_disk: bool) -> Result<(), Fault> {
        while !bytes.is_empty() {
            let room = narrow(WRITE_BYTES).saturating_sub(self.held.len());
            let (now, later) = bytes.split_at_checked(room).unwrap_or((bytes, &[]));
            let from = self.held.len();
            let offset = self.at();
            self.held.extend_from_slice(now);
            let to = self.held.len();
            if self.withhold(offset, from..to) || !on_disk {
                let start = self.dirty.as_ref().map_or(from, |dirty| dirty.start);
                self.dirty = Some(start..to);
            }
            if wide(to) == WRITE_BYTES {
                self.write_out()?;
            }
            bytes = later;
        }
        Ok(())
    }

    /// Puts zeros in place of what is withheld of the bytes `new` of `held`, which lie at byte `offset`
    /// of the part. Says whether there was any.
    fn withhold(&mut self, offset: u64, new: Range<usize>) -> bool {
        let Some(hashing) = &mut self.hashing else { return false };
        let end = offset.saturating_add(wide(new.len()));
        let from = hashing.withheld.start.max(offset);
        let to = hashing.withheld.end.min(end);
        let Some(length) = to.checked_sub(from).filter(|length| *length > 0) else { return false };
        let first = new.start.saturating_add(narrow(from.saturating_sub(offset)));
        let last = first.saturating_add(narrow(length));
        if let Some(bytes) = self.held.get_mut(first..last) {
            hashing.mark.extend_from_slice(bytes);
            bytes.fill(0);
        }
        true
    }

    /// Hashes what is held and was not hashed.
    fn hash(&mut self) -> Result<(), Fault> {
        let Some(hashing) = &mut self.hashing else { return Ok(()) };
        let end = self.start.saturating_add(wide(self.held.len())).min(hashing.withheld.start);
        let from = narrow(hashing.done.saturating_sub(self.start));
        let to = narrow(end.saturating_sub(self.start));
        if let Some(bytes) = self.held.get(from..to).filter(|bytes| !bytes.is_empty()) {
            hashing.builder.update(bytes).map_err(Fault::Tree)?;
            hashing.done = end;
        }
        Ok(())
    }

    /// The tree over everything before the mark, and the mark.
    pub(crate) fn tree(&mut self) -> Result<Option<(Tree, Vec<u8>)>, Fault> {
        self.hash()?;
        let Some(hashing) = self.hashing.take() else { return Ok(None) };
        let tree = hashing.builder.finish().map_err(Fault::Tree)?;
        Ok(Some((tree, hashing.mark)))
    }

    /// Writes what is held, and holds nothing.
    fn write_out(&mut self) -> Result<(), Fault> {
        self.hash()?;
        self.write(self.held.len())?;
        self.start = self.at();
        self.held.clear();
        Ok(())
    }

    /// Writes the dirty bytes before byte `end` of what is held, and what is in the same blocks.
    fn write(&mut self, end: usize) -> Result<(), Fault> {
        let Some(dirty) = self.dirty.take() else { return Ok(()) };
        let first = dirty.start.saturating_sub(dirty.start.checked_rem(ALIGN_BYTES).unwrap_or(0));
        let last = align_up(wide(dirty.end), wide(ALIGN_BYTES)).map_or(end, narrow).min(end);
        let Some(bytes) = self.held.get(first..last).filter(|bytes| !bytes.is_empty()) else {
            return Ok(());
        };
        let offset = self.start.saturating_add(wide(first));
        self.disk.write_at(offset, bytes).map_err(Fault::write(self.part))
    }

    /// Writes what is held at the end of the part.
    pub(crate) fn finish(&mut self) -> Result<(), Fault> {
        self.write_out()
    }

    /// Writes the whole blocks of what is held: nothing more comes, and the next time they need not be
    /// fetched.
    pub(crate) fn save(&mut self) -> Result<(), Fault> {
        let rest = self.held.len().checked_rem(ALIGN_BYTES).unwrap_or(0);
        self.write(self.held.len().saturating_sub(rest))
    }

    /// Reads what was pushed or what lies behind it.
    pub(crate) fn read(&self, offset: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        let end = offset.saturating_add(wide(bytes.len()));
        // What is held need not be on the disk, not even as its old bytes.
        if offset < self.start || end > self.at() {
            self.disk.read_at(offset, bytes).map_err(Fault::read(self.part))?;
        }
        overlay(offset, bytes, self.start, &self.held);
        if let Some(hashing) = &self.hashing {
            overlay(offset, bytes, hashing.withheld.start, &hashing.mark);
        }
        Ok(())
    }
}

/// Puts the part of `from` (at byte `from_start`) that lies within `to` (at `to_start`) into it.
pub(crate) fn overlay(to_start: u64, to: &mut [u8], from_start: u64, from: &[u8]) {
    let from = from.get(narrow(to_start.saturating_sub(from_start))..).unwrap_or_default();
    let to = to.get_mut(narrow(from_start.saturating_sub(to_start))..).unwrap_or_default();
    to.iter_mut().zip(from).for_each(|(to, from)| *to = *from);
}

#[cfg(test)]
mod tests;
