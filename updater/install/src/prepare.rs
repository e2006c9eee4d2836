//! Writes the version.

use std::collections::BTreeMap;
use std::ops::Range;

use anklume_bytes::{ReadAt, WriteAt};
use anklume_chunks::{Origin, Part, Seeds};
use anklume_layout::{SECTOR_BYTES, Slot};
use anklume_squashfs::Superblock;
use anklume_verity::{BLOCK_BYTES, RootHash};

use crate::progress::{Meter, Report};
use crate::read_back::{read_back, same};
use crate::request::Checked;
use crate::scan::scan;
use crate::stream::{Known, Stream};
use crate::writer::{Hashing, Writer};
use crate::{BootRecord, Error, Fault, Image, Phase, Request, Seed, Target, record};

/// Bytes of the magic that a squashfs begins with.
const MAGIC_BYTES: usize = 4;

/// A slot that holds a version, whole and durable: it was read back. Only this can be activated.
#[derive(Debug)]
pub struct Prepared {
    pub(crate) slot: Slot,
    pub(crate) root_hash: RootHash,
    pub(crate) summary: Summary,
}

impl Prepared {
    /// The slot.
    #[must_use]
    pub fn slot(&self) -> Slot {
        self.slot
    }

    /// Root hash of its OS.
    #[must_use]
    pub fn root_hash(&self) -> RootHash {
        self.root_hash
    }

    /// What that took.
    #[must_use]
    pub fn summary(&self) -> Summary {
        self.summary
    }
}

/// What it took to prepare a slot.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of both parts.
    pub total_bytes: u64,
    /// Bytes that arrived from the source, those that were wrong or not needed too.
    pub fetched_bytes: u64,
    /// Ranges that were asked for.
    pub requests: u64,
    /// Bytes that were copied from seeds and within the target.
    pub copied_bytes: u64,
    /// Bytes that were in the target already.
    pub kept_bytes: u64,
    /// Chunks that were to be copied or kept, and turned out to be others.
    pub bad_copies: u64,
    /// Chunks that arrived wrong at first.
    pub refetched_chunks: u32,
}

