//! Device-mapper devices, by ioctl on `/dev/mapper/control`
//! (Linux `include/uapi/linux/dm-ioctl.h`, interface version 4).
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;

/// Node of the control device; it exists once module `dm_mod` is loaded.
pub const CONTROL: &str = "/dev/mapper/control";

/// Unit of [`Target::start_sectors`] and [`Target::length_sectors`], in bytes.
pub const SECTOR_BYTES: u64 = 512;

// `struct dm_ioctl`, native byte order: byte offset of each field, and its length.
const VERSION: usize = 0;
const DATA_SIZE: usize = 12;
const DATA_START: usize = 16;
const TARGET_COUNT: usize = 20;
const FLAGS: usize = 28;
const DEVICE: usize = 40;
const NAME: usize = 48;
const NAME_BYTES: usize = 128;
const UUID: usize = 176;
const UUID_BYTES: usize = 129;
const HEADER_BYTES: usize = 312;

/// Bytes of `struct dm_target_spec`; its parameters follow as a C string.
const SPEC_BYTES: usize = 40;
const TARGET_TYPE_BYTES: usize = 16;

const DM_READONLY_FLAG: u32 = 1;

/// The macro makes public functions; they stay in here.
mod request {
    use super::HEADER_BYTES;

    nix::ioctl_readwrite!(/** `DM_DEV_CREATE` */ dm_dev_create, 0xfd, 3, [u8; HEADER_BYTES]);
    nix::ioctl_readwrite!(/** `DM_DEV_REMOVE` */ dm_dev_remove, 0xfd, 4, [u8; HEADER_BYTES]);
    nix::ioctl_readwrite!(/** `DM_DEV_SUSPEND` */ dm_dev_suspend, 0xfd, 6, [u8; HEADER_BYTES]);
    nix::ioctl_readwrite!(/** `DM_TABLE_LOAD` */ dm_table_load, 0xfd, 9, [u8; HEADER_BYTES]);
}

/// One line of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// First sector of the mapped device.
    pub start_sectors: u64,
    /// Length in sectors.
    pub length_sectors: u64,
    /// Name of the target, such as `verity` or `linear`; at most 15 bytes.
    pub kind: &'static str,
    /// Parameters as `dmsetup table` shows them.
    pub parameters: String,
}

/// A device-mapper device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Device {
    /// Minor number: the node is `/dev/dm-<minor>`.
    pub minor: u32,
}

impl Device {
    /// Path of its node, which devtmpfs makes at once.
    #[must_use]
    pub fn node(self) -> String {
        format!("/dev/dm-{}", self.minor)
    }
}

/// The control device.
#[derive(Debug)]
pub struct Control(File);

/// A device that could not be made or removed.
#[derive(Debug, thiserror::Error)]
#[error("device-mapper {name}: {step}: {source}")]
pub struct Error {
    /// Name of the device.
    pub name: String,
    /// What was being done.
    pub step: &'static str,
    /// What the operating system said.
    pub source: io::Error,
}

impl Control {
    /// Opens [`CONTROL`].
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open() -> io::Result<Self> {
        OpenOptions::new().read(true).write(true).open(CONTROL).map(Self)
    }

    /// Makes a read-only device called `name` with `targets`, and starts it. A device whose table
    /// is refused is removed again.
    ///
    /// `uuid` may be empty. udev and `veritysetup` recognise devices by it.
    ///
    /// # Errors
    /// [`Error`] with the step that failed; a bad table is told apart only in the kernel's log.
    pub fn create_read_only(
        &self,
        name: &str,
        uuid: &str,
        targets: &[Target],
    ) -> Result<Device, Error> {
        let fail = |step| move |source| Error { name: name.to_owned(), step, source };
        let mut request = header(name, uuid, 0).map_err(fail("naming it"))?;
        self.call(request::dm_dev_create, &mut request).map_err(fail("creating it"))?;
        // The kernel's internal device number: minor bits 0-7 and 20-31 (`huge_encode_dev`).
        let number = u64_at(&request, DEVICE);
        let minor = u32::try_from((number & 0xff) | ((number >> 12) & 0xffff_ff00))
            .map_err(|_| fail("reading its number")(io::ErrorKind::InvalidData.into()))?;
        self.start(name, targets).map_err(|(step, source)| {
            // The reason is the first error; the empty device is of no use to anyone.
            let _ = self.remove(name);
            fail(step)(source)
        })?;
        Ok(Device { minor })
    }

    fn start(&self, name: &str, targets: &[Target]) -> Result<(), (&'static str, io::Error)> {
        let mut request = table(name, targets).map_err(|error| ("writing its table", error))?;
        self.call(request::dm_table_load, &mut request)
            .map_err(|error| ("loading its table", error))?;
        // Without the suspend flag this call resumes: the loaded table becomes the live one.
        header(name, "", DM_READONLY_FLAG)
            .and_then(|mut request| self.call(request::dm_dev_suspend, &mut request))
            .map_err(|error| ("starting it", error))
    }

    /// Removes the device called `name`, which nobody may have open.
    ///
    /// # Errors
    /// [`Error`] with what the operating system said.
    pub fn remove(&self, name: &str) -> Result<(), Error> {
        header(name, "", 0)
            .and_then(|mut request| self.call(request::dm_dev_remove, &mut request))
            .map_err(|source| Error { name: name.to_owned(), step: "removing it", source })
    }

