//! Makes the OS image a block device, and a verified one of that.

use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anklume_bytes::ReadAt;
use anklume_host::dm::{Control, SECTOR_BYTES, Target};
use anklume_host::loopdev;
use anklume_verity::RootHash;

use crate::error::{Error, at};
use crate::look::{Found, MEDIUM, Place};

/// Name of the verified device.
const ROOT: &str = "anklume-root";
/// Name of the device that maps sectors of a disk.
const EXTENT: &str = "anklume-medium";

/// Makes the verified device and returns its node.
pub(crate) fn verified(found: &Found, root_hash: RootHash) -> Result<PathBuf, Error> {
    let control = Control::open().map_err(at("opening", Path::new(anklume_host::dm::CONTROL)))?;
    // A loop device is freed with its last user; after this function that is the mapping.
    let mut _loop_device = None;
    let source = match &found.place {
        Place::Whole => number_text(found.device.number),
        Place::Extent(extent) => {
            let disk = number_text(found.device.number);
            let target = Target {
                start_sectors: 0,
                length_sectors: found.image.bytes.div_ceil(SECTOR_BYTES),
                kind: "linear",
                parameters: format!("{disk} {}", extent.offset / SECTOR_BYTES),
            };
            control.create_read_only(EXTENT, "", &[target])?.node()
        }
        Place::File { file, path, offset, .. } => {
            let length = if *offset == 0 && file.size() == found.image.bytes {
                0
            } else {
                found.image.bytes
            };
            let path = Path::new(MEDIUM).join(path);
            let made = loopdev::attach_read_only(file.file(), &path, *offset, length)
                .map_err(at("making a loop device of", &path))?;
            let source = made.node.display().to_string();
            _loop_device = Some(made);
            source
        }
    };
    let device =
        control.create_read_only(ROOT, &uuid(found), &[verity(found, root_hash, &source)?])?;
    let node = PathBuf::from(device.node());
    // For people and scripts; udev makes the same link once it runs.
    let link = Path::new("/dev/mapper").join(ROOT);
    let _ = symlink(format!("../dm-{}", device.minor), link);
    Ok(node)
}

fn verity(found: &Found, root_hash: RootHash, source: &str) -> Result<Target, Error> {
    let image = &found.image;
    let parameters = anklume_verity::device_mapper_table(
        &image.verity,
        root_hash,
        source,
        source,
        image.data_bytes,
    )
    .map_err(|error| Error::Unexpected {
        what: "the hash tree".to_owned(),
        expected: "a valid superblock",
        found: error.to_string(),
    })?;
    let length_sectors = image.data_bytes / SECTOR_BYTES;
    Ok(Target { start_sectors: 0, length_sectors, kind: "verity", parameters })
}

/// The form by which `veritysetup status` recognises its devices.
fn uuid(found: &Found) -> String {
    let hex: String = found.image.verity.uuid.iter().map(|byte| format!("{byte:02x}")).collect();
    format!("CRYPT-VERITY-{hex}-{ROOT}")
}

fn number_text((major, minor): (u32, u32)) -> String {
    format!("{major}:{minor}")
}
