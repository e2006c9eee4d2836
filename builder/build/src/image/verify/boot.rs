//! The first sector and GRUB's core image for BIOS.

use anklume_bytes::ReadAt;
use anklume_gpt::mbr;
use anklume_layout::{Role, SECTOR_BYTES};

use super::Verifier;
use crate::image::fault::{self, Fault};
use crate::image::read::disk::{Disk, Place, name};
use crate::image::read::grub;

/// Byte of the first partition record of an MBR (UEFI 2.10 section 5.2.1).
const FIRST_RECORD: u64 = 446;
/// Byte of the second one.
const SECOND_RECORD: u64 = 462;

impl Verifier<'_, '_> {
    pub(super) fn boot_record(&mut self, disk: &Disk<'_>) {
        let record = mbr::read(disk.image).map_err(|error| fault::gpt(&error));
        let Some(record) = self.checks.take(record) else { return };
        let mut faults = Vec::new();
        let sectors = disk.table().disk_sectors.saturating_sub(1);
        let sectors = u32::try_from(sectors).unwrap_or(u32::MAX);
        let first = record.entries.first().map_or(0, |entry| entry.sectors);
        if !record.is_protective() || first != sectors {
            let expected = format!("a protective record of {sectors} sectors, and no other");
            faults.push(Fault::new(
                "mbr",
                FIRST_RECORD,
                expected,
                format!("{:02x?}", record.entries),
            ));
        }
        if !record.has_dummy_active {
            let found = record.entries.get(1).map(|entry| format!("{entry:02x?}"));
            let expected = "the active record of type 0 that some BIOSes want";
            faults.push(Fault::new("mbr", SECOND_RECORD, expected, found.unwrap_or_default()));
        }
        self.checks.all("mbr: protective record, active dummy record", faults);
        let Some(place) = disk.place(Role::BiosBoot) else { return };
        let core = place.offset / SECTOR_BYTES;
        if grub::loads(&record.boot_code, core) {
            self.checks.ok(format!("mbr: boot code loads GRUB from sector {core}"));
        } else {
            let found = format!("sector {}", grub::core_sector(&record.boot_code));
            let expected = format!("code that loads GRUB from sector {core} on any drive");
            self.checks.bad(Fault::new("mbr: boot code", 0, expected, found));
        }
    }

    pub(super) fn core_image(&mut self, disk: &Disk<'_>) {
        let object = name(Role::BiosBoot);
        let part = self.checks.take(disk.part(Role::BiosBoot)).flatten();
        let (Some(part), Some(place)) = (part, disk.place(Role::BiosBoot)) else { return };
        let explain = |error| fault::read(&object, place.offset, &error);
        let sector = part.read_vec(0, SECTOR_BYTES, SECTOR_BYTES).map_err(explain);
        let Some(sector) = self.checks.take(sector) else { return };
        let bytes = grub::core_bytes(&sector);
        let core = part.read_vec(0, bytes.min(place.bytes), place.bytes.min(CORE_BYTES_MAX));
        let listed = core.is_ok_and(|core| is_listed(&core, &place));
        if listed {
            let text = format!("{object}: GRUB's core image, {} sectors", bytes / SECTOR_BYTES);
            return self.checks.ok(text);
        }
        let (first, rest) = (grub::rest_sector(&sector), bytes / SECTOR_BYTES - 1);
        let start = place.offset / SECTOR_BYTES + 1;
        self.checks.bad(Fault::new(
            format!("{object}: block list of GRUB's core image"),
            place.offset.saturating_add(BLOCK_LIST),
            format!("sectors of this partition from {start} on, loaded to segment 0x820"),
            format!("{rest} sectors from {first} on"),
        ));
    }
}

/// Byte of the block list in the core image.
const BLOCK_LIST: u64 = 500;
/// The most bytes of a core image: what its block list can say.
const CORE_BYTES_MAX: u64 = 65536 * SECTOR_BYTES;

fn is_listed(core: &[u8], place: &Place) -> bool {
    let expected = grub::core_bytes(core);
    u64::try_from(core.len()) == Ok(expected)
        && grub::is_listed(core, place.offset / SECTOR_BYTES, place.bytes)
}
