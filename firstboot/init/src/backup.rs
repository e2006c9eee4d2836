//! A disk whose primary partition table is damaged: the kernel does not look for the backup, and shows
//! none of its partitions.

use std::io;

use anklume_host::blkpg::Partitions;
use anklume_host::file::FileReader;
use anklume_host::sysfs::BlockDevice;

use crate::grow;
use crate::journal::Journal;

/// Has the kernel show the partitions of the backup table, if it misses them; whether there are
/// partitions to look at now.
///
/// To be tried before sectors of the disk are taken, or the file system on all of it, which the volume of
/// an image is: that would claim the disk, the persistent partition could be neither checked nor
/// mounted, and the boot would belong to no slot.
pub(crate) fn show_partitions(disk: &BlockDevice, journal: &mut Journal) -> bool {
    let name = &disk.name;
    match show(disk) {
        Ok(0) => false,
        Ok(_) => {
            journal.detail(&format!("{name}: partitions as its backup table has them"));
            true
        }
        Err(error) => {
            journal.detail(&format!("{name}: the partitions of its backup table: {error}"));
            false
        }
    }
}

/// How many partitions the kernel was told of.
fn show(disk: &BlockDevice) -> io::Result<usize> {
    let (node, facts) = (disk.node(), grow::facts(disk)?);
    let hidden = anklume_growth::hidden(&FileReader::open(&node)?, &facts);
    let hidden = hidden.map_err(io::Error::other)?;
    if hidden.is_empty() {
        return Ok(0);
    }
    let kernel = Partitions::of(&node)?;
    for partition in &hidden {
        kernel.add(partition.number, partition.first, partition.bytes)?;
    }
    Ok(hidden.len())
}
