//! The header as bytes.

use anklume_bytes::{le_u32, le_u64, put, put_le_u32, put_le_u64};

use crate::error::Place;
use crate::{Error, Guid, TableCopy, entry, layout};

/// The fields of a header that vary.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Header {
    pub(crate) my_lba: u64,
    pub(crate) alternate_lba: u64,
    pub(crate) first_usable: u64,
    pub(crate) last_usable: u64,
    pub(crate) disk_guid: Guid,
    pub(crate) entries_lba: u64,
    pub(crate) entry_count: u32,
    pub(crate) entry_bytes: u32,
    pub(crate) entries_crc: u32,
}

impl Header {
    /// The header's sector, `None` if it cannot hold one.
    pub(crate) fn encode(&self, sector_bytes: u64) -> Option<Vec<u8>> {
        let mut sector = vec![0; usize::try_from(sector_bytes).ok()?];
        put(&mut sector, layout::SIGNATURE, &layout::MAGIC)?;
        put_le_u32(&mut sector, layout::REVISION, layout::REVISION_1_0)?;
        let size = u32::try_from(layout::HEADER_BYTES).ok()?;
        put_le_u32(&mut sector, layout::HEADER_SIZE, size)?;
        put_le_u64(&mut sector, layout::MY_LBA, self.my_lba)?;
        put_le_u64(&mut sector, layout::ALTERNATE_LBA, self.alternate_lba)?;
        put_le_u64(&mut sector, layout::FIRST_USABLE_LBA, self.first_usable)?;
        put_le_u64(&mut sector, layout::LAST_USABLE_LBA, self.last_usable)?;
        put(&mut sector, layout::DISK_GUID, &self.disk_guid.to_disk())?;
        put_le_u64(&mut sector, layout::ENTRIES_LBA, self.entries_lba)?;
        put_le_u32(&mut sector, layout::ENTRY_COUNT, self.entry_count)?;
        put_le_u32(&mut sector, layout::ENTRY_SIZE, self.entry_bytes)?;
        put_le_u32(&mut sector, layout::ENTRIES_CRC, self.entries_crc)?;
        let crc = checksum(&sector, layout::HEADER_BYTES)?;
        put_le_u32(&mut sector, layout::HEADER_CRC, crc)?;
        Some(sector)
    }

    /// The header in `sector`, if its own checksum is right. Its values are not checked yet.
    pub(crate) fn parse(sector: &[u8], place: Place) -> Result<Self, Error> {
        let magic = sector.get(..layout::MAGIC.len()).unwrap_or_default();
        if magic != layout::MAGIC {
            let found = format!("`{}`", magic.escape_ascii());
            return Err(place.corrupt("header signature", 0, "`EFI PART`", found));
        }
        check_size_and_crc(sector, place)?;
        let found = u32_at(sector, layout::REVISION, place)?;
        if found != layout::REVISION_1_0 {
            let found = format!("{found:#x}");
            return Err(place.unsupported("header revision", layout::REVISION, "0x10000", found));
        }
        Ok(Self {
            my_lba: u64_at(sector, layout::MY_LBA, place)?,
            alternate_lba: u64_at(sector, layout::ALTERNATE_LBA, place)?,
            first_usable: u64_at(sector, layout::FIRST_USABLE_LBA, place)?,
            last_usable: u64_at(sector, layout::LAST_USABLE_LBA, place)?,
            disk_guid: entry::guid(sector, layout::DISK_GUID).ok_or_else(|| short(place))?,
            entries_lba: u64_at(sector, layout::ENTRIES_LBA, place)?,
            entry_count: u32_at(sector, layout::ENTRY_COUNT, place)?,
            entry_bytes: u32_at(sector, layout::ENTRY_SIZE, place)?,
            entries_crc: u32_at(sector, layout::ENTRIES_CRC, place)?,
        })
    }

