//! What bytes are: an OS image, the wanted one, a file system, a disk inside a disk.

use std::fmt;

use anklume_bytes::{ReadAt, ReadError, Window, le_u64};
use anklume_gpt::{Guid, Partition};
use anklume_layout::{Role, SECTOR_BYTES, Slot};
use anklume_verity::{RootHash, Superblock, root_hash_of};

/// Bytes of a verity block.
const BLOCK_BYTES: u64 = anklume_verity::BLOCK_BYTES;
/// Bytes of a verity superblock that are read.
const SUPERBLOCK_BYTES: u64 = 512;
/// What tells a damaged squashfs from something else.
const SQUASHFS_MAGIC: [u8; 4] = *b"hsqs";

/// What a GPT header begins with, and the byte of it where the last LBA of the disk stands, u64 LE
/// (UEFI 2.10 table 5.5).
const GPT_MAGIC: &[u8] = b"EFI PART";
const GPT_ALTERNATE_LBA: usize = 32;

/// An OS image whose hash tree has the wanted root.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OsImage {
    /// What the hash tree says about itself.
    pub(crate) verity: Superblock,
    /// Bytes of the squashfs up to the next whole block: where the hash tree begins.
    pub(crate) data_bytes: u64,
    /// Bytes of everything.
    pub(crate) bytes: u64,
}

/// Why bytes are not the wanted OS.
#[derive(Debug)]
pub(crate) enum NotOurs {
    /// There is something else.
    NoSquashfs,
    /// A squashfs that is damaged, or of a kind that is not built here.
    BadSquashfs(anklume_squashfs::Error),
    /// A squashfs without a hash tree behind it.
    NoTree(anklume_verity::Error),
    /// The hash tree is about more or less than the squashfs.
    Mismatch { squashfs: u64, tree: u64 },
    /// The device ends before the OS does.
    Cut { expected: u64, found: u64 },
    /// The disk ends before its partition table does: the copy of an image ended early.
    CutDisk { expected: u64, found: u64 },
    /// The top of the hash tree has another hash: another version, or damage.
    OtherHash(RootHash),
    /// The device cannot be read.
    Unreadable(ReadError),
}

impl fmt::Display for NotOurs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoSquashfs => f.write_str("no OS image"),
            Self::BadSquashfs(error) => error.fmt(f),
            Self::NoTree(error) => write!(f, "squashfs without a hash tree: {error}"),
            Self::Mismatch { squashfs, tree } => {
                write!(f, "squashfs of {squashfs} bytes, but a hash tree over {tree}")
            }
            Self::Cut { expected, found } => {
                write!(f, "OS image of {expected} bytes cut at {found}")
            }
            Self::CutDisk { expected, found } => {
                write!(f, "disk image of {expected} bytes cut at {found}")
            }
            Self::OtherHash(found) => {
                write!(f, "OS image with root hash {found}: another version, or damaged")
            }
            Self::Unreadable(error) => write!(f, "cannot be read: {error}"),
        }
    }
}

impl From<anklume_squashfs::Error> for NotOurs {
    fn from(error: anklume_squashfs::Error) -> Self {
        Self::BadSquashfs(error)
    }
}

impl From<ReadError> for NotOurs {
    fn from(error: ReadError) -> Self {
        Self::Unreadable(error)
    }
}

/// Recognises the OS image with root hash `wanted` at the start of `disk`.
///
/// Only the two superblocks and the top block of the tree are read. That is proof enough: every
/// other block is checked against the top one by the kernel when it is read.
pub(crate) fn os_image<R: ReadAt + ?Sized>(disk: &R, wanted: RootHash) -> Result<OsImage, NotOurs> {
    let data_bytes = squashfs_bytes(disk)?;
    let found = disk.size();
    let end = data_bytes.saturating_add(BLOCK_BYTES);
    if end > found {
        return Err(NotOurs::Cut { expected: end, found });
    }
    let raw = disk.read_vec(data_bytes, SUPERBLOCK_BYTES, SUPERBLOCK_BYTES)?;
    let verity = Superblock::parse(&raw).map_err(NotOurs::NoTree)?;
    let tree = verity.data_bytes().map_err(NotOurs::NoTree)?;
    if tree != data_bytes {
        return Err(NotOurs::Mismatch { squashfs: data_bytes, tree });
    }
    let layout = verity.layout().map_err(NotOurs::NoTree)?;
    let bytes = data_bytes.saturating_add(layout.bytes);
    if bytes > found {
        return Err(NotOurs::Cut { expected: bytes, found });
    }
    let top = verity.top_block_offset().map_err(NotOurs::NoTree)?;
    let top = disk.read_vec(top, BLOCK_BYTES, BLOCK_BYTES)?;
    let hash = root_hash_of(&verity, &top);
    if hash != wanted {
        return Err(NotOurs::OtherHash(hash));
    }
    Ok(OsImage { verity, data_bytes, bytes })
}

/// Length of the squashfs at the start of `disk`, up to the next whole block.
fn squashfs_bytes<R: ReadAt + ?Sized>(disk: &R) -> Result<u64, NotOurs> {
    let mut raw = [0; anklume_squashfs::SUPERBLOCK_BYTES];
    if disk.size() < BLOCK_BYTES {
        return Err(NotOurs::NoSquashfs);
    }
    disk.read_at(0, &mut raw)?;
    if !raw.starts_with(&SQUASHFS_MAGIC) {
        return Err(NotOurs::NoSquashfs);
    }
    let superblock = anklume_squashfs::Superblock::parse(&raw, disk.size())?;
    superblock.padded_bytes(BLOCK_BYTES).ok_or(NotOurs::NoSquashfs)
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
pub(crate) fn disk_cut<R: ReadAt + ?Sized>(disk: &R) -> Option<NotOurs> {
    let header = disk.read_vec(SECTOR_BYTES, SECTOR_BYTES, SECTOR_BYTES).ok()?;
    let last_lba = le_u64(&header, GPT_ALTERNATE_LBA).filter(|_| header.starts_with(GPT_MAGIC))?;
    let expected = last_lba.checked_add(1)?.checked_mul(SECTOR_BYTES)?;
    let found = disk.size();
    (expected > found).then_some(NotOurs::CutDisk { expected, found })
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

/// Whether a disk with logical blocks of `block_bytes` has the partition `guid`.
pub(crate) fn has_partition<R: ReadAt + ?Sized>(disk: &R, block_bytes: u64, guid: Guid) -> bool {
    anklume_gpt::read(disk, block_bytes)
        .is_ok_and(|read| read.table.partitions.iter().any(|this| this.unique_guid == guid))
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
