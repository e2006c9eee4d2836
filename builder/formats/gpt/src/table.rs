//! A partition table in memory.

use crate::{Error, Guid, layout};

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// Number, from 1: the position of its entry.
    pub number: u32,
    /// Type.
    pub type_guid: Guid,
    /// Identity.
    pub unique_guid: Guid,
    /// First LBA.
    pub first_lba: u64,
    /// Last LBA, inclusive.
    pub last_lba: u64,
    /// Attribute bits (UEFI 2.10 section 5.3.3): 0 to 2 are common, 48 to 63 belong to the type.
    pub attributes: u64,
    /// Name, at most 36 UTF-16 units.
    pub name: String,
}

/// A partition table, without the damage that one of its copies may have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    /// Identity of the disk.
    pub disk_guid: Guid,
    /// Bytes of a logical block: 512 or 4096.
    pub sector_bytes: u64,
    /// Logical blocks from the first to the backup header, both included.
    ///
    /// Of a table that was read, this is what the table says; the disk may be larger (see
    /// [`crate::Read::backup_expected`]). Set it to the size of the disk before growing.
    pub disk_sectors: u64,
    /// Partitions. Numbers may have holes, which are kept; a table that was read is in order.
    pub partitions: Vec<Partition>,
}

/// Where the parts of a table with 128 entries lie, in LBA.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    /// First LBA that a partition may use.
    pub(crate) first_usable: u64,
    /// Last LBA that a partition may use.
    pub(crate) last_usable: u64,
    /// First LBA of the backup entries.
    pub(crate) backup_entries: u64,
    /// LBA of the backup header.
    pub(crate) backup_header: u64,
}

impl Table {
    /// First and last LBA (inclusive) that a partition may use.
    ///
    /// # Errors
    /// [`Error::Refused`] for another sector size than 512 or 4096, or a disk that is too small to
    /// hold both copies and one sector more.
    pub fn usable(&self) -> Result<(u64, u64), Error> {
        self.geometry().map(|geometry| (geometry.first_usable, geometry.last_usable))
    }

    /// Where the parts of the table lie.
    pub(crate) fn geometry(&self) -> Result<Geometry, Error> {
        check_sector_bytes(self.sector_bytes)?;
        let small = || Error::refused("disk", "room for both tables", self.disk_sectors);
        let entries = layout::ENTRIES_BYTES.checked_div(self.sector_bytes).ok_or_else(small)?;
        let first_usable = layout::PRIMARY_ENTRIES_LBA.checked_add(entries).ok_or_else(small)?;
        let backup_header = self.disk_sectors.checked_sub(1).ok_or_else(small)?;
        let backup_entries = backup_header.checked_sub(entries).ok_or_else(small)?;
        let last_usable = backup_entries.checked_sub(1).ok_or_else(small)?;
        if last_usable < first_usable || self.disk_sectors.checked_mul(self.sector_bytes).is_none()
        {
            return Err(small());
        }
        Ok(Geometry { first_usable, last_usable, backup_entries, backup_header })
    }
}

/// Refuses sector sizes that no disk of this project has.
pub(crate) fn check_sector_bytes(sector_bytes: u64) -> Result<(), Error> {
    if matches!(sector_bytes, 512 | 4096) {
        return Ok(());
    }
    Err(Error::refused("sector size", "512 or 4096 bytes", sector_bytes))
}
