//! Checks of El Torito structures.

use anklume_bytes::{ReadAt, le_u32};

use super::{Checker, Problem};
use crate::error::Error;
use crate::extent::Extent;
use crate::layout::{FIRST_DESCRIPTOR, SECTOR_BYTES, boot, boot_info, bounds};
use crate::read::{BootCatalog, BootEntry};

impl<R: ReadAt + ?Sized> Checker<'_, R> {
    pub(super) fn boot(&mut self, catalog: &BootCatalog) -> Result<(), Error> {
        let offset = catalog.offset_bytes;
        if catalog.checksum != 0 {
            self.problems.push(Problem::CatalogChecksum { offset, sum: catalog.checksum });
        }
        if !catalog.key {
            self.problems.push(Problem::CatalogKey { offset });
        }
        for (number, entry) in catalog.entries.iter().enumerate() {
            let extent = Extent { offset_bytes: entry.offset_bytes, size: entry.size() };
            let inside = self.inside(&format!("boot entry {number}"), extent);
            let bios = entry.bootable && entry.platform == boot::BIOS && entry.media == 0;
            if inside && bios && number == 0 {
                self.boot_info(entry)?;
            }
        }
        Ok(())
    }

    fn boot_info(&mut self, entry: &BootEntry) -> Result<(), Error> {
        let offset = entry.offset_bytes;
        let mut head = [0; boot_info::END];
        self.image.read_at(offset, &mut head).map_err(Error::reading("boot image"))?;
        let value = |at| le_u32(&head, at).unwrap_or_default();
        let lba = u32::try_from(offset / SECTOR_BYTES).unwrap_or(u32::MAX);
        self.field(offset, "volume descriptor", FIRST_DESCRIPTOR, value(boot_info::PRIMARY));
        self.field(offset, "location", lba, value(boot_info::LOCATION));
        let size = u64::from(value(boot_info::LENGTH));
        if !self.inside("boot image", Extent { offset_bytes: offset, size }) {
            return Ok(());
        }
        let image = self
            .image
            .read_vec(offset, size, bounds::BOOT_IMAGE_BYTES)
            .map_err(Error::reading("boot image"))?;
        let sum = boot_info::checksum(&image).unwrap_or_default();
        self.field(offset, "checksum", sum, value(boot_info::CHECKSUM));
        Ok(())
    }

    fn field(&mut self, offset: u64, field: &'static str, expected: u32, found: u32) {
        if expected != found {
            self.problems.push(Problem::BootInfo { offset, field, expected, found });
        }
    }
}
