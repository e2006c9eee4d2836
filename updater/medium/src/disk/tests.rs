//! Which disk a medium is.

use std::fs;

use anklume_host::sysfs::Transport;
use anklume_layout::Slot;
use anklume_layout::disk::{DiskPlan, Extent};

use super::*;

fn guid(role: Option<Role>) -> Guid {
    Guid::from_u128(0xabcd_0000 + u128::from(role.map_or(0, Role::number)))
}

/// An image of 8 MiB with a partition table of 512-byte blocks and nothing else.
fn image(dir: &Path) -> PathBuf {
    let extent = |role, offset| Extent { role, offset, bytes: 1 << 20 };
    let extents = vec![extent(Role::Esp, 1 << 20), extent(Role::Os(Slot::B), 3 << 20)];
    let table = DiskPlan { extents, total_bytes: 8 << 20 }.table(guid).encode().unwrap();
    let mut bytes = vec![0; 8 << 20];
    let pieces =
        [table.primary_header, table.primary_entries, table.backup_entries, table.backup_header];
    for piece in pieces {
        let start = usize::try_from(piece.offset).unwrap();
        bytes[start..start + piece.bytes.len()].copy_from_slice(&piece.bytes);
    }
    let path = dir.join("disk");
    fs::write(&path, bytes).unwrap();
    path
}

fn reported() -> report::Medium {
    report::Medium {
        kind: "partition".to_owned(),
        disk: "sda".to_owned(),
        disk_number: "8:0".to_owned(),
        disk_bytes: 8 << 20,
        model: None,
        serial: None,
        disk_guid: Some(guid(None).to_string()),
        partition_guid: None,
        file: None,
        offset_bytes: 0,
        writable: true,
        removable: true,
    }
}

#[test]
fn partitions_are_known_by_number_type_and_name() {
    let dir = tempfile::tempdir().unwrap();
    let medium = Medium::at(&image(dir.path())).unwrap();
    assert_eq!((medium.bytes(), medium.disk_guid()), (8 << 20, guid(None)));
    let place = medium.partition(Role::Os(Slot::B)).unwrap();
    assert_eq!((place.number, place.offset, place.bytes), (6, 3 << 20, 1 << 20));
    assert_eq!(place.guid, guid(Some(Role::Os(Slot::B))));
    assert_eq!(medium.partition(Role::Os(Slot::A)), None);
    let mut other = medium;
    for change in [
        |this: &mut anklume_gpt::Partition| this.number = 7,
        |this: &mut anklume_gpt::Partition| this.name = "other".to_owned(),
        |this: &mut anklume_gpt::Partition| this.type_guid = Guid::ZERO,
    ] {
        let before = other.table.clone();
        change(&mut other.table.partitions[0]);
        assert_eq!(other.partition(Role::Esp), None);
        other.table = before;
        assert!(other.partition(Role::Esp).is_some());
    }
}

#[test]
fn the_disk_of_the_report_has_its_size_and_its_guid() {
    let dir = tempfile::tempdir().unwrap();
    let medium = Medium::at(&image(dir.path())).unwrap();
    medium.expect_reported(&reported()).unwrap();
    let upper = guid(None).to_string().to_ascii_uppercase();
    medium.expect_reported(&report::Medium { disk_guid: Some(upper), ..reported() }).unwrap();
    let what = |reported| match medium.expect_reported(&reported).unwrap_err() {
        Error::OtherDisk { what, .. } => what,
        other => panic!("{other}"),
    };
    assert_eq!(what(report::Medium { disk_bytes: 9 << 20, ..reported() }), "size");
    let other = Some(guid(Some(Role::Esp)).to_string());
    assert_eq!(what(report::Medium { disk_guid: other, ..reported() }), "GUID");
}

#[test]
fn a_disk_in_place_of_another_is_not_written() {
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path());
    let medium = Medium::at(&path).unwrap();
    medium.writable().unwrap();
    let mut other = medium;
    other.table.disk_guid = guid(Some(Role::Esp));
    assert!(matches!(other.writable(), Err(Error::OtherDisk { what: "GUID", .. })));
    fs::File::options().write(true).open(&path).unwrap().set_len(9 << 20).unwrap();
    assert!(matches!(other.writable(), Err(Error::OtherDisk { what: "size", .. })));
}

#[test]
fn the_device_number_leads_to_the_disk() {
    let dir = tempfile::tempdir().unwrap();
    for (name, number) in [("sda", "8:0"), ("sdb", "8:16")] {
        let folder = dir.path().join("class/block").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("dev"), number).unwrap();
        fs::write(folder.join("size"), "16384").unwrap();
    }
    let sysfs = Sysfs::at(dir.path());
    let device = |number: &str| {
        device_of(&report::Medium { disk_number: number.to_owned(), ..reported() }, &sysfs)
    };
    assert_eq!(device("8:16").unwrap().name, "sdb");
    for number in ["8:32", "8", "8:x", ""] {
        assert!(matches!(device(number), Err(Error::NoDevice(found)) if found == number));
    }
    for other in [
        report::Medium { kind: "file".to_owned(), ..reported() },
        report::Medium { disk_guid: None, ..reported() },
    ] {
        assert!(matches!(device_of(&other, &sysfs), Err(Error::NoSlots(_))));
    }
}

#[test]
fn partitions_and_other_block_sizes_are_refused() {
    let device = BlockDevice {
        name: "sr0".to_owned(),
        number: (11, 0),
        bytes: 8 << 20,
        partition: None,
        has_partitions: false,
        logical_block_bytes: 512,
        read_only: false,
        removable: true,
        transport: Transport::Other,
        model: None,
        serial: None,
        mapper_name: None,
    };
    let node = Path::new("/dev/x");
    assert!(check(node, &device).is_ok());
    let disc = BlockDevice { logical_block_bytes: 2048, ..device.clone() };
    let error = check(node, &disc).unwrap_err();
    assert_eq!(error.to_string(), "/dev/x: expected logical blocks of 512 bytes, found 2048");
    let partition = BlockDevice { partition: Some((1, "sda".to_owned())), ..device };
    assert!(matches!(check(node, &partition), Err(Error::Partition { disk, .. }) if disk == "sda"));
}

#[test]
fn who_holds_a_disk_has_the_lock_that_udev_wants() {
    let dir = tempfile::tempdir().unwrap();
    let path = image(dir.path());
    let held = Medium::at(&path).unwrap().hold().unwrap();
    let udev = || fs::File::open(&path).unwrap().try_lock();
    assert!(udev().is_err());
    drop(held);
    assert!(udev().is_ok());
}

#[test]
fn what_has_no_table_is_no_medium() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("disk");
    assert!(matches!(Medium::at(&path), Err(Error::Open { .. })));
    fs::write(&path, vec![0; 1 << 20]).unwrap();
    assert!(matches!(Medium::at(&path), Err(Error::Table { .. })));
    assert!(matches!(Medium::at(Path::new("/dev/null")), Err(Error::Open { .. })));
}
