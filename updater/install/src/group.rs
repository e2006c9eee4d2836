//! Chunks that are read and hashed together.

use anklume_chunks::{CHUNK_BYTES_MAX, Chunk, Digest, Part};
use rayon::prelude::*;

use crate::{Mismatch, narrow};

/// Consecutive chunks, as many as fit into the length of the largest one.
pub(crate) fn groups(mut chunks: &[Chunk]) -> impl Iterator<Item = &[Chunk]> {
    std::iter::from_fn(move || {
        let first = chunks.first()?;
        let end = first.offset.saturating_add(CHUNK_BYTES_MAX.into());
        let inside = chunks.partition_point(|chunk| chunk.end() <= end).max(1);
        let (group, rest) = chunks.split_at_checked(inside)?;
        chunks = rest;
        Some(group)
    })
}

/// The bytes of a part that the chunks of a group are.
pub(crate) fn range(group: &[Chunk]) -> std::ops::Range<u64> {
    let start = group.first().map_or(0, |chunk| chunk.offset);
    start..group.last().map_or(start, Chunk::end)
}

/// The digests of a group, whose bytes are `bytes`, on all cores.
pub(crate) fn digests(group: &[Chunk], bytes: &[u8]) -> Vec<Digest> {
    let start = range(group).start;
    let digest = |chunk: &Chunk| {
        let from = narrow(chunk.offset.saturating_sub(start));
        let to = from.saturating_add(narrow(chunk.bytes.into()));
        Digest::of(bytes.get(from..to).unwrap_or_default())
    };
    match group {
        [chunk] => vec![digest(chunk)],
        _ => group.par_iter().with_min_len(2).map(digest).collect(),
    }
}

/// Compares a group, whose bytes are `bytes`, with its digests.
pub(crate) fn first_mismatch(part: Part, group: &[Chunk], bytes: &[u8]) -> Option<Mismatch> {
    let found = digests(group, bytes);
    let pairs = group.iter().zip(found);
    let (chunk, found) = pairs.into_iter().find(|(chunk, found)| chunk.digest != *found)?;
    let Chunk { offset, bytes, digest: expected } = *chunk;
    Some(Mismatch { part, offset, bytes, expected, found })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn chunks(lengths: &[u32]) -> Vec<Chunk> {
        let mut offset = 7;
        let chunk = |bytes: &u32| {
            let chunk = Chunk { offset, bytes: *bytes, digest: Digest([1; 32]) };
            offset = chunk.end();
            chunk
        };
        lengths.iter().map(chunk).collect()
    }

    #[test]
    fn groups_are_as_long_as_a_chunk_may_be() {
        let most = CHUNK_BYTES_MAX;
        let lengths = [most, 1, most - 1, most - 1, 2, 5, 6];
        let chunks = chunks(&lengths);
        let found: Vec<_> = groups(&chunks).map(<[Chunk]>::len).collect();
        assert_eq!(found, [1, 2, 1, 3]);
        assert_eq!(groups(&[]).count(), 0);
        assert_eq!(range(&chunks[..2]), 7..u64::from(most) + 8);
    }

    #[test]
    fn the_first_wrong_chunk_is_named() {
        let bytes = [[3_u8; 10], [4; 10], [5; 10]].concat();
        let mut chunks = chunks(&[10, 10, 10]);
        for (chunk, bytes) in chunks.iter_mut().zip(bytes.chunks(10)) {
            chunk.digest = Digest::of(bytes);
        }
        assert_eq!(first_mismatch(Part::Os, &chunks, &bytes), None);
        let expected = std::mem::replace(&mut chunks[1].digest, Digest([9; 32]));
        chunks[2].digest = Digest([9; 32]);
        let found = first_mismatch(Part::Os, &chunks, &bytes).unwrap();
        assert_eq!((found.offset, found.bytes, found.found), (17, 10, expected));
    }
}
