//! Loop devices (Linux `include/uapi/linux/loop.h`): a part of a file as a block device.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::path::{Path, PathBuf};

/// Gives out the number of a free device; it exists once module `loop` is loaded.
const CONTROL: &str = "/dev/loop-control";
/// How often another process may take the number that was free a moment before.
const ATTEMPTS: usize = 16;

const LO_FLAGS_READ_ONLY: u32 = 1;
const LO_FLAGS_AUTOCLEAR: u32 = 4;

/// `struct loop_info64`, with the fields that are not used here in one piece.
#[repr(C)]
struct Info {
    /// `lo_device`, `lo_inode`, `lo_rdevice`: filled by the kernel.
    state: [u64; 3],
    offset: u64,
    size_limit: u64,
    /// `lo_number`, `lo_encrypt_type`, `lo_encrypt_key_size`.
    numbers: [u32; 3],
    flags: u32,
    file_name: [u8; 64],
    /// `lo_crypt_name`, `lo_encrypt_key`: no longer in use.
    encryption: [u8; 96],
    init: [u64; 2],
}

/// `struct loop_config`.
#[repr(C)]
struct Config {
    fd: u32,
    /// Zero: 512 bytes, or what direct I/O needs.
    block_size: u32,
    info: Info,
    reserved: [u64; 8],
}

const _: () = assert!(size_of::<Info>() == 232 && size_of::<Config>() == 304);

/// The macros make public functions; they stay in here.
mod request {
    use super::Config;

    nix::ioctl_none_bad!(/** `LOOP_CTL_GET_FREE` */ loop_ctl_get_free, 0x4c82);
    nix::ioctl_write_ptr_bad!(/** `LOOP_CONFIGURE` */ loop_configure, 0x4c0a, Config);
}

/// A loop device that the kernel frees when its last user closes it.
#[derive(Debug)]
pub struct LoopDevice {
    /// Path of its node.
    pub node: PathBuf,
    /// Keeps the device until something else, such as a mount or a mapping, holds it.
    pub file: File,
}

/// Makes `length` bytes of `backing` from byte `offset` a read-only block device. Both are
/// multiples of 512; a `length` of zero means up to the end of the file.
///
/// Pages are cached once for the file and once for the device; direct I/O, which would avoid it,
/// is refused by several file systems that hold image files.
///
/// # Errors
/// What the operating system says.
pub fn attach_read_only(
    backing: &File,
    path: &Path,
    offset: u64,
    length: u64,
) -> io::Result<LoopDevice> {
    let control = OpenOptions::new().read(true).write(true).open(CONTROL)?;
    let config = config(backing, path, offset, length)?;
    let mut last = io::Error::from(io::ErrorKind::ResourceBusy);
    for _ in 0..ATTEMPTS {
        // SAFETY: the request takes no argument; the descriptor is open.
        let number = unsafe { request::loop_ctl_get_free(control.as_raw_fd()) }?;
        let node = PathBuf::from(format!("/dev/loop{number}"));
        let file = OpenOptions::new().read(true).open(&node)?;
        // SAFETY: `config` is a `struct loop_config` that lives during the call, and the
        // descriptor in it is that of `backing`, which is open.
        match unsafe { request::loop_configure(file.as_raw_fd(), &raw const config) } {
            Ok(_) => return Ok(LoopDevice { node, file }),
            Err(nix::Error::EBUSY) => last = nix::Error::EBUSY.into(),
            Err(error) => return Err(error.into()),
        }
    }
    Err(last)
}

fn config(backing: &File, path: &Path, offset: u64, length: u64) -> io::Result<Config> {
    let fd = u32::try_from(backing.as_raw_fd()).map_err(|_| io::ErrorKind::InvalidInput)?;
    // For people who read losetup's list; cut to what fits with its final zero.
    let mut file_name = [0; 64];
    let name = path.as_os_str().as_encoded_bytes();
    let kept = name.len().min(file_name.len() - 1);
    file_name[..kept].copy_from_slice(&name[..kept]);
    let info = Info {
        state: [0; 3],
        offset,
        size_limit: length,
        numbers: [0; 3],
        flags: LO_FLAGS_READ_ONLY | LO_FLAGS_AUTOCLEAR,
        file_name,
        encryption: [0; 96],
        init: [0; 2],
    };
    Ok(Config { fd, block_size: 0, info, reserved: [0; 8] })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_the_kernel_reads_them() {
        assert_eq!(std::mem::offset_of!(Config, info), 8);
        assert_eq!(std::mem::offset_of!(Info, offset), 24);
        assert_eq!(std::mem::offset_of!(Info, size_limit), 32);
        assert_eq!(std::mem::offset_of!(Info, flags), 52);
        assert_eq!(std::mem::offset_of!(Info, file_name), 56);
        let file = File::open("/dev/null").unwrap();
        let long = "x".repeat(100);
        let config = config(&file, Path::new(&long), 512, 1024).unwrap();
        assert_eq!((config.info.file_name[62], config.info.file_name[63]), (b'x', 0));
    }
}
