//! What to look at, in which order, and what to say when nothing was found. Decides; does nothing.

use std::fmt::Write as _;
use std::time::Duration;

use anklume_host::sysfs::{BlockDevice, Transport};
use anklume_layout::{Role, Slot};

use crate::request::Request;

/// How long the kernel may take to read the partition table of a disk that it shows already.
const PARTITIONS_TAKE: Duration = Duration::from_secs(2);
/// How long the fixed disks of a machine are left alone, unless the boot loader named a file: the
/// medium is rarely a file on one of them, and a stick needs its time to appear.
const FIXED_DISKS_WAIT: Duration = Duration::from_secs(3);
/// How long the disk that the boot loader was read from may take to appear when another one with
/// the same OS is there already. A stick takes two seconds.
const LOADERS_DISK_TAKES: Duration = Duration::from_secs(5);
/// How long to wait for a better copy when the disk that the boot loader was read from is there and
/// does not hold the wanted OS: it is damaged, and waiting for it will not mend it.
const DAMAGE_WAITS: Duration = Duration::from_secs(10);
/// How long to wait before a device that could not be read is tried again.
pub(crate) const RETRY: Duration = Duration::from_secs(1);

/// Order of devices: the one that can be carried first. A BIOS does not say what it booted from,
/// and who plugs a stick in wants it to be used.
pub(crate) fn rank(device: &BlockDevice) -> u8 {
    match (device.transport, device.removable) {
        (Transport::Usb, _) => 0,
        (Transport::Optical, _) => 1,
        (Transport::Mmc, _) => 2,
        (Transport::Other, true) => 3,
        (Transport::Other, false) => 4,
    }
}

/// Whether the best copy of the OS found so far is taken, or a better one may still appear.
/// `from_loaders_disk` is whether it lies on the disk that the kernel was loaded from, if that is
/// known.
pub(crate) fn is_final(from_loaders_disk: Option<bool>, waited: Duration) -> bool {
    from_loaders_disk != Some(false) || waited >= LOADERS_DISK_TAKES
}

/// Whether a partition is not that of the OS in `slot`, which the kernel was loaded from.
pub(crate) fn is_other_slot(device: &BlockDevice, slot: Option<Slot>) -> bool {
    let number = device.partition.as_ref().map(|(number, _)| *number);
    slot.is_some_and(|slot| number != Some(Role::Os(slot).number()))
}

/// Whether it is time to give up. `loaders_disk_failed` is whether the disk that the boot loader was
/// read from was looked at in vain.
pub(crate) fn is_over(loaders_disk_failed: bool, waited: Duration, timeout: Duration) -> bool {
    waited >= timeout || (loaders_disk_failed && waited >= DAMAGE_WAITS)
}

/// Why a device is not looked at; `None` when it is. Those with an empty reason are not worth
/// mentioning.
pub(crate) fn passed_over(device: &BlockDevice) -> Option<&'static str> {
    let mapped_by_us = device.mapper_name.as_ref().is_some_and(|name| name.starts_with("anklume-"));
    let virtual_disk =
        ["loop", "ram", "zram", "nbd", "fd"].iter().any(|prefix| is_numbered(&device.name, prefix));
    if mapped_by_us || virtual_disk {
        Some("")
    } else if device.bytes == 0 {
        Some("no medium in it")
    } else {
        None
    }
}

