//! What can be wrong.

use std::io;
use std::path::PathBuf;

use anklume_bytes::{ReadError, WriteError};

use crate::failure::BadText;

/// A medium that cannot be used, or something on it.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The disk cannot be opened.
    #[error("opening {}: {source}", node.display())]
    Open {
        /// Node of the disk.
        node: PathBuf,
        /// What the operating system said.
        source: io::Error,
    },
    /// Another program writes to a medium, or the lock cannot be made.
    #[error("locking {}: {source}", path.display())]
    Lock {
        /// What is locked.
        path: PathBuf,
        /// What the operating system said; `TimedOut` when another program holds the lock.
        source: io::Error,
    },
    /// sysfs cannot be read.
    #[error("the list of block devices: {0}")]
    Devices(#[source] io::Error),
    /// No disk has the device number.
    #[error("device {0}: no such disk")]
    NoDevice(String),
    /// The node is a partition.
    #[error("{}: expected a whole disk, found a partition of {disk}", node.display())]
    Partition {
        /// The node.
        node: PathBuf,
        /// Kernel name of the disk that it is a part of.
        disk: String,
    },
    /// The disk's logical blocks are of another size than those of the image.
    #[error("{}: expected logical blocks of 512 bytes, found {found}", node.display())]
    BlockBytes {
        /// Node of the disk.
        node: PathBuf,
        /// Bytes of its logical blocks.
        found: u64,
    },
    /// The OS was not booted from the slots of a disk.
    #[error("boot medium of kind `{0}`: it has no slots that can be changed")]
    NoSlots(String),
    /// The disk is not the one that it was.
    #[error("{}: expected {what} {expected}, found {found}: it is another disk", node.display())]
    OtherDisk {
        /// Node of the disk.
        node: PathBuf,
        /// What differs.
        what: &'static str,
        /// What it was.
        expected: String,
        /// What it is.
        found: String,
    },
    /// There is no valid partition table.
    #[error("{}: {source}", node.display())]
    Table {
        /// Node of the disk.
        node: PathBuf,
        /// What is wrong with it.
        source: anklume_gpt::Error,
    },
    /// The table has no partition with the number, type and name of the role.
    #[error("partition table: no partition `{0}`")]
    NoPartition(&'static str),
    /// The file system of a partition cannot be read.
    #[error("{partition}: {source}")]
    FileSystem {
        /// Name of the partition.
        partition: &'static str,
        /// What is wrong with it.
        source: anklume_fat::Error,
    },
    /// A file is not as the builder makes it.
    #[error("{partition}: file `{path}`: expected {expected}, found {found}")]
    File {
        /// Name of the partition.
        partition: &'static str,
        /// Path of the file.
        path: &'static str,
        /// What it must be.
        expected: String,
        /// What it is.
        found: String,
    },
    /// Sectors of the ESP cannot be read.
    #[error("file `{path}`: {source}")]
    Read {
        /// Path of the file.
        path: &'static str,
        /// What the operating system said.
        source: ReadError,
    },
    /// Sectors of the ESP were not written for certain.
    #[error("file `{path}`: {fault}")]
    Write {
        /// Path of the file.
        path: &'static str,
        /// What went wrong.
        fault: WriteFault,
    },
    /// A file of the ESP cannot be made anew.
    #[error("file `{path}`: making it: {source}")]
    Make {
        /// Path of the file.
        path: &'static str,
        /// What the operating system said.
        source: io::Error,
    },
    /// The last failure is not written as it should be.
    #[error("file `{path}`: {source}")]
    BadText {
        /// Path of the file.
        path: &'static str,
        /// What is wrong with it.
        source: BadText,
    },
    /// A record that cannot be encoded. None that happens.
    #[error("boot record: {0}")]
    Encode(String),
}

/// A write that failed, or that cannot be trusted.
#[derive(Debug, thiserror::Error)]
pub enum WriteFault {
    /// It was refused, or not made durable.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// It cannot be read back.
    #[error("reading back: {0}")]
    Read(#[from] ReadError),
    /// Something else is read back.
    #[error("byte {0} is read back otherwise than it was written")]
    Differs(usize),
}

/// A change of the boot record that was not made.
#[derive(Debug, thiserror::Error)]
pub enum UpdateError<E> {
    /// The caller's own reason.
    #[error(transparent)]
    Refused(E),
    /// The medium's.
    #[error(transparent)]
    Medium(#[from] Error),
}
