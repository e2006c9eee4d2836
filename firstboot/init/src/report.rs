//! The boot report for the programs of the OS.

use std::fs;
use std::path::Path;

use anklume_host::file::FileReader;
use anklume_host::sysfs::{BlockDevice, Sysfs, Transport};
use anklume_layout::initconf::InitConf;
use anklume_layout::report::{self, BootReport, Growth, Medium, Persist, ToramReason};
use anklume_verity::RootHash;

use crate::error::{Error, at};
use crate::facts::uptime;
use crate::firmware::Firmware;
use crate::look::{Found, Place};
use crate::recognise::{Identity, partition_identity};

/// What was done on the way.
pub(crate) struct Steps {
    pub(crate) toram_reason: ToramReason,
    pub(crate) growth: Growth,
    pub(crate) persist: Persist,
}

/// What was found, in the words of the report.
pub(crate) fn compose(
    found: &Found,
    disk: &BlockDevice,
    identity: Option<Identity>,
    conf: &InitConf,
    root_hash: RootHash,
    firmware: &Firmware,
    steps: Steps,
) -> BootReport {
    let Steps { toram_reason, growth, persist } = steps;
    let (kind, offset_bytes, file) = match &found.place {
        Place::Whole => ("partition", 0, None),
        Place::Extent(extent) => ("extent", extent.offset, None),
        Place::File { path, offset, .. } => ("file", *offset, Some(format!("/{}", path.display()))),
    };
    // The kernel's slot counts: both may hold the same OS, and then either will do.
    let in_slot = identity.as_ref().and_then(|identity| identity.slot);
    let slot = found.slot.filter(|_| in_slot.is_some()).or(in_slot);
    let (disk_guid, partition_guid) =
        identity.map(|identity| (identity.disk_guid, identity.partition_guid)).unzip();
    let (major, minor) = disk.number;
    let medium = Medium {
        kind: kind.to_owned(),
        disk: disk.name.clone(),
        disk_number: format!("{major}:{minor}"),
        disk_bytes: disk.bytes,
        model: disk.model.clone(),
        serial: disk.serial.clone(),
        disk_guid,
        partition_guid,
        file,
        offset_bytes,
        // The kernel calls discs writable whatever they are.
        writable: !disk.read_only && disk.transport != Transport::Optical,
        removable: disk.removable,
    };
    BootReport {
        report_version: report::VERSION,
        os: conf.os.clone(),
        image_version: conf.image_version.clone(),
        root_hash: root_hash.to_string(),
        slot,
        medium,
        toram: toram_reason.is_copied(),
        toram_reason,
        growth,
        persist,
        firmware: if firmware.uefi { "uefi" } else { "bios" }.to_owned(),
        secure_boot: firmware.secure_boot,
        verity_policy: "restart".to_owned(),
        handover_ms: u64::try_from(uptime().as_millis()).unwrap_or(u64::MAX),
    }
}

/// The identity of the partition that the OS, or the file with it, was found in. A file is in no
/// slot: nothing can be written to it.
pub(crate) fn identity(found: &Found, disk: &BlockDevice) -> Option<Identity> {
    if let Place::Extent(extent) = &found.place {
        return Some(extent.identity.clone());
    }
    let (number, _) = found.device.partition.as_ref()?;
    let reader = FileReader::open(&disk.node()).ok()?;
    let identity = partition_identity(&reader, disk.logical_block_bytes, *number)?;
    match found.place {
        Place::File { .. } => Some(Identity { slot: None, ..identity }),
        _ => Some(identity),
    }
}

/// The whole disk that the OS was found on.
pub(crate) fn disk(found: &Found) -> BlockDevice {
    let sysfs = Sysfs::at(Path::new("/sys"));
    sysfs.block_device(found.device.disk()).unwrap_or_else(|| found.device.clone())
}

/// Writes the report where the OS finds it.
pub(crate) fn write(report: &BootReport) -> Result<(), Error> {
    let path = Path::new(report::PATH);
    let text = serde_json::to_vec_pretty(report).map_err(|error| Error::Configuration {
        path: path.to_owned(),
        reason: error.to_string(),
    })?;
    fs::write(path, text).map_err(at("writing", path))
}
