//! Files of the ESP that somebody deleted.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use anklume_host::mount::{self, Flags};
use anklume_host::sysfs::{BlockDevice, Sysfs};
use anklume_layout::Role;

use crate::{Error, Medium};

const SYS: &str = "/sys";

impl Medium {
    /// Makes the files of the boot record and of the last failure anew that are gone or of another
    /// size, as a file system check on another computer can leave them; returns their names. They
    /// are of blanks, which is no record: [`Medium::update`] writes one.
    ///
    /// The kernel writes to the file system, which is mounted at `place` meanwhile.
    ///
    /// # Errors
    /// [`Error::FileSystem`], [`Error::NoPartition`], [`Error::Lock`]; [`Error::Make`] when the file
    /// system cannot be mounted or has no room.
    pub fn make_files(&self, place: &Path) -> Result<Vec<&'static str>, Error> {
        let gone = self.gone()?;
        let Some((first, _)) = gone.first() else { return Ok(Vec::new()) };
        let failed = |path| move |source| Error::Make { path, source };
        let _lock = self.lock()?;
        // Or without: udev may look for minutes.
        let _held = self.hold().ok();
        let esp = self.esp_device().map_err(failed(first))?;
        fs::create_dir_all(place).map_err(failed(first))?;
        mount::mount("vfat", &esp.node(), place, mount::closed() | Flags::MS_NOATIME, "")
            .map_err(|error| failed(first)(io::Error::other(error)))?;
        let made: Result<Vec<_>, Error> = gone
            .iter()
            .map(|&(path, bytes)| make(place, path, bytes).map(|()| path).map_err(failed(path)))
            .collect();
        let ended = mount::unmount(place).map_err(|error| failed(first)(io::Error::other(error)));
        let made = made?;
        ended?;
        Ok(made)
    }

    fn esp_device(&self) -> io::Result<BlockDevice> {
        let sysfs = Sysfs::at(Path::new(SYS));
        let number = self.disk.number().ok_or_else(|| io::Error::other("an image file"))?;
        let disk = sysfs.numbered(number)?.ok_or(io::ErrorKind::NotFound)?;
        let esp = (Role::Esp.number(), disk.name);
        let mut devices = sysfs.block_devices()?.into_iter();
        devices
            .find(|device| device.partition.as_ref() == Some(&esp))
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }
}

fn make(place: &Path, path: &str, bytes: u64) -> io::Result<()> {
    let path = place.join(path);
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = File::create(&path)?;
    file.write_all(&vec![b' '; usize::try_from(bytes).map_err(io::Error::other)?])?;
    file.sync_all()
}
