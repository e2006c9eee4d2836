//! The partition table.

use anklume_gpt::{Error, Partition};
use anklume_layout::{ALIGNMENT_BYTES, ESP_BYTES, Role, SECTOR_BYTES, Slot};

use super::Verifier;
use crate::image::fault::{self, Fault};
use crate::image::read::disk::{Disk, Place, name};

/// Byte of the primary header.
const HEADER: u64 = SECTOR_BYTES;

impl Verifier<'_, '_> {
    pub(super) fn table(&mut self, disk: &Disk<'_>) {
        let found = &disk.found;
        let mut faults: Vec<Fault> =
            found.primary.as_ref().err().map(fault::gpt).into_iter().collect();
        match &found.backup {
            // An image that was written to a larger medium: the first boot moves the table.
            Err(Error::NotAtEnd { .. }) if self.options.medium => {}
            backup => faults.extend(backup.as_ref().err().map(fault::gpt)),
        }
        if faults.is_empty() && !found.copies_equal {
            let expected = "the same as in the primary table";
            let at = found.backup_found.unwrap_or(found.backup_expected);
            let at = at.saturating_mul(SECTOR_BYTES);
            faults.push(Fault::new("backup partition table", at, expected, "another table"));
        }
        faults.extend(self.rest(disk).filter(|_| faults.is_empty()));
        self.checks.all("partition table: both copies are valid and agree", faults);
        self.partitions(disk);
    }

    /// Bytes behind the table's last sector, on a file: nothing describes them.
    fn rest(&self, disk: &Disk<'_>) -> Option<Fault> {
        let end = disk.table().disk_sectors.saturating_mul(SECTOR_BYTES);
        let more = disk.image.size().checked_sub(end).filter(|more| *more > 0)?;
        let found = format!("{more} more bytes");
        let fault = || Fault::new("image", end, "the end, as the table has it", found);
        (!self.options.medium).then(fault)
    }

    fn partitions(&mut self, disk: &Disk<'_>) {
        let has_more = [Role::Boot(Slot::B), Role::Os(Slot::B), Role::Persist]
            .iter()
            .any(|role| disk.partition(*role).is_some());
        for role in Role::ALL {
            let required = has_more || role.number() <= Role::Os(Slot::A).number();
            match disk.partition(role) {
                Some(partition) => {
                    let text = format!("{}: type, label, attributes, place", name(role));
                    self.checks.all(text, misfits(role, partition));
                }
                None if required => {
                    self.checks.bad(Fault::new("partition table", HEADER, name(role), "none"));
                }
                None => {}
            }
        }
        let known = |number| Role::ALL.iter().any(|role| role.number() == number);
        for other in disk.table().partitions.iter().filter(|other| !known(other.number)) {
            let place = Place::of(other);
            let found = format!("`{}`, {} bytes at byte {}", other.name, place.bytes, place.offset);
            let object = format!("partition {}", other.number);
            self.checks.bad(Fault::new(object, HEADER, "no other partition", found));
        }
    }
}

/// What is not as the layout has it.
fn misfits(role: Role, partition: &Partition) -> Vec<Fault> {
    let place = Place::of(partition);
    let mut faults = Vec::new();
    let mut expect = |field: &str, expected: String, found: String| {
        if expected != found {
            let object = format!("{}: {field}", name(role));
            faults.push(Fault::new(object, HEADER, expected, found));
        }
    };
    expect("type", role.type_guid().to_string(), partition.type_guid.to_string());
    expect("label", role.label().to_owned(), partition.name.clone());
    let attributes = |bits: u64| format!("{bits:#018x}");
    expect("attributes", attributes(role.attributes()), attributes(partition.attributes));
    let rest = place.offset % ALIGNMENT_BYTES;
    expect("offset modulo 1 MiB", "0".to_owned(), rest.to_string());
    if role == Role::Esp {
        expect("bytes", ESP_BYTES.to_string(), place.bytes.to_string());
    }
    faults
}
