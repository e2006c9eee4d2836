//! The partition table and what lies where.

use anklume_bytes::{ReadAt, Window};
use anklume_gpt::{Guid, Partition, Table};
use anklume_layout::{Role, SECTOR_BYTES};

use crate::image::fault::{self, Fault};
use crate::image::source::{Bytes, Part};

/// An image with a readable partition table.
pub(crate) struct Disk<'a> {
    pub(crate) image: &'a Bytes<'a>,
    /// The table, and the state of its copies.
    pub(crate) found: anklume_gpt::Read,
}

/// A partition's place in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) number: u32,
    /// First byte.
    pub(crate) offset: u64,
    pub(crate) bytes: u64,
}

impl Place {
    pub(crate) fn of(partition: &Partition) -> Self {
        let sectors = partition.last_lba.saturating_sub(partition.first_lba).saturating_add(1);
        Self {
            number: partition.number,
            offset: partition.first_lba.saturating_mul(SECTOR_BYTES),
            bytes: sectors.saturating_mul(SECTOR_BYTES),
        }
    }

    /// Whether `bytes` bytes from byte `offset` of the image on lie in it.
    pub(crate) fn holds(&self, offset: u64, bytes: u64) -> bool {
        let end = self.offset.saturating_add(self.bytes);
        offset >= self.offset && offset.checked_add(bytes).is_some_and(|last| last <= end)
    }
}

impl<'a> Disk<'a> {
    /// Reads the table of `image`, from either copy.
    pub(crate) fn open(image: &'a Bytes<'a>) -> Result<Self, Fault> {
        let found = anklume_gpt::read(image, SECTOR_BYTES).map_err(|error| fault::gpt(&error))?;
        Ok(Self { image, found })
    }

    pub(crate) fn table(&self) -> &Table {
        &self.found.table
    }

    /// Whether it is a disk whose first boot is finished: it has GUIDs of its own (version 4) in place
    /// of those that are derived from an image's content.
    pub(crate) fn is_grown(&self) -> bool {
        self.table().disk_guid.version() == Some(4)
    }

    /// The partition with the number of `role`.
    pub(crate) fn partition(&self, role: Role) -> Option<&Partition> {
        self.table().partitions.iter().find(|partition| partition.number == role.number())
    }

    pub(crate) fn place(&self, role: Role) -> Option<Place> {
        self.partition(role).map(Place::of)
    }

    /// The bytes of the partition with the number of `role`, if the table has one.
    pub(crate) fn part(&self, role: Role) -> Result<Option<Part<'a>>, Fault> {
        let Some(place) = self.place(role) else { return Ok(None) };
        let window = Window::new(self.image, place.offset, place.bytes);
        window.map(Some).map_err(|error| fault::read(&name(role), 0, &error))
    }

    /// Number of the partition that these bytes of the image lie in.
    pub(crate) fn holder(&self, offset: u64, bytes: u64) -> Option<u32> {
        let mut places = self.table().partitions.iter().map(Place::of);
        places.find(|place| place.holds(offset, bytes)).map(|place| place.number)
    }
}

/// What a partition is called in messages.
pub(crate) fn name(role: Role) -> String {
    format!("partition {} ({})", role.number(), role.label())
}

/// A partition type in words.
pub(crate) fn type_name(guid: Guid) -> &'static str {
    let names = ["BIOS boot", "EFI system", "anklume boot", "Linux root x86-64"];
    let known = Role::ALL.iter().zip(names).find(|(role, _)| role.type_guid() == guid);
    match known {
        Some((_, name)) => name,
        None if guid == Role::Persist.type_guid() => "Linux data",
        None => "unknown",
    }
}

/// Whether the first `most` bytes, or all if there are fewer, are zero.
pub(crate) fn starts_empty(part: &dyn ReadAt, most: u64) -> Result<bool, anklume_bytes::ReadError> {
    let bytes = part.read_vec(0, part.size().min(most), most)?;
    Ok(bytes.iter().all(|byte| *byte == 0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn types_have_names() {
        let names: Vec<_> = Role::ALL.iter().map(|role| type_name(role.type_guid())).collect();
        assert_eq!(names[0], "BIOS boot");
        assert_eq!(names[4], names[2]);
        assert_eq!(names[6], "Linux data");
        assert_eq!(type_name(Guid::ZERO), "unknown");
    }

    #[test]
    fn a_place_holds_what_lies_in_it_whole() {
        let place = Place { number: 1, offset: 100, bytes: 50 };
        assert!(place.holds(100, 50) && place.holds(150, 0));
        assert!(!place.holds(99, 1) && !place.holds(149, 2) && !place.holds(120, u64::MAX));
    }
}
