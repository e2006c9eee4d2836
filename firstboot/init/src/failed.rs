//! What a failed boot leaves behind for the next one: its reason on the ESP, and a way to another slot
//! where nothing was counted.

use std::path::{Path, PathBuf};

use anklume_gpt::Guid;
use anklume_host::sysfs::{BlockDevice, Sysfs};
use anklume_layout::{Role, Slot};
use anklume_medium::{LastFailure, Medium};
use anklume_slots::Record;

use crate::look;

/// What is known about the boot that failed.
#[derive(Debug, Default, Clone)]
pub(crate) struct Known {
    /// Version of the image.
    pub(crate) image_version: String,
    /// Root hash that was looked for.
    pub(crate) root_hash: String,
    /// A partition of the disk that the kernel was loaded from.
    pub(crate) loader_partition: Option<Guid>,
}

/// Writes `reason` where the next OS and people find it. Returns what else was done, or why nothing
/// could be, for the consoles.
pub(crate) fn tell(known: &Known, reason: &str) -> Option<String> {
    let medium = medium(known)?;
    let slot = booted(&medium, known);
    let failure = LastFailure {
        slot,
        image_version: known.image_version.clone(),
        root_hash: known.root_hash.clone(),
        reason: reason.to_owned(),
    };
    let written = medium.write_last_failure(&failure).err().map(|error| error.to_string());
    turn_away(&medium, slot).or(written)
}

/// Without a record the boot loader cannot count, and would start this slot for ever: if the other one
/// holds a whole OS, it gets its tries.
fn turn_away(medium: &Medium, failed: Option<Slot>) -> Option<String> {
    let other = failed?.other();
    if medium.copies().ok()?.record().is_some() || medium.slot(other).complete().is_none() {
        return None;
    }
    let change = |_| Ok::<_, std::convert::Infallible>(Record::rebuilt(other, false));
    match medium.update(change) {
        Ok(_) => Some(format!("the boot record was lost; slot {other} boots next")),
        Err(error) => Some(error.to_string()),
    }
}

/// The slot that was booted: by the partition that the kernel came from, else by what it wanted.
fn booted(medium: &Medium, known: &Known) -> Option<Slot> {
    let guid = |slot| medium.partition(Role::Boot(slot)).map(|place| place.guid);
    let loaded =
        |slot: &Slot| known.loader_partition.is_some() && guid(*slot) == known.loader_partition;
    let wanted = |slot: &Slot| describes(medium, *slot, &known.root_hash);
    Slot::ALL.into_iter().find(loaded).or_else(|| Slot::ALL.into_iter().find(wanted))
}

fn describes(medium: &Medium, slot: Slot, root_hash: &str) -> bool {
    match medium.slot(slot) {
        anklume_medium::SlotContent::Described { manifest, .. } => manifest.root_hash == root_hash,
        _ => false,
    }
}

/// The disk that the boot loader was on; without word of it the only one with our partitions.
fn medium(known: &Known) -> Option<Medium> {
    let sysfs = Sysfs::at(Path::new("/sys"));
    let disks: Vec<BlockDevice> = sysfs.block_devices().ok()?;
    let whole = disks.iter().filter(|disk| disk.partition.is_none() && !disk.read_only);
    let mut ours: Vec<PathBuf> = Vec::new();
    for disk in whole {
        let here = known.loader_partition.map(|guid| look::disk_has(&sysfs, disk, guid));
        let candidate = Medium::at(&disk.node()).ok().filter(|medium| medium.copies().is_ok());
        match (here, candidate) {
            (Some(true), Some(medium)) => return Some(medium),
            (None, Some(_)) => ours.push(disk.node()),
            _ => {}
        }
    }
    let [only] = ours.as_slice() else { return None };
    Medium::at(only).ok()
}
