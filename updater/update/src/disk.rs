//! The partitions of a slot, opened.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anklume_bus::{Failure, Kind};
use anklume_bytes::{ReadAt, ReadError, WriteAt, WriteError};
use anklume_host::bulk::BulkWriter;
use anklume_host::direct::{Access, DirectFile};
use anklume_host::sysfs::Sysfs;
use anklume_layout::{Role, Slot};
use anklume_medium::{Medium, PartitionPlace};

/// Where a partition is: a node of its own, or bytes of an image file.
struct Place {
    path: PathBuf,
    offset: u64,
    bytes: u64,
    /// Device number of a node.
    number: Option<(u32, u32)>,
}

/// Part of something that is read, and perhaps written.
pub(crate) struct Part<D> {
    disk: D,
    start: u64,
    bytes: u64,
}

impl<D> Part<D> {
    fn place(&self, offset: u64, length: usize) -> Option<u64> {
        let length = u64::try_from(length).ok()?;
        offset.checked_add(length).filter(|end| *end <= self.bytes)?;
        self.start.checked_add(offset)
    }
}

impl<D: ReadAt> ReadAt for Part<D> {
    fn size(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        match self.place(offset, buffer.len()) {
            Some(at) => self.disk.read_at(at, buffer),
            None => {
                let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
                Err(ReadError::OutOfBounds { offset, length, size: self.bytes })
            }
        }
    }
}

impl<D: WriteAt> WriteAt for Part<D> {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        match self.place(offset, bytes.len()) {
            Some(at) => self.disk.write_at(at, bytes),
            None => {
                let length = u64::try_from(bytes.len()).unwrap_or(u64::MAX);
                Err(WriteError::OutOfBounds { offset, length, size: self.bytes })
            }
        }
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.disk.flush()
    }
}

/// A slot that is read, past every cache.
pub(crate) struct Reading {
    pub(crate) boot: Part<DirectFile>,
    pub(crate) os: Part<DirectFile>,
}

/// A slot that is written, and nobody else's meanwhile.
pub(crate) struct Writing {
    pub(crate) boot: Part<BulkWriter>,
    pub(crate) os: Part<BulkWriter>,
}

pub(crate) fn reading(root: &Path, medium: &Medium, slot: Slot) -> Result<Reading, Failure> {
    let open = |role: Role| {
        let place = place(root, medium, role)?;
        let disk = DirectFile::open(&place.path, Access::Read)
            .map_err(|error| failed(&place.path, &error))?;
        is_whole(role, &place, disk.size())?;
        Ok(Part { disk, start: place.offset, bytes: place.bytes })
    };
    Ok(Reading { boot: open(Role::Boot(slot))?, os: open(Role::Os(slot))? })
}

pub(crate) fn writing(root: &Path, medium: &Medium, slot: Slot) -> Result<Writing, Failure> {
    let open = |role: Role| {
        let place = place(root, medium, role)?;
        let disk = BulkWriter::open(&place.path).map_err(|error| match place.number {
            Some(number) if error.kind() == io::ErrorKind::ResourceBusy => {
                busy(root, role, &place.path, number)
            }
            _ => failed(&place.path, &error),
        })?;
        if place.number.is_some() && disk.size() != place.bytes {
            let (path, found) = (place.path.display(), disk.size());
            return Err(Failure::new(
                Kind::Failed,
                format_args!(
                    "{path}: expected {} bytes by the partition table, found {found}",
                    place.bytes
                ),
            )
            .hint("restart the machine: the kernel has another partition table than the disk"));
        }
        is_whole(role, &place, disk.size())?;
        Ok(Part { disk, start: place.offset, bytes: place.bytes })
    };
    Ok(Writing { boot: open(Role::Boot(slot))?, os: open(Role::Os(slot))? })
}

/// A table can be valid on a disk that is too short for it; an image file would grow when it is written.
fn is_whole(role: Role, place: &Place, found: u64) -> Result<(), Failure> {
    let end = place.offset.saturating_add(place.bytes);
    if end <= found {
        return Ok(());
    }
    let (label, path) = (role.label(), place.path.display());
    let message = format_args!("{label} ends at byte {end}, but {path} has {found} bytes");
    Err(Failure::new(Kind::Failed, message)
        .hint("is the medium smaller than it says, or a copy that is not whole?"))
}