/// Writes the version of `request` into the slot `target`; see the crate's documentation for the order.
/// The slot does not boot before [`activate`](crate::activate).
///
/// What a seed or the target is said to hold need not be true: each chunk is compared before it is used,
/// and fetched if it is another one.
///
/// # Errors
/// [`Error`]. After [`Error::Refused`] nothing was written; otherwise the record may say already that the
/// slot does not boot. Calling it again, with [`Target::holds`], finishes the job.
pub fn prepare<W, R, I, B>(
    request: &Request<'_>,
    mut target: Target<'_, W, R>,
    seeds: &[Seed<'_>],
    image: &mut I,
    record: &mut B,
    report: &mut Report<'_>,
) -> Result<Prepared, Error<I::Error, B::Error>>
where
    W: WriteAt + ?Sized,
    R: ReadAt + Sync + ?Sized,
    I: Image,
    B: BootRecord,
{
    let checked = request.check_target(&target)?;
    let mut report = |progress| report(progress);
    let mut meter = Meter::new(&mut report);
    let mut places = Seeds::new();
    for (number, seed) in (0..).zip(seeds) {
        places.add(Origin::Seed(number), seed.list);
    }
    if let Some(list) = target.holds {
        scan(&target, list, &mut places, &mut meter)?;
    }
    record::clear(record, request.slot)?;
    for range in unmark(&checked, &mut target)? {
        places.forget(Origin::Target, Part::Os, &range);
    }
    let (strikes, refetches) = (BTreeMap::new(), 0);
    let summary = Summary { total_bytes: checked.total_bytes(), ..Summary::default() };
    meter.begin(Phase::Writing, checked.total_bytes())?;
    let meter = &mut meter;
    let mut known = Known { checked, seeds, places, strikes, refetches, summary, meter };
    let _ = write(Part::Boot, &mut known, &mut target, image)?;
    let mark = write(Part::Os, &mut known, &mut target, image)?;
    let Known { summary, refetches, meter, .. } = known;
    meter.end()?;
    meter.begin(Phase::Flushing, checked.total_bytes())?;
    flush(Part::Boot, target.boot.writer)?;
    flush(Part::Os, target.os.writer)?;
    meter.end()?;
    read_back(&checked, target.boot.reader, target.os.reader, Some(&mark), meter)?;
    put_mark(&checked, &mut target, &mark)?;
    let summary = Summary { refetched_chunks: refetches, ..summary };
    Ok(Prepared { slot: request.slot, root_hash: request.root_hash, summary })
}

fn flush<W: WriteAt + ?Sized>(part: Part, disk: &mut W) -> Result<(), Fault> {
    disk.flush().map_err(Fault::write(part))
}

/// Makes sure that the target is recognised as no OS until all of it is there. Returns what was
/// overwritten.
fn unmark<W, R>(
    checked: &Checked<'_>,
    target: &mut Target<'_, W, R>,
) -> Result<Vec<Range<u64>>, Fault>
where
    W: WriteAt + ?Sized,
    R: ReadAt + ?Sized,
{
    let mut gone = vec![checked.mark()];
    // What lies there now may have its mark elsewhere, even behind the new version: it loses its own
    // superblock. The magic goes first, and nothing but that: a sector that is torn must not leave an OS
    // of which other bytes are gone. Then the rest of the sector: the first sector of the new version
    // brings the magic back, and may be torn behind it. An update that ended early has its mark in the
    // same place, and keeps what it wrote.
    let old = Superblock::read(target.os.reader);
    let old = old.ok().and_then(|superblock| superblock.padded_bytes(BLOCK_BYTES));
    if old.is_some_and(|old| old != checked.data_bytes) {
        let sector = target.os.reader.read_vec(0, SECTOR_BYTES, SECTOR_BYTES);
        let mut sector = sector.map_err(Fault::read(Part::Os))?;
        sector.iter_mut().take(MAGIC_BYTES).for_each(|byte| *byte = 0);
        put(target.os.writer, 0, &sector)?;
        flush(Part::Os, target.os.writer)?;
        sector.fill(0);
        put(target.os.writer, 0, &sector)?;
        gone.push(0..SECTOR_BYTES);
    }
    put(target.os.writer, checked.mark().start, &[0; 4096])?;
    flush(Part::Os, target.os.writer)?;
    Ok(gone)
}

/// Writes bytes of the OS part.
fn put<W: WriteAt + ?Sized>(disk: &mut W, offset: u64, bytes: &[u8]) -> Result<(), Fault> {
    disk.write_at(offset, bytes).map_err(Fault::write(Part::Os))
}

/// Writes the mark, behind which nothing is missing any more.
fn put_mark<W, R>(
    checked: &Checked<'_>,
    target: &mut Target<'_, W, R>,
    mark: &[u8],
) -> Result<(), Fault>
where
    W: WriteAt + ?Sized,
    R: ReadAt + ?Sized,
{
    let place = checked.mark();
    put(target.os.writer, place.start, mark)?;
    flush(Part::Os, target.os.writer)?;
    let read = target.os.reader.read_vec(place.start, BLOCK_BYTES, BLOCK_BYTES);
    same(Part::Os, place.start, mark, &read.map_err(Fault::read(Part::Os))?)
}

/// Writes a part. Returns the mark, which is withheld.
fn write<W, R, I, B>(
    part: Part,
    known: &mut Known<'_, '_>,
    target: &mut Target<'_, W, R>,
    image: &mut I,
) -> Result<Vec<u8>, Error<I::Error, B>>
where
    W: WriteAt + ?Sized,
    R: ReadAt + Sync + ?Sized,
    I: Image,
{
    let checked = known.checked;
    let hashing = match part {
        Part::Boot => None,
        Part::Os => {
            let builder = checked.builder().map_err(Fault::Tree)?;
            Some(Hashing { builder, done: 0, withheld: checked.mark(), mark: Vec::new() })
        }
    };
    let reader = target.reader(part);
    let (disk, other) = target.writers(part);
    Stream::new(part, known, Writer::new(disk, part, hashing), other, reader).run(image)
}
