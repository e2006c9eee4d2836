//! Two image files, byte for byte.

use std::ops::Range;

use anklume_bytes::{ReadAt, ReadError};
use anklume_compare::{Area, AreaDifference, area_differences, segments};
use sha2::{Digest, Sha256};

use super::areas::areas;
use crate::events::Step;
use crate::image::read::os::hex;
use crate::image::source::{Bytes, Source};

/// Bytes compared at a time.
const PIECE_BYTES: u64 = 1 << 20;

/// What a comparison found.
pub(super) struct Found {
    /// Bytes of each image. Of a medium, as many as the other image has at most.
    pub(super) bytes: [u64; 2],
    /// SHA-256 of these.
    pub(super) sha256: [String; 2],
    pub(super) differences: Vec<AreaDifference>,
}

impl Found {
    pub(super) fn is_same(&self) -> bool {
        self.differences.is_empty()
    }

    /// Whether anything differs that `start` begins the name of.
    pub(super) fn differ_in(&self, start: &str) -> bool {
        self.differences.iter().any(|difference| difference.name.starts_with(start))
    }
}

/// Compares `image`, whose areas are `areas`, with `other`. What lies on a medium behind an image is
/// not looked at.
pub(super) fn compare(
    image: &Source,
    other: &Source,
    areas: &[Area],
    step: &mut Step<'_>,
) -> Result<Found, ReadError> {
    let size = match image.is_device() {
        true => image.size().min(other.size()),
        false => image.size(),
    };
    compare_bytes([(image, size), (other, other.size())], areas, &mut |done, total| {
        step.progress(done, total);
    })
}

/// In which areas of `image` its bytes differ from those of `other`, of any images; nothing if they
/// are the same.
///
/// # Errors
/// An image that cannot be read.
pub fn differences(image: &Bytes<'_>, other: &Bytes<'_>) -> Result<Vec<AreaDifference>, ReadError> {
    let images = [(image, image.size()), (other, other.size())];
    compare_bytes(images, &areas(image), &mut |_, _| ()).map(|found| found.differences)
}

fn compare_bytes(
    images: [(&Bytes<'_>, u64); 2],
    areas: &[Area],
    progress: &mut dyn FnMut(u64, u64),
) -> Result<Found, ReadError> {
    let bytes = images.map(|(_, bytes)| bytes);
    let [one, other] = bytes;
    let longest = one.max(other);
    let mut areas = areas.to_vec();
    let behind = Area {
        name: "behind the end of the shorter image".to_owned(),
        offset: one.min(other),
        bytes: one.abs_diff(other),
        padding: false,
    };
    areas.push(behind);
    let mut streams = images.map(|(image, bytes)| Stream { image, bytes, hash: Sha256::new() });
    let mut found = Vec::new();
    for (range, area) in segments(&areas, longest) {
        for piece in pieces(range) {
            let (first, count) = differing(&mut streams, &piece)?;
            found.extend(first.map(|first| (area, first, count)));
            progress(piece.end, longest);
        }
    }
    let sha256 = streams.map(|stream| hex(&stream.hash.finalize()));
    Ok(Found { bytes, sha256, differences: area_differences(&areas, found) })
}

/// A range in pieces that are held in memory.
fn pieces(range: Range<u64>) -> impl Iterator<Item = Range<u64>> {
    let mut at = range.start;
    std::iter::from_fn(move || {
        let from = at;
        at = from.saturating_add(PIECE_BYTES).min(range.end);
        (from < at).then_some(from..at)
    })
}

/// An image that is read from its start to its end.
struct Stream<'a> {
    image: &'a Bytes<'a>,
    bytes: u64,
    hash: Sha256,
}

impl Stream<'_> {
    /// What the image has of `range`.
    fn next(&mut self, range: &Range<u64>) -> Result<Vec<u8>, ReadError> {
        let length = self.bytes.min(range.end).saturating_sub(range.start);
        if length == 0 {
            // Behind the end there is no place to read from, not even nothing.
            return Ok(Vec::new());
        }
        let bytes = self.image.read_vec(range.start, length, PIECE_BYTES)?;
        self.hash.update(&bytes);
        Ok(bytes)
    }
}

/// The first byte of `range` that differs, and how many do. A byte that only one image has differs.
fn differing(
    streams: &mut [Stream<'_>; 2],
    range: &Range<u64>,
) -> Result<(Option<u64>, u64), ReadError> {
    let [one, other] = streams;
    let (one, other) = (one.next(range)?, other.next(range)?);
    if one == other {
        return Ok((None, 0));
    }
    let common = one.len().min(other.len());
    let more = one.len().max(other.len()).saturating_sub(common);
    let unequal = || one.iter().zip(&other).enumerate().filter(|(_, (one, other))| one != other);
    let first = unequal().next().map_or(common, |(index, _)| index);
    let number = |count: usize| u64::try_from(count).unwrap_or(u64::MAX);
    let count = unequal().count().saturating_add(more);
    Ok((Some(range.start.saturating_add(number(first))), number(count)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(one: &Vec<u8>, other: &Vec<u8>, areas: &[Area]) -> Found {
        let size = |image: &Vec<u8>| u64::try_from(image.len()).unwrap();
        let images: [(&Bytes<'_>, u64); 2] = [(one, size(one)), (other, size(other))];
        compare_bytes(images, areas, &mut |_, _| ()).unwrap()
    }

    #[test]
    fn every_byte_counts_and_is_hashed() {
        let image: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
        let area = |name: &str, offset, bytes| Area {
            name: name.to_owned(),
            offset,
            bytes,
            padding: name == "rest",
        };
        let areas = [area("os", 100, 2_900_000), area("rest", 2_000_000, 1_000_000)];
        let same = found(&image, &image, &areas);
        assert!(same.is_same() && same.sha256[0] == hex(&Sha256::digest(&image)));
        for (at, name) in [(0, "no known area"), (100, "os"), (1 << 20, "os"), (2_999_999, "rest")]
        {
            let mut other = image.clone();
            other[at] ^= 1;
            let found = found(&image, &other, &areas);
            let [difference] = &found.differences[..] else { panic!("{at}") };
            let first = u64::try_from(at).unwrap();
            assert_eq!((difference.first, difference.bytes), (first, 1));
            assert_eq!((difference.name.as_str(), found.differ_in(name)), (name, true));
            assert_eq!(found.sha256[1], hex(&Sha256::digest(&other)));
        }
    }

    #[test]
    fn a_longer_image_differs() {
        // By less than a piece, and by several.
        for more in [3, 3_000_000] {
            let (one, other) = (vec![7; 10], vec![7; 10 + more]);
            let more = u64::try_from(more).unwrap();
            for (one, other) in [(&one, &other), (&other, &one)] {
                let found = found(one, other, &[]);
                let [difference] = &found.differences[..] else { panic!() };
                let AreaDifference { first, bytes, padding, .. } = *difference;
                assert_eq!((first, bytes, padding), (10, more, false));
            }
        }
    }
}
