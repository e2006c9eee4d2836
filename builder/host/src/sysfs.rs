//! What sysfs says about devices.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// A mounted sysfs.
#[derive(Debug, Clone)]
pub struct Sysfs {
    root: PathBuf,
}

/// How a disk is attached, as far as it matters for choosing one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Transport {
    /// USB, through whatever bridge.
    Usb,
    /// SD card or eMMC.
    Mmc,
    /// CD, DVD or Blu-ray drive.
    Optical,
    /// Everything else.
    Other,
}

/// A block device: a disk or a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlockDevice {
    /// Kernel name, such as `sda1`.
    pub name: String,
    /// Major and minor number.
    pub number: (u32, u32),
    /// Size in bytes.
    pub bytes: u64,
    /// For a partition, its number and the kernel name of its disk.
    pub partition: Option<(u32, String)>,
    /// Whether the kernel shows partitions of this disk.
    pub has_partitions: bool,
    /// Logical block size in bytes (of the disk, for a partition).
    pub logical_block_bytes: u64,
    /// Whether writing is refused.
    pub read_only: bool,
    /// Whether the kernel says that the medium is removable (of the disk, for a partition).
    pub removable: bool,
    /// How the disk is attached.
    pub transport: Transport,
    /// Vendor and model of the disk.
    pub model: Option<String>,
    /// Serial number or WWID of the disk.
    pub serial: Option<String>,
    /// Name of a device-mapper device.
    pub mapper_name: Option<String>,
}

impl BlockDevice {
    /// Kernel name of the whole disk.
    #[must_use]
    pub fn disk(&self) -> &str {
        self.partition.as_ref().map_or(&self.name, |(_, disk)| disk)
    }

    /// Path of its node, as devtmpfs names it (`!` stands for `/` in kernel names).
    #[must_use]
    pub fn node(&self) -> PathBuf {
        Path::new("/dev").join(self.name.replace('!', "/"))
    }
}

impl Sysfs {
    /// The sysfs mounted at `root`.
    #[must_use]
    pub fn at(root: &Path) -> Self {
        Self { root: root.to_owned() }
    }

    /// Every block device, by name. One that vanishes while it is looked at is left out.
    ///
    /// # Errors
    /// What the operating system says about the list itself. No list means no devices yet.
    pub fn block_devices(&self) -> io::Result<Vec<BlockDevice>> {
        let names = list(&self.root.join("class/block"))?;
        Ok(names.iter().filter_map(|name| self.block_device(name)).collect())
    }

    /// The device of this kernel name, unless it vanishes.
    #[must_use]
    pub fn block_device(&self, name: &str) -> Option<BlockDevice> {
        // The links lead through the buses that the device hangs on.
        let path = fs::canonicalize(self.root.join("class/block").join(name)).ok()?;
        let partition = number(&path.join("partition")).and_then(|number| {
            let disk = path.parent()?.file_name()?.to_str()?;
            Some((u32::try_from(number).ok()?, disk.to_owned()))
        });
        let disk = if partition.is_some() { path.parent()? } else { &path };
        Some(BlockDevice {
            number: device_number(&text(&path.join("dev"))?)?,
            // sysfs counts 512-byte sectors whatever the device's own are.
            bytes: number(&path.join("size"))?.checked_mul(512)?,
            has_partitions: partition.is_none() && has_partitions(&path),
            logical_block_bytes: number(&disk.join("queue/logical_block_size")).unwrap_or(512),
            read_only: number(&path.join("ro")) == Some(1),
            removable: number(&disk.join("removable")) == Some(1),
            transport: transport(disk),
            model: model(disk),
            serial: serial(disk),
            mapper_name: text(&path.join("dm/name")),
            partition,
            name: name.to_owned(),
        })
    }

    /// The device of this major and minor number.
    ///
    /// # Errors
    /// As [`Sysfs::block_devices`].
    pub fn numbered(&self, number: (u32, u32)) -> io::Result<Option<BlockDevice>> {
        Ok(self.block_devices()?.into_iter().find(|device| device.number == number))
    }

    /// The `modalias` of every device of every bus, each once.
    ///
    /// The flat lists of the buses name every device that a driver can bind to; walking the whole
    /// tree of devices would find the same ones in ten times as many calls. Some buses (MMC) have
    /// no file `modalias` and say it in the device's `uevent` only.
    #[must_use]
    pub fn modaliases(&self) -> BTreeSet<String> {
        let buses = self.root.join("bus");
        let mut all = BTreeSet::new();
        for bus in list(&buses).unwrap_or_default() {
            let devices = buses.join(bus).join("devices");
            for device in list(&devices).unwrap_or_default() {
                let device = devices.join(device);
                all.extend(text(&device.join("modalias")).or_else(|| modalias_of_event(&device)));
            }
        }
        all
    }
}

/// `MODALIAS` of a device's `uevent`.
fn modalias_of_event(device: &Path) -> Option<String> {
    let event = text(&device.join("uevent"))?;
    event.lines().find_map(|line| line.strip_prefix("MODALIAS=")).map(str::to_owned)
}

