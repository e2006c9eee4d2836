//! The three widths of a table entry.

use std::fmt;

/// Width of the entries of the allocation table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum FatType {
    /// 12 bits, packed: fewer than 4085 clusters.
    Fat12,
    /// 16 bits: 4085 to 65524 clusters.
    Fat16,
    /// 32 bits, of which 28 are used: 65525 clusters and more.
    Fat32,
}

impl fmt::Display for FatType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Fat12 => "fat12",
            Self::Fat16 => "fat16",
            Self::Fat32 => "fat32",
        })
    }
}

impl FatType {
    /// The type of a file system with `clusters` data clusters, which is the only thing that decides
    /// it (specification, "FAT Type Determination").
    #[must_use]
    pub fn of(clusters: u64) -> Self {
        match clusters {
            0..4085 => Self::Fat12,
            4085..65525 => Self::Fat16,
            _ => Self::Fat32,
        }
    }

    /// Bytes of a table with `entries` entries, the two reserved ones included.
    pub(crate) fn table_bytes(self, entries: u64) -> Option<u64> {
        match self {
            Self::Fat12 => Some(entries.checked_mul(3)?.div_ceil(2)),
            Self::Fat16 => entries.checked_mul(2),
            Self::Fat32 => entries.checked_mul(4),
        }
    }

    /// The most data clusters: numbers from 2 up to the last one below the mark of a bad cluster.
    pub(crate) fn clusters_max(self) -> u64 {
        match self {
            Self::Fat12 => 4084,
            Self::Fat16 => 65524,
            Self::Fat32 => 0x0fff_fff5,
        }
    }

    /// The bits of an entry, all set: also the mark of a chain's end that is written.
    pub(crate) fn mask(self) -> u32 {
        match self {
            Self::Fat12 => 0xfff,
            Self::Fat16 => 0xffff,
            Self::Fat32 => 0x0fff_ffff,
        }
    }
}