    /// Checks the header of `copy`, found at `lba` on a disk whose last LBA is `last_lba`.
    pub(crate) fn check(
        &self,
        lba: u64,
        last_lba: u64,
        sector_bytes: u64,
        place: Place,
    ) -> Result<(), Error> {
        if self.my_lba != lba {
            let expected = lba.to_string();
            return Err(place.corrupt("header my lba", layout::MY_LBA, expected, self.my_lba));
        }
        if self.first_usable > self.last_usable || self.last_usable >= last_lba {
            let expected = format!("a range before lba {last_lba}");
            let found = format!("{} to {}", self.first_usable, self.last_usable);
            let field = layout::FIRST_USABLE_LBA;
            return Err(place.corrupt("header usable range", field, expected, found));
        }
        let (valid, expected) = match place.copy {
            TableCopy::Primary => (
                self.last_usable < self.alternate_lba && self.alternate_lba <= last_lba,
                format!("{} to {last_lba}", self.last_usable.saturating_add(1)),
            ),
            TableCopy::Backup => {
                (self.alternate_lba == layout::PRIMARY_LBA, layout::PRIMARY_LBA.to_string())
            }
        };
        if !valid {
            let (field, found) = (layout::ALTERNATE_LBA, self.alternate_lba);
            return Err(place.corrupt("header alternate lba", field, expected, found));
        }
        self.check_entries(sector_bytes, place)
    }

    /// Bytes of all entries.
    pub(crate) fn entries_length(&self) -> u64 {
        u64::from(self.entry_count).saturating_mul(u64::from(self.entry_bytes))
    }

    /// Checks the size and the place of the entries.
    fn check_entries(&self, sector_bytes: u64, place: Place) -> Result<(), Error> {
        let (bytes, count) = (self.entry_bytes, self.entry_count);
        // UEFI 2.10 section 5.3.2: 128 times a power of two.
        if !bytes.is_power_of_two() || bytes < layout::ENTRY_BYTES {
            let expected = "128 times a power of two";
            return Err(place.corrupt("header entry size", layout::ENTRY_SIZE, expected, bytes));
        }
        if bytes > layout::ENTRY_BYTES_MAX {
            let expected = format!("at most {}", layout::ENTRY_BYTES_MAX);
            return Err(place.unsupported(
                "header entry size",
                layout::ENTRY_SIZE,
                expected,
                bytes,
            ));
        }
        if count == 0 || count > layout::ENTRIES_MAX {
            let (field, expected) = (layout::ENTRY_COUNT, format!("1 to {}", layout::ENTRIES_MAX));
            return Err(place.unsupported("header entry count", field, expected, count));
        }
        let sectors = self.entries_length().div_ceil(sector_bytes.max(1));
        let end = self.entries_lba.saturating_add(sectors);
        let (valid, expected) = match place.copy {
            TableCopy::Primary => (
                self.entries_lba >= layout::PRIMARY_ENTRIES_LBA && end <= self.first_usable,
                format!("{sectors} sectors from 2 and before {}", self.first_usable),
            ),
            TableCopy::Backup => (
                self.entries_lba > self.last_usable && end <= self.my_lba,
                format!("{sectors} sectors behind {} and before {}", self.last_usable, self.my_lba),
            ),
        };
        if valid {
            return Ok(());
        }
        Err(place.corrupt("header entries lba", layout::ENTRIES_LBA, expected, self.entries_lba))
    }
}

/// CRC-32 of the first `length` bytes with the checksum field zero.
fn checksum(sector: &[u8], length: usize) -> Option<u32> {
    let mut header = sector.get(..length)?.to_vec();
    put_le_u32(&mut header, layout::HEADER_CRC, 0)?;
    Some(crc32fast::hash(&header))
}

fn check_size_and_crc(sector: &[u8], place: Place) -> Result<(), Error> {
    let size = u32_at(sector, layout::HEADER_SIZE, place)?;
    let length = usize::try_from(size).ok().filter(|size| *size >= layout::HEADER_BYTES);
    let Some(expected) = length.and_then(|length| checksum(sector, length)) else {
        let expected = format!("92 to {}", sector.len());
        return Err(place.corrupt("header size", layout::HEADER_SIZE, expected, size));
    };
    let found = u32_at(sector, layout::HEADER_CRC, place)?;
    // A fuzzer does not guess checksums; what they guard is to be reached.
    if found == expected || cfg!(fuzzing) {
        return Ok(());
    }
    let (expected, found) = (format!("{expected:#010x}"), format!("{found:#010x}"));
    Err(place.corrupt("header crc32", layout::HEADER_CRC, expected, found))
}

fn short(place: Place) -> Error {
    place.corrupt("header", 0, "92 bytes", "less")
}

fn u32_at(sector: &[u8], field: usize, place: Place) -> Result<u32, Error> {
    le_u32(sector, field).ok_or_else(|| short(place))
}

fn u64_at(sector: &[u8], field: usize, place: Place) -> Result<u64, Error> {
    le_u64(sector, field).ok_or_else(|| short(place))
}
