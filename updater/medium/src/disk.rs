//! The disk, and who it is.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_bytes::{ReadAt, Window};
use anklume_gpt::{Guid, Table};
use anklume_host::direct::{Access, DirectFile};
use anklume_host::lock::Lock;
use anklume_host::sysfs::{BlockDevice, Sysfs};
use anklume_layout::report::{self, BootReport};
use anklume_layout::{Role, SECTOR_BYTES};

use crate::Error;

/// What a program that writes to a disk locks.
pub const LOCK: &str = "/run/anklume/record.lock";
/// How long another program may hold the lock: it writes two sectors, to a stick that may be slow.
const PATIENCE: Duration = Duration::from_secs(30);
const SYS: &str = "/sys";
/// The `kind` of a report whose medium is an image file on a disk that is not ours.
const KIND_FILE: &str = "file";

/// A partition on the disk.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PartitionPlace {
    /// Its number, from 1.
    pub number: u32,
    /// First byte on the disk.
    pub offset: u64,
    /// Length in bytes.
    pub bytes: u64,
    /// Its own GUID.
    pub guid: Guid,
}

/// The boot medium.
#[derive(Debug)]
pub struct Medium {
    pub(crate) node: PathBuf,
    /// Open for reading: the node of a disk that is open is given to no other.
    pub(crate) disk: DirectFile,
    table: Table,
}

impl Medium {
    /// The disk of the boot report.
    ///
    /// # Errors
    /// [`Error::NoDevice`] when it is gone, [`Error::OtherDisk`] when its device number belongs to
    /// a disk of another size or GUID by now, [`Error::NoSlots`] when the OS lay in an image file,
    /// or on a disk without a partition table. Else as [`Medium::at`].
    pub fn of_report(report: &BootReport) -> Result<Self, Error> {
        let device = device_of(&report.medium, &Sysfs::at(Path::new(SYS)))?;
        let medium = Self::at(&device.node())?;
        let number = |number: Option<(u32, u32)>| number.map(shown);
        let (expected, found) = (number(Some(device.number)), number(medium.disk.number()));
        medium.compare("device number", expected.unwrap_or_default(), found.unwrap_or_default())?;
        medium.expect_reported(&report.medium)?;
        Ok(medium)
    }

    /// A disk by its node, or an image file. For the initramfs, before there is a report.
    ///
    /// # Errors
    /// [`Error::Open`], [`Error::Partition`], [`Error::BlockBytes`], [`Error::Table`].
    pub fn at(node: &Path) -> Result<Self, Error> {
        let disk = open(node, Access::Read)?;
        if let Some(number) = disk.number() {
            let device = Sysfs::at(Path::new(SYS)).numbered(number).map_err(Error::Devices)?;
            check(node, &device.ok_or_else(|| Error::NoDevice(shown(number)))?)?;
        }
        let table = table(node, &disk)?;
        Ok(Self { node: node.to_owned(), disk, table })
    }

    /// Its node.
    #[must_use]
    pub fn node(&self) -> &Path {
        &self.node
    }

