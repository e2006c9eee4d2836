//! Telling the kernel about partitions of a disk that is in use (`BLKPG`, Linux
//! `include/uapi/linux/blkpg.h`): it reads a table again only when nothing uses the disk.
#![allow(unsafe_code)]

use std::fs::File;
use std::io;
use std::os::fd::AsRawFd;
use std::path::Path;

/// `BLKPG_ADD_PARTITION`, `BLKPG_DEL_PARTITION`, `BLKPG_RESIZE_PARTITION`.
const ADD: i32 = 1;
const DELETE: i32 = 2;
const RESIZE: i32 = 3;

/// `struct blkpg_partition`. Start and length are in bytes.
#[repr(C)]
struct Partition {
    start: i64,
    length: i64,
    number: i32,
    /// `devname` and `volname`: ignored by the kernel.
    names: [u8; 128],
}

/// `struct blkpg_ioctl_arg`.
#[repr(C)]
struct Argument {
    operation: i32,
    flags: i32,
    data_length: i32,
    data: *mut Partition,
}

const _: () = assert!(size_of::<Partition>() == 152 && size_of::<Argument>() == 24);

/// The macros make public functions; they stay in here.
mod request {
    use super::Argument;

    // _IO(0x12, 105).
    nix::ioctl_write_ptr_bad!(blkpg, 0x1269, Argument);
}

/// A disk whose partitions are changed.
#[derive(Debug)]
pub struct Partitions {
    disk: File,
}

impl Partitions {
    /// Opens the node of a disk.
    ///
    /// # Errors
    /// What the operating system says.
    pub fn of(disk: &Path) -> io::Result<Self> {
        Ok(Self { disk: File::open(disk)? })
    }

    /// Adds a partition of `bytes` bytes from byte `first` on.
    ///
    /// # Errors
    /// What the operating system says; `EBUSY` when it overlaps another one.
    pub fn add(&self, number: u32, first: u64, bytes: u64) -> io::Result<()> {
        self.change(ADD, number, first, bytes)
    }

    /// Forgets a partition.
    ///
    /// # Errors
    /// What the operating system says; `EBUSY` when it is in use.
    pub fn delete(&self, number: u32) -> io::Result<()> {
        self.change(DELETE, number, 0, 0)
    }

    /// Gives a partition, which may be in use, another length.
    ///
    /// # Errors
    /// As [`Partitions::add`].
    pub fn resize(&self, number: u32, first: u64, bytes: u64) -> io::Result<()> {
        self.change(RESIZE, number, first, bytes)
    }

    fn change(&self, operation: i32, number: u32, first: u64, bytes: u64) -> io::Result<()> {
        let wrong = |_| io::Error::from(io::ErrorKind::InvalidInput);
        let mut partition = Partition {
            start: i64::try_from(first).map_err(wrong)?,
            length: i64::try_from(bytes).map_err(wrong)?,
            number: i32::try_from(number).map_err(wrong)?,
            names: [0; 128],
        };
        let argument = Argument {
            operation,
            flags: 0,
            data_length: i32::try_from(size_of::<Partition>()).map_err(wrong)?,
            data: &raw mut partition,
        };
        // SAFETY: `argument` is a `struct blkpg_ioctl_arg` that points to a `struct blkpg_partition`,
        // both live during the call, and the descriptor is open.
        unsafe { request::blkpg(self.disk.as_raw_fd(), &raw const argument) }?;
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fields_lie_where_the_kernel_reads_them() {
        assert_eq!(std::mem::offset_of!(Partition, length), 8);
        assert_eq!(std::mem::offset_of!(Partition, number), 16);
        assert_eq!(std::mem::offset_of!(Argument, data), 16);
    }

    #[test]
    fn what_is_no_disk_is_refused() {
        let partitions = Partitions::of(Path::new("/dev/null")).unwrap();
        assert!(partitions.add(1, 0, 512).is_err());
        assert!(partitions.add(1, u64::MAX, 512).is_err());
    }
}
