//! The partition table of a data disk.

use anklume_gpt::{Guid, Partition, Piece, Table, TableCopy, mbr};
use anklume_inventory::Disk;

use crate::action::{Access, Action};
use crate::request::Refused;
use crate::{Backend, Encryption, Pool};

/// Name of the partition of a pool that is not whole yet. Nobody takes it for one; a setup that was cut off
/// begins anew.
pub(crate) const LABEL_NEW: &str = "anklume-new";
/// Where the partition begins, and what is left free behind it, in bytes. A disk that replaces this one in
/// a mirror may be a little smaller.
const FRONT_BYTES: u64 = 1 << 20;
const BACK_BYTES: u64 = 16 << 20;

/// Type of a partition with LUKS on it (UAPI.4 Discoverable Partitions Specification has none for data; this
/// is what `sfdisk` calls "Linux LUKS").
const LUKS: Guid = Guid::from_u128(0xca7d7ccb_63ed_4c53_861c_1742536059cc);
/// Type of a partition with any other file system: "Linux filesystem data".
const LINUX: Guid = Guid::from_u128(0x0fc63daf_8483_4772_8e79_3d69d8477de4);

/// Type of a partition of ZFS: "Solaris /usr & Apple ZFS", which OpenZFS uses everywhere.
const ZFS: Guid = Guid::from_u128(0x6a898cc3_1dd2_11b2_99a6_080020736631);

/// What is on the partition.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Content {
    Luks,
    Zfs,
    Other,
}

impl Content {
    /// What is on a pool's partitions.
    pub(crate) const fn of(pool: &Pool) -> Self {
        match (pool.encryption, pool.backend) {
            (Encryption::Luks2, _) => Self::Luks,
            (_, Backend::Zfs) => Self::Zfs,
            (_, Backend::Btrfs) => Self::Other,
        }
    }

    /// Type of the partition.
    pub(crate) const fn kind(self) -> Guid {
        match self {
            Self::Luks => LUKS,
            Self::Zfs => ZFS,
            Self::Other => LINUX,
        }
    }
}

/// What writes the table of a new pool's disk that nothing else uses. What makes the table whole comes last.
pub(crate) fn write(
    index: usize,
    disk: &Disk,
    guids: &[Guid; 3],
    content: Content,
) -> Result<Vec<Action>, Refused> {
    let refused = |why| refused(disk, why);
    let table = table(disk, guids, content, LABEL_NEW).map_err(refused)?;
    let encoded = table.encode().map_err(refused)?;
    let sector = usize::try_from(table.sector_bytes).unwrap_or(mbr::BYTES);
    let mut protective = mbr::encode(&[], table.disk_sectors, false).map_err(refused)?.to_vec();
    protective.resize(sector, 0);
    let pieces = [
        ("backup entries of the partition table", encoded.backup_entries),
        ("backup header of the partition table", encoded.backup_header),
        ("protective MBR", Piece { offset: 0, bytes: protective }),
        ("entries of the partition table", encoded.primary_entries),
        ("header of the partition table", encoded.primary_header),
    ];
    let access = Access::Alone;
    let write = |(object, piece)| Action::Write { disk: index, access, object, piece };
    let mut actions: Vec<Action> = pieces.into_iter().map(write).collect();
    actions.push(Action::Flush { disk: index, access });
    Ok(actions)
}

/// What gives the partition its name, while the pool is open.
pub(crate) fn name(
    index: usize,
    disk: &Disk,
    guids: &[Guid; 3],
    content: Content,
) -> Result<Vec<Action>, Refused> {
    let table = table(disk, guids, content, crate::LABEL).map_err(|why| refused(disk, why))?;
    replace(index, disk, &table)
}

/// What replaces the valid table of a disk in use by another one.
pub(crate) fn replace(index: usize, disk: &Disk, table: &Table) -> Result<Vec<Action>, Refused> {
    let encoded = table.encode().map_err(|why| refused(disk, why))?;
    let access = Access::InUse;
    let objects = ["entries of the partition table", "header of the partition table"];
    let mut actions = Vec::new();
    for pieces in encoded.live_order(TableCopy::Primary) {
        for (object, piece) in objects.into_iter().zip(pieces) {
            actions.push(Action::Write { disk: index, access, object, piece: piece.clone() });
        }
        actions.push(Action::Flush { disk: index, access });
    }
    Ok(actions)
}

fn refused(disk: &Disk, why: anklume_gpt::Error) -> Refused {
    Refused::Table { disk: disk.name.clone(), why: why.to_string() }
}

fn table(
    disk: &Disk,
    guids: &[Guid; 3],
    content: Content,
    name: &str,
) -> Result<Table, anklume_gpt::Error> {
    let [disk_guid, unique_guid, _] = *guids;
    let sector_bytes = u64::from(disk.logical_sector).max(512);
    let sectors = |bytes: u64| bytes.checked_div(sector_bytes).unwrap_or_default();
    let mut table =
        Table { disk_guid, sector_bytes, disk_sectors: sectors(disk.size), partitions: Vec::new() };
    let (first_usable, last_usable) = table.usable()?;
    let first_lba = sectors(FRONT_BYTES).max(first_usable);
    // Whole MiB, so that what is encrypted in sectors of 4096 bytes fits.
    let end = disk.size.saturating_sub(BACK_BYTES) / FRONT_BYTES;
    let last_lba = sectors(end.saturating_mul(FRONT_BYTES)).saturating_sub(1).min(last_usable);
    table.partitions.push(Partition {
        number: 1,
        type_guid: content.kind(),
        unique_guid,
        first_lba,
        last_lba,
        attributes: 0,
        name: name.to_owned(),
    });
    Ok(table)
}
