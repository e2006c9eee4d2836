//! Carrying a plan out.

use anklume_bytes::WriteAt;
use anklume_gpt::Piece;
use anklume_layout::SECTOR_BYTES;

use crate::verify::verify;
use crate::{Error, Plan, Step};

/// What is read and written at a time, in bytes.
pub(crate) const PIECE_BYTES: u64 = 1 << 20;

/// Carries `plan` out on `disk`, the one that it was made for.
///
/// `persist` is the content of the persistent partition, if [`Plan::persist_bytes`] asks for it:
/// offsets are relative to the partition, pieces are whole sectors. **Everything that the formatting
/// program wrote must be in it, zeros too**: only the first and last MiB of the partition are
/// cleared before, and a journal whose blocks are left out could replay those of a former life.
///
/// `progress` is called with the bytes that were written and read back so far, and their total.
///
/// # Errors
/// [`Error`]. The disk then is in a state from which [`crate::plan`] starts again: nothing of the
/// image is touched before everything new is durable and was read back.
pub fn execute<D: WriteAt + ?Sized>(
    plan: &Plan,
    disk: &mut D,
    persist: &[Piece],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<(), Error> {
    if let Some(bytes) = plan.persist_bytes() {
        check_persist(persist, bytes)?;
    }
    let mut meter = Meter { done: 0, total: total(plan, persist), report: progress };
    let mut since = 0_usize;
    for (index, step) in plan.steps.iter().enumerate() {
        match step {
            Step::Copy { from, to, bytes } => copy(disk, *from, *to, *bytes, &mut meter)?,
            Step::Zero { offset, bytes } => zero(disk, *offset, *bytes, &mut meter)?,
            Step::Persist { offset, .. } => {
                for piece in persist {
                    let at = offset.saturating_add(piece.offset);
                    write(disk, at, &piece.bytes, &mut meter)?;
                }
            }
            Step::Write { piece, .. } => write(disk, piece.offset, &piece.bytes, &mut meter)?,
            Step::Flush => disk.flush()?,
            Step::Verify => {
                let steps = plan.steps.get(since..index).unwrap_or_default();
                verify(disk, steps, persist, &mut meter)?;
                since = index;
            }
        }
    }
    Ok(())
}

/// Counts bytes.
pub(crate) struct Meter<'a> {
    done: u64,
    total: u64,
    report: &'a mut dyn FnMut(u64, u64),
}

impl Meter<'_> {
    pub(crate) fn add(&mut self, bytes: u64) {
        self.done = self.done.saturating_add(bytes);
        (self.report)(self.done, self.total);
    }
}

/// The bytes that a plan writes, and those that it reads back: all but zeros.
fn total(plan: &Plan, persist: &[Piece]) -> u64 {
    let sizes = plan.steps.iter().map(|step| match step {
        Step::Copy { bytes, .. } => bytes.saturating_mul(2),
        Step::Zero { bytes, .. } => *bytes,
        Step::Persist { .. } => {
            persist.iter().fold(0_u64, |sum, piece| sum.saturating_add(twice(piece)))
        }
        Step::Write { piece, .. } => twice(piece),
        Step::Flush | Step::Verify => 0,
    });
    sizes.fold(0, u64::saturating_add)
}

fn twice(piece: &Piece) -> u64 {
    length(&piece.bytes).saturating_mul(2)
}

pub(crate) fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

fn check_persist(persist: &[Piece], bytes: u64) -> Result<(), Error> {
    if persist.is_empty() {
        return Err(Error::NoPersist);
    }
    for piece in persist {
        let (offset, length) = (piece.offset, length(&piece.bytes));
        let inside = offset.checked_add(length).is_some_and(|end| end <= bytes);
        let whole = offset.is_multiple_of(SECTOR_BYTES) && length.is_multiple_of(SECTOR_BYTES);
        if !inside || !whole {
            return Err(Error::PersistPiece { offset, length, bytes });
        }
    }
    Ok(())
}

/// The parts of at most [`PIECE_BYTES`] of so many bytes: offset and length.
pub(crate) fn parts(bytes: u64) -> impl Iterator<Item = (u64, u64)> {
    let count = bytes.div_ceil(PIECE_BYTES);
    (0..count).map(move |index| {
        let offset = index.saturating_mul(PIECE_BYTES);
        (offset, bytes.saturating_sub(offset).min(PIECE_BYTES))
    })
}

fn copy<D: WriteAt + ?Sized>(
    disk: &mut D,
    from: u64,
    to: u64,
    bytes: u64,
    meter: &mut Meter<'_>,
) -> Result<(), Error> {
    for (offset, length) in parts(bytes) {
        let part = disk.read_vec(from.saturating_add(offset), length, PIECE_BYTES)?;
        disk.write_at(to.saturating_add(offset), &part)?;
        meter.add(length);
    }
    Ok(())
}

fn zero<D: WriteAt + ?Sized>(
    disk: &mut D,
    offset: u64,
    bytes: u64,
    meter: &mut Meter<'_>,
) -> Result<(), Error> {
    for (at, length) in parts(bytes) {
        let zeros = vec![0; usize::try_from(length).unwrap_or_default()];
        disk.write_at(offset.saturating_add(at), &zeros)?;
        meter.add(length);
    }
    Ok(())
}

fn write<D: WriteAt + ?Sized>(
    disk: &mut D,
    offset: u64,
    bytes: &[u8],
    meter: &mut Meter<'_>,
) -> Result<(), Error> {
    let step = usize::try_from(PIECE_BYTES).unwrap_or(usize::MAX);
    for ((at, length), part) in parts(length(bytes)).zip(bytes.chunks(step)) {
        disk.write_at(offset.saturating_add(at), part)?;
        meter.add(length);
    }
    Ok(())
}
