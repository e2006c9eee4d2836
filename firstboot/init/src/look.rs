//! Looks at one device, or into the file system on it.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use anklume_bytes::ReadAt;
use anklume_gpt::Guid;
use anklume_host::file::FileReader;
use anklume_host::mount::{self, Flags};
use anklume_host::sysfs::{BlockDevice, Sysfs, Transport};
use anklume_layout::{SECTOR_BYTES, Slot, files};
use anklume_osimage::{NotOurs, OsImage, os_image};
use anklume_verity::RootHash;

use crate::recognise::{Extent, FileSystem, Inside, disk_cut, slot_of, table_inside};

/// Where a file system with an image file is mounted, also in the running OS.
pub(crate) const MEDIUM: &str = "/run/anklume/medium";

/// The wanted OS, and where it is.
#[derive(Debug)]
pub(crate) struct Found {
    /// The partition or disk that holds it.
    pub(crate) device: BlockDevice,
    /// The slot that the kernel was loaded from, if that lies on the same disk.
    pub(crate) slot: Option<Slot>,
    pub(crate) place: Place,
    pub(crate) image: OsImage,
}

/// The part of a device that is the OS image.
#[derive(Debug)]
pub(crate) enum Place {
    /// The device from its start: a partition.
    Whole,
    /// Sectors of a disk whose partitions the kernel does not show.
    Extent(Extent),
    /// A file, or a part of it, on the file system mounted at [`MEDIUM`].
    File { path: PathBuf, offset: u64 },
}

/// What a look at a device found.
pub(crate) enum Look {
    Found(Box<Found>),
    /// Not the wanted OS, and the file system that is there instead.
    Other {
        why: String,
        file_system: Option<FileSystem>,
    },
    /// It may become readable.
    Failed(String),
}

/// Looks at the bytes of `device`, and into its own partition table if `table` is set.
pub(crate) fn at_device(device: &BlockDevice, wanted: RootHash, table: bool) -> Look {
    // A drive is asked whether it has a disc. Reading an empty one would fill the consoles with the
    // kernel's errors.
    if device.transport == Transport::Optical && fs::File::open(device.node()).is_err() {
        return Look::Failed("no disc in it".to_owned());
    }
    let reader = match FileReader::open(&device.node()) {
        Ok(reader) => reader,
        Err(error) => return Look::Failed(format!("cannot be opened: {error}")),
    };
    let found = |place, image| {
        Look::Found(Box::new(Found { device: device.clone(), slot: None, place, image }))
    };
    let reason = match os_image(&reader, wanted) {
        Ok(image) => return found(Place::Whole, image),
        Err(NotOurs::Unreadable(error)) => return Look::Failed(error.to_string()),
        Err(reason) => reason,
    };
    let mut why = reason.to_string();
    if let Some(cut) = device.partition.is_none().then(|| disk_cut(&reader)).flatten() {
        why = cut.to_string();
    }
    if let Some(inside) = table.then(|| table_inside(&reader, wanted).ok()).flatten() {
        match inside.found {
            Some((extent, image)) => return found(Place::Extent(extent), image),
            None => why = refusals(&inside),
        }
    }
    Look::Other { why, file_system: FileSystem::of(&reader) }
}

/// Whether the disk of `device` has the partition `guid`.
pub(crate) fn disk_has(sysfs: &Sysfs, device: &BlockDevice, guid: Guid) -> bool {
    slot_on_disk(sysfs, device, guid).is_some()
}

/// If the disk of `device` has the partition `guid`: the slot whose boot partition that is, if any.
pub(crate) fn slot_on_disk(
    sysfs: &Sysfs,
    device: &BlockDevice,
    guid: Guid,
) -> Option<Option<Slot>> {
    let disk = sysfs.block_device(device.disk())?;
    let reader = FileReader::open(&disk.node()).ok()?;
    [disk.logical_block_bytes, SECTOR_BYTES]
        .into_iter()
        .find_map(|block_bytes| slot_of(&reader, block_bytes, guid))
}

fn refusals(inside: &Inside) -> String {
    if inside.refused.is_empty() {
        return "a partition table without an OS partition".to_owned();
    }
    let list: Vec<_> =
        inside.refused.iter().map(|(name, reason)| format!("{name}: {reason}")).collect();
    list.join("; ")
}

