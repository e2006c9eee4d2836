//! What a machine has already.

use std::collections::BTreeSet;
use std::ops::Range;

use crate::{Chunk, ChunkList, Digest, Part};

/// What holds a seed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Origin {
    /// Something that is only read, by a number of the caller's: the slot that runs.
    Seed(u32),
    /// The slot that is written.
    Target,
}

/// Where a chunk lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// What holds it.
    pub origin: Origin,
    /// In which part of it.
    pub part: Part,
    /// First byte in that part.
    pub offset: u64,
}

/// The first of all places, as places are ordered.
const FIRST: Place = Place { origin: Origin::Seed(0), part: Part::Boot, offset: 0 };

/// The chunks that a machine has, by what they are. Chunks of zeros are left out: they need no source.
///
/// It holds what lists say. Whether a chunk really lies there shows when it is read.
#[derive(Debug, Clone, Default)]
pub struct Seeds {
    places: BTreeSet<(Digest, u32, Place)>,
}

impl Seeds {
    /// None.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds everything that is in `origin`, which holds the version of `list`.
    pub fn add(&mut self, origin: Origin, list: &ChunkList) {
        for part in Part::ALL {
            self.add_range(origin, list, part, 0..u64::MAX);
        }
    }

    /// Adds the chunks that lie wholly in a byte range of a part: what an interrupted update of
    /// `list` wrote.
    pub fn add_range(&mut self, origin: Origin, list: &ChunkList, part: Part, range: Range<u64>) {
        let chunks = list.part(part).chunks();
        let first = chunks.partition_point(|chunk| chunk.offset < range.start);
        let inside = chunks.iter().skip(first).take_while(|chunk| chunk.end() <= range.end);
        for chunk in inside.filter(|chunk| !chunk.digest.is_zeros()) {
            let place = Place { origin, part, offset: chunk.offset };
            self.places.insert((chunk.digest, chunk.bytes, place));
        }
    }

    /// Removes every chunk with a byte in a range: it turned out to be something else, or is
    /// overwritten.
    pub fn forget(&mut self, origin: Origin, part: Part, range: &Range<u64>) {
        self.places.retain(|(_, bytes, place)| {
            let end = place.offset.saturating_add((*bytes).into());
            let inside = place.offset < range.end && range.start < end;
            (place.origin, place.part) != (origin, part) || !inside
        });
    }

    /// How many chunks there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.places.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.places.is_empty()
    }

    /// Whether the chunk is at `place`.
    pub(crate) fn holds(&self, chunk: &Chunk, place: Place) -> bool {
        self.places.contains(&(chunk.digest, chunk.bytes, place))
    }

    /// Where the chunk lies in something that is only read.
    pub(crate) fn find(&self, chunk: &Chunk) -> Option<Place> {
        self.from(chunk, FIRST).filter(|place| place.origin != Origin::Target)
    }

    /// Where the chunk lies in the target, in a place behind which nothing was written when the bytes
    /// before `written` of a part, and the parts before it, were.
    pub(crate) fn find_ahead(&self, chunk: &Chunk, part: Part, written: u64) -> Option<Place> {
        self.from(chunk, Place { origin: Origin::Target, part, offset: written })
    }

    fn from(&self, chunk: &Chunk, first: Place) -> Option<Place> {
        let (digest, bytes) = (chunk.digest, chunk.bytes);
        let next = self.places.range((digest, bytes, first)..).next();
        next.filter(|found| (found.0, found.1) == (digest, bytes)).map(|found| found.2)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::PartSpec;

    fn list(os: &[(u32, u8)]) -> ChunkList {
        let spec = |image_offset, chunks: &[(u32, u8)]| PartSpec {
            image_offset,
            chunks: chunks.iter().map(|(bytes, digest)| (*bytes, Digest([*digest; 32]))).collect(),
            derived_bytes: 0,
        };
        ChunkList::new(spec(0, &[(1, 1)]), spec(1, os)).unwrap()
    }

    fn chunk(bytes: u32, digest: u8) -> Chunk {
        Chunk { offset: 77, bytes, digest: Digest([digest; 32]) }
    }

    fn os(origin: Origin, offset: u64) -> Place {
        Place { origin, part: Part::Os, offset }
    }

    #[test]
    fn chunks_are_found_by_digest_and_length() {
        let mut seeds = Seeds::new();
        seeds.add(Origin::Seed(4), &list(&[(10, 2), (20, 3), (5, 0), (20, 3)]));
        assert_eq!(seeds.len(), 4);
        assert_eq!(seeds.find(&chunk(20, 3)), Some(os(Origin::Seed(4), 10)));
        assert_eq!(seeds.find(&chunk(21, 3)), None);
        assert_eq!(seeds.find(&chunk(20, 4)), None);
        assert_eq!(seeds.find(&chunk(5, 0)), None);
        let boot = Place { origin: Origin::Seed(4), part: Part::Boot, offset: 0 };
        assert_eq!(seeds.find(&chunk(1, 1)), Some(boot));
        assert_eq!(seeds.find_ahead(&chunk(20, 3), Part::Boot, 0), None);
    }

    #[test]
    fn the_target_is_used_only_ahead() {
        let mut seeds = Seeds::new();
        seeds.add(Origin::Target, &list(&[(10, 2), (20, 3), (20, 3)]));
        let target = |offset| Some(os(Origin::Target, offset));
        assert_eq!(seeds.find(&chunk(20, 3)), None);
        assert!(seeds.holds(&chunk(20, 3), os(Origin::Target, 30)));
        assert!(!seeds.holds(&chunk(20, 3), os(Origin::Target, 31)));
        assert_eq!(seeds.find_ahead(&chunk(20, 3), Part::Os, 10), target(10));
        assert_eq!(seeds.find_ahead(&chunk(20, 3), Part::Os, 11), target(30));
        assert_eq!(seeds.find_ahead(&chunk(20, 3), Part::Os, 31), None);
        assert_eq!(seeds.find_ahead(&chunk(20, 3), Part::Boot, 400), target(10));
        assert_eq!(seeds.find_ahead(&chunk(1, 1), Part::Os, 0), None);
    }

    #[test]
    fn only_whole_chunks_are_added_and_touched_ones_forgotten() {
        let list = list(&[(10, 2), (20, 3), (30, 4), (40, 5)]);
        let mut seeds = Seeds::new();
        seeds.add_range(Origin::Target, &list, Part::Os, 1..60);
        assert_eq!(seeds.len(), 2);
        let held = |seeds: &Seeds| {
            let chunks = [(20, 3), (30, 4)].map(|(bytes, digest)| chunk(bytes, digest));
            chunks.map(|chunk| seeds.find_ahead(&chunk, Part::Boot, 0).is_some())
        };
        assert_eq!(held(&seeds), [true, true]);
        for kept in [0..10, 60..70] {
            seeds.forget(Origin::Target, Part::Os, &kept);
        }
        seeds.forget(Origin::Seed(0), Part::Os, &(0..70));
        seeds.forget(Origin::Target, Part::Boot, &(0..70));
        assert_eq!(held(&seeds), [true, true]);
        seeds.forget(Origin::Target, Part::Os, &(29..30));
        assert_eq!(held(&seeds), [false, true]);
    }
}
