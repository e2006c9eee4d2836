//! Walking all directories of a tree, within bounds.

use std::collections::{BTreeSet, VecDeque};

use anklume_bytes::ReadAt;

use super::record::Record;
use crate::error::Error;
use crate::extent::Extent;
use crate::layout::{SECTOR, bounds};

/// How much of a walk is left. Directories may share sectors, so the length of the image alone does
/// not bound the work.
#[derive(Debug)]
pub(crate) struct Budget {
    bytes: u64,
    records: usize,
}

impl Budget {
    fn new() -> Self {
        Self { bytes: bounds::WALK_BYTES, records: bounds::RECORDS }
    }

    /// Pays for reading `bytes` bytes at `offset`.
    pub(crate) fn pay(&mut self, bytes: u64, offset: u64) -> Result<(), Error> {
        let left = self.bytes.checked_sub(bytes);
        self.bytes = left.ok_or_else(|| too_much(offset, "64 MiB of directories", "more"))?;
        Ok(())
    }

    fn pay_record(&mut self, offset: u64) -> Result<(), Error> {
        let left = self.records.checked_sub(1);
        self.records = left.ok_or_else(|| too_much(offset, "200000 records", "more"))?;
        Ok(())
    }
}

fn too_much(offset: u64, supported: &'static str, found: &str) -> Error {
    Error::Unsupported { object: "directory tree", offset, supported, found: found.to_owned() }
}

/// One record of a walk, not that of a directory itself or of its parent.
#[derive(Debug)]
pub(crate) struct Step<'a> {
    /// Path of the directory that holds the record, empty for the root.
    pub(crate) path: &'a str,
    /// Extent of that directory.
    pub(crate) parent: Extent,
    pub(crate) record: Record<'a>,
    /// Byte of the image where the record begins.
    pub(crate) offset: u64,
}

/// What a visitor wants next.
#[derive(Debug)]
pub(crate) enum Descend {
    /// Visit this directory, too, under this path.
    Into(String),
    /// Go on with the next record.
    Over,
    /// End the walk.
    Stop,
}

/// Called for every record.
pub(crate) type Visitor<'v> = dyn FnMut(&Step<'_>, &mut Budget) -> Result<Descend, Error> + 'v;

/// A directory that waits for its visit.
struct Pending {
    path: String,
    depth: usize,
    extent: Extent,
}

/// Visits every record below `root`, breadth first.
pub(crate) fn walk<R: ReadAt + ?Sized>(
    image: &R,
    root: Extent,
    visitor: &mut Visitor<'_>,
) -> Result<(), Error> {
    let mut budget = Budget::new();
    let mut seen = BTreeSet::from([root.offset_bytes]);
    let mut queue = VecDeque::from([Pending { path: String::new(), depth: 1, extent: root }]);
    while let Some(directory) = queue.pop_front() {
        let bytes = read_directory(image, directory.extent, &mut budget)?;
        let mut below = Vec::new();
        let done = visit(&directory, &bytes, &mut budget, visitor, &mut below)?;
        if done {
            break;
        }
        for pending in below {
            let offset = pending.extent.offset_bytes;
            if !seen.insert(offset) {
                return Err(Error::Corrupt {
                    object: "directory",
                    offset,
                    expected: "one directory that refers to it",
                    found: format!("a second one, as {}", pending.path),
                });
            }
            if pending.depth > bounds::DEPTH {
                return Err(too_much(offset, "64 levels", "a deeper directory"));
            }
            queue.push_back(pending);
        }
    }
    Ok(())
}

/// The bytes of a directory. Its length is paid for and bounded before anything is allocated.
fn read_directory<R: ReadAt + ?Sized>(
    image: &R,
    extent: Extent,
    budget: &mut Budget,
) -> Result<Vec<u8>, Error> {
    budget.pay(extent.size, extent.offset_bytes)?;
    image
        .read_vec(extent.offset_bytes, extent.size, bounds::DIRECTORY_BYTES)
        .map_err(Error::reading("directory"))
}

/// Visits the records of one directory; whether the walk shall end.
fn visit(
    directory: &Pending,
    bytes: &[u8],
    budget: &mut Budget,
    visitor: &mut Visitor<'_>,
    below: &mut Vec<Pending>,
) -> Result<bool, Error> {
    let sectors = bytes.chunks(SECTOR).zip(0_u64..);
    for (sector, number) in sectors {
        let start = number.saturating_mul(crate::layout::SECTOR_BYTES);
        let mut rest = sector;
        // A zero where a record would begin: the records go on in the next sector.
        while rest.first().is_some_and(|length| *length != 0) {
            let used = u64::try_from(sector.len().saturating_sub(rest.len())).unwrap_or(u64::MAX);
            let offset = directory.extent.offset_bytes.saturating_add(start).saturating_add(used);
            budget.pay_record(offset)?;
            let record = Record::parse(rest, offset)?;
            rest = rest.get(record.length..).unwrap_or_default();
            if record.is_dot() {
                continue;
            }
            let extent = record.extent;
            let step = Step { path: &directory.path, parent: directory.extent, record, offset };
            match visitor(&step, budget)? {
                Descend::Stop => return Ok(true),
                Descend::Over => {}
                Descend::Into(path) => {
                    let depth = directory.depth.saturating_add(1);
                    below.push(Pending { path, depth, extent });
                }
            }
        }
    }
    Ok(false)
}
