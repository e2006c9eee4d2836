//! The El Torito boot catalog (El Torito 1.0 section 2).

use anklume_bytes::{ReadAt, le_u16, le_u32};

use crate::error::Error;
use crate::layout::{BOOT_SECTOR_BYTES, SECTOR, SECTOR_BYTES, boot};

/// One thing that firmware can boot.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootEntry {
    /// Platform: 0 is the PC BIOS, 0xEF is UEFI.
    pub platform: u8,
    /// Whether it is marked as bootable.
    pub bootable: bool,
    /// Media that is emulated; 0 is none.
    pub media: u8,
    /// Segment that the BIOS loads to; 0 is 0x7C0.
    pub load_segment: u16,
    /// What is loaded, in sectors of 512 bytes.
    pub sectors_512: u16,
    /// First byte in the image.
    pub offset_bytes: u64,
}

impl BootEntry {
    /// Length of what is loaded, in bytes.
    #[must_use]
    pub fn size(&self) -> u64 {
        u64::from(self.sectors_512).saturating_mul(BOOT_SECTOR_BYTES)
    }
}

/// The boot catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BootCatalog {
    /// Byte of the image where the catalog begins.
    pub offset_bytes: u64,
    /// Sum of the 16-bit words of the validation entry, modulo 2^16: 0 when it is intact.
    pub checksum: u16,
    /// Whether the validation entry ends with 0x55 and 0xAA.
    pub key: bool,
    /// The default entry, then those of the sections.
    pub entries: Vec<BootEntry>,
}

impl BootCatalog {
    /// The catalog in sector `lba`.
    pub(crate) fn read<R: ReadAt + ?Sized>(image: &R, lba: u32) -> Result<Self, Error> {
        let offset = u64::from(lba).saturating_mul(SECTOR_BYTES);
        let mut sector = [0; SECTOR];
        image.read_at(offset, &mut sector).map_err(Error::reading("boot catalog"))?;
        let (structures, _) = sector.as_chunks::<{ boot::ENTRY_BYTES }>();
        let [validation, default, sections @ ..] = structures else {
            return Err(corrupt(offset, "two entries", "none".to_owned()));
        };
        if validation.first() != Some(&boot::VALIDATION) {
            let found = format!("header id {:02x?}", validation.first());
            return Err(corrupt(offset, "a validation entry", found));
        }
        let (words, _) = validation.as_chunks::<2>();
        let add = |sum: u16, word: &[u8; 2]| sum.wrapping_add(u16::from_le_bytes(*word));
        let platform = validation.get(boot::PLATFORM).copied().unwrap_or_default();
        let mut entries = vec![entry(default, platform)];
        read_sections(sections, &mut entries, offset)?;
        Ok(Self {
            offset_bytes: offset,
            checksum: words.iter().fold(0, add),
            key: validation.ends_with(&boot::KEY_BYTES),
            entries,
        })
    }
}

type Structure = [u8; boot::ENTRY_BYTES];

fn read_sections(
    structures: &[Structure],
    entries: &mut Vec<BootEntry>,
    offset: u64,
) -> Result<(), Error> {
    let mut rest = structures.iter();
    while let Some(header) = rest.next() {
        let kind = header.first().copied().unwrap_or_default();
        if kind != boot::SECTION && kind != boot::LAST_SECTION {
            return Ok(());
        }
        let platform = header.get(boot::PLATFORM).copied().unwrap_or_default();
        let mut left = le_u16(header, boot::COUNT).unwrap_or_default();
        while left > 0 {
            let Some(structure) = rest.next() else {
                return Err(Error::Unsupported {
                    object: "boot catalog",
                    offset,
                    supported: "one sector",
                    found: format!("a section with {left} entries behind it"),
                });
            };
            if structure.first() != Some(&boot::EXTENSION) {
                entries.push(entry(structure, platform));
                left = left.saturating_sub(1);
            }
        }
        if kind == boot::LAST_SECTION {
            return Ok(());
        }
    }
    Ok(())
}

fn entry(structure: &Structure, platform: u8) -> BootEntry {
    let lba = le_u32(structure, boot::LBA).unwrap_or_default();
    BootEntry {
        platform,
        bootable: structure.first() == Some(&boot::BOOTABLE),
        media: structure.get(boot::MEDIA).copied().unwrap_or_default() & 0x0f,
        load_segment: le_u16(structure, boot::SEGMENT).unwrap_or_default(),
        sectors_512: le_u16(structure, boot::SECTORS).unwrap_or_default(),
        offset_bytes: u64::from(lba).saturating_mul(SECTOR_BYTES),
    }
}

fn corrupt(offset: u64, expected: &'static str, found: String) -> Error {
    Error::Corrupt { object: "boot catalog", offset, expected, found }
}
