//! What bytes are: a disk with the wanted OS in it, a disk that was cut, a file system.

use anklume_bytes::{ReadAt, Window, le_u64};
use anklume_gpt::{Guid, Partition};
use anklume_layout::{Role, SECTOR_BYTES, Slot};
use anklume_osimage::{NotOurs, OsImage, os_image};
use anklume_verity::RootHash;

/// What a GPT header begins with, and the byte of it where the last LBA of the disk stands, u64 LE
/// (UEFI 2.10 table 5.5).
const GPT_MAGIC: &[u8] = b"EFI PART";
const GPT_ALTERNATE_LBA: usize = 32;

/// A disk that ends before its partition table does: the copy of an image ended early.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("disk image of {expected} bytes cut at {found}")]
pub(crate) struct CutDisk {
    pub(crate) expected: u64,
    pub(crate) found: u64,
}

/// An OS partition inside a disk or file that the kernel reads no partition table from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Extent {
    /// First byte.
    pub(crate) offset: u64,
    /// Length in bytes.
    pub(crate) bytes: u64,
    /// Who it is.
    pub(crate) identity: Identity,
}

/// A partition by names that stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Identity {
    pub(crate) disk_guid: String,
    pub(crate) partition_guid: String,
    pub(crate) slot: Option<Slot>,
}

/// The partition table of a whole disk that was looked into.
#[derive(Debug)]
pub(crate) struct Inside {
    /// The partition with the wanted OS.
    pub(crate) found: Option<(Extent, OsImage)>,
    /// Why the other OS partitions are not it.
    pub(crate) refused: Vec<(String, NotOurs)>,
}

/// Looks at the OS partitions of an image's own partition table, which counts in 512-byte sectors
/// whatever the disk's are.
pub(crate) fn table_inside<R: ReadAt + ?Sized>(
    disk: &R,
    wanted: RootHash,
) -> Result<Inside, anklume_gpt::Error> {
    let table = anklume_gpt::read(disk, SECTOR_BYTES)?.table;
    let disk_guid = table.disk_guid.to_string();
    let mut inside = Inside { found: None, refused: Vec::new() };
    for partition in table.partitions.iter().filter(|partition| is_os(partition)) {
        let Some((offset, bytes)) = range(partition) else { continue };
        let image = Window::new(disk, offset, bytes)
            .map_err(NotOurs::from)
            .and_then(|window| os_image(&window, wanted));
        match image {
            Ok(image) => {
                let identity = identity(disk_guid, partition);
                inside.found = Some((Extent { offset, bytes, identity }, image));
                return Ok(inside);
            }
            Err(reason) => inside.refused.push((partition.name.clone(), reason)),
        }
    }
    Ok(inside)
}

/// Whether `disk` is shorter than the disk that its own partition table was made for.
///
/// The kernel shows no partitions of such a disk. Only the signature of the table's first header is
/// checked: the answer is for a message.
pub(crate) fn disk_cut<R: ReadAt + ?Sized>(disk: &R) -> Option<CutDisk> {
    let header = disk.read_vec(SECTOR_BYTES, SECTOR_BYTES, SECTOR_BYTES).ok()?;
    let last_lba = le_u64(&header, GPT_ALTERNATE_LBA).filter(|_| header.starts_with(GPT_MAGIC))?;
    let expected = last_lba.checked_add(1)?.checked_mul(SECTOR_BYTES)?;
    let found = disk.size();
    (expected > found).then_some(CutDisk { expected, found })
}

/// The identity of partition `number` on a disk with logical blocks of `block_bytes`.
pub(crate) fn partition_identity<R: ReadAt + ?Sized>(
    disk: &R,
    block_bytes: u64,
    number: u32,
) -> Option<Identity> {
    let table = anklume_gpt::read(disk, block_bytes).ok()?.table;
    let partition = table.partitions.iter().find(|partition| partition.number == number)?;
    Some(identity(table.disk_guid.to_string(), partition))
}

/// Whether a disk with logical blocks of `block_bytes` has the partition `guid`: if so, the slot whose
/// boot partition that is, if any.
pub(crate) fn slot_of<R: ReadAt + ?Sized>(
    disk: &R,
    block_bytes: u64,
    guid: Guid,
) -> Option<Option<Slot>> {
    let table = anklume_gpt::read(disk, block_bytes).ok()?.table;
    let found = table.partitions.iter().find(|this| this.unique_guid == guid)?;
    Some(Slot::ALL.into_iter().find(|slot| Role::Boot(*slot).label() == found.name))
}

fn identity(disk_guid: String, partition: &Partition) -> Identity {
    let slot = [Slot::A, Slot::B]
        .into_iter()
        .find(|slot| Role::Os(*slot).label() == partition.name && is_os(partition));
    Identity { disk_guid, partition_guid: partition.unique_guid.to_string(), slot }
}

fn is_os(partition: &Partition) -> bool {
    partition.type_guid == Role::Os(Slot::A).type_guid()
}

/// Offset and length in bytes.
fn range(partition: &Partition) -> Option<(u64, u64)> {
    let sectors = partition.last_lba.checked_sub(partition.first_lba)?.checked_add(1)?;
    Some((partition.first_lba.checked_mul(SECTOR_BYTES)?, sectors.checked_mul(SECTOR_BYTES)?))
}

/// A file system that may hold an image file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum FileSystem {
    Vfat,
    Exfat,
    Iso9660,
    Ext4,
    Ntfs,
}

impl FileSystem {
    /// The kernel's name of the type.
    pub(crate) const fn kind(self) -> &'static str {
        match self {
            Self::Vfat => "vfat",
            Self::Exfat => "exfat",
            Self::Iso9660 => "iso9660",
            Self::Ext4 => "ext4",
            Self::Ntfs => "ntfs3",
        }
    }

    /// The modules it takes, in the order of loading. The kernel asks for character sets through a
    /// helper program that an initramfs does not have.
    pub(crate) const fn modules(self) -> &'static [&'static str] {
        match self {
            Self::Vfat => &["nls_cp437", "nls_iso8859-1", "nls_ascii", "nls_utf8", "vfat"],
            Self::Exfat => &["nls_utf8", "exfat"],
            Self::Iso9660 => &["nls_utf8", "isofs"],
            Self::Ext4 => &["ext4"],
            Self::Ntfs => &["nls_utf8", "ntfs3"],
        }
    }

    /// Options with which a read-only mount writes nothing: ext4 would replay its journal.
    pub(crate) const fn options(self) -> &'static str {
        match self {
            Self::Ext4 => "noload",
            _ => "",
        }
    }

    /// Recognises a file system by its signatures.
    pub(crate) fn of<R: ReadAt + ?Sized>(disk: &R) -> Option<Self> {
        let has = |offset: u64, text: &[u8]| {
            let length = u64::try_from(text.len()).unwrap_or(u64::MAX);
            disk.read_vec(offset, length, 16).is_ok_and(|bytes| bytes == text)
        };
        // A hybrid image also has a boot sector, so ISO 9660 is asked for first.
        match () {
            () if has(32769, b"CD001") => Some(Self::Iso9660),
            () if has(3, b"EXFAT   ") => Some(Self::Exfat),
            () if has(3, b"NTFS    ") => Some(Self::Ntfs),
            () if has(1080, &[0x53, 0xef]) => Some(Self::Ext4),
            () if has(510, &[0x55, 0xaa]) && (has(54, b"FAT") || has(82, b"FAT32")) => {
                Some(Self::Vfat)
            }
            () => None,
        }
    }
}

#[cfg(test)]
mod tests;
