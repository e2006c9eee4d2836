//! Path tables against directories (ECMA-119 sections 6.9 and 9.4).

use std::collections::BTreeSet;

use anklume_bytes::{ReadAt, be_u16, be_u32, le_u16, le_u32};

use super::{Checker, Problem};
use crate::error::Error;
use crate::extent::Extent;
use crate::layout::{SECTOR_BYTES, bounds};
use crate::read::descriptor::Descriptor;
use crate::read::walk::Step;

/// A directory as the tree has it.
#[derive(Debug)]
pub(super) struct Folder {
    pub(super) extent: Extent,
    pub(super) parent: Extent,
    pub(super) identifier: Vec<u8>,
}

impl Folder {
    pub(super) fn of(step: &Step<'_>) -> Self {
        Self {
            extent: step.record.extent,
            parent: step.parent,
            identifier: step.record.identifier.to_vec(),
        }
    }
}

/// First byte of a directory, that of its parent, and its identifier.
type Row = (u64, u64, Vec<u8>);

/// How a table stores its numbers.
struct Order {
    table: &'static str,
    wide: fn(&[u8], usize) -> Option<u32>,
    narrow: fn(&[u8], usize) -> Option<u16>,
}

const LITTLE: Order = Order { table: "little-endian path table", wide: le_u32, narrow: le_u16 };
const BIG: Order = Order { table: "big-endian path table", wide: be_u32, narrow: be_u16 };

impl<R: ReadAt + ?Sized> Checker<'_, R> {
    pub(super) fn path_tables(
        &mut self,
        descriptor: &Descriptor,
        tree: &'static str,
        folders: &[Folder],
    ) -> Result<(), Error> {
        let row = |folder: &Folder| {
            let (extent, parent) = (folder.extent.offset_bytes, folder.parent.offset_bytes);
            (extent, parent, folder.identifier.clone())
        };
        let expected: BTreeSet<Row> = folders.iter().map(row).collect();
        for (lba, order) in [(descriptor.table_l, LITTLE), (descriptor.table_m, BIG)] {
            let size = descriptor.table_bytes;
            let offset_bytes = u64::from(lba).saturating_mul(SECTOR_BYTES);
            let extent = Extent { offset_bytes, size };
            if !self.inside(order.table, extent) {
                continue;
            }
            let bytes = self
                .image
                .read_vec(offset_bytes, size, bounds::TABLE_BYTES)
                .map_err(Error::reading("path table"))?;
            match rows(&bytes, &order) {
                Ok(found) => self.compare(tree, order.table, &expected, &found),
                Err(at) => {
                    let offset = offset_bytes.saturating_add(at);
                    let table = order.table;
                    self.problems.push(Problem::PathTableDamaged { tree, table, offset });
                }
            }
        }
        Ok(())
    }

    /// Reports the first directory that only one of them has, from either side.
    fn compare(
        &mut self,
        tree: &'static str,
        table: &'static str,
        expected: &BTreeSet<Row>,
        found: &BTreeSet<Row>,
    ) {
        if expected != found {
            let name = |row: Option<&Row>| match row {
                None => "none".to_owned(),
                Some((extent, parent, identifier)) => {
                    let identifier = String::from_utf8_lossy(identifier);
                    format!("{identifier:?} at byte {extent}, parent at byte {parent}")
                }
            };
            let expected_row = name(expected.difference(found).next());
            let found_row = name(found.difference(expected).next());
            let (expected, found) = (expected_row, found_row);
            self.problems.push(Problem::PathTable { tree, table, expected, found });
        }
    }
}

/// The rows of a table; the byte of the table where it is damaged.
fn rows(bytes: &[u8], order: &Order) -> Result<BTreeSet<Row>, u64> {
    let mut locations: Vec<u64> = Vec::new();
    let mut rows = BTreeSet::new();
    let mut rest = bytes;
    while !rest.is_empty() {
        let at = u64::try_from(bytes.len().saturating_sub(rest.len())).unwrap_or(u64::MAX);
        let (location, parent, identifier, after) = row(rest, order).ok_or(at)?;
        rest = after;
        locations.push(location);
        // A parent comes before its children; the root is its own.
        let above = usize::from(parent).checked_sub(1).and_then(|index| locations.get(index));
        rows.insert((location, *above.ok_or(at)?, identifier.to_vec()));
    }
    Ok(rows)
}

/// Location in bytes, parent number and identifier of the first record, and what follows it.
fn row<'a>(bytes: &'a [u8], order: &Order) -> Option<(u64, u16, &'a [u8], &'a [u8])> {
    let [length, attributes, ..] = bytes else { return None };
    let length = usize::from(*length);
    let identifier = bytes.get(8..)?.get(..length).filter(|identifier| !identifier.is_empty())?;
    let sector = u64::from((order.wide)(bytes, 2)?).saturating_add(u64::from(*attributes));
    let parent = (order.narrow)(bytes, 6)?;
    let padded = length.checked_next_multiple_of(2)?.checked_add(8)?;
    // The padding of the last record may be cut off.
    let after = bytes.get(padded..).unwrap_or_default();
    Some((sector.saturating_mul(SECTOR_BYTES), parent, identifier, after))
}
