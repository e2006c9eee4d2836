//! Plans: what is written, in which order.

use std::fmt;

use anklume_bytes::ReadAt;
use anklume_gpt::{Encoded, Piece, Table, TableCopy};

use crate::KernelChange;
use crate::target::Target;

/// What is to be done to a disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The steps, in order.
    pub steps: Vec<Step>,
    /// The table that the disk has afterwards.
    pub table: Table,
    /// What the kernel is to be told afterwards, in order.
    pub kernel: Vec<KernelChange>,
}

/// A step of a plan. Offsets and lengths are in bytes of the disk, whole sectors.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Step {
    /// Copy bytes to a place that does not overlap theirs.
    Copy {
        /// First byte of the source.
        from: u64,
        /// First byte of the destination.
        to: u64,
        /// Length.
        bytes: u64,
    },
    /// Write zeros.
    Zero {
        /// First byte.
        offset: u64,
        /// Length.
        bytes: u64,
    },
    /// Write the content of the persistent partition.
    Persist {
        /// First byte of the partition.
        offset: u64,
        /// Length of the partition.
        bytes: u64,
    },
    /// Write a part of a table.
    Write {
        /// Which.
        object: &'static str,
        /// Where and what.
        piece: Piece,
    },
    /// Make everything before durable.
    Flush,
    /// Read back what was copied, formatted and written since the last [`Step::Verify`], and compare.
    Verify,
}

impl fmt::Display for Step {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Copy { from, to, bytes } => {
                write!(f, "copy {bytes} bytes from byte {from} to byte {to}")
            }
            Self::Zero { offset, bytes } => write!(f, "write {bytes} zeros at byte {offset}"),
            Self::Persist { offset, bytes } => {
                write!(f, "format the persistent partition, {bytes} bytes at byte {offset}")
            }
            Self::Write { object, piece } => {
                write!(f, "write the {object} at byte {}", piece.offset)
            }
            Self::Flush => f.write_str("flush"),
            Self::Verify => f.write_str("read back and compare"),
        }
    }
}

impl Plan {
    /// Length of the persistent partition that [`crate::execute`] is to be given content for, in
    /// bytes; `None` when it is left alone.
    #[must_use]
    pub fn persist_bytes(&self) -> Option<u64> {
        self.steps.iter().find_map(|step| match step {
            Step::Persist { bytes, .. } => Some(*bytes),
            _ => None,
        })
    }
}

/// The names of the four parts of a table, for messages.
fn name(encoded: &Encoded, piece: &Piece) -> &'static str {
    match piece.offset {
        at if at == encoded.primary_header.offset => "primary header",
        at if at == encoded.primary_entries.offset => "primary entries",
        at if at == encoded.backup_header.offset => "backup header",
        _ => "backup entries",
    }
}

fn writes(encoded: &Encoded, pieces: [&Piece; 2]) -> [Step; 2] {
    pieces.map(|piece| Step::Write { object: name(encoded, piece), piece: piece.clone() })
}

/// A step that writes the MBR.
fn mbr_step(mbr: &[u8]) -> Step {
    Step::Write { object: "mbr", piece: Piece { offset: 0, bytes: mbr.to_vec() } }
}

/// The steps of a growth. `source` is the copy of the table that is valid now.
pub(crate) fn grow(target: &Target, mbr: &[u8], encoded: &Encoded, source: TableCopy) -> Vec<Step> {
    let mut steps = Vec::new();
    steps.extend(target.copy.map(|copy| Step::Copy {
        from: copy.from,
        to: copy.to,
        bytes: copy.bytes,
    }));
    steps.extend(target.zeros.iter().map(|range| Step::Zero {
        offset: range.start,
        bytes: range.end.saturating_sub(range.start),
    }));
    let persist = target.disk.extent(anklume_layout::Role::Persist);
    steps.extend(persist.map(|p| Step::Persist { offset: p.offset, bytes: p.bytes }));
    steps.push(mbr_step(mbr));
    let [first, second] = encoded.live_order(source);
    // The new backup commits nothing while the old primary is valid; it needs no flush before it.
    if source == TableCopy::Backup {
        steps.extend([Step::Flush, Step::Verify]);
    }
    for pieces in [first, second] {
        steps.extend(writes(encoded, pieces));
        steps.extend([Step::Flush, Step::Verify]);
    }
    steps
}

/// The steps that write a table again. What `disk` holds already is left out.
pub(crate) fn repair<R: ReadAt + ?Sized>(
    disk: &R,
    mbr: Option<&[u8]>,
    encoded: &Encoded,
    source: TableCopy,
) -> Vec<Step> {
    let differs = |step: &Step| match step {
        Step::Write { piece, .. } => {
            let length = u64::try_from(piece.bytes.len()).unwrap_or(u64::MAX);
            disk.read_vec(piece.offset, length, length).map_or(true, |bytes| bytes != piece.bytes)
        }
        _ => true,
    };
    let [first, second] = encoded.live_order(source).map(|pieces| writes(encoded, pieces));
    // The MBR vouches for the backup, so it is durable before the primary is touched.
    let first = mbr.map(mbr_step).into_iter().chain(first);
    let mut steps = Vec::new();
    for writes in [first.collect::<Vec<_>>(), second.to_vec()] {
        let start = steps.len();
        steps.extend(writes.into_iter().filter(differs));
        if steps.len() > start {
            steps.extend([Step::Flush, Step::Verify]);
        }
    }
    steps
}
