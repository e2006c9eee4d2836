//! What GRUB's images for BIOS say about each other.
//!
//! Offsets are those of GRUB 2.12: `boot.img` is the first sector of the disk, `diskboot.img` the
//! first sector of the core image. The writer of both is [`anklume_layout::grub_bytes`].

use anklume_bytes::{le_u16, le_u64};
use anklume_layout::{SECTOR_BYTES, grub_bytes};

/// `boot.img`: LBA of the core image's first sector, u64 LE.
const KERNEL_SECTOR: usize = 0x5c;
/// `diskboot.img`: where the rest of the core image lies: LBA, u64 LE; sectors, u16 LE; segment.
pub(crate) const BLOCK_LIST: usize = 500;

/// The core image's first sector, as the boot code has it.
pub(crate) fn core_sector(boot_code: &[u8]) -> u64 {
    le_u64(boot_code, KERNEL_SECTOR).unwrap_or_default()
}

/// Whether the boot code is one that loads the core image from sector `core_lba`, whatever drive
/// the BIOS started from.
pub(crate) fn loads(boot_code: &[u8], core_lba: u64) -> bool {
    // What the writer would change in a sector with this code: nothing, if it was there before.
    let mut sector = boot_code.to_vec();
    sector.resize(510, 0);
    sector.extend([0x55, 0xaa]);
    let has_code = boot_code.iter().any(|byte| *byte != 0);
    has_code && grub_bytes::boot_code(&sector, core_lba).is_ok_and(|code| code == boot_code)
}

/// Length of the core image in bytes, by the block list in its first sector.
pub(crate) fn core_bytes(first_sector: &[u8]) -> u64 {
    let rest = le_u16(first_sector, BLOCK_LIST + 8).unwrap_or_default();
    u64::from(rest).saturating_add(1).saturating_mul(SECTOR_BYTES)
}

/// First sector of the rest of the core image, by the block list in its first sector.
pub(crate) fn rest_sector(first_sector: &[u8]) -> u64 {
    le_u64(first_sector, BLOCK_LIST).unwrap_or_default()
}

/// Whether the block list of a whole core image is the one that belongs to a place from sector
/// `core_lba` on.
pub(crate) fn is_listed(core: &[u8], core_lba: u64, limit_bytes: u64) -> bool {
    grub_bytes::core_image(core, core_lba, limit_bytes).is_ok_and(|image| image == core)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_writer_wrote_is_read() {
        let mut boot = vec![7; 512];
        boot[510..].copy_from_slice(&[0x55, 0xaa]);
        let code = grub_bytes::boot_code(&boot, 2048).unwrap();
        assert_eq!(core_sector(&code), 2048);
        assert!(loads(&code, 2048) && !loads(&code, 2049));
        assert!(!loads(&boot[..440], 2048) && !loads(&[0; 440], 0));
        let core = grub_bytes::core_image(&[7; 1300], 2048, 1 << 20).unwrap();
        assert_eq!((core_bytes(&core), rest_sector(&core)), (1536, 2049));
        assert!(is_listed(&core, 2048, 1 << 20) && !is_listed(&core, 2049, 1 << 20));
        assert!(!is_listed(&core, 2048, 1024));
    }
}
