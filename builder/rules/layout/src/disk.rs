//! Where everything lies on a medium: sizes in, a partition table out.

use anklume_gpt::{Guid, Partition, Table};

use crate::sizes::SizePolicy;
use crate::{
    ALIGNMENT_BYTES, BIOS_BOOT_BYTES, ESP_BYTES, Role, SECTOR_BYTES, SYSTEM_AREA_BYTES, Slot,
};

/// Smallest size of a slot's OS partition on a medium that has two slots, in bytes.
pub const MINIMUM_SLOT_BYTES: u64 = 4 << 30;
/// Smallest size of a slot's boot partition on such a medium, in bytes.
pub const MINIMUM_BOOT_BYTES: u64 = 256 << 20;
/// Size of the persistent partition, in bytes.
pub const PERSIST_BYTES: u64 = 256 << 20;
/// What follows the last partition: the backup entries and header of the GPT, in bytes (33 sectors,
/// rounded up so that the image is a whole number of MiB).
pub const BACKUP_TABLE_BYTES: u64 = 1 << 20;

/// What an image file contains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    /// Partitions 1 to 4, as small as possible; the first boot from a writable medium adds the rest.
    Iso,
    /// Both slots and the persistent partition at full size.
    Raw,
}

/// Sizes that only the packed content decides, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ContentSizes {
    /// The slot's boot file system.
    pub boot: u64,
    /// The squashfs and its hash tree.
    pub os: u64,
}

/// A partition with its place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// What it is for.
    pub role: Role,
    /// First byte on the medium.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
}

/// The partitions of a medium.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DiskPlan {
    /// The partitions in the order of their numbers.
    pub extents: Vec<Extent>,
    /// Length of the medium or image file in bytes.
    pub total_bytes: u64,
}

/// Content that does not fit.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DiskError {
    /// No partition table can describe it.
    #[error("the sizes of the image add up to more than 2^64 bytes")]
    TooLarge,
    /// The OS is larger than the slot that was asked for.
    #[error("the OS and its hash tree take {os} bytes, but a slot has {slot} bytes")]
    SlotTooSmall {
        /// Bytes of the squashfs and its hash tree.
        os: u64,
        /// Bytes that were asked for.
        slot: u64,
    },
}

impl DiskPlan {
    /// Lays out a medium for `format` with `content` in slot A.
    ///
    /// Slots of a full layout are twice today's content and at least [`MINIMUM_SLOT_BYTES`]: a slot
    /// that is too small for a later version cannot be mended on a machine that is in use.
    ///
    /// # Errors
    /// [`DiskError::TooLarge`].
    pub fn new(format: Format, content: ContentSizes) -> Result<Self, DiskError> {
        Self::with_slot(format, content, None)
    }

    /// As [`DiskPlan::new`], with OS partitions of `slot` bytes, if given, in a full layout. An ISO
    /// must only fit: its slot grows on the medium.
    ///
    /// # Errors
    /// [`DiskError`].
    pub fn with_slot(
        format: Format,
        content: ContentSizes,
        slot: Option<u64>,
    ) -> Result<Self, DiskError> {
        if let Some(slot) = slot.filter(|slot| *slot < content.os) {
            return Err(DiskError::SlotTooSmall { os: content.os, slot });
        }
        let policy = SizePolicy::default();
        let size = |role| -> Option<u64> {
            Some(match (role, format) {
                (Role::BiosBoot, _) => BIOS_BOOT_BYTES,
                (Role::Esp, _) => ESP_BYTES,
                (Role::Boot(Slot::A), Format::Iso) => content.boot,
                (Role::Os(Slot::A), Format::Iso) => content.os,
                (_, Format::Iso) => 0,
                (Role::Boot(_), Format::Raw) => policy.preferred(content).ok()?.boot,
                (Role::Os(_), Format::Raw) => match slot {
                    Some(slot) => slot,
                    None => policy.preferred(content).ok()?.os,
                },
                (Role::Persist, Format::Raw) => policy.persist,
            })
        };
        let mut extents = Vec::new();
        let mut offset = SYSTEM_AREA_BYTES;
        for role in Role::ALL {
            let bytes = size(role)
                .and_then(|bytes| bytes.checked_next_multiple_of(ALIGNMENT_BYTES))
                .ok_or(DiskError::TooLarge)?;
            if bytes > 0 {
                extents.push(Extent { role, offset, bytes });
                offset = offset.checked_add(bytes).ok_or(DiskError::TooLarge)?;
            }
        }
        let total_bytes = offset.checked_add(BACKUP_TABLE_BYTES).ok_or(DiskError::TooLarge)?;
        Ok(Self { extents, total_bytes })
    }

