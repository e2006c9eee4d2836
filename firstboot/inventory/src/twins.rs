//! Disks that cannot be told from one another.

use crate::{Disk, Inventory};

/// Kernel names of the disks that cannot be told from `disk`.
///
/// A serial number or a World Wide Name that differs tells two disks apart, so do size and model. Two that
/// agree in a serial number or a World Wide Name may be one disk that is seen by two paths, so the place
/// where they are plugged in tells nothing. If they have neither, the place is all that tells them apart:
/// as with a virtual machine's disks.
pub(crate) fn twins(inventory: &Inventory, disk: &Disk) -> Vec<String> {
    if !disk.is_physical() {
        return Vec::new();
    }
    inventory
        .disks
        .iter()
        .filter(|other| other.name != disk.name && other.is_physical())
        .filter(|other| !are_told_apart(disk, other))
        .map(|other| other.name.clone())
        .collect()
}

fn are_told_apart(one: &Disk, other: &Disk) -> bool {
    let differ = |a: &Option<String>, b: &Option<String>| a.is_some() && b.is_some() && a != b;
    let by_name = differ(&one.serial, &other.serial)
        || differ(&one.wwn, &other.wwn)
        || one.serial.is_some() != other.serial.is_some()
        || one.wwn.is_some() != other.wwn.is_some();
    let by_kind = one.size != other.size || one.model != other.model || one.vendor != other.vendor;
    let nameless = one.serial.is_none() && one.wwn.is_none();
    let by_place = nameless
        && match (place(one), place(other)) {
            (Some(one), Some(other)) => one != other,
            _ => false,
        };
    by_name || by_kind || by_place
}

/// The link that tells where a disk is plugged in.
pub(crate) fn place(disk: &Disk) -> Option<&String> {
    disk.links.iter().filter(|link| link.starts_with("by-path/")).min()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BootSignals;

    fn twin(change: impl Fn(&mut Disk)) -> bool {
        let disk = |name: &str| -> Disk {
            let json = serde_json::json!({
                "name": name, "size": 9, "logical-sector": 512, "physical-sector": 512,
                "bus": "ata", "model": "M",
            });
            serde_json::from_value(json).unwrap()
        };
        let (mut one, mut other) = (disk("sda"), disk("sdb"));
        change(&mut one);
        change(&mut other);
        let disks = vec![one.clone(), other];
        let boot = BootSignals::default();
        let inventory =
            Inventory { version: 1, memory: 0, boot, imported_pools: vec![], zfs: None, disks };
        !twins(&inventory, &one).is_empty()
    }

    /// A text that only `disk` has.
    fn own(disk: &Disk) -> String {
        format!("by-path/{}", disk.name)
    }

    #[test]
    fn only_what_differs_for_certain_tells_disks_apart() {
        assert!(twin(|_| {}));
        assert!(!twin(|disk| disk.serial = Some(own(disk))));
        assert!(!twin(|disk| disk.wwn = Some(own(disk))));
        assert!(!twin(|disk| disk.size += u64::from(disk.name == "sda")));
        assert!(!twin(|disk| disk.model = Some(own(disk))));
        assert!(!twin(|disk| disk.links = vec![own(disk)]));
        assert!(twin(|disk| disk.links = vec!["by-path/same".to_owned()]));
    }

    #[test]
    fn one_disk_by_two_paths_is_ambiguous() {
        let paths = |disk: &mut Disk| disk.links = vec![own(disk)];
        assert!(twin(|disk| {
            paths(disk);
            disk.serial = Some("same".to_owned());
        }));
        assert!(twin(|disk| {
            paths(disk);
            disk.wwn = Some("same".to_owned());
        }));
        // Two units of one drive share its serial number.
        assert!(!twin(|disk| {
            disk.serial = Some("same".to_owned());
            disk.wwn = Some(own(disk));
        }));
    }

    #[test]
    fn empty_drives_are_no_twins() {
        assert!(!twin(|disk| disk.size = 0));
    }
}
