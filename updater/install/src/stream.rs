//! Carries a plan out for one part.

mod copy;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ops::{ControlFlow, Range};

use anklume_bytes::{ReadAt, WriteAt};
use anklume_chunks::{Operation, Origin, Part, Place, Seeds, Source, SplitError, Splitter, plan};
use anklume_verity::Tree;

use crate::progress::Meter;
use crate::request::Checked;
use crate::writer::Writer;
use crate::{Error, Fault, Image, Mismatch, Seed, Summary, wide};

/// So often a source may send a wrong chunk, each another one.
const REFETCHES_MAX: u32 = 16;
/// So many chunks of a seed may turn out to be others. Then its list is taken for a lie, and nothing is
/// copied from it any more.
const STRIKES_MAX: u32 = 8;
/// Zeros that are written at a time.
static ZEROS: [u8; 64 << 10] = [0; 64 << 10];

/// Why the operations do not go on.
pub(crate) enum Stop {
    /// Something was not what it was taken for. The rest is planned again.
    Again,
    /// The source sent something else.
    Sent(SplitError),
    Fault(Fault),
}

impl From<SplitError> for Stop {
    fn from(error: SplitError) -> Self {
        Self::Sent(error)
    }
}

impl From<Fault> for Stop {
    fn from(fault: Fault) -> Self {
        Self::Fault(fault)
    }
}

/// What lasts from one part to the next.
pub(crate) struct Known<'a, 'm> {
    pub(crate) checked: Checked<'a>,
    pub(crate) seeds: &'a [Seed<'a>],
    pub(crate) places: Seeds,
    /// Chunks of each origin that turned out to be others.
    pub(crate) strikes: BTreeMap<Origin, u32>,
    pub(crate) refetches: u32,
    pub(crate) summary: Summary,
    pub(crate) meter: &'m mut Meter<'a>,
}

impl Known<'_, '_> {
    /// A chunk is not where it was thought to be: it is forgotten, and after a few its origin is.
    fn blame(&mut self, origin: Origin, part: Part, range: &Range<u64>) {
        let strikes = self.strikes.entry(origin).or_default();
        *strikes = strikes.saturating_add(1);
        self.summary.bad_copies = self.summary.bad_copies.saturating_add(1);
        if *strikes >= STRIKES_MAX {
            return self.abandon(origin);
        }
        self.places.forget(origin, part, range);
    }

    /// Nothing is taken from there any more.
    fn abandon(&mut self, origin: Origin) {
        for part in Part::ALL {
            self.places.forget(origin, part, &(0..u64::MAX));
        }
    }

    /// The target holds the new version up to byte `at` of a part, and nothing else there.
    fn wrote(&mut self, part: Part, at: u64) {
        self.places.forget(Origin::Target, part, &(0..at));
        self.places.add_range(Origin::Target, self.checked.list, part, 0..at);
    }
}

/// One part, while it is written.
pub(crate) struct Stream<'s, 'a, 'm, W: ?Sized, R: ?Sized> {
    part: Part,
    known: &'s mut Known<'a, 'm>,
    writer: Writer<'s, W>,
    /// The target's partition for the other part.
    other: &'s W,
    /// The partition that is written, past every cache.
    reader: &'s R,
    /// First byte of the part that was not done.
    at: u64,
    operations: VecDeque<Operation>,
    /// Bytes of the first operation that arrived.
    arrived: u64,
    splitter: Option<Splitter<'a>>,
    /// Chunks that arrived wrong, by their first byte.
    wrong: BTreeSet<u64>,
    /// Where something that ought to be another part is copied through.
    piece: Vec<u8>,
    mark: Vec<u8>,
}

