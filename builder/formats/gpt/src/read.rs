//! A table from a disk.

use anklume_bytes::ReadAt;

use crate::error::Place;
use crate::header::Header;
use crate::table::check_sector_bytes;
use crate::{Error, Table, TableCopy, check, entry, layout};

/// The partition table of a disk, and the state of its two copies.
#[derive(Debug)]
pub struct Read {
    /// The table of the primary copy if that is valid, else of the backup.
    pub table: Table,
    /// The copy that [`Read::table`] is from; see [`crate::Encoded::live_order`].
    pub source: TableCopy,
    /// What is wrong with the primary copy.
    pub primary: Result<(), Error>,
    /// What is wrong with the backup copy. [`Error::NotAtEnd`] if it is valid but elsewhere.
    pub backup: Result<(), Error>,
    /// LBA where a valid backup header was found.
    pub backup_found: Option<u64>,
    /// LBA where it belongs: the last of the disk.
    pub backup_expected: u64,
    /// Whether both copies are valid and say the same. If not, a change of the table was
    /// interrupted or its damage is to be repaired: write [`Read::table`] again.
    pub copies_equal: bool,
}

/// Reads the partition table of `disk`, in sectors of `sector_bytes` (512 or 4096).
///
/// A table is returned if either copy is valid: signature, both checksums, its own position, sane
/// sizes, partitions within the usable range and without overlap. A valid primary says where its
/// backup lies; another table in the last sector is then ignored, because a disk that held one
/// before a smaller image was written to it still has that one's backup. Only without a valid
/// primary is the backup looked for in the last sector.
///
/// # Errors
/// [`Error::Refused`] for another sector size or less than three sectors, and [`Error::NoTable`]
/// with what is wrong with each copy.
pub fn read<R: ReadAt + ?Sized>(disk: &R, sector_bytes: u64) -> Result<Read, Error> {
    check_sector_bytes(sector_bytes)?;
    let sectors = disk.size().checked_div(sector_bytes).unwrap_or(0);
    let last_lba = sectors
        .checked_sub(1)
        .filter(|last| *last > layout::PRIMARY_LBA)
        .ok_or_else(|| Error::refused("disk", "at least 3 sectors", sectors))?;
    let disk = Disk { disk, sector_bytes, last_lba };
    let primary = disk.copy(TableCopy::Primary, layout::PRIMARY_LBA);
    let backup_lba = primary.as_ref().map_or(last_lba, |(header, _)| header.alternate_lba);
    let backup = disk.copy(TableCopy::Backup, backup_lba);
    let backup_found = backup.is_ok().then_some(backup_lba);
    let copies_equal = matches!((&primary, &backup), (Ok((_, a)), Ok((_, b))) if a == b);
    let moved = Error::NotAtEnd { expected: last_lba, found: backup_lba };
    let at_end = |_| if backup_lba == last_lba { Ok(()) } else { Err(moved) };
    let (table, source, primary, backup) = match (primary, backup) {
        (Ok((_, table)), backup) => (table, TableCopy::Primary, Ok(()), backup.and_then(at_end)),
        (Err(primary), Ok((_, table))) => (table, TableCopy::Backup, Err(primary), Ok(())),
        (Err(primary), Err(backup)) => {
            let (primary, backup) = (Box::new(primary), Box::new(backup));
            return Err(Error::NoTable { primary, backup });
        }
    };
    let backup_expected = last_lba;
    Ok(Read { table, source, primary, backup, backup_found, backup_expected, copies_equal })
}

/// A disk in sectors.
struct Disk<'a, R: ?Sized> {
    disk: &'a R,
    sector_bytes: u64,
    last_lba: u64,
}

impl<R: ReadAt + ?Sized> Disk<'_, R> {
    /// Reads and checks the copy whose header lies at `lba`.
    fn copy(&self, copy: TableCopy, lba: u64) -> Result<(Header, Table), Error> {
        let place = Place { copy, offset: lba.saturating_mul(self.sector_bytes) };
        let sector = self
            .disk
            .read_vec(place.offset, self.sector_bytes, self.sector_bytes)
            .map_err(|source| place.io("header", source))?;
        let header = Header::parse(&sector, place)?;
        header.check(lba, self.last_lba, self.sector_bytes, place)?;
        let table = self.entries(&header, copy)?;
        Ok((header, table))
    }

    /// Reads and checks the entries of `header`.
    fn entries(&self, header: &Header, copy: TableCopy) -> Result<Table, Error> {
        let offset = header.entries_lba.saturating_mul(self.sector_bytes);
        let place = Place { copy, offset };
        let limit =
            u64::from(layout::ENTRIES_MAX).saturating_mul(u64::from(layout::ENTRY_BYTES_MAX));
        let bytes = self
            .disk
            .read_vec(offset, header.entries_length(), limit)
            .map_err(|source| place.io("entries", source))?;
        let crc = crc32fast::hash(&bytes);
        if crc != header.entries_crc && !cfg!(fuzzing) {
            let (expected, found) =
                (format!("{:#010x}", header.entries_crc), format!("{crc:#010x}"));
            return Err(place.corrupt("entries crc32", 0, expected, found));
        }
        let length = usize::try_from(header.entry_bytes).unwrap_or(usize::MAX).max(1);
        let mut partitions = Vec::new();
        for (number, bytes) in (1..).zip(bytes.chunks(length)) {
            partitions.extend(entry::parse(bytes, number, place)?);
        }
        check::partitions(&partitions, header.first_usable, header.last_usable).map_err(
            |broken| {
                let object = format!("partition {} {}", broken.number, broken.field);
                place.corrupt(&object, 0, broken.expected, broken.found)
            },
        )?;
        Ok(Table {
            disk_guid: header.disk_guid,
            sector_bytes: self.sector_bytes,
            disk_sectors: header.my_lba.max(header.alternate_lba).saturating_add(1),
            partitions,
        })
    }
}
