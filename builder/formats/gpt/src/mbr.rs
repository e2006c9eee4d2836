//! The protective MBR.
//!
//! Source: UEFI 2.10 section 5.2.1 and 5.2.3. 512 bytes at the start of the disk, whatever its
//! sector size: 440 bytes of boot code, a disk signature (u32 LE) and two bytes that stay zero,
//! four partition records of 16 bytes, `55 AA`.
//!
//! Some BIOSes boot a disk only if a record is marked active, and some UEFI firmware rejects a
//! table whose protective record is the active one. The *dummy active entry* serves both: the
//! second record is active, of type 0 (no partition), and covers sector 0 only.

use anklume_bytes::{ReadAt, le_u32, put, put_le_u32};

use crate::Error;

/// Bytes of the MBR.
pub const BYTES: usize = 512;
/// Bytes that boot code may have.
pub const BOOT_CODE_BYTES: usize = 440;
/// Record type of the protective record.
pub const PROTECTIVE: u8 = 0xee;

/// Disk signature, u32 LE; UEFI 2.10 table 5.1.
const SIGNATURE: usize = 440;
/// First partition record.
const RECORDS: usize = 446;
/// Bytes of a record.
const RECORD_BYTES: usize = 16;
/// `55 AA`.
const BOOT_SIGNATURE: usize = 510;
const BOOT_SIGNATURE_BYTES: [u8; 2] = [0x55, 0xaa];
/// Boot indicator of an active record.
const ACTIVE: u8 = 0x80;

/// A partition record.
///
/// Bytes: boot indicator, first CHS (3), type, last CHS (3), first LBA (u32 LE), sectors (u32 LE).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Entry {
    /// Boot indicator: `0x80` is active.
    pub status: u8,
    /// First sector as cylinder, head, sector; as it lies on disk.
    pub first_chs: [u8; 3],
    /// Type; 0 is unused.
    pub kind: u8,
    /// Last sector as cylinder, head, sector; as it lies on disk.
    pub last_chs: [u8; 3],
    /// First LBA.
    pub first_lba: u32,
    /// Number of sectors.
    pub sectors: u32,
}

impl Entry {
    /// The dummy active entry of this module's description.
    pub const DUMMY_ACTIVE: Self = Self {
        status: ACTIVE,
        first_chs: [0; 3],
        kind: 0,
        last_chs: [0; 3],
        first_lba: 0,
        sectors: 1,
    };

    /// The protective record of a disk (UEFI 2.10 table 5.4): all sectors but the first.
    fn protective(disk_sectors: u64) -> Self {
        let sectors = u32::try_from(disk_sectors.saturating_sub(1)).unwrap_or(u32::MAX);
        Self {
            status: 0,
            first_chs: [0x00, 0x02, 0x00],
            kind: PROTECTIVE,
            last_chs: [0xff; 3],
            first_lba: 1,
            sectors,
        }
    }

    fn encode(self) -> [u8; RECORD_BYTES] {
        let [f0, f1, f2] = self.first_chs;
        let [l0, l1, l2] = self.last_chs;
        let [a0, a1, a2, a3] = self.first_lba.to_le_bytes();
        let [n0, n1, n2, n3] = self.sectors.to_le_bytes();
        [self.status, f0, f1, f2, self.kind, l0, l1, l2, a0, a1, a2, a3, n0, n1, n2, n3]
    }

    fn parse(bytes: [u8; RECORD_BYTES]) -> Self {
        let [status, f0, f1, f2, kind, l0, l1, l2, a0, a1, a2, a3, n0, n1, n2, n3] = bytes;
        Self {
            status,
            first_chs: [f0, f1, f2],
            kind,
            last_chs: [l0, l1, l2],
            first_lba: u32::from_le_bytes([a0, a1, a2, a3]),
            sectors: u32::from_le_bytes([n0, n1, n2, n3]),
        }
    }
}

/// What an MBR holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mbr {
    /// Boot code.
    pub boot_code: [u8; BOOT_CODE_BYTES],
    /// Disk signature; zero in a protective MBR of this crate.
    pub disk_signature: u32,
    /// The four records.
    pub entries: [Entry; 4],
    /// Whether the second record is [`Entry::DUMMY_ACTIVE`].
    pub has_dummy_active: bool,
}

impl Mbr {
    /// Whether the records say that the disk has a GPT and no other table.
    #[must_use]
    pub fn is_protective(&self) -> bool {
        let mut used = self.entries.iter().filter(|entry| entry.kind != 0);
        used.next().is_some_and(|e| e.kind == PROTECTIVE && e.first_lba == 1)
            && used.next().is_none()
    }
}

