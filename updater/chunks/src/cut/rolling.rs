//! Cuts that depend on the content only.
//!
//! A rolling hash over the last 64 bytes decides ("gear" hash: shift, and add a number that belongs to
//! the byte). Bytes that are inserted or removed move the cuts with them: behind the next one,
//! everything is cut as it was. An initramfs changes near its start, and what is large in it lies
//! behind that.

use std::ops::Range;
use std::sync::LazyLock;

use anklume_bytes::{ReadAt, ReadError};

use super::{Cut, Kind, length};
use crate::{CHUNK_BYTES_MAX, wide};

/// The bytes at the start of a piece in which no cut is looked for.
const BYTES_MIN: usize = 64 << 10;
/// The most bytes of a piece.
const BYTES_MAX: usize = 1 << 20;
/// Bits of the hash that are zero where a cut is: one is found 256 KiB behind those, on
/// average. The high bits, which depend on all of the last 64 bytes.
const MASK: u64 = !(u64::MAX >> 18);

/// A number for every byte (SplitMix64 with the seeds 0 to 255).
static GEAR: LazyLock<[u64; 256]> = LazyLock::new(|| {
    let mut seed = 0_u64;
    std::array::from_fn(|_| {
        let mixed = seed.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        seed = seed.wrapping_add(1);
        mixed ^ (mixed >> 31)
    })
});

/// Cuts a byte range of `partition`.
pub(super) fn cut<R: ReadAt + ?Sized>(
    partition: &R,
    range: Range<u64>,
    cuts: &mut Vec<Cut>,
) -> Result<(), ReadError> {
    let mut held: Vec<u8> = Vec::new();
    let (mut start, mut read) = (range.start, range.start);
    while start < range.end {
        let room = wide(BYTES_MAX.saturating_sub(held.len()));
        let now = range.end.saturating_sub(read).min(room);
        held.extend(partition.read_vec(read, now, CHUNK_BYTES_MAX.into())?);
        read = read.saturating_add(now);
        let bytes = piece(&held);
        cuts.push(Cut { start, bytes: length(bytes), kind: Kind::Boot });
        held.drain(..bytes);
        start = start.saturating_add(wide(bytes));
    }
    Ok(())
}

/// Length of the first piece of `bytes`, which are at most [`BYTES_MAX`] or all that is left: up to
/// where the hash says so, or all of them.
fn piece(bytes: &[u8]) -> usize {
    let gear = &*GEAR;
    let mut hash = 0_u64;
    for (at, byte) in bytes.iter().enumerate().skip(BYTES_MIN) {
        let number = gear.get(usize::from(*byte)).copied().unwrap_or_default();
        hash = hash.wrapping_shl(1).wrapping_add(number);
        if hash & MASK == 0 {
            return at.saturating_add(1);
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Bytes that no compressor would make smaller.
    fn noise(seed: u64, length: usize) -> Vec<u8> {
        let mut state = seed.wrapping_mul(2).wrapping_add(1);
        let next = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            (state >> 32) as u8
        };
        (0..length).map(next).collect()
    }

    fn lengths(bytes: &[u8]) -> Vec<u32> {
        let mut cuts = Vec::new();
        cut(bytes, 0..wide(bytes.len()), &mut cuts).unwrap();
        let end = cuts.iter().fold(0, |end, cut| {
            assert_eq!(cut.start, end);
            cut.end()
        });
        assert_eq!(end, wide(bytes.len()));
        cuts.iter().map(|cut| cut.bytes).collect()
    }

    /// Other cuts would make every machine fetch its boot files again.
    #[test]
    fn the_cuts_are_those_of_every_version() {
        let first = [106_783, 285_863, 112_326, 248_434, 144_767, 202_461, 198_356, 739_461];
        assert_eq!(lengths(&noise(1, 3 << 20))[..8], first);
        let most = CHUNK_BYTES_MAX;
        assert_eq!(lengths(&vec![0; (2 << 20) + 5]), [most, most, 5]);
        assert_eq!(lengths(&[7]), [1]);
        assert_eq!(lengths(&[]), []);
    }

    #[test]
    fn pieces_keep_their_bounds() {
        let lengths = lengths(&noise(2, 20 << 20));
        let (last, others) = lengths.split_last().unwrap();
        assert!(others.iter().all(|bytes| (64 << 10..=1 << 20).contains(bytes)), "{lengths:?}");
        assert!(*last <= 1 << 20);
        // 320 KiB on average would be 64 pieces.
        assert!((45..90).contains(&lengths.len()), "{lengths:?}");
    }

    #[test]
    fn what_is_inserted_moves_the_cuts_behind_it() {
        let old = noise(3, 8 << 20);
        let mut new = noise(4, 1234);
        new.extend_from_slice(&old);
        let ends = |lengths: Vec<u32>| {
            let mut end = 0;
            lengths.into_iter().map(move |bytes| {
                end += bytes;
                end
            })
        };
        let old: Vec<_> = ends(lengths(&old)).collect();
        let new: Vec<_> = ends(lengths(&new)).filter_map(|end| end.checked_sub(1234)).collect();
        let found = old.iter().filter(|end| new.contains(end)).count();
        assert!(found + 3 >= old.len() && old.len() > 15, "{old:?} {new:?}");
    }
}