impl<'s, 'a, 'm, W, R> Stream<'s, 'a, 'm, W, R>
where
    W: WriteAt + ?Sized,
    R: ReadAt + Sync + ?Sized,
{
    pub(crate) fn new(
        part: Part,
        known: &'s mut Known<'a, 'm>,
        writer: Writer<'s, W>,
        other: &'s W,
        reader: &'s R,
    ) -> Self {
        Self {
            part,
            known,
            writer,
            other,
            reader,
            at: 0,
            operations: VecDeque::new(),
            arrived: 0,
            splitter: None,
            wrong: BTreeSet::new(),
            piece: Vec::new(),
            mark: Vec::new(),
        }
    }

    /// Writes the part. Returns the block that was withheld. What was written when it ends early is found
    /// by the next one that looks.
    pub(crate) fn run<I: Image, B>(mut self, image: &mut I) -> Result<Vec<u8>, Error<I::Error, B>> {
        let done = self.attempts(image);
        match done {
            Ok(()) => {
                // Data of one block has no hash blocks, and nothing to derive.
                let _ = self.tree()?;
                self.writer.finish()?;
                self.known.wrote(self.part, u64::MAX);
                Ok(self.mark)
            }
            Err(error) => {
                // The first error is the one to tell.
                let _ = self.writer.save();
                Err(error)
            }
        }
    }

    /// Plans and carries out, until nothing is left. Each time but the last forgets something or is
    /// counted, so there is an end.
    fn attempts<I: Image, B>(&mut self, image: &mut I) -> Result<(), Error<I::Error, B>> {
        loop {
            self.plan();
            let stop = match self.attempt(image)? {
                Ok(()) => return Ok(()),
                Err(stop) => stop,
            };
            match stop {
                Stop::Again => {}
                Stop::Sent(error) => self.sent_wrong(error)?,
                Stop::Fault(fault) => return Err(fault.into()),
            }
        }
    }

    /// Plans what is left of the part.
    fn plan(&mut self) {
        self.known.wrote(self.part, self.at);
        let plan = plan(self.known.checked.list, &self.known.places, &self.known.checked.options);
        let (part, at) = (self.part, self.at);
        let rest = plan.operations.into_iter().filter(|operation| operation.part == part);
        self.operations = rest.filter_map(|operation| behind(operation, at)).collect();
        (self.arrived, self.splitter) = (0, None);
    }

    /// Carries out what was planned.
    fn attempt<I: Image, B>(
        &mut self,
        image: &mut I,
    ) -> Result<Result<(), Stop>, Error<I::Error, B>> {
        let ranges: Vec<_> = self.operations.iter().filter_map(image_range).collect();
        if !ranges.is_empty() {
            let requests = &mut self.known.summary.requests;
            *requests = requests.saturating_add(wide(ranges.len()));
            let mut stop = None;
            let fetched = image.fetch(&ranges, &mut |offset, bytes| {
                stop = self.take(offset, bytes).err();
                if stop.is_some() { ControlFlow::Break(()) } else { ControlFlow::Continue(()) }
            });
            if let Some(stop) = stop {
                return Ok(Err(stop));
            }
            fetched.map_err(Error::Source)?;
        }
        let local = self.without_image();
        Ok(local.and_then(|()| match self.operations.front().and_then(image_range) {
            None => Ok(()),
            Some(range) => {
                let expected = range.start.saturating_add(self.arrived);
                Err(Fault::Ended { expected }.into())
            }
        }))
    }

    /// Takes bytes that arrive.
    fn take(&mut self, offset: u64, bytes: &[u8]) -> Result<(), Stop> {
        let arrived = wide(bytes.len());
        let fetched = &mut self.known.summary.fetched_bytes;
        *fetched = fetched.saturating_add(arrived);
        self.known.meter.fetched(arrived)?;
        self.without_image()?;
        let front = self.operations.front().copied();
        let wanted = front.as_ref().and_then(image_range);
        let Some((operation, wanted)) = front.zip(wanted) else {
            let listed = self.known.checked.list.part(self.part);
            let expected = listed.image_range().end;
            return Err(Fault::Unasked { expected, found: offset }.into());
        };
        let expected = wanted.start.saturating_add(self.arrived);
        if offset != expected {
            return Err(Fault::Unasked { expected, found: offset }.into());
        }
        let mut splitter = match self.splitter.take() {
            Some(splitter) => splitter,
            None => Splitter::of_part(self.known.checked.list, self.part, &operation.range())?,
        };
        splitter.push(bytes, |_, chunk, bytes| {
            self.writer.push(bytes, false)?;
            self.at = chunk.end();
            self.known.meter.done(chunk.bytes.into())?;
            Ok::<_, Stop>(())
        })?;
        self.arrived = self.arrived.saturating_add(arrived);
        if splitter.rest().is_empty() {
            self.operations.pop_front();
            self.arrived = 0;
        } else {
            self.splitter = Some(splitter);
        }
        Ok(())
    }

    /// A chunk arrived that is another one: it is fetched once more.
    fn sent_wrong(&mut self, error: SplitError) -> Result<(), Fault> {
        let listed = self.known.checked.list.part(self.part);
        let image_offset = listed.image_offset(self.at);
        let SplitError::Digest { part, offset, bytes, expected, found } = error else {
            let behind = listed.image_range().end;
            return Err(Fault::Unasked { expected: image_offset, found: behind });
        };
        let is_first = self.wrong.insert(offset);
        if is_first && self.known.refetches < REFETCHES_MAX {
            self.known.refetches = self.known.refetches.saturating_add(1);
            return Ok(());
        }
        let mismatch = Mismatch { part, offset, bytes, expected, found };
        Err(Fault::Fetched { image_offset, mismatch })
    }

    /// Carries out everything up to the next operation that needs the image file.
    fn without_image(&mut self) -> Result<(), Stop> {
        while let Some(operation) = self.operations.front().copied() {
            match operation.source {
                Source::Image { .. } => return Ok(()),
                Source::Zeros => self.zeros(operation.bytes)?,
                Source::Kept => self.keep(&operation)?,
                Source::Copy(place) => match place.origin {
                    Origin::Seed(number) => self.copy_seed(&operation, place, number)?,
                    Origin::Target => self.copy_target(&operation, place)?,
                },
                Source::Derived => self.derive()?,
            }
            self.operations.pop_front();
        }
        Ok(())
    }

    /// The bytes before byte `end` of the part are done.
    fn advance(&mut self, end: u64) -> u64 {
        let bytes = end.saturating_sub(self.at);
        self.at = end;
        bytes
    }

    fn zeros(&mut self, bytes: u64) -> Result<(), Fault> {
        let mut left = bytes;
        while left > 0 {
            let now = left.min(wide(ZEROS.len()));
            self.writer.push(ZEROS.get(..crate::narrow(now)).unwrap_or_default(), false)?;
            let end = self.at.saturating_add(now);
            let done = self.advance(end);
            self.known.meter.done(done)?;
            left = left.saturating_sub(now);
        }
        Ok(())
    }

    /// Computes the hash tree, and compares its root hash with the signed one.
    fn tree(&mut self) -> Result<Option<Tree>, Fault> {
        let Some((tree, mark)) = self.writer.tree()? else { return Ok(None) };
        let (expected, found) = (self.known.checked.root_hash, tree.root_hash);
        if expected != found {
            return Err(Fault::RootHash { expected, found });
        }
        self.known.checked.check_mark(&mark)?;
        self.mark = mark;
        Ok(Some(tree))
    }

    /// Writes the hash tree. Its length is that of the operation: the request was compared with it.
    fn derive(&mut self) -> Result<(), Fault> {
        let Some(tree) = self.tree()? else { return Ok(()) };
        let start = crate::narrow(anklume_verity::BLOCK_BYTES);
        for bytes in tree.bytes.get(start..).unwrap_or_default().chunks(ZEROS.len()) {
            self.writer.push(bytes, false)?;
            let end = self.at.saturating_add(wide(bytes.len()));
            let done = self.advance(end);
            self.known.meter.done(done)?;
        }
        Ok(())
    }
}

/// What of an operation lies behind byte `at` of its part.
fn behind(operation: Operation, at: u64) -> Option<Operation> {
    let done = at.saturating_sub(operation.offset).min(operation.bytes);
    let bytes = operation.bytes.checked_sub(done).filter(|bytes| *bytes > 0)?;
    let source = match operation.source {
        Source::Image { offset } => Source::Image { offset: offset.saturating_add(done) },
        Source::Copy(place) => {
            Source::Copy(Place { offset: place.offset.saturating_add(done), ..place })
        }
        other => other,
    };
    let offset = operation.offset.saturating_add(done);
    Some(Operation { offset, bytes, source, ..operation })
}

/// What an operation fetches.
fn image_range(operation: &Operation) -> Option<Range<u64>> {
    let Source::Image { offset } = operation.source else { return None };
    Some(offset..offset.saturating_add(operation.bytes))
}
