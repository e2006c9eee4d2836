//! Where everything lies afterwards.

use std::ops::Range;

use anklume_gpt::{Guid, Table};
use anklume_layout::disk::{BACKUP_TABLE_BYTES, ContentSizes, DiskPlan, Extent, Format};
use anklume_layout::sizes::SizePolicy;
use anklume_layout::{ALIGNMENT_BYTES, Role, SECTOR_BYTES, Slot};

use crate::Refusal;

/// How much of either end of a new partition is overwritten with zeros, in bytes. Signatures of file
/// systems, RAID, LVM and LUKS lie in the first or last MiB.
const EDGE_BYTES: u64 = 1 << 20;

/// What a disk becomes.
#[derive(Debug)]
pub(crate) struct Target {
    /// The partitions in the order of their numbers.
    pub(crate) disk: DiskPlan,
    /// Boot A, if it moves: from where, to where, how many bytes.
    pub(crate) copy: Option<Copy>,
    /// What is overwritten with zeros, as bytes of the disk.
    pub(crate) zeros: Vec<Range<u64>>,
}

/// Bytes that move.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Copy {
    pub(crate) from: u64,
    pub(crate) to: u64,
    pub(crate) bytes: u64,
}

/// The target of an image of `format` with the partitions `found` on a disk of `disk_bytes`.
///
/// An ISO ends with its backup table, [`BACKUP_TABLE_BYTES`] behind OS A. What its primary header
/// says of that is not asked: partition editors offer to move the backup to the end of the disk.
pub(crate) fn target(
    format: Format,
    found: &[Extent],
    disk_bytes: u64,
    policy: &SizePolicy,
) -> Result<Target, Refusal> {
    let of = |role: Role| {
        let (number, label) = (role.number(), role.label());
        let extent = found.iter().find(|extent| extent.role == role).copied();
        extent.ok_or(Refusal::Missing { number, label })
    };
    let (boot, os) = (of(Role::Boot(Slot::A))?, of(Role::Os(Slot::A))?);
    let total_bytes = disk_bytes.saturating_sub(disk_bytes.checked_rem(SECTOR_BYTES).unwrap_or(0));
    match format {
        Format::Raw => {
            let disk = DiskPlan { extents: found.to_vec(), total_bytes };
            let zeros = fresh(&disk).flat_map(edges).collect();
            Ok(Target { disk, copy: None, zeros })
        }
        Format::Iso => {
            let end = os
                .offset
                .checked_add(os.bytes)
                .and_then(|end| end.checked_next_multiple_of(ALIGNMENT_BYTES))
                .and_then(|end| end.checked_add(BACKUP_TABLE_BYTES))
                .ok_or(Refusal::TooSmall { needed: u64::MAX, found: disk_bytes })?;
            let second = second_part(boot, os, end, disk_bytes, policy)?;
            let first = [of(Role::BiosBoot)?, of(Role::Esp)?];
            let mut extents = [&first[..], &second].concat();
            extents.sort_by_key(|extent| extent.role.number());
            let disk = DiskPlan { extents, total_bytes };
            Ok(grown(disk, boot, end))
        }
    }
}

/// The partitions from OS A on, in the order of the disk. `end` is where the image ends.
fn second_part(
    boot: Extent,
    os: Extent,
    end: u64,
    disk_bytes: u64,
    policy: &SizePolicy,
) -> Result<Vec<Extent>, Refusal> {
    // The slot takes in the backup table of the image, so that everything new lies behind that.
    let content = ContentSizes { boot: boot.bytes, os: end.saturating_sub(os.offset) };
    let usable = disk_bytes.saturating_sub(BACKUP_TABLE_BYTES);
    let room = usable.saturating_sub(os.offset);
    let too_large = |_| Refusal::TooSmall { needed: u64::MAX, found: disk_bytes };
    let least = policy.least(content).map_err(too_large)?;
    let Some(sizes) = policy.fit(content, room).map_err(too_large)? else {
        let needed = least.saturating_add(os.offset).saturating_add(BACKUP_TABLE_BYTES);
        return Err(Refusal::TooSmall { needed, found: disk_bytes });
    };
    let order = [
        (Role::Os(Slot::A), sizes.os),
        (Role::Boot(Slot::A), sizes.boot),
        (Role::Boot(Slot::B), sizes.boot),
        (Role::Os(Slot::B), sizes.os),
        (Role::Persist, policy.persist),
    ];
    let mut offset = os.offset;
    let mut extents = Vec::new();
    for (role, bytes) in order {
        extents.push(Extent { role, offset, bytes });
        offset = offset.saturating_add(bytes);
    }
    Ok(extents)
}