    fn call(
        &self,
        function: unsafe fn(i32, *mut [u8; HEADER_BYTES]) -> nix::Result<i32>,
        request: &mut [u8],
    ) -> io::Result<()> {
        // SAFETY: `request` is a live, exclusively borrowed buffer that begins with a
        // `struct dm_ioctl`, whose `data_size` is the length of the buffer: the kernel neither
        // reads nor writes behind it. It copies the bytes, so that alignment does not matter. The
        // descriptor is open as long as `self`.
        unsafe { function(self.0.as_raw_fd(), request.as_mut_ptr().cast()) }?;
        Ok(())
    }
}

/// A request without targets.
fn header(name: &str, uuid: &str, flags: u32) -> io::Result<Vec<u8>> {
    let mut request = vec![0; HEADER_BYTES];
    put(&mut request, VERSION, &4_u32.to_ne_bytes());
    put(&mut request, DATA_SIZE, &length(HEADER_BYTES)?.to_ne_bytes());
    put(&mut request, DATA_START, &length(HEADER_BYTES)?.to_ne_bytes());
    put(&mut request, FLAGS, &flags.to_ne_bytes());
    put_string(&mut request, NAME, NAME_BYTES, name)?;
    put_string(&mut request, UUID, UUID_BYTES, uuid)?;
    Ok(request)
}

/// A request with a read-only table.
fn table(name: &str, targets: &[Target]) -> io::Result<Vec<u8>> {
    let mut request = header(name, "", DM_READONLY_FLAG)?;
    for target in targets {
        let mut spec = vec![0; SPEC_BYTES];
        put(&mut spec, 0, &target.start_sectors.to_ne_bytes());
        put(&mut spec, 8, &target.length_sectors.to_ne_bytes());
        put_string(&mut spec, 24, TARGET_TYPE_BYTES, target.kind)?;
        spec.extend(target.parameters.as_bytes());
        // The string ends with a zero byte, and the next target begins at a multiple of 8.
        spec.resize((spec.len() + 1).next_multiple_of(8), 0);
        // Byte 20, `next`: distance from this target to the next one.
        let next = length(spec.len())?;
        put(&mut spec, 20, &next.to_ne_bytes());
        request.extend(spec);
    }
    let total = length(request.len())?;
    put(&mut request, DATA_SIZE, &total.to_ne_bytes());
    put(&mut request, TARGET_COUNT, &length(targets.len())?.to_ne_bytes());
    Ok(request)
}

fn length(value: usize) -> io::Result<u32> {
    u32::try_from(value).map_err(|_| io::ErrorKind::InvalidInput.into())
}

/// Every offset given here lies inside its structure.
fn put(bytes: &mut [u8], offset: usize, value: &[u8]) {
    bytes[offset..offset + value.len()].copy_from_slice(value);
}

/// A C string in a field of `capacity` bytes.
fn put_string(bytes: &mut [u8], offset: usize, capacity: usize, value: &str) -> io::Result<()> {
    if value.len() >= capacity || value.contains('\0') {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, format!("bad name {value:?}")));
    }
    put(bytes, offset, value.as_bytes());
    Ok(())
}

fn u64_at(bytes: &[u8], offset: usize) -> u64 {
    let mut value = [0; 8];
    value.copy_from_slice(&bytes[offset..offset + 8]);
    u64::from_ne_bytes(value)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_has_the_kernels_layout() {
        let target = Target {
            start_sectors: 0,
            length_sectors: 0x1234,
            kind: "linear",
            parameters: "11:0 2048".to_owned(),
        };
        let request = table("x", &[target.clone(), target]).unwrap();
        // 40 bytes, nine characters and a zero, rounded up to a multiple of 8.
        assert_eq!(request.len(), HEADER_BYTES + 2 * 56);
        assert_eq!(request[DATA_SIZE..DATA_SIZE + 4], 424_u32.to_ne_bytes());
        assert_eq!(request[DATA_START..DATA_START + 4], 312_u32.to_ne_bytes());
        assert_eq!(request[TARGET_COUNT..TARGET_COUNT + 4], 2_u32.to_ne_bytes());
        assert_eq!(request[FLAGS], 1);
        assert_eq!(request[NAME..NAME + 2], *b"x\0");
        let spec = &request[HEADER_BYTES..];
        assert_eq!(spec[8..16], 0x1234_u64.to_ne_bytes());
        assert_eq!(spec[20..24], 56_u32.to_ne_bytes());
        assert_eq!(spec[24..31], *b"linear\0");
        assert_eq!(spec[40..50], *b"11:0 2048\0");
    }

    #[test]
    fn names_that_do_not_fit_are_refused() {
        assert!(header(&"n".repeat(127), "", 0).is_ok());
        assert!(header(&"n".repeat(128), "", 0).is_err());
        assert!(header("a\0b", "", 0).is_err());
    }

    #[test]
    fn ioctl_numbers_are_the_kernels() {
        // _IOWR(0xfd, 3, struct dm_ioctl), as strace prints it for dmsetup.
        assert_eq!(nix::request_code_readwrite!(0xfd, 3, HEADER_BYTES), 0xc138_fd03);
    }
}
