//! Whose table it is.

use anklume_gpt::{Partition, Table};
use anklume_layout::disk::{Extent, Format};
use anklume_layout::{ALIGNMENT_BYTES, Role, SECTOR_BYTES, SYSTEM_AREA_BYTES};

use crate::Refusal;

/// The version of the GUIDs of an image: [`anklume_gpt::Guid::from_hash`].
const IMAGE_GUID_VERSION: u8 = 8;

/// Whether the table is that of an image, that is, the first boot of the disk is not finished.
pub(crate) fn is_image(table: &Table) -> bool {
    table.disk_guid.version() == Some(IMAGE_GUID_VERSION)
}

/// The partitions of an image, if `table` is that of one, and which kind of image.
pub(crate) fn image(table: &Table) -> Result<(Format, Vec<Extent>), Refusal> {
    let in_iso = |role: &Role| role.number() <= 4;
    let (iso, second): (Vec<Role>, Vec<Role>) = Role::ALL.into_iter().partition(in_iso);
    let raw = second.iter().any(|role| by_number(table, role.number()).is_some());
    let (format, roles) = if raw { (Format::Raw, Role::ALL.to_vec()) } else { (Format::Iso, iso) };
    let extents = roles.iter().map(|role| extent(table, *role)).collect::<Result<Vec<_>, _>>()?;
    let ours = |partition: &&Partition| roles.iter().any(|r| r.number() == partition.number);
    if let Some(other) = table.partitions.iter().find(|partition| !ours(partition)) {
        return Err(Refusal::Foreign { number: other.number, name: other.name.clone() });
    }
    in_order(&extents)?;
    Ok((format, extents))
}

/// The partitions of a disk whose first boot is finished. More of them are the user's own.
pub(crate) fn finished(table: &Table) -> Result<(), Refusal> {
    for role in Role::ALL {
        extent(table, role).map_err(|refusal| match refusal {
            Refusal::Missing { number, label } => {
                Refusal::Incomplete { guid: table.disk_guid, number, label }
            }
            other => other,
        })?;
    }
    Ok(())
}

fn by_number(table: &Table, number: u32) -> Option<&Partition> {
    table.partitions.iter().find(|partition| partition.number == number)
}

/// The partition of `role`, checked by label and type.
fn extent(table: &Table, role: Role) -> Result<Extent, Refusal> {
    let (number, label) = (role.number(), role.label());
    let partition = by_number(table, number).ok_or(Refusal::Missing { number, label })?;
    if partition.name != label {
        return Err(Refusal::Foreign { number, name: partition.name.clone() });
    }
    let (expected, found) = (role.type_guid(), partition.type_guid);
    if found != expected {
        return Err(Refusal::Type { number, label, expected, found });
    }
    let sectors = partition.last_lba.saturating_sub(partition.first_lba).saturating_add(1);
    Ok(Extent {
        role,
        offset: partition.first_lba.saturating_mul(SECTOR_BYTES),
        bytes: sectors.saturating_mul(SECTOR_BYTES),
    })
}

/// Checks that partitions begin on the alignment and in the order of their numbers.
fn in_order(extents: &[Extent]) -> Result<(), Refusal> {
    let mut expected = SYSTEM_AREA_BYTES;
    for Extent { role, offset, bytes } in extents {
        if *offset < expected || !offset.is_multiple_of(ALIGNMENT_BYTES) {
            let (number, label, found) = (role.number(), role.label(), *offset);
            return Err(Refusal::Moved { number, label, expected, found });
        }
        expected = offset.saturating_add(*bytes);
    }
    Ok(())
}