/// What is written to a grown disk: nothing of it before `end`, where the image ends.
fn grown(disk: DiskPlan, old_boot: Extent, end: u64) -> Target {
    let bytes = old_boot.bytes;
    let copy = disk.extent(Role::Boot(Slot::A)).map(|new| Copy {
        from: old_boot.offset,
        to: new.offset,
        bytes,
    });
    // The ends of what slot A gains. Its content is at the beginning.
    let boot_end = copy.map_or(u64::MAX, |copy| copy.to.saturating_add(bytes));
    let gained = [(Role::Os(Slot::A), end), (Role::Boot(Slot::A), boot_end)];
    let tails = gained.iter().filter_map(|(role, floor)| {
        let extent = disk.extent(*role)?;
        let [_, last] = edges(extent);
        Some(last.start.max(*floor)..last.end)
    });
    let mut zeros: Vec<Range<u64>> = tails.collect();
    zeros.extend(fresh(&disk).flat_map(edges));
    zeros.retain(|range| range.start < range.end);
    Target { disk, copy, zeros }
}

/// The partitions that hold nothing of value.
fn fresh(disk: &DiskPlan) -> impl Iterator<Item = Extent> {
    [Role::Boot(Slot::B), Role::Os(Slot::B), Role::Persist]
        .into_iter()
        .filter_map(|role| disk.extent(role))
}

/// Both ends of a partition.
fn edges(extent: Extent) -> [Range<u64>; 2] {
    let end = extent.offset.saturating_add(extent.bytes);
    let first = extent.offset..extent.offset.saturating_add(EDGE_BYTES).min(end);
    let last = end.saturating_sub(EDGE_BYTES).max(first.end)..end;
    [first, last]
}

impl Target {
    /// The table, with a new random GUID for the disk and for every partition.
    pub(crate) fn table(&self, random: &mut dyn FnMut() -> [u8; 16]) -> Table {
        let disk_guid = Guid::from_random(random());
        let guids: Vec<(Role, Guid)> =
            Role::ALL.iter().map(|role| (*role, Guid::from_random(random()))).collect();
        self.disk.table(|role| {
            let of = |role| guids.iter().find(|(r, _)| *r == role).map(|(_, guid)| *guid);
            role.map_or(Some(disk_guid), of).unwrap_or_default()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;

    /// Places that hold something: they must never be cleared.
    fn kept(image: &DiskPlan, target: &Target) -> [Range<u64>; 2] {
        let copy = target.copy.unwrap();
        [0..image.total_bytes, copy.to..copy.to + copy.bytes]
    }

    #[test]
    fn nothing_of_value_is_cleared_whatever_the_size() {
        let policy = SizePolicy { minimum_boot: 8 * MIB, minimum_os: 16 * MIB, persist: MIB };
        for content in [(1, 1), (2, 1), (3, 5), (9, 20)] {
            let content = ContentSizes { boot: content.0 * MIB, os: content.1 * MIB };
            let image = DiskPlan::new(Format::Iso, content).unwrap();
            let mut sizes = 0;
            for more in 0..140 {
                let disk_bytes = image.total_bytes + more * MIB + more * 512;
                let found = target(Format::Iso, &image.extents, disk_bytes, &policy);
                let Ok(target) = found else { continue };
                sizes += 1;
                for zeros in &target.zeros {
                    for kept in kept(&image, &target) {
                        let apart = zeros.end <= kept.start || kept.end <= zeros.start;
                        assert!(apart, "{zeros:?} overlaps {kept:?} on {disk_bytes} bytes");
                    }
                    assert!(zeros.end <= disk_bytes - 33 * 512);
                }
                target.table(&mut counter()).encode().unwrap();
            }
            assert!(sizes > 50, "{sizes}");
        }
    }

    fn counter() -> impl FnMut() -> [u8; 16] {
        let mut count = 0;
        move || {
            count += 1;
            [count; 16]
        }
    }

    #[test]
    fn both_ends_of_a_partition_are_cleared_once() {
        let edges = |bytes| edges(Extent { role: Role::Persist, offset: MIB, bytes });
        assert_eq!(edges(3 * MIB), [MIB..2 * MIB, 3 * MIB..4 * MIB]);
        assert_eq!(edges(MIB + 512), [MIB..2 * MIB, 2 * MIB..2 * MIB + 512]);
        assert_eq!(edges(512), [MIB..MIB + 512, MIB + 512..MIB + 512]);
    }
}
