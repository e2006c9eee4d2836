//! A table as bytes.

use crate::header::Header;
use crate::table::Geometry;
use crate::{Error, Partition, Table, TableCopy, check, entry, layout};

/// Bytes that belong at an offset of the disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// First byte on the disk, a multiple of the sector size.
    pub offset: u64,
    /// Whole sectors.
    pub bytes: Vec<u8>,
}

/// Both copies of a table. The protective MBR is not part of it: see [`crate::mbr`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Encoded {
    /// Entries of the backup copy, before its header.
    pub backup_entries: Piece,
    /// Header of the backup copy, in the last sector.
    pub backup_header: Piece,
    /// Entries of the primary copy, from LBA 2.
    pub primary_entries: Piece,
    /// Header of the primary copy, in LBA 1.
    pub primary_header: Piece,
}

impl Encoded {
    /// The order of writing on a disk that is in use: two steps, **and a flush after each step**.
    ///
    /// `valid` is the copy that is valid now and therefore written last; it is
    /// [`crate::Read::source`] of the disk. Normally that is the primary, so the backup is written
    /// first. Until the flush of the first step the old table is read from the untouched copy, from
    /// then on the new one from the other: without that flush a disk with a write cache can hold
    /// two halves of each copy. Within a step the order is free.
    ///
    /// What lies outside the old partitions may be written only after the second flush, because a
    /// new partition can cover the place of the old backup; or before the first step, if it touches
    /// neither copy of the old table. The protective MBR is part of neither: its size may be changed
    /// before or after.
    #[must_use]
    pub fn live_order(&self, valid: TableCopy) -> [[&Piece; 2]; 2] {
        let backup = [&self.backup_entries, &self.backup_header];
        let primary = [&self.primary_entries, &self.primary_header];
        match valid {
            TableCopy::Primary => [backup, primary],
            TableCopy::Backup => [primary, backup],
        }
    }
}

impl Table {
    /// The bytes of both copies. Same table, same bytes.
    ///
    /// # Errors
    /// [`Error::Refused`] when the sector size is neither 512 nor 4096, the disk is too small,
    /// a number is not within 1 to 128, a name is longer than 36 UTF-16 units or holds a NUL, a
    /// partition leaves the usable range, overlaps another one or shares its GUID or number.
    pub fn encode(&self) -> Result<Encoded, Error> {
        let geometry = self.geometry()?;
        self.check(geometry)?;
        self.bytes(geometry)
            .ok_or_else(|| Error::refused("disk", "one that can be addressed", self.disk_sectors))
    }

    fn check(&self, geometry: Geometry) -> Result<(), Error> {
        for Partition { number, name, .. } in &self.partitions {
            if *number == 0 || *number > layout::ENTRIES {
                let expected = format!("1 to {}", layout::ENTRIES);
                return Err(Error::refused("partition number", expected, number));
            }
            let length = name.encode_utf16().count();
            if length > layout::NAME_UNITS || name.contains('\0') {
                let object = format!("partition {number} name");
                let expected = format!("at most {} utf-16 units, no nul", layout::NAME_UNITS);
                return Err(Error::refused(object, expected, format!("{length} units")));
            }
        }
        let Geometry { first_usable, last_usable, .. } = geometry;
        check::partitions(&self.partitions, first_usable, last_usable).map_err(|broken| {
            let object = format!("partition {} {}", broken.number, broken.field);
            Error::refused(object, broken.expected, broken.found)
        })
    }

    /// The pieces of a table that was checked.
    fn bytes(&self, geometry: Geometry) -> Option<Encoded> {
        let mut entries = vec![0; usize::try_from(layout::ENTRIES_BYTES).ok()?];
        let length = usize::try_from(layout::ENTRY_BYTES).ok()?;
        for partition in &self.partitions {
            let index = usize::try_from(partition.number.checked_sub(1)?).ok()?;
            let start = index.checked_mul(length)?;
            entry::encode(partition, entries.get_mut(start..start.checked_add(length)?)?)?;
        }
        let primary = Header {
            my_lba: layout::PRIMARY_LBA,
            alternate_lba: geometry.backup_header,
            first_usable: geometry.first_usable,
            last_usable: geometry.last_usable,
            disk_guid: self.disk_guid,
            entries_lba: layout::PRIMARY_ENTRIES_LBA,
            entry_count: layout::ENTRIES,
            entry_bytes: layout::ENTRY_BYTES,
            entries_crc: crc32fast::hash(&entries),
        };
        let backup = Header {
            my_lba: geometry.backup_header,
            alternate_lba: layout::PRIMARY_LBA,
            entries_lba: geometry.backup_entries,
            ..primary
        };
        Some(Encoded {
            backup_entries: self.piece(geometry.backup_entries, entries.clone())?,
            backup_header: self.piece(backup.my_lba, backup.encode(self.sector_bytes)?)?,
            primary_entries: self.piece(layout::PRIMARY_ENTRIES_LBA, entries)?,
            primary_header: self.piece(primary.my_lba, primary.encode(self.sector_bytes)?)?,
        })
    }

    fn piece(&self, lba: u64, bytes: Vec<u8>) -> Option<Piece> {
        Some(Piece { offset: lba.checked_mul(self.sector_bytes)?, bytes })
    }
}