/// Sorted names in a folder; an absent folder is empty.
fn list(folder: &Path) -> io::Result<BTreeSet<String>> {
    match fs::read_dir(folder) {
        Ok(entries) => {
            Ok(entries.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

/// The content of an attribute without surrounding white space; `None` when empty or unreadable.
fn text(path: &Path) -> Option<String> {
    let bytes = fs::read(path).ok()?;
    let text = String::from_utf8_lossy(&bytes).trim().to_owned();
    (!text.is_empty()).then_some(text)
}

fn number(path: &Path) -> Option<u64> {
    text(path)?.parse().ok()
}

fn device_number(text: &str) -> Option<(u32, u32)> {
    let (major, minor) = text.split_once(':')?;
    Some((major.parse().ok()?, minor.parse().ok()?))
}

fn has_partitions(disk: &Path) -> bool {
    let names = list(disk).unwrap_or_default();
    names.iter().any(|name| disk.join(name).join("partition").exists())
}

fn transport(disk: &Path) -> Transport {
    let name = disk.file_name().and_then(|name| name.to_str()).unwrap_or_default();
    let through = |bus: &str| {
        disk.components().any(|part| part.as_os_str().to_str().is_some_and(|p| p.starts_with(bus)))
    };
    if name.starts_with("sr") {
        Transport::Optical
    } else if through("usb") {
        Transport::Usb
    } else if through("mmc") {
        Transport::Mmc
    } else {
        Transport::Other
    }
}

fn model(disk: &Path) -> Option<String> {
    let device = disk.join("device");
    // `name` is what SD and MMC cards have instead.
    let model = text(&device.join("model")).or_else(|| text(&device.join("name")))?;
    // Virtio's `vendor` is the number of a PCI vendor.
    let vendor = text(&device.join("vendor")).filter(|vendor| !vendor.starts_with("0x"));
    Some(vendor.map_or(model.clone(), |vendor| format!("{vendor} {model}")))
}

fn serial(disk: &Path) -> Option<String> {
    ["device/serial", "serial", "device/wwid", "wwid"]
        .iter()
        .find_map(|name| text(&disk.join(name)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, path: &str, content: &str) {
        let path = root.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    fn link(root: &Path, from: &str, to: &str) {
        let from = root.join(from);
        fs::create_dir_all(from.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink(root.join(to), from).unwrap();
    }

    /// A stick with one partition, as Linux 6.12 shows it.
    fn stick() -> tempfile::TempDir {
        let dir = tempfile::tempdir().unwrap();
        let disk =
            "devices/pci0000:00/0000:00:14.0/usb2/2-1/2-1:1.0/host4/target4:0:0/4:0:0:0/block/sda";
        let at = |name: &str| format!("{disk}/{name}");
        for (name, content) in [
            ("dev", "8:0\n"),
            ("size", "62333952\n"),
            ("ro", "0\n"),
            ("removable", "1\n"),
            ("queue/logical_block_size", "512\n"),
            ("device/vendor", "SanDisk \n"),
            ("device/model", "Ultra Fit       \n"),
            ("device/wwid", "t10.SanDisk Ultra Fit\n"),
            ("sda1/partition", "1\n"),
            ("sda1/dev", "8:1\n"),
            ("sda1/size", "2048\n"),
            ("sda1/ro", "0\n"),
        ] {
            write(dir.path(), &at(name), content);
        }
        link(dir.path(), "class/block/sda", disk);
        link(dir.path(), "class/block/sda1", &at("sda1"));
        link(dir.path(), "class/block/gone", "devices/gone");
        write(dir.path(), "bus/usb/devices/2-1:1.0/modalias", "usb:v0781p5583\n");
        write(dir.path(), "bus/scsi/devices/4:0:0:0/modalias", "scsi:t-0x00\n");
        write(dir.path(), "bus/scsi/devices/host4/uevent", "");
        let card = "MMC_TYPE=SD\nMMC_NAME=QEMU!\nMODALIAS=mmc:block\n";
        write(dir.path(), "bus/mmc/devices/mmc0:4567/uevent", card);
        dir
    }

    #[test]
    fn a_stick_and_its_partition_are_described() {
        let dir = stick();
        let devices = Sysfs::at(dir.path()).block_devices().unwrap();
        let [disk, partition] = devices.as_slice() else { panic!("{devices:?}") };
        assert_eq!((disk.name.as_str(), disk.number, disk.bytes), ("sda", (8, 0), 31_914_983_424));
        assert!(disk.has_partitions && disk.removable && !disk.read_only);
        assert_eq!(disk.transport, Transport::Usb);
        assert_eq!(disk.model.as_deref(), Some("SanDisk Ultra Fit"));
        assert_eq!(disk.serial.as_deref(), Some("t10.SanDisk Ultra Fit"));
        assert_eq!(partition.partition, Some((1, "sda".to_owned())));
        assert_eq!((partition.disk(), partition.bytes), ("sda", 1 << 20));
        assert_eq!((partition.transport, partition.removable), (Transport::Usb, true));
        assert!(!partition.has_partitions);
    }

    #[test]
    fn a_device_is_found_by_its_number() {
        let dir = stick();
        let sysfs = Sysfs::at(dir.path());
        let name = |number| sysfs.numbered(number).unwrap().map(|device| device.name);
        assert_eq!(name((8, 0)).as_deref(), Some("sda"));
        assert_eq!(name((8, 1)).as_deref(), Some("sda1"));
        assert_eq!(name((8, 2)), None);
    }

    #[test]
    fn modaliases_come_from_every_bus() {
        let dir = stick();
        let found: Vec<_> = Sysfs::at(dir.path()).modaliases().into_iter().collect();
        assert_eq!(found, ["mmc:block", "scsi:t-0x00", "usb:v0781p5583"]);
        assert!(Sysfs::at(Path::new("/none")).modaliases().is_empty());
    }
}