fn failed(path: &Path, error: &io::Error) -> Failure {
    if error.kind() == io::ErrorKind::PermissionDenied {
        return Failure::new(Kind::Denied, "only root may change the boot medium")
            .hint("run it as root");
    }
    Failure::new(Kind::Failed, format_args!("{}: {error}", path.display()))
        .hint("is the medium still plugged in?")
}

fn place(root: &Path, medium: &Medium, role: Role) -> Result<Place, Failure> {
    let label = role.label();
    let missing = || {
        Failure::new(Kind::Refused, format_args!("the boot medium has no partition {label}")).hint(
            "only a medium with both slots can be updated; `anklume status` says why it has none",
        )
    };
    let place: PartitionPlace = medium.partition(role).ok_or_else(missing)?;
    let Some(disk) = medium.number() else {
        let path = medium.node().to_owned();
        return Ok(Place { path, offset: place.offset, bytes: place.bytes, number: None });
    };
    let sysfs = Sysfs::at(&root.join("sys"));
    let unknown =
        |error: io::Error| Failure::new(Kind::Failed, format_args!("block devices: {error}"));
    let disk = sysfs.numbered(disk).map_err(unknown)?.ok_or_else(missing)?;
    let wanted = Some((role.number(), disk.name));
    let devices = sysfs.block_devices().map_err(unknown)?;
    let device = devices.into_iter().find(|device| device.partition == wanted);
    let device = device.ok_or_else(missing)?;
    Ok(Place { path: device.node(), offset: 0, bytes: place.bytes, number: Some(device.number) })
}

/// Somebody uses the partition: who.
fn busy(root: &Path, role: Role, path: &Path, number: (u32, u32)) -> Failure {
    let holders = holders(root, path, number);
    let by = if holders.is_empty() { "by another program".to_owned() } else { holders.join(", ") };
    let (label, path) = (role.label(), path.display());
    Failure::new(Kind::Refused, format_args!("{label} ({path}) is in use: {by}"))
        .hint("unmount it, or stop who uses it; then try again")
}

/// Where it is mounted, and which devices lie on it.
fn holders(root: &Path, path: &Path, (major, minor): (u32, u32)) -> Vec<String> {
    let mounts = fs::read_to_string(root.join("proc/self/mountinfo")).unwrap_or_default();
    let mounted = mounts.lines().filter_map(|line| {
        // proc(5): ID, parent, device number, root, mount point.
        let mut fields = line.split(' ').skip(2);
        let number = fields.next()?;
        let point = fields.nth(1)?;
        (number == format!("{major}:{minor}")).then(|| format!("mounted on {point}"))
    });
    let name = path.file_name().unwrap_or_default();
    let folder = root.join("sys/class/block").join(name).join("holders");
    let above = fs::read_dir(folder).into_iter().flatten().flatten();
    mounted
        .chain(above.map(|entry| format!("{} lies on it", entry.file_name().display())))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn holders_are_named() {
        let root = tempfile::tempdir().unwrap();
        fs::create_dir_all(root.path().join("proc/self")).unwrap();
        fs::create_dir_all(root.path().join("sys/class/block/sda6/holders/dm-3")).unwrap();
        let mounts =
            "25 1 8:5 / /media/x rw - vfat /dev/sda5 rw\n26 1 8:6 / /mnt rw - squashfs x ro\n";
        fs::write(root.path().join("proc/self/mountinfo"), mounts).unwrap();
        let failure = busy(root.path(), Role::Os(Slot::B), Path::new("/dev/sda6"), (8, 6));
        let expected = "anklume-os-b (/dev/sda6) is in use: mounted on /mnt, dm-3 lies on it";
        assert_eq!(failure.message(), expected);
        let failure = busy(root.path(), Role::Os(Slot::B), Path::new("/dev/sda7"), (8, 7));
        assert!(failure.message().ends_with("by another program"), "{failure}");
    }

    #[test]
    fn a_part_is_bounded() {
        let mut part = Part { disk: (0..16_u8).collect::<Vec<_>>(), start: 4, bytes: 8 };
        let mut buffer = [0; 4];
        part.read_at(4, &mut buffer).unwrap();
        assert_eq!(buffer, [8, 9, 10, 11]);
        assert!(part.read_at(5, &mut buffer).is_err());
        assert!(part.read_at(u64::MAX, &mut buffer).is_err());
        let _ = &mut part;
    }
}
