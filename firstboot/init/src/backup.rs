//! A disk whose primary partition table is damaged: the kernel does not look for the backup, and shows
//! none of its partitions.

use std::io;
use std::path::Path;

use anklume_growth::KernelPartition;
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

/// Has the kernel show what it misses on `disk`, before a file system on all of it is looked into: the
/// volume of an image is one. Whether there are partitions to look at now.
pub(crate) fn shows_partitions(disk: &BlockDevice, journal: &mut Journal) -> bool {
    let name = &disk.name;
    match hidden(disk).and_then(|hidden| show(disk, &hidden).map(|()| !hidden.is_empty())) {
        Ok(true) => {
            journal.detail(&format!("{name}: partitions as its backup table has them"));
            true
        }
        Ok(false) => false,
        Err(error) => {
            journal.detail(&format!("{name}: the partitions of its backup table: {error}"));
            false
        }
    }
}

/// The partition of `disk` from byte `first` on, after the kernel was told of all of them; `None` if it
/// is none that the kernel missed.
fn partition_at(disk: &BlockDevice, first: u64) -> io::Result<Option<BlockDevice>> {
    let hidden = hidden(disk)?;
    let Some(wanted) = hidden.iter().find(|partition| partition.first == first) else {
        return Ok(None);
    };
    show(disk, &hidden)?;
    let mine = Some((wanted.number, disk.name.clone()));
    let devices = Sysfs::at(Path::new("/sys")).block_devices()?;
    Ok(devices.into_iter().find(|device| device.partition == mine))
}

/// What the kernel misses.
fn hidden(disk: &BlockDevice) -> io::Result<Vec<KernelPartition>> {
    let facts = grow::facts(disk)?;
    let reader = FileReader::open(&disk.node())?;
    anklume_growth::hidden(&reader, &facts).map_err(io::Error::other)
}

fn show(disk: &BlockDevice, hidden: &[KernelPartition]) -> io::Result<()> {
    if hidden.is_empty() {
        return Ok(());
    }
    let kernel = Partitions::of(&disk.node())?;
    for partition in hidden {
        kernel.add(partition.number, partition.first, partition.bytes)?;
    }
    Ok(())
}
