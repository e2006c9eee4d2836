//! What is in an image, as data: what `inspect --json` prints.
//!
//! Offsets are bytes of the image, sizes are bytes. What could not be read is absent and named in
//! [`Facts::faults`].

use anklume_layout::Slot;
use anklume_layout::manifest::Manifest;
use anklume_report::Largest;
use serde::Serialize;

pub use super::read::content::Content;

use super::fault::Fault;

/// Everything that `inspect` shows.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Facts {
    /// Bytes of the image.
    pub bytes: u64,
    /// The GUID partition table.
    pub table: Option<TableFacts>,
    /// What firmware starts.
    pub firmware: FirmwareFacts,
    /// The ISO 9660 view.
    pub iso: Option<IsoFacts>,
    /// The EFI system partition.
    pub esp: Option<FolderFacts>,
    /// The slots that the partition table has.
    pub slots: Vec<SlotFacts>,
    /// The persistent partition: `empty`, `ext4` or `unknown`.
    pub persist: Option<&'static str>,
    /// What could not be read, and why.
    pub faults: Vec<Fault>,
}

/// The GUID partition table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct TableFacts {
    /// GUID of the disk.
    pub disk_guid: String,
    /// Whether both copies of the table are valid and say the same.
    pub copies_equal: bool,
    /// Partitions by number.
    pub partitions: Vec<PartitionFacts>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct PartitionFacts {
    /// Number, from 1.
    pub number: u32,
    /// Name (PARTLABEL).
    pub label: String,
    /// Type in words.
    pub type_name: String,
    /// GUID of the type.
    pub type_guid: String,
    /// GUID of the partition (PARTUUID).
    pub guid: String,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
    /// Attribute bits, hexadecimal.
    pub attributes: String,
}

/// What firmware starts.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FirmwareFacts {
    /// The first sector.
    pub mbr: Option<MbrFacts>,
    /// El Torito entries, for a CD.
    pub el_torito: Vec<ElToritoFacts>,
}

/// The first sector.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct MbrFacts {
    /// Whether its only partition record is the protective one.
    pub protective: bool,
    /// Whether it has the active record that some BIOSes want.
    pub dummy_active: bool,
    /// Whether it has boot code.
    pub boot_code: bool,
    /// Sector that the boot code loads GRUB from.
    pub core_sector: u64,
    /// Bytes of GRUB's core image in the BIOS boot partition, by its block list.
    pub core_bytes: Option<u64>,
}

/// An El Torito entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct ElToritoFacts {
    /// `BIOS`, `UEFI`, or a number.
    pub platform: String,
    /// Whether it is marked as bootable.
    pub bootable: bool,
    /// First byte.
    pub offset: u64,
    /// Bytes that are loaded.
    pub bytes: u64,
    /// Number of the partition that it lies in.
    pub partition: Option<u32>,
}

/// The ISO 9660 view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct IsoFacts {
    /// Volume identifier.
    pub volume_id: String,
    /// Publisher.
    pub publisher: String,
    /// Bytes of the volume.
    pub bytes: u64,
    /// Files, without directories.
    pub files: Vec<IsoFileFacts>,
}

/// A file of the ISO 9660 view.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct IsoFileFacts {
    /// Path.
    pub path: String,
    /// First byte.
    pub offset: u64,
    /// Bytes.
    pub bytes: u64,
    /// Number of the partition whose sectors it is; none for a file of the volume's own.
    pub partition: Option<u32>,
}

/// A FAT file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FolderFacts {
    /// `fat12`, `fat16` or `fat32`.
    pub file_system: String,
    /// Volume label.
    pub label: Option<String>,
    /// Serial number, as Linux writes it: `1234-ABCD`.
    pub serial: Option<String>,
    /// Bytes of a cluster.
    pub cluster_bytes: u64,
    /// Files, without directories.
    pub files: Vec<FileFacts>,
}

/// A file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct FileFacts {
    /// Path.
    pub path: String,
    /// Bytes.
    pub bytes: u64,
}

/// A slot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SlotFacts {
    /// Which one.
    pub slot: Slot,
    /// Whether nothing was written to it yet; then all that follows is absent.
    pub empty: bool,
    /// The boot file system.
    pub boot: Option<FolderFacts>,
    /// The manifest.
    pub manifest: Option<Manifest>,
    /// Sections of the unified kernel image.
    pub uki: Vec<SectionFacts>,
    /// The squashfs.
    pub squashfs: Option<SquashfsFacts>,
    /// The hash tree.
    pub verity: Option<VerityFacts>,
    /// The files of the OS.
    pub content: Option<Content>,
    /// The packages and directories that take the most of its bytes.
    pub space: Option<Largest>,
}

/// A section of a unified kernel image.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SectionFacts {
    /// Name.
    pub name: String,
    /// Profile that it belongs to; 0 is the one that is taken when none is asked for.
    pub profile: usize,
    /// First byte of its data in the image.
    pub offset: u64,
    /// Bytes of its data.
    pub bytes: u64,
}

/// The squashfs superblock.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct SquashfsFacts {
    /// Compression.
    pub compression: String,
    /// Bytes of a data block.
    pub block_bytes: u32,
    /// Inodes.
    pub inodes: u32,
    /// When it was made, in seconds since 1970.
    pub made: u32,
    /// Bytes.
    pub bytes: u64,
}

/// The hash tree.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct VerityFacts {
    /// First byte of its superblock.
    pub offset: u64,
    /// UUID.
    pub uuid: String,
    /// Salt, hexadecimal.
    pub salt: String,
    /// Bytes that it covers.
    pub data_bytes: u64,
    /// Bytes of superblock and tree.
    pub hash_bytes: u64,
}