/// The protective MBR of a disk with `disk_sectors` logical blocks.
///
/// `boot_code` is padded with zeros. With `dummy_active` the second record (bytes 462 to 477) is
/// [`Entry::DUMMY_ACTIVE`].
///
/// # Errors
/// [`Error::Refused`] when `boot_code` is longer than [`BOOT_CODE_BYTES`].
pub fn encode(
    boot_code: &[u8],
    disk_sectors: u64,
    dummy_active: bool,
) -> Result<[u8; BYTES], Error> {
    let refused = || Error::refused("boot code", "at most 440 bytes", boot_code.len());
    if boot_code.len() > BOOT_CODE_BYTES {
        return Err(refused());
    }
    let second = if dummy_active { Entry::DUMMY_ACTIVE } else { Entry::default() };
    let mut records = Vec::new();
    for entry in [Entry::protective(disk_sectors), second] {
        records.extend(entry.encode());
    }
    let mut mbr = [0; BYTES];
    put(&mut mbr, 0, boot_code)
        .and_then(|()| put_le_u32(&mut mbr, SIGNATURE, 0))
        .and_then(|()| put(&mut mbr, RECORDS, &records))
        .and_then(|()| put(&mut mbr, BOOT_SIGNATURE, &BOOT_SIGNATURE_BYTES))
        .ok_or_else(refused)?;
    Ok(mbr)
}

/// Reads the MBR of `disk`, protective or not.
///
/// # Errors
/// [`Error::Io`] when the first 512 bytes cannot be read, [`Error::Corrupt`] when they do not end
/// with `55 AA`.
pub fn read<R: ReadAt + ?Sized>(disk: &R) -> Result<Mbr, Error> {
    let mut bytes = [0; BYTES];
    disk.read_at(0, &mut bytes).map_err(|source| Error::Io { object: "mbr".to_owned(), source })?;
    let found = bytes.get(BOOT_SIGNATURE..).unwrap_or_default();
    if found != BOOT_SIGNATURE_BYTES {
        return Err(Error::Corrupt {
            object: "mbr signature".to_owned(),
            offset: 510,
            expected: "`\\x55\\xaa`".to_owned(),
            found: format!("`{}`", found.escape_ascii()),
        });
    }
    let mut boot_code = [0; BOOT_CODE_BYTES];
    for (to, from) in boot_code.iter_mut().zip(&bytes) {
        *to = *from;
    }
    let mut entries = [Entry::default(); 4];
    let (records, _) = bytes.get(RECORDS..BOOT_SIGNATURE).unwrap_or_default().as_chunks();
    for (entry, record) in entries.iter_mut().zip(records) {
        *entry = Entry::parse(*record);
    }
    let has_dummy_active = entries.get(1) == Some(&Entry::DUMMY_ACTIVE);
    let disk_signature = le_u32(&bytes, SIGNATURE).unwrap_or(0);
    Ok(Mbr { boot_code, disk_signature, entries, has_dummy_active })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_records_are_those_of_the_specification() {
        let mbr = encode(&[0x90; 440], 0x1_0000, true).unwrap();
        assert_eq!(mbr[439..446], [0x90, 0, 0, 0, 0, 0, 0]);
        let first = [0, 0, 2, 0, 0xee, 0xff, 0xff, 0xff, 1, 0, 0, 0, 0xff, 0xff, 0, 0];
        assert_eq!(mbr[446..462], first);
        let second = [0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0];
        assert_eq!(mbr[462..478], second);
        assert_eq!(mbr[478..510], [0; 32]);
        assert_eq!(mbr[510..], [0x55, 0xaa]);
    }

    #[test]
    fn what_is_written_is_read() {
        let plain = read(&encode(b"code", 1 << 40, false).unwrap()[..]).unwrap();
        assert!(plain.is_protective() && !plain.has_dummy_active);
        assert_eq!(plain.entries[0].sectors, u32::MAX);
        assert_eq!(&plain.boot_code[..5], b"code\0");
        let active = read(&encode(b"", 100, true).unwrap()[..]).unwrap();
        assert!(active.is_protective() && active.has_dummy_active);
        assert_eq!(active.entries[0].sectors, 99);
    }

    #[test]
    fn what_is_no_mbr_is_refused() {
        assert!(matches!(encode(&[0; 441], 100, true), Err(Error::Refused { .. })));
        assert!(matches!(read(&[0; 512][..]), Err(Error::Corrupt { offset: 510, .. })));
        assert!(matches!(read(&[0; 511][..]), Err(Error::Io { .. })));
        let mut hybrid = encode(b"", 100, false).unwrap();
        hybrid[466] = 0x0c;
        assert!(!read(&hybrid[..]).unwrap().is_protective());
    }
}
