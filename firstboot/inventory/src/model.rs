//! What is known of a machine's disks.

use serde::{Deserialize, Serialize};

/// Version of the saved form.
pub const VERSION: u32 = 1;

/// The disks of a machine, as of one moment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Inventory {
    /// [`VERSION`].
    pub version: u32,
    /// RAM of the machine, in bytes.
    pub memory: u64,
    /// What tells which disk the OS was started from.
    pub boot: BootSignals,
    /// GUIDs of the ZFS pools that are imported, in decimal: ZFS shows neither mounts nor holders.
    #[serde(default)]
    pub imported_pools: Vec<String>,
    /// Version of the OS's ZFS: `2.3.9-1`; none if it has none.
    #[serde(default)]
    pub zfs: Option<String>,
    /// Whole disks, by kernel name.
    pub disks: Vec<Disk>,
}

/// Five independent signs of the disk that the OS was started from. It may be gone: an OS in RAM lets go of
/// its medium.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct BootSignals {
    /// What the initramfs found the OS on.
    pub reported: Option<ReportedMedium>,
    /// GUID of the partition that the firmware's variable `LoaderDevicePartUUID` names.
    pub loader_partition: Option<String>,
    /// GUID of the partition that the entry of `BootCurrent` names.
    pub firmware_partition: Option<String>,
    /// GUIDs of partitions that hold the running OS, by its root hash (Discoverable Partitions Specification:
    /// the two halves of the root hash name the root and the verity partition).
    pub root_hash_partitions: Vec<String>,
    /// Kernel names of the disks below what is mounted at `/`.
    pub backing: Vec<String>,
}

/// The medium of the initramfs's report.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct ReportedMedium {
    /// Kernel name of the disk at that moment.
    pub disk: String,
    /// The kernel's sequence number of the disk (`diskseq`), never used twice in a boot; none if unknown.
    pub diskseq: Option<u64>,
    /// Serial number.
    pub serial: Option<String>,
    /// GUID of the disk.
    pub table_guid: Option<String>,
}

/// A whole disk.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Disk {
    /// Kernel name: `sda`, `nvme0n1`.
    pub name: String,
    /// Sequence number of the disk in this boot; none if the kernel does not tell.
    #[serde(default)]
    pub diskseq: Option<u64>,
    /// Links in `/dev/disk/by-id` and `by-path` without the folder's parents: `by-id/ata-…`.
    #[serde(default)]
    pub links: Vec<String>,
    /// Size in bytes.
    pub size: u64,
    /// Bytes of a logical sector.
    pub logical_sector: u32,
    /// Bytes of a physical sector.
    pub physical_sector: u32,
    /// Vendor, without spaces around it.
    #[serde(default)]
    pub vendor: Option<String>,
    /// Model, without spaces around it.
    #[serde(default)]
    pub model: Option<String>,
    /// Serial number, without spaces around it.
    #[serde(default)]
    pub serial: Option<String>,
    /// World Wide Name, or NVMe's identifier.
    #[serde(default)]
    pub wwn: Option<String>,
    /// How it is connected.
    pub bus: Bus,
    /// Whether it turns.
    #[serde(default)]
    pub rotational: bool,
    /// Whether the medium can be taken out of the drive.
    #[serde(default)]
    pub removable: bool,
    /// Whether it refuses writes.
    #[serde(default)]
    pub read_only: bool,
    /// Whether it is a zoned (SMR) disk that the host has to manage.
    #[serde(default)]
    pub zoned: bool,
    /// Whether discarding blocks works.
    #[serde(default)]
    pub discard: bool,
    /// What the drive says of its health.
    #[serde(default)]
    pub health: Health,
    /// What is on the whole disk.
    #[serde(default)]
    pub content: Content,
    /// Kernel's type, where it is not `disk`: `loop`, `rom`, `raid1`, `mpath`.
    #[serde(default)]
    pub kind: Option<String>,
}

/// How a disk is connected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Bus {
    /// USB.
    Usb,
    /// SATA or PATA.
    Ata,
    /// SAS, iSCSI, Fibre Channel, or another SCSI transport.
    Scsi,
    /// NVMe.
    Nvme,
    /// SD card or eMMC.
    Mmc,
    /// A virtual machine's.
    Virtio,
    /// Something else.
    Other,
}

/// What a drive says of its own health (SMART).
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Health {
    /// Its verdict; none if it gives none.
    pub passed: Option<bool>,
    /// Life that is used up, in percent; may pass 100.
    pub wear: Option<u16>,
    /// Hours that it was on.
    pub hours: Option<u64>,
    /// Sectors that were replaced or wait for it.
    pub bad_sectors: Option<u64>,
    /// Degrees Celsius.
    pub temperature: Option<i16>,
}

/// What is on a disk or a partition.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Content {
    /// Signatures that a low-level probe finds, all of them.
    pub signatures: Vec<Signature>,
    /// Partition table: `gpt`, `dos`.
    pub table: Option<String>,
    /// GUID of the GPT, in lower case, or ID of the MBR.
    pub table_guid: Option<String>,
    /// Its partitions.
    pub partitions: Vec<Partition>,
    /// Where it is mounted, or `[SWAP]`.
    pub mounts: Vec<String>,
    /// Devices that lie on it, directly or on one another: they hold it open.
    pub holders: Vec<Holder>,
    /// Whether it could not be probed: that no signature is known then says nothing.
    pub unread: bool,
}

/// A device that lies on another one and holds it open.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Holder {
    /// Kernel name: `dm-0`, `md127`.
    pub name: String,
    /// Name that people know it by, where it has another one: `vg0-root`.
    pub label: Option<String>,
    /// Kind as `lsblk` names it: `lvm`, `crypt`, `raid1`, `mpath`, `dm`; none if unknown.
    pub kind: Option<String>,
}

/// A partition.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Partition {
    /// Kernel name.
    pub name: String,
    /// Its number in the table.
    pub number: u32,
    /// Size in bytes.
    pub size: u64,
    /// Type: a GUID in lower case, or MBR's number.
    #[serde(default)]
    pub kind: Option<String>,
    /// Name in the table.
    #[serde(default)]
    pub label: Option<String>,
    /// GUID, in lower case.
    #[serde(default)]
    pub guid: Option<String>,
    /// What is on it.
    #[serde(default)]
    pub content: Content,
}

/// A signature of a file system, an encrypted volume, or a member of a pool or an array.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Signature {
    /// libblkid's name: `crypto_LUKS`, `zfs_member`, `btrfs`, `ext4`, `LVM2_member`, `linux_raid_member`.
    pub kind: String,
    /// Version of the format.
    pub version: Option<String>,
    /// Label; for `zfs_member` the name of the pool.
    pub label: Option<String>,
    /// UUID; for `zfs_member` the GUID of the pool.
    pub uuid: Option<String>,
    /// Host that a ZFS pool was used by last.
    pub host: Option<String>,
    /// That host's ID, as ZFS tells it.
    pub hostid: Option<u64>,
    /// Whether that host closed it.
    pub exported: bool,
}
