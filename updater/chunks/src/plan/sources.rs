//! The source of each chunk.

use std::collections::BTreeMap;

use super::Source;
use crate::{Chunk, ChunkList, Digest, Origin, Part, PartList, Place, Seeds};

/// The sources of the chunks of both parts.
pub(super) fn choose(list: &ChunkList, seeds: &Seeds) -> [Vec<Source>; 2] {
    let mut choice = Choice { seeds, written: BTreeMap::new() };
    Part::ALL.map(|part| {
        let listed = list.part(part);
        listed.chunks().iter().map(|chunk| choice.source(part, listed, chunk)).collect()
    })
}

/// Everything is fetched.
pub(super) fn all_from_image(list: &ChunkList) -> [Vec<Source>; 2] {
    Part::ALL.map(|part| {
        let listed = list.part(part);
        listed.chunks().iter().map(|chunk| from_image(listed, chunk)).collect()
    })
}

/// Lets what lies between two chunks that are fetched be fetched with them, if it has at most
/// `gap_bytes` bytes. Returns how many bytes that are in all.
pub(super) fn fill_gaps(listed: &PartList, sources: &mut [Source], gap_bytes: u64) -> u64 {
    let mut wasted = 0_u64;
    // The chunks behind the last one that is fetched, and their bytes.
    let mut gap: Option<(usize, u64)> = None;
    for (at, chunk) in listed.chunks().iter().enumerate() {
        let is_fetched = sources.get(at).is_some_and(|s| matches!(s, Source::Image { .. }));
        let bytes = u64::from(chunk.bytes);
        let Some((first, sum)) = gap.filter(|_| is_fetched) else {
            gap = if is_fetched {
                Some((at.saturating_add(1), 0))
            } else {
                gap.map(|(first, sum)| (first, sum.saturating_add(bytes)))
            };
            continue;
        };
        if sum <= gap_bytes {
            let between = listed.chunks().get(first..at).unwrap_or_default();
            let sources = sources.get_mut(first..at).unwrap_or_default();
            for (chunk, source) in between.iter().zip(sources) {
                *source = from_image(listed, chunk);
            }
            wasted = wasted.saturating_add(sum);
        }
        gap = Some((at.saturating_add(1), 0));
    }
    wasted
}

fn from_image(listed: &PartList, chunk: &Chunk) -> Source {
    Source::Image { offset: listed.image_offset(chunk.offset) }
}

/// What decides about the next chunk.
struct Choice<'a> {
    seeds: &'a Seeds,
    /// The chunks before it, and where each is written first: what is copied from there in one
    /// piece does not overlap the place that it is copied to.
    written: BTreeMap<(Digest, u32), Place>,
}

impl Choice<'_> {
    fn source(&mut self, part: Part, listed: &PartList, chunk: &Chunk) -> Source {
        if chunk.digest.is_zeros() {
            return Source::Zeros;
        }
        let here = Place { origin: Origin::Target, part, offset: chunk.offset };
        let key = (chunk.digest, chunk.bytes);
        let before = self.written.get(&key).copied();
        self.written.entry(key).or_insert(here);
        if self.seeds.holds(chunk, here) {
            return Source::Kept;
        }
        let place = self.seeds.find(chunk).or(before);
        let place = place.or_else(|| self.seeds.find_ahead(chunk, part, chunk.offset));
        place.map_or_else(|| from_image(listed, chunk), Source::Copy)
    }
}
