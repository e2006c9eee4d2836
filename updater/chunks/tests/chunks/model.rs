//! A machine in memory that carries out plans.

use std::collections::BTreeMap;
use std::ops::Range;

use anklume_chunks::{ChunkList, Cost, Origin, Part, Place, Plan, Source, SplitError, Splitter};

/// What a slot holds, by parts.
pub(crate) type Slot = BTreeMap<Part, Vec<u8>>;

pub(crate) struct Machine<'a> {
    pub(crate) list: &'a ChunkList,
    /// The image file of the new version.
    pub(crate) image: &'a [u8],
    /// The hash tree of the new version.
    pub(crate) derived: &'a [u8],
    pub(crate) seeds: &'a [Slot],
    pub(crate) target: Slot,
    /// How often each byte of the target was written.
    writes: BTreeMap<Part, Vec<u32>>,
    cost: Cost,
}

fn slice(bytes: &[u8], range: &Range<u64>) -> Vec<u8> {
    bytes[range.start as usize..range.end as usize].to_vec()
}

impl<'a> Machine<'a> {
    /// A machine whose target holds `old`, which is made as long as the new version.
    pub(crate) fn new(
        list: &'a ChunkList,
        image: &'a [u8],
        derived: &'a [u8],
        seeds: &'a [Slot],
        old: &Slot,
    ) -> Self {
        let mut target = old.clone();
        let mut writes = BTreeMap::new();
        for part in Part::ALL {
            let bytes = list.part(part).total_bytes() as usize;
            let content = target.entry(part).or_default();
            content.resize(content.len().max(bytes), 0x55);
            writes.insert(part, vec![0; bytes]);
        }
        Self { list, image, derived, seeds, target, writes, cost: Cost::default() }
    }

    /// Carries out a plan, and looks whether it is what it says.
    pub(crate) fn run(&mut self, plan: &Plan) {
        let mut next = (Part::Boot, 0);
        for operation in &plan.operations {
            if (operation.part, next) == (Part::Os, (Part::Boot, self.bytes(Part::Boot))) {
                next = (Part::Os, 0);
            }
            assert_eq!((operation.part, operation.offset), next, "{operation:?}");
            assert!(operation.bytes > 0);
            next.1 += operation.bytes;
            self.carry_out(operation.part, &operation.range(), operation.source);
        }
        assert_eq!(next, (Part::Os, self.bytes(Part::Os)));
        assert_eq!(Cost { wasted_bytes: 0, ..plan.cost }, self.cost);
        assert!(plan.cost.wasted_bytes <= plan.cost.fetched_bytes);
        for writes in self.writes.values() {
            assert!(writes.iter().all(|count| *count == 1));
        }
    }

    fn bytes(&self, part: Part) -> u64 {
        self.list.part(part).total_bytes()
    }

    fn carry_out(&mut self, part: Part, range: &Range<u64>, source: Source) {
        let length = range.end - range.start;
        match source {
            Source::Image { offset } => {
                let image = offset..offset + length;
                let place = self.list.part(part).image_range();
                assert!(place.start <= image.start && image.end <= place.end, "{image:?}");
                assert_eq!(self.list.locate(&image), Some((part, range.clone())));
                self.cost.requests += 1;
                self.cost.fetched_bytes += length;
                let splitter = Splitter::of_image(self.list, &image).unwrap();
                self.take(splitter, &slice(self.image, &image));
            }
            Source::Copy(place) => {
                self.cost.copied_bytes += length;
                self.copy(part, range, place);
            }
            Source::Kept => {
                self.cost.kept_bytes += length;
                let held = slice(&self.target[&part], range);
                self.take(Splitter::of_part(self.list, part, range).unwrap(), &held);
            }
            Source::Zeros => {
                self.cost.zero_bytes += length;
                let zeros = vec![0; length as usize];
                self.take(Splitter::of_part(self.list, part, range).unwrap(), &zeros);
            }
            Source::Derived => {
                self.cost.derived_bytes += length;
                assert_eq!(part, Part::Os);
                assert_eq!(range.start, self.list.part(part).chunk_bytes());
                let derived = self.derived.to_vec();
                self.write(part, range.start, &derived);
            }
        }
    }

    /// Copies one chunk after the other, as somebody does who holds one chunk in memory.
    fn copy(&mut self, part: Part, range: &Range<u64>, place: Place) {
        // Either it was written before or it lies ahead, whatever the size of the buffer.
        let end = place.offset + (range.end - range.start);
        let is_here = (place.origin, place.part) == (Origin::Target, part);
        assert!(!is_here || end <= range.start || range.start < place.offset);
        let chunks = self.list.part(part).covering(range).unwrap().to_vec();
        for chunk in chunks {
            let start = place.offset + (chunk.offset - range.start);
            let from = start..start + u64::from(chunk.bytes);
            let holder = match place.origin {
                Origin::Seed(number) => &self.seeds[number as usize],
                Origin::Target => &self.target,
            };
            let held = slice(&holder[&place.part], &from);
            let to = chunk.offset..chunk.end();
            self.take(Splitter::of_part(self.list, part, &to).unwrap(), &held);
        }
    }

    /// Writes what comes out of a splitter.
    fn take(&mut self, mut splitter: Splitter<'a>, bytes: &[u8]) {
        let mut write = |part, chunk: &anklume_chunks::Chunk, bytes: &[u8]| {
            self.write(part, chunk.offset, bytes);
            Ok::<_, SplitError>(())
        };
        for bytes in bytes.chunks(1000) {
            splitter.push(bytes, &mut write).unwrap();
        }
        splitter.finish().unwrap();
    }

    fn write(&mut self, part: Part, offset: u64, bytes: &[u8]) {
        let range = offset as usize..offset as usize + bytes.len();
        self.target.get_mut(&part).unwrap()[range.clone()].copy_from_slice(bytes);
        self.writes.get_mut(&part).unwrap()[range].iter_mut().for_each(|count| *count += 1);
    }

    /// Asserts that the target holds the new version.
    pub(crate) fn assert_new(&self) {
        for part in Part::ALL {
            let listed = self.list.part(part);
            let image = slice(self.image, &listed.image_range());
            let target = &self.target[&part];
            let chunks = listed.chunk_bytes() as usize;
            assert!(target[..chunks] == image, "{part} differs");
            if part == Part::Os {
                assert!(&target[chunks..][..self.derived.len()] == self.derived);
            }
        }
    }
}
