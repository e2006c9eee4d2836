//! What a slot holds.

use anklume_bytes::ReadAt;
use anklume_chunks::{Chunk, ChunkList, Cuts, Digest, Part, PartSpec, cut_boot, cut_os};

use crate::ahead::read_ahead;
use crate::group::{digests, groups, range};
use crate::progress::{Meter, Report};
use crate::{Fault, Phase, SurveyError};

/// Reads and hashes the version in a slot. It has no place in an image file: the list gives it one from
/// byte 0 on.
///
/// Memory: the tree of the squashfs, 60 bytes for each chunk, and two pieces of 1 MiB.
///
/// # Errors
/// [`SurveyError`]. Whoever looks for seeds goes on without this one.
pub fn survey<B, O>(boot: &B, os: &O, report: &mut Report<'_>) -> Result<ChunkList, SurveyError>
where
    B: ReadAt + Sync + ?Sized,
    O: ReadAt + Sync + ?Sized,
{
    let mut report = |progress| report(progress);
    let mut meter = Meter::new(&mut report);
    let (of_boot, of_os) = (chunks(&cut_boot(boot)?), chunks(&cut_os(os)?));
    let boot_bytes = range(&of_boot.0).end;
    let total = boot_bytes.saturating_add(range(&of_os.0).end);
    meter.begin(Phase::Scanning, total).map_err(cancelled)?;
    let of_boot = hash(Part::Boot, boot, of_boot, 0, &mut meter)?;
    let of_os = hash(Part::Os, os, of_os, boot_bytes, &mut meter)?;
    meter.end().map_err(cancelled)?;
    Ok(ChunkList::new(of_boot, of_os)?)
}

fn cancelled(_: Fault) -> SurveyError {
    SurveyError::Cancelled
}

/// Chunks whose digests are not known yet, and the bytes that follow them.
fn chunks(cuts: &Cuts) -> (Vec<Chunk>, u64) {
    let chunk = |cut: &anklume_chunks::Cut| Chunk {
        offset: cut.start,
        bytes: cut.bytes,
        digest: Digest::ZEROS,
    };
    (cuts.cuts.iter().map(chunk).collect(), cuts.derived_bytes)
}

fn hash<R: ReadAt + Sync + ?Sized>(
    part: Part,
    disk: &R,
    (chunks, derived_bytes): (Vec<Chunk>, u64),
    image_offset: u64,
    meter: &mut Meter<'_>,
) -> Result<PartSpec, SurveyError> {
    let mut found = Vec::with_capacity(chunks.len());
    let failed = |_: &&[Chunk], source| SurveyError::Read { part, source };
    read_ahead(
        disk,
        groups(&chunks),
        |group| range(group),
        failed,
        |group, bytes| {
            let lengths = group.iter().map(|chunk| chunk.bytes);
            found.extend(lengths.zip(digests(group, bytes)));
            meter.done(crate::wide(bytes.len())).map_err(cancelled)
        },
    )?;
    Ok(PartSpec { image_offset, chunks: found, derived_bytes })
}
