//! Why a disk is left as it is.

use anklume_gpt::Guid;

/// Why the disk is not grown. The texts are for the console and for `anklume status`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Nothing can be written.
    #[error("the medium is read-only")]
    ReadOnly,
    /// The kernel looks for the table in its second logical block, which is elsewhere.
    #[error("the disk has logical blocks of {found} bytes, expected 512")]
    BlockSize {
        /// Logical block size in bytes.
        found: u64,
    },
    /// Two slots and the persistent partition do not fit.
    #[error(
        "the disk is too small: both slots need {} MiB, it has {} MiB",
        .needed.div_ceil(1 << 20),
        .found >> 20
    )]
    TooSmall {
        /// Least size of the disk in bytes.
        needed: u64,
        /// Its size in bytes.
        found: u64,
    },
    /// A partition that an image has is not there.
    #[error("partition {number} `{label}` is missing")]
    Missing {
        /// Its number.
        number: u32,
        /// Its label.
        label: &'static str,
    },
    /// A partition that an image does not have.
    #[error("partition {number} `{name}` is not of this layout")]
    Foreign {
        /// Its number.
        number: u32,
        /// Its label.
        name: String,
    },
    /// A partition has the label of an image's, but another type.
    #[error("partition {number} `{label}` has the type {found}, expected {expected}")]
    Type {
        /// Its number.
        number: u32,
        /// Its label.
        label: &'static str,
        /// Type that an image gives it.
        expected: Guid,
        /// Type that it has.
        found: Guid,
    },
    /// The partitions are those of an image, but not where an image has them.
    #[error(
        "the table was changed: partition {number} `{label}` begins at byte {found}, expected a \
         multiple of 1 MiB from byte {expected} on"
    )]
    Moved {
        /// Its number.
        number: u32,
        /// Its label.
        label: &'static str,
        /// End of the partition before it.
        expected: u64,
        /// First byte of the partition.
        found: u64,
    },
    /// The disk has another GUID than an image, but not all partitions of a finished disk.
    #[error(
        "the table was changed: disk {guid} is not a flashed image, and partition {number} \
         `{label}` is missing"
    )]
    Incomplete {
        /// GUID of the disk.
        guid: Guid,
        /// Number of the missing partition.
        number: u32,
        /// Its label.
        label: &'static str,
    },
    /// The table uses something that this program does not write.
    #[error("the partition table cannot be written: {reason}")]
    Unwritable {
        /// What.
        reason: String,
    },
    /// The MBR holds more or other records than the protective one.
    #[error("the mbr is not a protective one, another program added or removed records")]
    NotProtective,
    /// No copy of the table can be trusted.
    #[error("the partition table is damaged: {reason}")]
    Damaged {
        /// What is wrong with the copies.
        reason: String,
    },
    /// The kernel has a slot in use somewhere else than the table says.
    #[error(
        "the kernel has partition {number} at byte {kernel}, but the table has it at byte {table}"
    )]
    Kernel {
        /// Number of the partition.
        number: u32,
        /// First byte according to the kernel.
        kernel: u64,
        /// First byte according to the table.
        table: u64,
    },
}
