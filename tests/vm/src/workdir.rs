//! A test's private files: overlays, firmware variables, sockets.

use std::fs;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use anklume_qemu::{
    Attach, DiskFormat, Firmware, Medium, Request, UEFI_FIRMWARE, Writes, discover_uefi,
    sd_card_bytes,
};
use tempfile::TempDir;

use crate::{Failure, lock, tool};

/// Package of `qemu-img` and `qemu-io`.
const IMAGE_TOOLS: &str = "qemu-utils";

/// Which firmware a machine has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FirmwareKind {
    /// SeaBIOS.
    Bios,
    /// OVMF with an empty variable store.
    Uefi,
}

/// A temporary folder, deleted when dropped. It outlives the machines started in it, so that a
/// second machine can boot the disk that the first one wrote.
#[derive(Debug)]
pub struct Workdir {
    name: String,
    folder: TempDir,
    /// Makes names unique.
    count: AtomicU32,
}

impl Workdir {
    /// An empty folder for the scenario `name`, under which the consoles are kept.
    ///
    /// # Errors
    ///
    /// When it cannot be created.
    pub fn new(name: &str) -> Result<Self, Failure> {
        // A short name: a Unix socket's path has at most 107 bytes (unix(7)).
        let folder = tempfile::Builder::new().prefix("vm").tempdir();
        let folder = folder.map_err(Failure::file("create", "a temporary folder"))?;
        Ok(Self { name: name.into(), folder, count: AtomicU32::new(0) })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// The file that keeps the bytes of the next console, in Cargo's folder for what tests leave
    /// behind: `console-NAME-NUMBER.log`.
    pub(crate) fn console_log(&self) -> Result<PathBuf, Failure> {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        Ok(lock::folder()?.join(format!("console-{}-{number}.log", self.name)))
    }

    /// A path in it that was not given before.
    #[must_use]
    pub fn unique(&self, name: &str) -> PathBuf {
        let number = self.count.fetch_add(1, Ordering::Relaxed);
        self.path().join(format!("{number}-{name}"))
    }

    /// A machine that has the image `base`, never written, as its medium, and whose reset ends QEMU.
    ///
    /// # Errors
    ///
    /// As [`Workdir::firmware`] and [`Workdir::medium`].
    pub fn request(
        &self,
        firmware: FirmwareKind,
        attach: Attach,
        base: &Path,
    ) -> Result<Request, Failure> {
        Ok(Request {
            firmware: self.firmware(firmware)?,
            medium: Some(self.medium(base, attach)?),
            restart_on_reset: false,
            ..Request::default()
        })
    }

    /// Firmware; UEFI gets a fresh copy of the variable store.
    ///
    /// # Errors
    ///
    /// When no UEFI firmware is installed or the copy fails.
    pub fn firmware(&self, kind: FirmwareKind) -> Result<Firmware, Failure> {
        if kind == FirmwareKind::Bios {
            return Ok(Firmware::Bios);
        }
        let candidates = UEFI_FIRMWARE.iter().flat_map(|pair| [pair.code, pair.vars]);
        let existing: Vec<&str> = candidates.filter(|path| Path::new(path).exists()).collect();
        let pair = discover_uefi(&existing).ok_or(Failure::NoFirmware)?;
        let vars = self.unique("vars.fd");
        // Not fs::copy: it copies the mode too, and templates are often read-only.
        let template = fs::read(pair.vars).map_err(Failure::file("read", pair.vars))?;
        fs::write(&vars, template).map_err(Failure::file("write", &vars))?;
        Ok(Firmware::Uefi { code: pair.code.into(), vars })
    }

    /// An empty qcow2 disk on top of the raw image `base`, `bytes` long or as long as `base`.
    ///
    /// # Errors
    ///
    /// When `qemu-img` fails.
    pub fn overlay(&self, base: &Path, bytes: Option<u64>) -> Result<PathBuf, Failure> {
        let base = base.canonicalize().map_err(Failure::file("find", base))?;
        let overlay = self.unique("overlay.qcow2");
        let mut arguments = vec!["create".into(), "-q".into(), "-f".into(), "qcow2".into()];
        arguments.extend(["-F".into(), "raw".into(), "-b".into(), base.into_os_string()]);
        arguments.push(overlay.clone().into_os_string());
        arguments.extend(bytes.map(|bytes| bytes.to_string().into()));
        tool::run("qemu-img", IMAGE_TOOLS, arguments)?;
        Ok(overlay)
    }

    /// The raw image `base` as a medium whose writes go to an overlay, and that is as long as the
    /// device wants.
    ///
    /// # Errors
    ///
    /// When the overlay cannot be made.
    pub fn medium(&self, base: &Path, attach: Attach) -> Result<Medium, Failure> {
        let length = fs::metadata(base).map_err(Failure::file("read", base))?.len();
        let bytes = if attach == Attach::Sd { sd_card_bytes(length) } else { None };
        let image = self.overlay(base, bytes)?;
        Ok(Medium { image, format: DiskFormat::Qcow2, attach, writes: Writes::Keep })
    }

    /// Inverts the lowest bit of byte `offset` in `overlay`, whose content there is still that of
    /// `base`: a changed image without a copy of it.
    ///
    /// # Errors
    ///
    /// When the byte cannot be read or `qemu-io` fails.
    pub fn flip_bit(&self, base: &Path, overlay: &Path, offset: u64) -> Result<(), Failure> {
        let mut byte = [0];
        let file = fs::File::open(base).map_err(Failure::file("open", base))?;
        file.read_exact_at(&mut byte, offset).map_err(Failure::file("read", base))?;
        self.write(overlay, &format!("write -P {} {offset} 1", byte[0] ^ 1))
    }

    /// Makes `bytes` bytes from `offset` on zero in `overlay`.
    ///
    /// # Errors
    ///
    /// When `qemu-io` fails.
    pub fn clear(&self, overlay: &Path, offset: u64, bytes: u64) -> Result<(), Failure> {
        self.write(overlay, &format!("write -z {offset} {bytes}"))
    }

    fn write(&self, overlay: &Path, command: &str) -> Result<(), Failure> {
        let arguments = ["-f".as_ref(), "qcow2".as_ref(), "-c".as_ref(), command.as_ref()];
        let arguments = arguments.into_iter().chain([overlay.as_os_str()]);
        tool::run("qemu-io", IMAGE_TOOLS, arguments)?;
        Ok(())
    }
}
