//! Reading back what was written.
//!
//! A device that answers from a cache says little here; one that lost the bytes, as sticks do that
//! claim to be larger than they are, is found.

use anklume_bytes::ReadAt;
use anklume_gpt::Piece;

use crate::execute::{Meter, PIECE_BYTES, length, parts};
use crate::{Error, Step};

/// Compares what `steps` wrote with what `disk` holds. Zeros are not compared: the content of the
/// persistent partition covers some of them.
pub(crate) fn verify<R: ReadAt + ?Sized>(
    disk: &R,
    steps: &[Step],
    persist: &[Piece],
    meter: &mut Meter<'_>,
) -> Result<(), Error> {
    for step in steps {
        match step {
            Step::Copy { from, to, bytes } => {
                for (offset, length) in parts(*bytes) {
                    let expected =
                        disk.read_vec(from.saturating_add(offset), length, PIECE_BYTES)?;
                    same(disk, "copy of the boot partition", to.saturating_add(offset), &expected)?;
                    meter.add(length);
                }
            }
            Step::Persist { offset, .. } => {
                for piece in persist {
                    let at = offset.saturating_add(piece.offset);
                    same_parts(disk, "persistent partition", at, &piece.bytes, meter)?;
                }
            }
            Step::Write { object, piece } => {
                same_parts(disk, object, piece.offset, &piece.bytes, meter)?;
            }
            Step::Zero { .. } | Step::Flush | Step::Verify => {}
        }
    }
    Ok(())
}

fn same_parts<R: ReadAt + ?Sized>(
    disk: &R,
    object: &'static str,
    offset: u64,
    bytes: &[u8],
    meter: &mut Meter<'_>,
) -> Result<(), Error> {
    let step = usize::try_from(PIECE_BYTES).unwrap_or(usize::MAX);
    for ((at, _), part) in parts(length(bytes)).zip(bytes.chunks(step)) {
        same(disk, object, offset.saturating_add(at), part)?;
        meter.add(length(part));
    }
    Ok(())
}

fn same<R: ReadAt + ?Sized>(
    disk: &R,
    object: &'static str,
    offset: u64,
    expected: &[u8],
) -> Result<(), Error> {
    if disk.read_vec(offset, length(expected), PIECE_BYTES)? == expected {
        return Ok(());
    }
    Err(Error::ReadBack { object, offset })
}
