//! The numbers that GRUB's installer writes into its images, for BIOS.
//!
//! Offsets are those of GRUB 2.12's `boot.img` (512 bytes, the first sector of a disk) and of the
//! first sector of a `core.img` that begins with `diskboot.img`.

use anklume_bytes::put;

use crate::SECTOR_BYTES;

/// `boot.img`: LBA of the core image's first sector, u64 LE.
const KERNEL_SECTOR: usize = 0x5c;
/// `boot.img`: a jump over the code that takes the drive number from the image instead of the BIOS.
/// Two `nop` here make it trust what the BIOS passed, as installing to a hard disk does.
const BOOT_DRIVE_CHECK: usize = 0x66;
/// Length of the boot code in an MBR: what follows is the disk signature and the table.
pub const BOOT_CODE_BYTES: usize = 440;
/// `core.img`: block list entry at the end of the first sector: where the rest lies.
const BLOCK_LIST: usize = 512 - 12;
/// Segment that the rest is loaded to: the first sector itself lies at 0x8000.
const BLOCK_LIST_SEGMENT: u16 = 0x820;

/// A GRUB image that does not have the form that is patched here.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("GRUB's {object} is {found}, expected {expected}")]
pub struct GrubImageError {
    object: &'static str,
    found: String,
    expected: &'static str,
}

/// The boot code of an MBR that loads the core image from sector `core_lba`.
///
/// # Errors
/// [`GrubImageError`] when `boot_img` is not a 512-byte boot sector.
pub fn boot_code(boot_img: &[u8], core_lba: u64) -> Result<Vec<u8>, GrubImageError> {
    let error = || GrubImageError {
        object: "boot.img",
        found: format!("{} bytes long", boot_img.len()),
        expected: "512 bytes that end with 55 aa",
    };
    if boot_img.len() != 512 || boot_img.get(510..) != Some(&[0x55, 0xaa]) {
        return Err(error());
    }
    let mut code = boot_img.get(..BOOT_CODE_BYTES).ok_or_else(error)?.to_vec();
    put(&mut code, KERNEL_SECTOR, &core_lba.to_le_bytes()).ok_or_else(error)?;
    put(&mut code, BOOT_DRIVE_CHECK, &[0x90, 0x90]).ok_or_else(error)?;
    Ok(code)
}

/// The core image, padded to whole sectors, for a place from sector `core_lba` on.
///
/// # Errors
/// [`GrubImageError`] when it is empty or longer than `limit_bytes` or than its block list can say.
pub fn core_image(
    core_img: &[u8],
    core_lba: u64,
    limit_bytes: u64,
) -> Result<Vec<u8>, GrubImageError> {
    let length = u64::try_from(core_img.len()).unwrap_or(u64::MAX);
    let error = || GrubImageError {
        object: "core.img",
        found: format!("{length} bytes long"),
        expected: "more than a sector and not more than the BIOS boot partition",
    };
    let padded = length.checked_next_multiple_of(SECTOR_BYTES).ok_or_else(error)?;
    let sectors = padded.checked_div(SECTOR_BYTES).ok_or_else(error)?;
    let rest = sectors.checked_sub(1).filter(|rest| *rest > 0).ok_or_else(error)?;
    if padded > limit_bytes {
        return Err(error());
    }
    let mut image = core_img.to_vec();
    image.resize(usize::try_from(padded).map_err(|_| error())?, 0);
    let mut list = core_lba.checked_add(1).ok_or_else(error)?.to_le_bytes().to_vec();
    list.extend(u16::try_from(rest).map_err(|_| error())?.to_le_bytes());
    list.extend(BLOCK_LIST_SEGMENT.to_le_bytes());
    put(&mut image, BLOCK_LIST, &list).ok_or_else(error)?;
    Ok(image)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_boot_code_points_at_the_core_image() {
        let mut boot = vec![0_u8; 512];
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        let code = boot_code(&boot, 2048).unwrap();
        assert_eq!(code.len(), 440);
        assert_eq!(code[0x5c..0x64], 2048_u64.to_le_bytes());
        assert_eq!(code[0x66..0x68], [0x90, 0x90]);
        assert!(boot_code(&boot[..511], 2048).is_err());
        boot[511] = 0;
        assert!(boot_code(&boot, 2048).is_err());
    }

    #[test]
    fn the_core_image_lists_its_rest() {
        let image = core_image(&[7; 1300], 2048, 1 << 20).unwrap();
        assert_eq!(image.len(), 1536);
        assert_eq!(image[500..508], 2049_u64.to_le_bytes());
        assert_eq!(image[508..512], [2, 0, 0x20, 0x08]);
        assert!(core_image(&[7; 512], 2048, 1 << 20).is_err());
        assert!(core_image(&[7; 4096], 2048, 4095).is_err());
        assert!(core_image(&[], 2048, 4096).is_err());
    }
}
