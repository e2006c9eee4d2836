//! What can go wrong.

use anklume_bytes::{ReadError, WriteError};

/// The disk or the caller failed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The partition table or the MBR could not be read from the device.
    #[error(transparent)]
    Table(#[from] anklume_gpt::Error),
    /// The disk could not be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// The disk could not be written or flushed.
    #[error(transparent)]
    Write(#[from] WriteError),
    /// The disk does not hold what was written to it.
    #[error("{object} at byte {offset} reads back with other bytes than were written")]
    ReadBack {
        /// What was written.
        object: &'static str,
        /// First byte of the MiB that differs.
        offset: u64,
    },
    /// Content of the persistent partition that does not lie within it in whole sectors.
    #[error(
        "content of the persistent partition: {length} bytes at byte {offset} are not whole \
         sectors within its {bytes} bytes"
    )]
    PersistPiece {
        /// First byte within the partition.
        offset: u64,
        /// Length in bytes.
        length: u64,
        /// Length of the partition in bytes.
        bytes: u64,
    },
    /// The persistent partition is to be formatted, but there is no content for it.
    #[error("there is no content for the persistent partition")]
    NoPersist,
}