/// Mounts the file system of `device` read-only at [`MEDIUM`] and looks for the image file there.
/// The mount stays only if it holds the wanted OS; else, why not.
pub(crate) fn into_file_system(
    device: &BlockDevice,
    file_system: FileSystem,
    image_file: Option<&str>,
    wanted: RootHash,
) -> Result<Found, String> {
    let medium = Path::new(MEDIUM);
    let flags = Flags::MS_RDONLY | Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC;
    let (kind, options) = (file_system.kind(), file_system.options());
    fs::create_dir_all(medium).map_err(|error| error.to_string())?;
    mount::mount(kind, &device.node(), medium, flags, options)
        .map_err(|error| error.to_string())?;
    let mut why = Vec::new();
    for name in image_file.into_iter().chain([files_os_image().as_str()]) {
        match in_file(medium, name, wanted) {
            Ok((place, image)) => {
                return Ok(Found { device: device.clone(), slot: None, place, image });
            }
            Err(reason) => why.push(format!("{name}: {reason}")),
        }
    }
    if let Err(error) = mount::unmount(medium) {
        why.push(error.to_string());
    }
    Err(why.join("; "))
}

/// Path of the OS image on a medium that the files were copied to.
fn files_os_image() -> String {
    format!("/{}/{}", files::ISO_FOLDER, files::OS_IMAGE)
}

fn in_file(medium: &Path, name: &str, wanted: RootHash) -> Result<(Place, OsImage), String> {
    let path = find(medium, Path::new(name)).map_err(|error| error.to_string())?;
    let file = FileReader::open(&path).map_err(|error| error.to_string())?;
    let path = path.strip_prefix(medium).unwrap_or(&path).to_owned();
    match os_image(&file, wanted) {
        Ok(image) => return Ok((Place::File { path, offset: 0 }, image)),
        Err(NotOurs::NoSquashfs) => {}
        Err(reason) => return Err(reason.to_string()),
    }
    let inside = table_inside(&file, wanted)
        .map_err(|error| format!("neither an OS image nor a disk image: {error}"))?;
    let Some((extent, image)) = inside.found else { return Err(refusals(&inside)) };
    if extent.offset.saturating_add(image.bytes) > file.size() {
        return Err(NotOurs::Cut { expected: image.bytes, found: file.size() }.to_string());
    }
    Ok((Place::File { path, offset: extent.offset }, image))
}

/// Finds `name` below `root`; where a component does not exist as it is spelled, one that differs
/// in case only is taken: plain ISO 9660 shows capitals as small letters.
fn find(root: &Path, name: &Path) -> io::Result<PathBuf> {
    let mut path = root.to_owned();
    for component in name.components() {
        let part = match component {
            Component::Normal(part) => part,
            Component::RootDir | Component::CurDir => continue,
            _ => return Err(io::Error::other("a path that leads out of the medium")),
        };
        let exact = path.join(part);
        path = if exact.symlink_metadata().is_ok() {
            exact
        } else {
            let same = |name: &std::ffi::OsStr| name.eq_ignore_ascii_case(part);
            let entry = fs::read_dir(&path)?.flatten().find(|entry| same(&entry.file_name()));
            entry.ok_or(io::ErrorKind::NotFound)?.path()
        };
        // A link could lead anywhere, also out of the medium.
        if path.symlink_metadata()?.file_type().is_symlink() {
            return Err(io::Error::other("a symbolic link"));
        }
    }
    Ok(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_found_whatever_their_case_and_nowhere_else() {
        let dir = tempfile::tempdir().unwrap();
        let folder = dir.path().join("anklume");
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("os.img"), "x").unwrap();
        std::os::unix::fs::symlink("/etc/passwd", folder.join("link")).unwrap();
        let find = |name: &str| find(dir.path(), Path::new(name));
        assert_eq!(find("/ANKLUME/OS.IMG").unwrap(), folder.join("os.img"));
        assert_eq!(find("anklume/os.img").unwrap(), folder.join("os.img"));
        assert!(find("/anklume/none").is_err());
        assert!(find("/../etc/passwd").is_err());
        assert!(find("/anklume/link").is_err());
    }
}
