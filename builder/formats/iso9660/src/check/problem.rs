//! What a check can find.

use crate::extent::Extent;

/// Something that does not fit together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Problem {
    /// The image ends before the volume does.
    #[error("the volume has {volume} bytes, the image only {image}")]
    Truncated {
        /// Length by the primary descriptor, in bytes.
        volume: u64,
        /// Length of the image in bytes.
        image: u64,
    },
    /// A number has two values.
    #[error(
        "{object}: number at byte {offset} is {little} in little-endian and {big} in big-endian"
    )]
    BothEndian {
        /// The structure.
        object: &'static str,
        /// Byte of the image where the number begins.
        offset: u64,
        /// Its little-endian value.
        little: u32,
        /// Its big-endian value.
        big: u32,
    },
    /// An extent ends behind the end of the volume or of the image.
    #[error("{object}: {size} bytes at byte {offset} end behind byte {end}", size = extent.size, offset = extent.offset_bytes)]
    Outside {
        /// Path, tree or boot image.
        object: String,
        /// Where it is said to lie.
        extent: Extent,
        /// Where volume or image end.
        end: u64,
    },
    /// A path table and the directories have different directories, or their parents differ.
    #[error("{tree}: {table} has directory {found} where the tree has {expected}")]
    PathTable {
        /// The tree.
        tree: &'static str,
        /// The table and its byte order.
        table: &'static str,
        /// What only the directories have; `none` when they lack something.
        expected: String,
        /// What only the table has; `none` when it lacks something.
        found: String,
    },
    /// A path table breaks the format.
    #[error("{tree}: {table} is damaged at byte {offset}")]
    PathTableDamaged {
        /// The tree.
        tree: &'static str,
        /// The table and its byte order.
        table: &'static str,
        /// Byte of the image.
        offset: u64,
    },
    /// The words of the validation entry do not add up to zero.
    #[error(
        "boot catalog at byte {offset}: the words of the validation entry add up to {sum:#06x}"
    )]
    CatalogChecksum {
        /// Byte of the image where the catalog begins.
        offset: u64,
        /// What they add up to.
        sum: u16,
    },
    /// The validation entry does not end with its key bytes.
    #[error("boot catalog at byte {offset}: the key bytes are missing")]
    CatalogKey {
        /// Byte of the image where the catalog begins.
        offset: u64,
    },
    /// The boot information table of the BIOS boot image is missing or wrong.
    #[error(
        "boot image at byte {offset}: {field} of its information table is {found}, expected {expected}"
    )]
    BootInfo {
        /// Byte of the image where the boot image begins.
        offset: u64,
        /// The field of the table.
        field: &'static str,
        /// What it should be.
        expected: u32,
        /// What it is.
        found: u32,
    },
}
