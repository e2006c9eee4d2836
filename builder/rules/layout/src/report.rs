//! `/run/anklume/boot.json`: what the initramfs found and did, for the programs of the running OS.

use serde::{Deserialize, Serialize};

use crate::Slot;

/// Path of the report in the running OS.
pub const PATH: &str = "/run/anklume/boot.json";

/// Version of this structure.
pub const VERSION: u32 = 2;

/// What was booted, from what, and how it was checked.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct BootReport {
    /// [`VERSION`].
    pub report_version: u32,
    /// `ID` and `IMAGE_VERSION` of the OS's os-release.
    pub os: String,
    /// Version of the image.
    pub image_version: String,
    /// Root hash of the verified OS, lower-case hexadecimal.
    pub root_hash: String,
    /// Slot that was booted; none on a medium without slots (an ISO file, copied files).
    pub slot: Option<Slot>,
    /// Where the OS was found.
    pub medium: Medium,
    /// Whether the OS was copied into RAM.
    pub toram: bool,
    /// What was done to the partition table of the medium.
    pub growth: Growth,
    /// The persistent partition.
    pub persist: Persist,
    /// Why it was, or was not.
    pub toram_reason: ToramReason,
    /// `bios` or `uefi`.
    pub firmware: String,
    /// Secure Boot as the firmware reports it; none under BIOS.
    pub secure_boot: Option<bool>,
    /// What dm-verity does on corruption: `restart`.
    pub verity_policy: String,
    /// Seconds from kernel start to the hand-over to systemd, in milliseconds.
    pub handover_ms: u64,
}

impl BootReport {
    /// An uneventful boot from a slot of a removable medium under UEFI, with the persistent partition
    /// mounted: for whoever has no machine, and begins with one where nothing is special.
    #[must_use]
    pub fn uneventful(slot: Slot, image_version: &str, root_hash: String, disk_bytes: u64) -> Self {
        let medium = Medium {
            kind: "partition".to_owned(),
            disk: "sda".to_owned(),
            disk_number: "8:0".to_owned(),
            disk_bytes,
            model: None,
            serial: None,
            disk_guid: None,
            partition_guid: None,
            file: None,
            offset_bytes: 0,
            writable: true,
            removable: true,
        };
        let persist = Persist {
            state: PersistState::Mounted,
            reason: None,
            partition: Some("sda7".to_owned()),
            set_aside: Vec::new(),
        };
        Self {
            report_version: VERSION,
            os: "debian".to_owned(),
            image_version: image_version.to_owned(),
            root_hash,
            slot: Some(slot),
            medium,
            toram: false,
            growth: Growth { state: GrowthState::Done, reason: None },
            persist,
            toram_reason: ToramReason::LittleMemory,
            firmware: "uefi".to_owned(),
            secure_boot: None,
            verity_policy: "restart".to_owned(),
            handover_ms: 0,
        }
    }
}

/// Why the OS was copied into RAM, or was not (see [`crate::cmdline::TORAM`]).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum ToramReason {
    /// Copied: `auto`, and there is RAM enough.
    EnoughMemory,
    /// Copied: asked for.
    Requested,
    /// Not copied: `auto`, and there is less RAM than [`crate::cmdline::TORAM_RATIO`] times the
    /// image.
    LittleMemory,
    /// Not copied: there is no room for it.
    NoRoom,
    /// Not copied: asked not to.
    Refused,
    /// Not copied: the kernel does not say how much RAM there is.
    UnknownMemory,
}

impl ToramReason {
    /// Whether the OS was copied.
    #[must_use]
    pub const fn is_copied(self) -> bool {
        matches!(self, Self::EnoughMemory | Self::Requested)
    }
}

/// The device that holds the OS, by names that stay.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Medium {
    /// `partition`, `extent` (sectors of a disk whose table the kernel does not read, such as a
    /// CD), or `file` (an image file or a copied OS image on another file system).
    pub kind: String,
    /// Kernel name of the whole disk at boot (`sda`); for messages, not for identification.
    pub disk: String,
    /// Device number of the whole disk, `major:minor`.
    pub disk_number: String,
    /// Size of the whole disk in bytes.
    pub disk_bytes: u64,
    /// Vendor and model as the kernel reports them, if it does.
    pub model: Option<String>,
    /// Serial number or WWID, if the device has one.
    pub serial: Option<String>,
    /// GUID of the disk's partition table, if it has one.
    pub disk_guid: Option<String>,
    /// GUID of the partition, if the OS lies in one.
    pub partition_guid: Option<String>,
    /// Path of the image file inside its file system, for kind `file`.
    pub file: Option<String>,
    /// First byte of the OS image on the disk or in the file.
    pub offset_bytes: u64,
    /// Whether the disk can be written.
    pub writable: bool,
    /// Whether the kernel says that it is removable.
    pub removable: bool,
}

/// What happened to the partition table on this boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Growth {
    /// What was done.
    pub state: GrowthState,
    /// Why not, for people.
    pub reason: Option<String>,
}

/// See [`Growth`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum GrowthState {
    /// The medium was given both slots and the persistent partition on this boot.
    Grown,
    /// It had them before.
    Done,
    /// A damaged copy of the table was written again.
    Repaired,
    /// Nothing was written, because of the reason.
    Refused,
    /// It was begun and not finished, because of the reason; the next boot tries again.
    Failed,
}

/// The persistent partition on this boot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Persist {
    /// Where its content is.
    pub state: PersistState,
    /// Why it is not there, or what was mended, for people.
    pub reason: Option<String>,
    /// Kernel name of the partition, such as `sda7`, if there is one.
    pub partition: Option<String>,
    /// Files that were damaged and set aside, by their paths in the OS.
    pub set_aside: Vec<String>,
}

/// See [`Persist`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersistState {
    /// Mounted at [`PERSIST`], and stays so.
    Mounted,
    /// Was read, and is mounted only to be written: the OS is in RAM, and the medium may be removed.
    Released,
    /// Not there: everything is forgotten at the end.
    Volatile,
}

/// Where the persistent partition is mounted.
pub const PERSIST: &str = "/persist";
