//! Whether the target holds the version.

use anklume_bytes::ReadAt;
use anklume_chunks::{Chunk, Part, SplitError, Splitter};
use anklume_verity::{Builder, Tree};

use crate::ahead::read_ahead;
use crate::group::{first_mismatch, groups, range};
use crate::progress::Meter;
use crate::request::Checked;
use crate::writer::{WRITE_BYTES, overlay};
use crate::{Fault, Mismatch, Phase, narrow, wide};

/// Reads both parts and compares them: each chunk, the hash tree, and the root hash.
///
/// With `withheld`, the mark is not there yet: zeros are, in place of those bytes.
pub(crate) fn read_back<R: ReadAt + Sync + ?Sized>(
    checked: &Checked<'_>,
    boot: &R,
    os: &R,
    withheld: Option<&[u8]>,
    meter: &mut Meter<'_>,
) -> Result<(), Fault> {
    meter.begin(Phase::ReadingBack, checked.total_bytes())?;
    let chunks = checked.list.part(Part::Boot).chunks();
    let failed = |_: &&[Chunk], error| Fault::read(Part::Boot)(error);
    read_ahead(
        boot,
        groups(chunks),
        |group| range(group),
        failed,
        |group, bytes| match first_mismatch(Part::Boot, group, bytes) {
            Some(mismatch) => Err(Fault::ReadBack(mismatch)),
            None => meter.done(wide(bytes.len())),
        },
    )?;
    let tree = read_data(checked, os, withheld, meter)?;
    read_tree(checked, os, &tree, meter)?;
    meter.end()
}

/// Pieces of a byte range.
fn pieces(from: u64, to: u64) -> impl Iterator<Item = std::ops::Range<u64>> {
    let mut start = from;
    std::iter::from_fn(move || {
        let end = start.saturating_add(WRITE_BYTES).min(to);
        let piece = start..end;
        start = end;
        Some(piece).filter(|piece| !piece.is_empty())
    })
}

/// Reads the chunks of the OS part, and computes the tree over them.
fn read_data<R: ReadAt + Sync + ?Sized>(
    checked: &Checked<'_>,
    os: &R,
    withheld: Option<&[u8]>,
    meter: &mut Meter<'_>,
) -> Result<Tree, Fault> {
    let end = checked.list.part(Part::Os).chunk_bytes();
    let splitter = Splitter::of_part(checked.list, Part::Os, &(0..end));
    let mut splitter = splitter.map_err(split)?;
    let mut builder = checked.builder().map_err(Fault::Tree)?;
    let mut mark = Vec::new();
    let failed = |_: &_, error| Fault::read(Part::Os)(error);
    read_ahead(os, pieces(0, end), Clone::clone, failed, |piece, bytes| {
        if let Some(withheld) = withheld {
            put_mark(checked, piece.start, bytes, withheld)?;
        }
        let data = narrow(checked.data_bytes.saturating_sub(piece.start)).min(bytes.len());
        let (data, behind) = bytes.split_at_checked(data).unwrap_or_default();
        mark.extend_from_slice(behind);
        let (hashed, split) = rayon::join(
            || builder.update(data),
            || splitter.push(bytes, |_, _, _| Ok::<_, SplitError>(())),
        );
        split.map_err(self::split)?;
        hashed.map_err(Fault::Tree)?;
        meter.done(wide(bytes.len()))
    })?;
    splitter.finish().map_err(split)?;
    checked.check_mark(&mark)?;
    finish(checked, builder)
}

fn finish(checked: &Checked<'_>, builder: Builder) -> Result<Tree, Fault> {
    let tree = builder.finish().map_err(Fault::Tree)?;
    let (expected, found) = (checked.root_hash, tree.root_hash);
    if expected == found { Ok(tree) } else { Err(Fault::RootHash { expected, found }) }
}

/// Puts the mark where zeros must be now.
fn put_mark(
    checked: &Checked<'_>,
    offset: u64,
    bytes: &mut [u8],
    withheld: &[u8],
) -> Result<(), Fault> {
    let mark = checked.mark();
    let end = offset.saturating_add(wide(bytes.len()));
    let (from, to) = (mark.start.max(offset), mark.end.min(end));
    let inside = narrow(from.saturating_sub(offset))..narrow(to.saturating_sub(offset));
    let there = bytes.get(inside).unwrap_or_default();
    if let Some(at) = there.iter().position(|byte| *byte != 0) {
        return Err(Fault::Differs { part: Part::Os, offset: from.saturating_add(wide(at)) });
    }
    overlay(offset, bytes, mark.start, withheld);
    Ok(())
}

/// Compares the hash blocks with those that were computed from what was read.
fn read_tree<R: ReadAt + Sync + ?Sized>(
    checked: &Checked<'_>,
    os: &R,
    tree: &Tree,
    meter: &mut Meter<'_>,
) -> Result<(), Fault> {
    let listed = checked.list.part(Part::Os);
    let failed = |_: &_, error| Fault::read(Part::Os)(error);
    let ranges = pieces(listed.chunk_bytes(), listed.total_bytes());
    read_ahead(os, ranges, Clone::clone, failed, |piece, bytes| {
        let start = narrow(piece.start.saturating_sub(checked.data_bytes));
        let computed = tree.bytes.get(start..).unwrap_or_default();
        same(Part::Os, piece.start, computed.get(..bytes.len()).unwrap_or_default(), bytes)?;
        meter.done(wide(bytes.len()))
    })
}

/// Compares what was written at byte `offset` of a part with what was read.
pub(crate) fn same(part: Part, offset: u64, written: &[u8], read: &[u8]) -> Result<(), Fault> {
    if written == read {
        return Ok(());
    }
    let same = written.iter().zip(read).take_while(|(written, read)| written == read).count();
    Err(Fault::Differs { part, offset: offset.saturating_add(wide(same)) })
}

/// What the chunks that were read say.
fn split(error: SplitError) -> Fault {
    match error {
        SplitError::Digest { part, offset, bytes, expected, found } => {
            Fault::ReadBack(Mismatch { part, offset, bytes, expected, found })
        }
        // Not that many bytes are read, nor fewer.
        SplitError::NoChunks { start: offset, .. }
        | SplitError::TooMany { end: offset, .. }
        | SplitError::TooFew { offset, .. } => Fault::Differs { part: Part::Os, offset },
    }
}
