//! A disk whose primary partition table is damaged: the kernel does not look for the backup, and shows
//! none of its partitions.

use std::io;
use std::path::Path;

use anklume_host::blkpg::Partitions;
use anklume_host::file::FileReader;
use anklume_host::sysfs::{BlockDevice, Sysfs};

use crate::grow;
use crate::journal::Journal;
use crate::look::{Found, Place};
use crate::recognise::Extent;

/// Has the kernel show the partitions of the backup table, and takes the OS from its own. Taking sectors
/// of the disk would claim all of it: the persistent partition could be neither checked nor mounted,
/// and the boot would belong to no slot.
///
/// If it cannot be done, the OS is taken from where it was found.
pub(crate) fn show_partitions(found: Found, journal: &mut Journal) -> Found {
    let Place::Extent(Extent { offset, .. }) = found.place else { return found };
    let disk = &found.device.name;
    match partition_at(&found.device, offset) {
        Ok(None) => found,
        Ok(Some(device)) => {
            journal.detail(&format!("{disk}: partitions as its backup table has them"));
            Found { device, place: Place::Whole, ..found }
        }
        Err(error) => {
            journal.detail(&format!("{disk}: the partitions of its backup table: {error}"));
            found
        }
    }
}

/// The partition of `disk` from byte `first` on, after the kernel was told of all of them; `None` if it
/// is none that the kernel missed.
fn partition_at(disk: &BlockDevice, first: u64) -> io::Result<Option<BlockDevice>> {
    let node = disk.node();
    let facts = grow::facts(disk)?;
    let hidden = anklume_growth::hidden(&FileReader::open(&node)?, &facts);
    let hidden = hidden.map_err(io::Error::other)?;
    let Some(wanted) = hidden.iter().find(|partition| partition.first == first) else {
        return Ok(None);
    };
    let kernel = Partitions::of(&node)?;
    for partition in &hidden {
        kernel.add(partition.number, partition.first, partition.bytes)?;
    }
    let mine = Some((wanted.number, disk.name.clone()));
    let devices = Sysfs::at(Path::new("/sys")).block_devices()?;
    Ok(devices.into_iter().find(|device| device.partition == mine))
}
