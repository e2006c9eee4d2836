//! El Torito boot catalog and the boot information table (El Torito 1.0 section 2).

use anklume_bytes::{put, put_le_u16, put_le_u32};

use super::Params;
use super::place::{Places, Span};
use crate::error::PlanError;
use crate::layout::{FIRST_DESCRIPTOR, SECTOR_BYTES, boot, boot_info};

/// What the BIOS loads of its boot image, in 512 bytes; the image loads the rest itself.
const BIOS_SECTORS: u16 = 4;

type Structure = [u8; boot::ENTRY_BYTES];

/// Boot catalog and BIOS boot image, with their sectors.
pub(super) fn all(params: &Params, places: &Places) -> Result<Vec<(u32, Vec<u8>)>, PlanError> {
    let mut pieces = Vec::new();
    if let Some(lba) = places.catalog {
        let misfit = PlanError::DoesNotFit { object: "boot catalog" };
        pieces.push((lba, catalog(params, places).ok_or(misfit)?));
    }
    if let (Some(core), Some(span)) = (&params.bios_core, places.bios) {
        let misfit = PlanError::DoesNotFit { object: "boot information table" };
        pieces.push((span.0, with_table(core, span).ok_or(misfit)?));
    }
    Ok(pieces)
}

/// The BIOS entry is the default one. An image without it has UEFI as its default platform.
fn catalog(params: &Params, places: &Places) -> Option<Vec<u8>> {
    let bios = match places.bios {
        Some((lba, _)) => Some(entry(BIOS_SECTORS, lba)?),
        None => None,
    };
    let efi = match params.efi_image {
        Some(efi) => {
            let lba = u32::try_from(efi.offset_bytes / SECTOR_BYTES).ok()?;
            Some(entry(efi.sectors_512, lba)?)
        }
        None => None,
    };
    let structures = match (bios, efi) {
        (Some(bios), Some(efi)) => vec![validation(boot::BIOS)?, bios, last_section()?, efi],
        (Some(bios), None) => vec![validation(boot::BIOS)?, bios],
        (None, Some(efi)) => vec![validation(boot::EFI)?, efi],
        (None, None) => Vec::new(),
    };
    Some(structures.concat())
}

fn validation(platform: u8) -> Option<Structure> {
    let mut bytes = [0; boot::ENTRY_BYTES];
    put(&mut bytes, 0, &[boot::VALIDATION, platform])?;
    put(&mut bytes, boot::KEY, &boot::KEY_BYTES)?;
    let checksum = sum_words(&bytes).wrapping_neg();
    put_le_u16(&mut bytes, boot::CHECKSUM, checksum)?;
    Some(bytes)
}

/// Sum of the 16-bit little-endian words, modulo 2^16.
fn sum_words(bytes: &[u8]) -> u16 {
    let (words, _) = bytes.as_chunks::<2>();
    words.iter().fold(0, |sum: u16, word| sum.wrapping_add(u16::from_le_bytes(*word)))
}

/// The header of the only section: one entry for UEFI.
fn last_section() -> Option<Structure> {
    let mut bytes = [0; boot::ENTRY_BYTES];
    put(&mut bytes, 0, &[boot::LAST_SECTION, boot::EFI])?;
    put_le_u16(&mut bytes, boot::COUNT, 1)?;
    Some(bytes)
}

/// A bootable entry without emulation, at the default load segment.
fn entry(sectors: u16, lba: u32) -> Option<Structure> {
    let mut bytes = [0; boot::ENTRY_BYTES];
    put(&mut bytes, 0, &[boot::BOOTABLE])?;
    put_le_u16(&mut bytes, boot::SECTORS, sectors)?;
    put_le_u32(&mut bytes, boot::LBA, lba)?;
    Some(bytes)
}

/// The boot image with its boot information table.
fn with_table(core: &[u8], (lba, length): Span) -> Option<Vec<u8>> {
    let mut image = core.to_vec();
    let checksum = boot_info::checksum(core)?;
    put(&mut image, boot_info::PRIMARY, &[0; boot_info::END - boot_info::PRIMARY])?;
    put_le_u32(&mut image, boot_info::PRIMARY, FIRST_DESCRIPTOR)?;
    put_le_u32(&mut image, boot_info::LOCATION, lba)?;
    put_le_u32(&mut image, boot_info::LENGTH, length)?;
    put_le_u32(&mut image, boot_info::CHECKSUM, checksum)?;
    Some(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_words_of_the_validation_entry_add_up_to_zero() {
        for platform in [boot::BIOS, boot::EFI] {
            assert_eq!(sum_words(&validation(platform).unwrap()), 0);
        }
        // The value that every BIOS-only catalog without an identifier has.
        assert_eq!(validation(0).unwrap()[28..], [0xaa, 0x55, 0x55, 0xaa]);
    }

    #[test]
    fn the_table_counts_what_lies_behind_it_and_pads_the_last_word() {
        let mut core = vec![0xff; 64];
        core.extend([1, 0, 0, 0, 2, 0, 0, 0, 3, 1]);
        let image = with_table(&core, (77, 74)).unwrap();
        assert_eq!(image[..8], [0xff; 8]);
        assert_eq!(image[8..24], [16, 0, 0, 0, 77, 0, 0, 0, 74, 0, 0, 0, 6, 1, 0, 0]);
        assert_eq!(image[24..64], [0; 40]);
        assert_eq!(image[64..], core[64..]);
    }
}
