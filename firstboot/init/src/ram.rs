//! Puts the OS image into RAM, and lets go of the medium.

use std::fs::{self, File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt;
use std::path::Path;
use std::time::Instant;

use anklume_bytes::{ReadAt, ReadError};
use anklume_host::file::FileReader;
use anklume_host::mount::{self, Flags};
use anklume_layout::report::ToramReason;
use anklume_verity::RootHash;

use crate::copy::{self, Event, Image, Source};
use crate::error::{Error, at};
use crate::journal::Journal;
use crate::look::{Found, MEDIUM, Place};
use crate::progress::{self, Progress};
use crate::request::Request;
use crate::{facts, toram};

/// A tmpfs of its own, out of sight once the image is in it.
const FOLDER: &str = "/run/anklume/ram";
/// The image in it.
pub(crate) const FILE: &str = "/run/anklume/ram/os.img";
/// Room in the tmpfs beside the image.
const SLACK_BYTES: u64 = 1 << 20;
/// The page cache's unit.
const PAGE_BYTES: u64 = 4096;

/// Copies the OS into RAM if the command line and the RAM say so. Gives the copy, if there is one,
/// and why it was made or not.
pub(crate) fn load(
    found: &Found,
    request: &Request,
    journal: &mut Journal,
) -> Result<(Option<File>, ToramReason), Error> {
    let (bytes, memory) = (found.image.bytes, facts::memory());
    if let Some(complaint) = request.toram.complaint() {
        journal.say(&complaint);
    }
    let reason = toram::decide(&request.toram, bytes, memory);
    let text = toram::explain(reason, bytes, memory);
    if reason == ToramReason::NoRoom {
        journal.say(&text);
    } else {
        journal.detail(&text);
    }
    if !reason.is_copied() {
        return Ok((None, reason));
    }
    let started = Instant::now();
    make_room(bytes)?;
    match copy_image(found, request.root_hash, started, journal) {
        Err(error) if is_full(&error) => {
            journal.say(&toram::filled(bytes));
            make_free(journal);
            return Ok((None, ToramReason::NoRoom));
        }
        copied => copied?,
    }
    let text = progress::end(bytes, started.elapsed());
    match let_go(&found.place) {
        Ok(()) => {
            journal.say(&format!("{text}; the medium can be removed once the boot is complete"))
        }
        Err(error) => journal.say(&format!("{text}; the medium is still in use: {error}")),
    }
    Ok((Some(out_of_sight()?), reason))
}

/// Opens the copy and detaches its file system, which whatever holds the file keeps. In sight, it
/// would be unmounted when the OS shuts down, and that would fail because the OS runs from it.
fn out_of_sight() -> Result<File, Error> {
    let (path, folder) = (Path::new(FILE), Path::new(FOLDER));
    let file = File::open(path).map_err(at("opening", path))?;
    mount::detach(folder)?;
    let _ = fs::remove_dir(folder);
    Ok(file)
}

fn make_room(bytes: u64) -> Result<(), Error> {
    let folder = Path::new(FOLDER);
    fs::create_dir_all(folder).map_err(at("making", folder))?;
    let flags = Flags::MS_NOSUID | Flags::MS_NODEV | Flags::MS_NOEXEC;
    let options = format!("mode=0700,size={}", bytes.saturating_add(SLACK_BYTES));
    Ok(mount::mount("tmpfs", Path::new("tmpfs"), folder, flags, &options)?)
}

/// Whether RAM was full: what there was when it was decided is no promise.
fn is_full(error: &Error) -> bool {
    let Error::Copy(copy::Error::Target(error)) = error else { return false };
    matches!(error.kind(), ErrorKind::StorageFull | ErrorKind::OutOfMemory)
}

/// Gives back what was copied.
fn make_free(journal: &mut Journal) {
    let folder = Path::new(FOLDER);
    match mount::unmount(folder) {
        Ok(()) => _ = fs::remove_dir(folder),
        Err(error) => journal.detail(&error.to_string()),
    }
}

/// Copies the image and shows how far it is. Nothing of the medium is open afterwards.
fn copy_image(
    found: &Found,
    root_hash: RootHash,
    started: Instant,
    journal: &mut Journal,
) -> Result<(), Error> {
    let image = &found.image;
    let part = Part::open(found)?;
    let path = Path::new(FILE);
    let created = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path);
    let mut target = created.map_err(at("making", path))?;
    let mut progress = Progress::new(image.bytes);
    let image = Image { data_bytes: image.data_bytes, bytes: image.bytes, root_hash };
    let result = copy::copy(&image, &part, &mut target, &mut |event| match event {
        Event::Copied(bytes) => {
            if let Some(line) = progress.line(bytes, started.elapsed()) {
                journal.countdown(&line);
            }
        }
        Event::Again { name, fault } => {
            journal.say(&format!("{name}: {fault}; reading it again"));
        }
    });
    // An error is said by another journal.
    journal.end_countdown();
    Ok(result?)
}