fn is_numbered(name: &str, prefix: &str) -> bool {
    name.strip_prefix(prefix)
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the image's own partition table is read from a whole disk, seen for `age`.
///
/// The kernel reads tables in the disk's own sectors, so it misses ours on a CD or a disk with
/// sectors of 4096 bytes; and it reads none on device-mapper devices. Other disks get time to show
/// their partitions: taking sectors of a disk keeps its partitions from appearing.
pub(crate) fn table_expected(device: &BlockDevice, age: Duration) -> bool {
    let unread = device.logical_block_bytes != 512 || device.mapper_name.is_some();
    device.partition.is_none() && !device.has_partitions && (unread || age >= PARTITIONS_TAKE)
}

/// Whether the file system on a device is looked into by now.
pub(crate) fn mount_expected(device: &BlockDevice, request: &Request, waited: Duration) -> bool {
    request.image_file.is_some() || rank(device) < 4 || waited >= FIXED_DISKS_WAIT
}

/// A device that was looked at, for [`not_found`].
#[derive(Debug, Clone)]
pub(crate) struct Seen {
    pub(crate) device: BlockDevice,
    /// Type of the file system on it.
    pub(crate) file_system: Option<&'static str>,
    /// Why it was not taken.
    pub(crate) why_not: String,
}

/// The text for a medium that did not appear.
pub(crate) fn not_found(request: &Request, seconds: u64, seen: &[Seen]) -> String {
    let mut text =
        format!("no medium with root hash {} appeared in {seconds} s\n", request.root_hash);
    if let Some(file) = &request.image_file {
        push(&mut text, format_args!("the boot loader read it from the file {file}\n"));
    }
    if seen.is_empty() {
        text.push_str("no disk was seen at all: is a driver missing?\n");
    } else {
        text.push_str("what was seen:\n");
    }
    for Seen { device, file_system, why_not } in seen {
        let size = size_text(device.bytes);
        push(&mut text, format_args!("  {}, {size}", device.name));
        for part in [device.model.as_deref(), *file_system].into_iter().flatten() {
            push(&mut text, format_args!(", {part}"));
        }
        push(&mut text, format_args!(": {why_not}\n"));
    }
    text.push_str("plug the medium in again, into another port, or write it anew");
    text
}

/// Writing into a string cannot fail.
fn push(text: &mut String, content: std::fmt::Arguments<'_>) {
    let _ = text.write_fmt(content);
}

/// A size as disks are sold: decimal, three digits.
pub(crate) fn size_text(bytes: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    let (mut value, mut unit) = (bytes, "bytes");
    let mut tenths = 0;
    for next in UNITS {
        if value < 1000 {
            break;
        }
        (tenths, value, unit) = (value % 1000 / 100, value / 1000, next);
    }
    if value < 10 && unit != "bytes" {
        format!("{value}.{tenths} {unit}")
    } else {
        format!("{value} {unit}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use anklume_verity::RootHash;

    fn device(name: &str, transport: Transport) -> BlockDevice {
        BlockDevice {
            name: name.to_owned(),
            number: (8, 0),
            bytes: 31_914_983_424,
            partition: None,
            has_partitions: false,
            logical_block_bytes: 512,
            read_only: false,
            removable: false,
            transport,
            model: Some("SanDisk Ultra".to_owned()),
            serial: None,
            mapper_name: None,
        }
    }

    fn request(image_file: Option<&str>) -> Request {
        Request {
            root_hash: RootHash([7; 32]),
            image_file: image_file.map(str::to_owned),
            loader_partition: None,
            toram: crate::toram::Wish::Auto,
            timeout: Duration::from_secs(60),
            shell: false,
            verbose: false,
            next: String::new(),
        }
    }

    #[test]
    fn a_stick_comes_before_a_disc_before_a_card_before_a_disk() {
        let mut devices = [
            device("sda", Transport::Other),
            device("mmcblk0", Transport::Mmc),
            device("sr0", Transport::Optical),
            device("sdb", Transport::Usb),
        ];
        devices.sort_by_key(rank);
        let names: Vec<_> = devices.iter().map(|device| device.name.as_str()).collect();
        assert_eq!(names, ["sdb", "sr0", "mmcblk0", "sda"]);
    }

    #[test]
    fn another_disk_than_the_loaders_has_to_wait() {
        assert!(is_final(None, Duration::ZERO));
        assert!(is_final(Some(true), Duration::ZERO));
        assert!(!is_final(Some(false), Duration::from_secs(4)));
        assert!(is_final(Some(false), Duration::from_secs(5)));
    }

    #[test]
    fn of_two_equal_slots_the_kernels_comes_first() {
        let mut four = device("sda4", Transport::Usb);
        four.partition = Some((4, "sda".to_owned()));
        let six = BlockDevice { partition: Some((6, "sda".to_owned())), ..four.clone() };
        assert!(is_other_slot(&four, Some(Slot::B)) && !is_other_slot(&six, Some(Slot::B)));
        assert!(!is_other_slot(&four, Some(Slot::A)) && is_other_slot(&six, Some(Slot::A)));
        assert!(!is_other_slot(&four, None));
    }

    #[test]
    fn damage_of_the_loaders_disk_is_not_waited_for() {
        let (short, timeout) = (Duration::from_secs(10), Duration::from_secs(60));
        assert!(is_over(true, short, timeout) && !is_over(false, short, timeout));
        assert!(!is_over(true, Duration::from_secs(9), timeout));
        assert!(is_over(false, timeout, timeout));
        assert!(is_over(true, Duration::from_secs(5), Duration::from_secs(5)));
    }

    #[test]
    fn our_own_and_empty_devices_are_passed_over() {
        assert_eq!(passed_over(&device("loop0", Transport::Other)), Some(""));
        assert_eq!(passed_over(&device("ram15", Transport::Other)), Some(""));
        assert_eq!(passed_over(&device("sda", Transport::Usb)), None);
        let empty = BlockDevice { bytes: 0, ..device("sdb", Transport::Usb) };
        assert_eq!(passed_over(&empty), Some("no medium in it"));
        let mapper_name = Some("anklume-root".to_owned());
        assert_eq!(
            passed_over(&BlockDevice { mapper_name, ..device("dm-0", Transport::Other) }),
            Some("")
        );
        let mapper_name = Some("ventoy".to_owned());
        assert_eq!(
            passed_over(&BlockDevice { mapper_name, ..device("dm-0", Transport::Other) }),
            None
        );
    }

    #[test]
    fn our_table_is_read_where_the_kernel_does_not() {
        let now = Duration::ZERO;
        let disk = device("sda", Transport::Usb);
        assert!(!table_expected(&disk, now));
        assert!(table_expected(&disk, Duration::from_secs(2)));
        let shown = BlockDevice { has_partitions: true, ..disk.clone() };
        assert!(!table_expected(&shown, Duration::from_secs(9)));
        let disc = BlockDevice { logical_block_bytes: 2048, ..device("sr0", Transport::Optical) };
        assert!(table_expected(&disc, now));
        let partition = Some((1, "sda".to_owned()));
        assert!(!table_expected(&BlockDevice { partition, ..disc }, Duration::from_secs(9)));
    }

    #[test]
    fn fixed_disks_are_left_alone_for_a_while() {
        let (stick, disk) = (device("sdb", Transport::Usb), device("sda", Transport::Other));
        let wait = |seconds| Duration::from_secs(seconds);
        assert!(mount_expected(&stick, &request(None), wait(0)));
        assert!(!mount_expected(&disk, &request(None), wait(2)));
        assert!(mount_expected(&disk, &request(None), wait(3)));
        assert!(mount_expected(&disk, &request(Some("/a.iso")), wait(0)));
    }

    #[test]
    fn the_text_names_what_was_wanted_and_seen() {
        let seen = Seen {
            device: device("sda", Transport::Usb),
            file_system: Some("vfat"),
            why_not: "no OS image".to_owned(),
        };
        let text = not_found(&request(Some("/x.iso")), 60, &[seen]);
        assert!(text.contains(&"07".repeat(32)) && text.contains("file /x.iso"), "{text}");
        assert!(text.contains("  sda, 31 GB, SanDisk Ultra, vfat: no OS image\n"), "{text}");
        assert!(not_found(&request(None), 60, &[]).contains("no disk was seen"));
    }

    #[test]
    fn sizes_have_few_digits() {
        let text = |bytes| size_text(bytes);
        assert_eq!([text(0), text(999), text(1500)], ["0 bytes", "999 bytes", "1.5 kB"]);
        assert_eq!([text(16 << 20), text(4_000_000_000)], ["16 MB", "4.0 GB"]);
    }
}
