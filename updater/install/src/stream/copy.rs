//! What is not fetched.

use std::ops::Range;

use anklume_bytes::{ReadAt, WriteAt};
use anklume_chunks::{Chunk, Operation, Origin, Part, Place};

use super::{Stop, Stream};
use crate::ahead::read_ahead;
use crate::group::{first_mismatch, groups, range};
use crate::{Fault, Mismatch, narrow};

impl<'a, W, R> Stream<'_, 'a, '_, W, R>
where
    W: WriteAt + ?Sized,
    R: ReadAt + Sync + ?Sized,
{
    /// Leaves what is in the target already. It is read all the same: it is hashed, and may be something
    /// else by now.
    pub(super) fn keep(&mut self, operation: &Operation) -> Result<(), Stop> {
        let place = Place { origin: Origin::Target, part: self.part, offset: operation.offset };
        let reader = self.reader;
        self.copy(operation, place, reader, true)
    }

    /// Copies from seed number `number`.
    pub(super) fn copy_seed(
        &mut self,
        operation: &Operation,
        place: Place,
        number: u32,
    ) -> Result<(), Stop> {
        let seed = usize::try_from(number).ok().and_then(|number| self.known.seeds.get(number));
        let Some(seed) = seed else {
            self.known.abandon(place.origin);
            return Err(Stop::Again);
        };
        self.copy(operation, place, seed.reader(place.part), false)
    }

    /// Copies from `reader`, which nothing is written to meanwhile, but bytes that lie elsewhere.
    fn copy<D: ReadAt + Sync + ?Sized>(
        &mut self,
        operation: &Operation,
        place: Place,
        reader: &D,
        on_disk: bool,
    ) -> Result<(), Stop> {
        let chunks = self.chunks(operation);
        let mut is_unreadable = false;
        let copied = read_ahead(
            reader,
            groups(chunks),
            |group| moved(&range(group), operation, place),
            |_, _| {
                is_unreadable = true;
                Stop::Again
            },
            |group, bytes| self.copied(group, bytes, operation, place, on_disk),
        );
        if is_unreadable {
            // Each further try could take minutes.
            self.known.abandon(place.origin);
        }
        copied
    }

    /// The chunks of an operation, which consists of some.
    fn chunks(&self, operation: &Operation) -> &'a [Chunk] {
        let listed = self.known.checked.list.part(self.part);
        listed.covering(&operation.range()).unwrap_or_default()
    }

    /// Takes a group that was read from its place.
    fn copied(
        &mut self,
        group: &[Chunk],
        bytes: &[u8],
        operation: &Operation,
        place: Place,
        on_disk: bool,
    ) -> Result<(), Stop> {
        if let Some(mismatch) = first_mismatch(self.part, group, bytes) {
            let chunk = mismatch.offset..mismatch.offset.saturating_add(mismatch.bytes.into());
            self.known.blame(place.origin, place.part, &moved(&chunk, operation, place));
            return Err(Stop::Again);
        }
        self.reused(group, bytes, on_disk)?;
        Ok(())
    }

    fn reused(&mut self, group: &[Chunk], bytes: &[u8], on_disk: bool) -> Result<(), Fault> {
        self.writer.push(bytes, on_disk)?;
        let done = self.advance(range(group).end);
        let summary = &mut self.known.summary;
        let sum = if on_disk { &mut summary.kept_bytes } else { &mut summary.copied_bytes };
        *sum = sum.saturating_add(done);
        self.known.meter.reused(done)
    }

    /// Copies within the target: what was written before, or what lies ahead and will be overwritten.
    pub(super) fn copy_target(&mut self, operation: &Operation, place: Place) -> Result<(), Stop> {
        let chunks = self.chunks(operation);
        for group in groups(chunks) {
            let from = moved(&range(group), operation, place);
            let mut piece = std::mem::take(&mut self.piece);
            piece.resize(narrow(from.end.saturating_sub(from.start)), 0);
            self.read_target(place.part, from.start, &mut piece)?;
            let mismatch = first_mismatch(self.part, group, &piece);
            match mismatch {
                None => self.reused(group, &piece, false)?,
                Some(found) => self.lost(found, operation, place)?,
            }
            self.piece = piece;
        }
        Ok(())
    }

    fn read_target(&self, part: Part, offset: u64, bytes: &mut [u8]) -> Result<(), Fault> {
        if part == self.part {
            return self.writer.read(offset, bytes);
        }
        self.other.read_at(offset, bytes).map_err(Fault::read(part))
    }

    /// A chunk is not where it was in the target. If it was written there just now, the disk is broken.
    fn lost(&mut self, found: Mismatch, operation: &Operation, place: Place) -> Result<(), Stop> {
        let chunk = found.offset..found.offset.saturating_add(found.bytes.into());
        let from = moved(&chunk, operation, place);
        let was_written =
            place.part < self.part || (place.part == self.part && from.start < found.offset);
        if was_written {
            let Mismatch { bytes, expected, found, .. } = found;
            let offset = from.start;
            let mismatch = Mismatch { part: place.part, offset, bytes, expected, found };
            return Err(Fault::ReadBack(mismatch).into());
        }
        self.known.blame(place.origin, place.part, &from);
        Err(Stop::Again)
    }
}

/// Where bytes of an operation lie that is copied from `place`.
fn moved(range: &Range<u64>, operation: &Operation, place: Place) -> Range<u64> {
    let start = range.start.saturating_sub(operation.offset).saturating_add(place.offset);
    start..start.saturating_add(range.end.saturating_sub(range.start))
}
