//! A whole disk.
#![allow(unsafe_code)]

use std::fs::{File, OpenOptions};
use std::io;
use std::os::fd::AsRawFd;
use std::os::unix::fs::{FileExt, FileTypeExt, OpenOptionsExt};
use std::path::Path;

use nix::fcntl::OFlag;

/// The macros make public functions; they stay in here.
mod request {
    // Linux include/uapi/linux/fs.h.
    nix::ioctl_read!(disk_sequence, 0x12, 128, u64);
    nix::ioctl_read!(size, 0x12, 114, usize);
}

/// What is written at a time, in bytes.
const PIECE_BYTES: usize = 1 << 20;

/// A block device that is open for writing.
#[derive(Debug)]
pub struct RawDisk {
    file: File,
}

impl RawDisk {
    /// Opens the node of a disk that nothing else uses.
    ///
    /// # Errors
    /// What the operating system says; `EBUSY` when it is mounted, or held by another device or program.
    pub fn open_alone(node: &Path) -> io::Result<Self> {
        Self::open(node, OFlag::O_EXCL)
    }

    /// Opens the node of a disk whose other parts are in use.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn open_in_use(node: &Path) -> io::Result<Self> {
        Self::open(node, OFlag::empty())
    }

    fn open(node: &Path, more: OFlag) -> io::Result<Self> {
        let flags = more | OFlag::O_NONBLOCK;
        let file =
            OpenOptions::new().read(true).write(true).custom_flags(flags.bits()).open(node)?;
        if !file.metadata()?.file_type().is_block_device() {
            return Err(io::Error::other("not a block device"));
        }
        Ok(Self { file })
    }

    /// The kernel's sequence number of this disk, which no other disk has in this boot.
    ///
    /// # Errors
    /// What the operating system says; kernels before 5.15 know none.
    pub fn sequence(&self) -> io::Result<u64> {
        let mut sequence = 0;
        // SAFETY: the kernel writes a u64 to where the pointer leads.
        unsafe { request::disk_sequence(self.file.as_raw_fd(), &raw mut sequence) }?;
        Ok(sequence)
    }

    /// Its size in bytes.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn bytes(&self) -> io::Result<u64> {
        let mut bytes = 0_usize;
        // BLKGETSIZE64 is defined with size_t, and writes a u64.
        const { assert!(size_of::<usize>() == size_of::<u64>()) };
        // SAFETY: the kernel writes eight bytes to where the pointer leads.
        unsafe { request::size(self.file.as_raw_fd(), &raw mut bytes) }?;
        u64::try_from(bytes).map_err(io::Error::other)
    }

    /// Reads bytes at an offset.
    ///
    /// # Errors
    /// What the operating system says, also that the disk ends before.
    pub fn read(&self, offset: u64, length: usize) -> io::Result<Vec<u8>> {
        let mut bytes = vec![0; length];
        self.file.read_exact_at(&mut bytes, offset).map(|()| bytes)
    }

    /// Writes bytes at an offset.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn write(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)
    }

    /// Writes zeros.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn zero(&self, offset: u64, bytes: u64) -> io::Result<()> {
        let zeros = vec![0; PIECE_BYTES];
        let mut done = 0_u64;
        while done < bytes {
            let left = usize::try_from(bytes - done).unwrap_or(PIECE_BYTES).min(PIECE_BYTES);
            let part = zeros.get(..left).unwrap_or_default();
            self.file.write_all_at(part, offset.saturating_add(done))?;
            done += u64::try_from(left).unwrap_or(bytes);
        }
        Ok(())
    }

    /// Makes what was written durable.
    ///
    /// # Errors
    /// What the operating system says, also of earlier writes.
    pub fn flush(&self) -> io::Result<()> {
        self.file.sync_all()
    }
}
