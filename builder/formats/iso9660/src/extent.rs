//! A byte range of the image.

use crate::layout::SECTOR_BYTES;

/// Where the content of a file or directory lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Extent {
    /// First byte, counted from the start of the image; a multiple of 2048.
    pub offset_bytes: u64,
    /// Length in bytes.
    pub size: u64,
}

impl Extent {
    /// The extent of `size` bytes from sector `lba` on. Cannot overflow: both are 32-bit values.
    pub(crate) fn of_sector(lba: u32, size: u32) -> Self {
        Self { offset_bytes: u64::from(lba).saturating_mul(SECTOR_BYTES), size: u64::from(size) }
    }

    /// Whether it ends at or before byte `end`.
    pub(crate) fn ends_within(self, end: u64) -> bool {
        self.offset_bytes.checked_add(self.size).is_some_and(|last| last <= end)
    }
}
