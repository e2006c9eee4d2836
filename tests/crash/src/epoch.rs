//! The writes between two flushes, and which parts of them are looked at.

use std::collections::BTreeSet;

/// Up to so many sectors every subset is looked at.
const EVERY_SUBSET: usize = 10;
/// So many sectors of a larger epoch are left out, or written alone, or are the last one written.
const SINGLES: usize = 48;
/// So many pseudo-random subsets of a larger epoch.
const RANDOM: usize = 48;
/// So many sectors of an epoch are torn.
const TORN: usize = 8;
/// Bytes after which a sector is torn. Within tables these lie in the first field, in the checksum,
/// in a GUID, between entries, in the fields and names of the fourth entry.
const TORN_AFTER: [usize; 8] = [1, 17, 64, 128, 255, 384, 426, 511];
/// Start of the pseudo-random numbers: the same subsets in every run.
const SEED: u64 = 0x9e37_79b9_7f4a_7c15;

/// Which sectors of an epoch are on the disk, by their index.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Choice {
    pub(crate) present: Vec<usize>,
    pub(crate) torn: Option<Torn>,
}

/// A sector of which only a part was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Torn {
    pub(crate) index: usize,
    pub(crate) after: usize,
    /// Whether the bytes before `after` are the new ones, else those from there on.
    pub(crate) new_first: bool,
}

/// The choices for an epoch of `units` sectors.
pub(crate) fn choices(units: usize) -> Vec<Choice> {
    let whole = subsets(units).into_iter().map(|present| Choice { present, torn: None });
    whole.chain(torn(units)).collect()
}

/// Subsets of `units` things: all of few, some of many.
pub(crate) fn subsets(units: usize) -> Vec<Vec<usize>> {
    if units <= EVERY_SUBSET { every_subset(units) } else { some_subsets(units) }
}

fn every_subset(units: usize) -> Vec<Vec<usize>> {
    let count = 1_u64.checked_shl(u32::try_from(units).unwrap_or(u32::MAX)).unwrap_or(0);
    (0..count).map(|mask| pick(units, |index| bit(mask, index))).collect()
}

/// Nothing, everything, one missing, one present, all up to one, and pseudo-random ones.
fn some_subsets(units: usize) -> Vec<Vec<usize>> {
    let mut subsets = vec![Vec::new(), pick(units, |_| true)];
    for single in spread(units, SINGLES) {
        subsets.push(pick(units, |index| index != single));
        subsets.push(vec![single]);
        subsets.push(pick(units, |index| index <= single));
    }
    let mut state = SEED;
    for _ in 0..RANDOM {
        subsets.push(pick(units, |_| bit(next(&mut state), 32)));
    }
    subsets
}

/// Each of some sectors torn, with all others there and with none.
fn torn(units: usize) -> Vec<Choice> {
    let mut choices = Vec::new();
    for index in spread(units, TORN) {
        for after in TORN_AFTER {
            for new_first in [true, false] {
                let torn = Some(Torn { index, after, new_first });
                let others = pick(units, |other| other != index);
                if !others.is_empty() {
                    choices.push(Choice { present: others, torn });
                }
                choices.push(Choice { present: Vec::new(), torn });
            }
        }
    }
    choices
}

fn pick(units: usize, mut wanted: impl FnMut(usize) -> bool) -> Vec<usize> {
    (0..units).filter(|index| wanted(*index)).collect()
}

fn bit(number: u64, index: usize) -> bool {
    let shift = u32::try_from(index).unwrap_or(u32::MAX);
    number.checked_shr(shift).is_some_and(|rest| rest & 1 == 1)
}

/// At most `most` of the indices below `units`: a quarter at either end, because structures begin
/// and end there, the others evenly between.
fn spread(units: usize, most: usize) -> BTreeSet<usize> {
    if units <= most {
        return (0..units).collect();
    }
    let end = most.div_ceil(4);
    let between = most.saturating_sub(end).saturating_sub(end);
    let evenly = (0..between)
        .filter_map(|index| units.checked_mul(index)?.checked_div(between))
        .filter(|index| *index < units);
    (0..end).chain(units.saturating_sub(end)..units).chain(evenly).collect()
}

/// Xorshift (Marsaglia 2003), 64 bits.
fn next(state: &mut u64) -> u64 {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    *state
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn few_sectors_have_every_subset() {
        let mut all: Vec<_> =
            choices(3).into_iter().filter(|c| c.torn.is_none()).map(|c| c.present).collect();
        all.sort();
        all.dedup();
        assert_eq!(all.len(), 8);
        assert!(all.contains(&vec![0, 2]));
        assert_eq!(choices(0), [Choice { present: Vec::new(), torn: None }]);
    }

    #[test]
    fn many_sectors_have_a_bounded_choice_that_is_always_the_same() {
        for units in [11, 48, 49, 100_000] {
            let all = choices(units);
            assert_eq!(all, choices(units));
            assert!(all.len() < 3 * SINGLES + RANDOM + 4 * TORN * TORN_AFTER.len() + 3);
            for end in [0, units - 1] {
                let missing = pick(units, |index| index != end);
                for present in [missing.clone(), vec![end]] {
                    assert!(all.contains(&Choice { present, torn: None }), "{units} {end}");
                }
                let torn = |c: &Choice| c.torn.is_some_and(|torn| torn.index == end);
                assert!(all.iter().any(|c| torn(c) && c.present == missing));
                assert!(all.iter().any(|c| torn(c) && c.present.is_empty()));
            }
        }
    }

    #[test]
    fn random_subsets_are_neither_empty_nor_whole() {
        for subset in some_subsets(1000).iter().rev().take(RANDOM) {
            assert!((300..700).contains(&subset.len()), "{}", subset.len());
        }
    }

    #[test]
    fn the_spread_holds_both_ends_and_the_middle() {
        let indices = spread(1000, 16);
        assert!(indices.len() <= 16);
        assert!([0, 1, 2, 3, 500, 996, 999].iter().all(|index| indices.contains(index)));
    }
}
