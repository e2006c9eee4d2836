//! Path tables (ECMA-119 section 9.4).

use super::place::{Flavour, Places};
use super::tree::Tree;
use crate::error::PlanError;

/// Bytes in front of the identifier of a record.
const HEADER_BYTES: usize = 8;

/// The four path tables and their sectors.
pub(super) fn all(tree: &Tree<'_>, places: &Places) -> Result<Vec<(u32, Vec<u8>)>, PlanError> {
    let mut pieces = Vec::new();
    for flavour in [Flavour::Primary, Flavour::Joliet] {
        let place = places.tree(flavour);
        let spans = place.directories.iter().map(|span| span.0);
        let locations: Vec<u32> = spans.collect();
        let little = bytes(tree, flavour, &locations, u32::to_le_bytes, u16::to_le_bytes)?;
        let big = bytes(tree, flavour, &locations, u32::to_be_bytes, u16::to_be_bytes)?;
        pieces.extend([(place.table_l.0, little), (place.table_m.0, big)]);
    }
    Ok(pieces)
}

/// Length of a path table in bytes.
pub(super) fn length(tree: &Tree<'_>, flavour: Flavour) -> usize {
    let record = |name: &str| {
        let identifier = identifier(name, flavour).len();
        identifier.next_multiple_of(2).saturating_add(HEADER_BYTES)
    };
    tree.directories.iter().map(|directory| record(&directory.name)).sum()
}

fn bytes(
    tree: &Tree<'_>,
    flavour: Flavour,
    locations: &[u32],
    wide: fn(u32) -> [u8; 4],
    narrow: fn(u16) -> [u8; 2],
) -> Result<Vec<u8>, PlanError> {
    let misfit = |_| PlanError::DoesNotFit { object: "path table record" };
    let mut table = Vec::new();
    for (directory, location) in tree.directories.iter().zip(locations) {
        let identifier = identifier(&directory.name, flavour);
        // Directories are numbered from 1, and the root is its own parent.
        let parent = u16::try_from(directory.parent.saturating_add(1)).map_err(misfit)?;
        table.push(u8::try_from(identifier.len()).map_err(misfit)?);
        table.push(0);
        table.extend(wide(*location));
        table.extend(narrow(parent));
        let odd = !identifier.len().is_multiple_of(2);
        table.extend(identifier);
        table.extend(odd.then_some(0));
    }
    Ok(table)
}

/// The identifier of a directory in its parent and in path tables; one zero byte for the root.
pub(super) fn identifier(name: &str, flavour: Flavour) -> Vec<u8> {
    match (name, flavour) {
        ("", _) => vec![0],
        (_, Flavour::Primary) => name.as_bytes().to_vec(),
        (_, Flavour::Joliet) => name.encode_utf16().flat_map(u16::to_be_bytes).collect(),
    }
}
