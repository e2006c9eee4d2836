//! Areas of an image file, and in which of them two files differ.

use std::collections::BTreeSet;
use std::ops::Range;

use serde::Serialize;

/// A range of an image file, and what lies there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// What it is.
    pub name: String,
    /// First byte.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
    /// Whether nothing reads it.
    pub padding: bool,
}

/// Bytes that differ in an area.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AreaDifference {
    /// What it is.
    pub name: String,
    /// Whether nothing reads it.
    pub padding: bool,
    /// First byte of the file that differs.
    pub first: u64,
    /// How many bytes differ.
    pub bytes: u64,
}

/// The whole file of `bytes` bytes as consecutive ranges, each with the index of its area; `None`
/// where no area is. Where areas lie in each other, the one that comes last in `areas` counts.
#[must_use]
pub fn segments(areas: &[Area], bytes: u64) -> Vec<(Range<u64>, Option<usize>)> {
    let end = |area: &Area| area.offset.saturating_add(area.bytes);
    let edges = areas.iter().flat_map(|area| [area.offset, end(area)]);
    let edges: BTreeSet<u64> = edges.chain([0, bytes]).filter(|edge| *edge <= bytes).collect();
    let holder = |range: &Range<u64>| {
        areas.iter().rposition(|area| area.offset <= range.start && range.end <= end(area))
    };
    let ranges = edges.iter().zip(edges.iter().skip(1)).map(|(from, to)| *from..*to);
    ranges.map(|range| (range.clone(), holder(&range))).collect()
}

/// Differences by area in the order of their first bytes, from those of consecutive ranges: index of
/// the area, first byte that differs, number of bytes that differ.
#[must_use]
pub fn area_differences(
    areas: &[Area],
    found: impl IntoIterator<Item = (Option<usize>, u64, u64)>,
) -> Vec<AreaDifference> {
    let mut differences: Vec<(Option<usize>, AreaDifference)> = Vec::new();
    for (index, first, bytes) in found {
        if let Some((_, known)) = differences.iter_mut().find(|(known, _)| *known == index) {
            known.first = known.first.min(first);
            known.bytes = known.bytes.saturating_add(bytes);
            continue;
        }
        let area = index.and_then(|index| areas.get(index));
        let name = area.map_or("no known area", |area| &area.name).to_owned();
        let padding = area.is_none_or(|area| area.padding);
        differences.push((index, AreaDifference { name, padding, first, bytes }));
    }
    let mut differences: Vec<AreaDifference> = differences.into_iter().map(|(_, d)| d).collect();
    differences.sort_by_key(|difference| difference.first);
    differences
}