    /// Its size in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.disk.size()
    }

    /// Its device number; none of an image file.
    #[must_use]
    pub fn number(&self) -> Option<(u32, u32)> {
        self.disk.number()
    }

    /// GUID of its partition table.
    #[must_use]
    pub fn disk_guid(&self) -> Guid {
        self.table.disk_guid
    }

    /// The partition with the number, type and name of `role`.
    #[must_use]
    pub fn partition(&self, role: Role) -> Option<PartitionPlace> {
        let partition = self.table.partitions.iter().find(|this| {
            (this.number, this.type_guid, this.name.as_str())
                == (role.number(), role.type_guid(), role.label())
        })?;
        let sectors = partition.last_lba.checked_sub(partition.first_lba)?.checked_add(1)?;
        Some(PartitionPlace {
            number: partition.number,
            offset: partition.first_lba.checked_mul(SECTOR_BYTES)?,
            bytes: sectors.checked_mul(SECTOR_BYTES)?,
            guid: partition.unique_guid,
        })
    }

    /// The bytes of a partition, and where they begin.
    pub(crate) fn window(&self, role: Role) -> Result<(Window<'_, DirectFile>, u64), Error> {
        let missing = || Error::NoPartition(role.label());
        let place = self.partition(role).ok_or_else(missing)?;
        let window = Window::new(&self.disk, place.offset, place.bytes);
        // A table is valid on a disk that is too short for it if the backup was cut off.
        Ok((window.map_err(|_| missing())?, place.offset))
    }

    /// Keeps other programs from writing, until it is dropped.
    pub(crate) fn lock(&self) -> Result<Lock, Error> {
        let (path, lock) = match self.disk.number() {
            Some(_) => (Path::new(LOCK), Lock::make(Path::new(LOCK), PATIENCE)),
            None => (self.node.as_path(), Lock::existing(&self.node, PATIENCE)),
        };
        lock.map_err(|source| Error::Lock { path: path.to_owned(), source })
    }

    /// Keeps udev from reading the partition table again, which takes the partitions of a disk away
    /// for a moment that has none in use; until it is dropped. Waits for an udev that does so now
    /// (<https://systemd.io/BLOCK_DEVICE_LOCKING>).
    ///
    /// # Errors
    /// [`Error::Lock`].
    pub fn hold(&self) -> Result<Lock, Error> {
        Lock::existing(&self.node, PATIENCE)
            .map_err(|source| Error::Lock { path: self.node.clone(), source })
    }

    /// The same disk, for writing. Closed, it makes udev look at the disk again: it is opened only
    /// when there is something to write.
    pub(crate) fn writable(&self) -> Result<DirectFile, Error> {
        let disk = open(&self.node, Access::Write)?;
        let number = |disk: &DirectFile| disk.number().map(shown).unwrap_or_default();
        self.compare("device number", number(&self.disk), number(&disk))?;
        self.compare("size", self.bytes().to_string(), disk.size().to_string())?;
        let guid = table(&self.node, &disk)?.disk_guid;
        self.compare("GUID", self.disk_guid().to_string(), guid.to_string())?;
        Ok(disk)
    }

    /// Whether it is the disk that was booted from.
    fn expect_reported(&self, reported: &report::Medium) -> Result<(), Error> {
        self.compare("size", reported.disk_bytes.to_string(), self.bytes().to_string())?;
        let no_slots = || Error::NoSlots(reported.kind.clone());
        let guid = reported.disk_guid.as_ref().ok_or_else(no_slots)?;
        self.compare("GUID", guid.to_ascii_lowercase(), self.disk_guid().to_string())
    }

    fn compare(&self, what: &'static str, expected: String, found: String) -> Result<(), Error> {
        if expected == found {
            return Ok(());
        }
        Err(Error::OtherDisk { node: self.node.clone(), what, expected, found })
    }
}

/// The disk with the device number that it had at boot.
fn device_of(reported: &report::Medium, sysfs: &Sysfs) -> Result<BlockDevice, Error> {
    if reported.kind == KIND_FILE || reported.disk_guid.is_none() {
        return Err(Error::NoSlots(reported.kind.clone()));
    }
    let none = || Error::NoDevice(reported.disk_number.clone());
    let (major, minor) = reported.disk_number.split_once(':').ok_or_else(none)?;
    let number = major.parse().ok().zip(minor.parse().ok()).ok_or_else(none)?;
    sysfs.numbered(number).map_err(Error::Devices)?.ok_or_else(none)
}

/// Whether a device can be a medium.
fn check(node: &Path, device: &BlockDevice) -> Result<(), Error> {
    let node = node.to_owned();
    if let Some((_, disk)) = &device.partition {
        return Err(Error::Partition { node, disk: disk.clone() });
    }
    match device.logical_block_bytes {
        SECTOR_BYTES => Ok(()),
        found => Err(Error::BlockBytes { node, found }),
    }
}

fn open(node: &Path, access: Access) -> Result<DirectFile, Error> {
    DirectFile::open(node, access).map_err(|source| Error::Open { node: node.to_owned(), source })
}

fn table(node: &Path, disk: &DirectFile) -> Result<Table, Error> {
    let read = anklume_gpt::read(disk, SECTOR_BYTES);
    Ok(read.map_err(|source| Error::Table { node: node.to_owned(), source })?.table)
}

fn shown((major, minor): (u32, u32)) -> String {
    format!("{major}:{minor}")
}

#[cfg(test)]
mod tests;
