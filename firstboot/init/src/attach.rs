//! Makes the OS image a block device, and a verified one of that.

use std::fs::File;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use anklume_bytes::ReadAt;
use anklume_host::dm::{Control, SECTOR_BYTES, Target};
use anklume_host::file::FileReader;
use anklume_host::loopdev::{self, LoopDevice};
use anklume_verity::RootHash;

use crate::error::{Error, at};
use crate::look::{Found, MEDIUM, Place};
use crate::ram;

/// Name of the verified device.
const ROOT: &str = "anklume-root";
/// Name of the device that maps sectors of a disk.
const EXTENT: &str = "anklume-medium";

/// Makes the verified device, of the copy in RAM if there is one, and returns its node.
pub(crate) fn verified(
    found: &Found,
    in_ram: Option<File>,
    root_hash: RootHash,
) -> Result<PathBuf, Error> {
    let control = Control::open().map_err(at("opening", Path::new(anklume_host::dm::CONTROL)))?;
    // A loop device is freed with its last user; after this function that is the mapping.
    let mut _loop_device = None;
    let source = match (&in_ram, &found.place) {
        (Some(file), _) => {
            let made = loop_device(file, Path::new(ram::FILE), 0, 0)?;
            _loop_device.insert(made).node.display().to_string()
        }
        (None, Place::Whole) => number_text(found.device.number),
        (None, Place::Extent(extent)) => {
            let disk = number_text(found.device.number);
            let target = Target {
                start_sectors: 0,
                length_sectors: found.image.bytes.div_ceil(SECTOR_BYTES),
                kind: "linear",
                parameters: format!("{disk} {}", extent.offset / SECTOR_BYTES),
            };
            control.create_read_only(EXTENT, "", &[target])?.node()
        }
        (None, Place::File { path, offset }) => {
            let path = Path::new(MEDIUM).join(path);
            let file = FileReader::open(&path).map_err(at("opening", &path))?;
            let length = if *offset == 0 && file.size() == found.image.bytes {
                0
            } else {
                found.image.bytes
            };
            let made = loop_device(file.file(), &path, *offset, length)?;
            _loop_device.insert(made).node.display().to_string()
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

fn loop_device(file: &File, path: &Path, offset: u64, length: u64) -> Result<LoopDevice, Error> {
    let made = loopdev::attach_read_only(file, path, offset, length);
    made.map_err(at("making a loop device of", path))
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
