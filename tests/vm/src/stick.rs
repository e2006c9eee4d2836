//! A stick that an image was flashed to: a file of its own, as long as the stick, that machines write.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Seek, SeekFrom};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anklume_qemu::{Attach, DiskFormat, Medium, Request, Writes};

use crate::image::OsPartition;
use crate::{Failure, FirmwareKind, Machine, Workdir, tool};

/// Bytes of the primary partition table, with the MBR before it; the backup has a sector less.
const TABLE_BYTES: usize = 34 * 512;

mod slots;

/// A disk that outlives the machines that it is plugged into.
#[derive(Debug)]
pub struct Stick {
    path: PathBuf,
}

impl Stick {
    /// Copies `image` to a sparse file of `bytes` bytes.
    ///
    /// # Errors
    ///
    /// When it cannot be copied.
    pub fn flash(workdir: &Workdir, image: &Path, bytes: u64) -> Result<Self, Failure> {
        let path = workdir.unique("stick");
        copy_sparse(image, &path).map_err(Failure::file("copy", image))?;
        let file = OpenOptions::new().write(true).open(&path);
        file.and_then(|file| file.set_len(bytes)).map_err(Failure::file("extend", &path))?;
        Ok(Self { path })
    }

    /// A blank disk of `bytes` bytes.
    ///
    /// # Errors
    ///
    /// When it cannot be made.
    pub fn blank(workdir: &Workdir, bytes: u64) -> Result<Self, Failure> {
        let path = workdir.unique("disk");
        let file = File::create(&path).map_err(Failure::file("create", &path))?;
        file.set_len(bytes).map_err(Failure::file("size", &path))?;
        Ok(Self { path })
    }

    /// Another stick with the same content.
    ///
    /// # Errors
    ///
    /// When it cannot be copied.
    pub fn copy(&self, workdir: &Workdir) -> Result<Self, Failure> {
        let path = workdir.unique("stick");
        copy_sparse(&self.path, &path).map_err(Failure::file("copy", &self.path))?;
        Ok(Self { path })
    }

    /// Gets the content of another stick of the same length.
    ///
    /// # Errors
    ///
    /// When it cannot be copied.
    pub fn become_copy_of(&self, other: &Self) -> Result<(), Failure> {
        copy_sparse(&other.path, &self.path).map_err(Failure::file("copy", &other.path))
    }

    /// The file.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// A machine with it, whose reset ends QEMU.
    ///
    /// # Errors
    ///
    /// When there is no firmware.
    pub fn request(
        &self,
        workdir: &Workdir,
        firmware: FirmwareKind,
        attach: Attach,
    ) -> Result<Request, Failure> {
        let medium = Medium {
            image: self.path.clone(),
            format: DiskFormat::Raw,
            attach,
            writes: Writes::Keep,
        };
        Ok(Request {
            firmware: workdir.firmware(firmware)?,
            medium: Some(medium),
            restart_on_reset: false,
            ..Request::default()
        })
    }

    /// Plugs it into a USB port of a machine that runs the OS from it, for want of memory.
    ///
    /// # Errors
    ///
    /// When the machine cannot be started.
    pub fn start<'a>(
        &self,
        workdir: &'a Workdir,
        firmware: FirmwareKind,
    ) -> Result<Machine<'a>, Failure> {
        let mut request = self.request(workdir, firmware, Attach::Usb)?;
        request.memory_bytes = OsPartition::find(&self.path)?.little_memory_bytes();
        Machine::start(workdir, &request)
    }

    /// What foreign tools say against its partition table; empty if nothing.
    ///
    /// # Errors
    ///
    /// When they do not run.
    pub fn table_faults(&self) -> Result<String, Failure> {
        let said = |program, package, option: &str| {
            let words = [option.as_ref(), self.path.as_os_str()];
            let output = tool::run(program, package, words)?;
            Ok::<_, Failure>(String::from_utf8_lossy(&output).into_owned())
        };
        let (gdisk, fdisk) = (said("sgdisk", "gdisk", "-v")?, said("sfdisk", "fdisk", "--verify")?);
        let mut faults = String::new();
        if !gdisk.contains("No problems found") {
            faults.push_str(&gdisk);
        }
        if !fdisk.contains("No errors detected") {
            faults.push_str(&fdisk);
        }
        Ok(faults)
    }

    /// The bytes of both copies of the partition table and of the MBR.
    ///
    /// # Errors
    ///
    /// When they cannot be read.
    pub fn tables(&self) -> Result<Vec<u8>, Failure> {
        let read = || {
            let file = File::open(&self.path)?;
            let end = file.metadata()?.len();
            let mut bytes = vec![0; 2 * TABLE_BYTES];
            let (first, last) = bytes.split_at_mut(TABLE_BYTES);
            file.read_exact_at(first, 0)?;
            file.read_exact_at(last, end - u64::try_from(last.len()).unwrap_or_default())?;
            Ok(bytes)
        };
        read().map_err(Failure::file("read", &self.path))
    }

    /// Overwrites bytes of it.
    ///
    /// # Errors
    ///
    /// When they cannot be written.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> Result<(), Failure> {
        let file = OpenOptions::new().write(true).open(&self.path);
        let written = file.and_then(|file| file.write_all_at(bytes, offset));
        written.map_err(Failure::file("write", &self.path))
    }
}

/// Copies what is not a hole.
fn copy_sparse(from: &Path, to: &Path) -> io::Result<()> {
    use nix::unistd::{Whence, lseek};
    let mut source = File::open(from)?;
    let mut target = File::create(to)?;
    let length = source.metadata()?.len();
    target.set_len(length)?;
    let mut at = 0;
    loop {
        let start = match lseek(&source, at, Whence::SeekData) {
            Err(nix::Error::ENXIO) => return Ok(()),
            other => other?,
        };
        at = lseek(&source, start, Whence::SeekHole)?;
        let position = u64::try_from(start).map_err(io::Error::other)?;
        source.seek(SeekFrom::Start(position))?;
        target.seek(SeekFrom::Start(position))?;
        let count = u64::try_from(at - start).map_err(io::Error::other)?;
        io::copy(&mut io::Read::take(&source, count), &mut target)?;
    }
}

impl Drop for Stick {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}