    /// The place of the partition with `role`.
    #[must_use]
    pub fn extent(&self, role: Role) -> Option<Extent> {
        self.extents.iter().find(|extent| extent.role == role).copied()
    }

    /// The GUID partition table; `guid` gives the disk's own GUID for none and a partition's for
    /// its role.
    pub fn table(&self, guid: impl Fn(Option<Role>) -> Guid) -> Table {
        let sector = |bytes: u64| bytes.checked_div(SECTOR_BYTES).unwrap_or_default();
        let partitions = self
            .extents
            .iter()
            .map(|extent| Partition {
                number: extent.role.number(),
                type_guid: extent.role.type_guid(),
                unique_guid: guid(Some(extent.role)),
                first_lba: sector(extent.offset),
                last_lba: sector(extent.offset.saturating_add(extent.bytes)).saturating_sub(1),
                attributes: extent.role.attributes(),
                name: extent.role.label().to_owned(),
            })
            .collect();
        Table {
            disk_guid: guid(None),
            sector_bytes: SECTOR_BYTES,
            disk_sectors: sector(self.total_bytes),
            partitions,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const CONTENT: ContentSizes = ContentSizes { boot: 50_000_000, os: 700_000_001 };

    #[test]
    fn an_iso_holds_one_slot_and_no_air() {
        let plan = DiskPlan::new(Format::Iso, CONTENT).unwrap();
        let numbers: Vec<u32> = plan.extents.iter().map(|e| e.role.number()).collect();
        assert_eq!(numbers, [1, 2, 3, 4]);
        assert!(plan.extents.iter().all(|e| e.offset % ALIGNMENT_BYTES == 0));
        let used = SYSTEM_AREA_BYTES + BIOS_BOOT_BYTES + ESP_BYTES + CONTENT.boot + CONTENT.os;
        assert!(plan.total_bytes - used < 4 << 20);
        assert_eq!(plan.total_bytes % ALIGNMENT_BYTES, 0);
    }

    #[test]
    fn a_raw_image_has_room_to_grow_and_no_gaps() {
        let small = ContentSizes { boot: 40 << 20, os: 150 << 20 };
        let plan = DiskPlan::new(Format::Raw, small).unwrap();
        assert_eq!(plan.extents.len(), 7);
        assert_eq!(plan.extent(Role::Os(Slot::B)).unwrap().bytes, MINIMUM_SLOT_BYTES);
        for pair in plan.extents.windows(2) {
            assert_eq!(pair[0].offset + pair[0].bytes, pair[1].offset);
        }
    }

    #[test]
    fn absurd_sizes_are_an_error() {
        let absurd = ContentSizes { boot: u64::MAX / 2 + 1, os: 1 };
        assert_eq!(DiskPlan::new(Format::Raw, absurd), Err(DiskError::TooLarge));
    }

    #[test]
    fn a_slot_has_the_size_that_was_asked_for() {
        let small = ContentSizes { boot: 40 << 20, os: 150 << 20 };
        let slot = 300 << 20;
        let raw = DiskPlan::with_slot(Format::Raw, small, Some(slot)).unwrap();
        for role in [Role::Os(Slot::A), Role::Os(Slot::B)] {
            assert_eq!(raw.extent(role).unwrap().bytes, slot);
        }
        let iso = DiskPlan::with_slot(Format::Iso, small, Some(slot));
        assert_eq!(iso, DiskPlan::new(Format::Iso, small));
    }

    #[test]
    fn a_slot_holds_the_os_to_the_last_byte() {
        let slot = 300 << 20;
        for format in [Format::Iso, Format::Raw] {
            let full = ContentSizes { boot: 1, os: slot };
            assert!(DiskPlan::with_slot(format, full, Some(slot)).is_ok());
            let over = ContentSizes { boot: 1, os: slot + 1 };
            let error = DiskPlan::with_slot(format, over, Some(slot)).unwrap_err();
            assert_eq!(error, DiskError::SlotTooSmall { os: slot + 1, slot });
            let text = error.to_string();
            assert!(text.contains("314572801") && text.contains("314572800"), "{text}");
        }
    }
}