/// Unmounts the file system that the image was a file on.
fn let_go(place: &Place) -> Result<(), mount::Error> {
    if matches!(place, Place::File { .. }) {
        let medium = Path::new(MEDIUM);
        mount::unmount(medium)?;
        let _ = fs::remove_dir(medium);
    }
    Ok(())
}

/// The part of a device or file that is the OS image.
struct Part {
    file: FileReader,
    start: u64,
    bytes: u64,
    name: String,
}

impl Part {
    fn open(found: &Found) -> Result<Self, Error> {
        let device = &found.device.name;
        let (path, start, name) = match &found.place {
            Place::Whole => (found.device.node(), 0, device.clone()),
            Place::Extent(extent) => (found.device.node(), extent.offset, device.clone()),
            Place::File { path, offset } => {
                (Path::new(MEDIUM).join(path), *offset, format!("{device}, /{}", path.display()))
            }
        };
        let file = FileReader::open(&path).map_err(at("opening", &path))?;
        Ok(Self { file, start, bytes: found.image.bytes, name })
    }
}

impl ReadAt for Part {
    fn size(&self) -> u64 {
        self.bytes
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        self.file.read_at(self.start.saturating_add(offset), buffer)
    }
}

impl Source for Part {
    fn name(&self) -> String {
        self.name.clone()
    }

    fn start(&self) -> u64 {
        self.start
    }

    fn forget(&self, offset: u64, bytes: u64) {
        let (start, length) = whole_pages(self.start.saturating_add(offset), bytes);
        self.file.forget_cached(start, length);
    }
}

/// Start and length of the pages that `bytes` bytes from byte `start` on lie in: the kernel keeps a
/// page that is to be forgotten in part.
fn whole_pages(start: u64, bytes: u64) -> (u64, u64) {
    let first = start / PAGE_BYTES;
    let end = start.saturating_add(bytes).div_ceil(PAGE_BYTES);
    (first.saturating_mul(PAGE_BYTES), end.saturating_sub(first).saturating_mul(PAGE_BYTES))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn full_ram_is_told_from_a_bad_medium() {
        let target = |error| is_full(&copy::Error::Target(error).into());
        let of = std::io::Error::from_raw_os_error;
        assert!(target(of(nix::libc::ENOSPC)) && target(of(nix::libc::ENOMEM)));
        assert!(!target(of(nix::libc::EIO)));
        assert!(!is_full(&copy::Error::Thread(of(nix::libc::ENOMEM)).into()));
    }

    #[test]
    fn pages_are_forgotten_whole() {
        assert_eq!(whole_pages(0, 4096), (0, 4096));
        assert_eq!(whole_pages(4095, 2), (0, 8192));
        assert_eq!(whole_pages(8192 + 512, 4096), (8192, 8192));
    }
}
