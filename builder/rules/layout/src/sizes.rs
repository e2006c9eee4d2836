//! How large slots are on a medium that has two.

use crate::ALIGNMENT_BYTES;
use crate::disk::{ContentSizes, DiskError, MINIMUM_BOOT_BYTES, MINIMUM_SLOT_BYTES, PERSIST_BYTES};

/// Sizes that a medium with two slots should have, in bytes.
///
/// A slot that is too small for a later version cannot be mended on a machine that is in use, so
/// partitions are twice today's content and not below a minimum, where the medium allows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SizePolicy {
    /// Smallest boot partition, unless the medium is too small.
    pub minimum_boot: u64,
    /// Smallest OS partition, unless the medium is too small.
    pub minimum_os: u64,
    /// The persistent partition.
    pub persist: u64,
}

impl Default for SizePolicy {
    /// The product's.
    fn default() -> Self {
        Self {
            minimum_boot: MINIMUM_BOOT_BYTES,
            minimum_os: MINIMUM_SLOT_BYTES,
            persist: PERSIST_BYTES,
        }
    }
}

/// Sizes of the partitions of each slot, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SlotSizes {
    /// The boot partition.
    pub boot: u64,
    /// The OS partition.
    pub os: u64,
}

impl SizePolicy {
    /// The sizes where there is room for everything: twice `content`, and the minimum.
    ///
    /// # Errors
    /// [`DiskError::TooLarge`].
    pub fn preferred(&self, content: ContentSizes) -> Result<SlotSizes, DiskError> {
        let twice = |bytes: u64, minimum: u64| {
            let bytes = bytes.checked_mul(2).ok_or(DiskError::TooLarge)?;
            aligned(bytes.max(minimum))
        };
        Ok(SlotSizes {
            boot: twice(content.boot, self.minimum_boot)?,
            os: twice(content.os, self.minimum_os)?,
        })
    }

    /// The least room that two slots and the persistent partition take with `content`, in bytes.
    ///
    /// # Errors
    /// [`DiskError::TooLarge`].
    pub fn least(&self, content: ContentSizes) -> Result<u64, DiskError> {
        self.total(SlotSizes { boot: aligned(content.boot)?, os: aligned(content.os)? })
    }

    /// The sizes with which two slots and the persistent partition take at most `room` bytes;
    /// `None` when `room` is below [`SizePolicy::least`].
    ///
    /// First the OS partitions give way, as far as they must and down to `content`, then the boot
    /// partitions. The persistent partition never does.
    ///
    /// # Errors
    /// [`DiskError::TooLarge`].
    pub fn fit(&self, content: ContentSizes, room: u64) -> Result<Option<SlotSizes>, DiskError> {
        let preferred = self.preferred(content)?;
        if self.least(content)? > room {
            return Ok(None);
        }
        // What is left for a partition of either slot beside the others.
        let share = |other: u64| {
            let taken = other.saturating_mul(2).saturating_add(aligned(self.persist)?);
            let half = room.saturating_sub(taken).checked_div(2).unwrap_or(0);
            Ok(half.saturating_sub(half.checked_rem(ALIGNMENT_BYTES).unwrap_or(0)))
        };
        let os = preferred.os.min(share(preferred.boot)?).max(aligned(content.os)?);
        let boot = preferred.boot.min(share(os)?);
        Ok(Some(SlotSizes { boot, os }))
    }

    fn total(&self, slot: SlotSizes) -> Result<u64, DiskError> {
        let both = slot.boot.checked_add(slot.os).and_then(|sum| sum.checked_mul(2));
        let persist = aligned(self.persist)?;
        both.and_then(|sum| sum.checked_add(persist)).ok_or(DiskError::TooLarge)
    }
}

/// The next multiple of the alignment of partitions.
fn aligned(bytes: u64) -> Result<u64, DiskError> {
    bytes.checked_next_multiple_of(ALIGNMENT_BYTES).ok_or(DiskError::TooLarge)
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1 << 20;
    const CONTENT: ContentSizes = ContentSizes { boot: 100 * MIB, os: 550 * MIB };

    fn fit(room: u64) -> Option<(u64, u64)> {
        let sizes = SizePolicy::default().fit(CONTENT, room).unwrap()?;
        assert!(2 * (sizes.os + sizes.boot) + 256 * MIB <= room);
        Some((sizes.boot / MIB, sizes.os / MIB))
    }

    #[test]
    fn with_room_for_everything_sizes_are_generous() {
        assert_eq!(fit(u64::MAX), Some((256, 4096)));
        let large = ContentSizes { boot: 200 * MIB + 1, os: 3000 * MIB };
        let sizes = SizePolicy::default().preferred(large).unwrap();
        assert_eq!(sizes, SlotSizes { boot: 401 * MIB, os: 6000 * MIB });
    }

    #[test]
    fn slots_give_way_before_boot_partitions_and_nothing_below_the_content() {
        let full = (2 * (4096 + 256) + 256) * MIB;
        assert_eq!(fit(full), Some((256, 4096)));
        assert_eq!(fit(full - 1), Some((256, 4095)));
        assert_eq!(fit((2 * (550 + 256) + 256) * MIB), Some((256, 550)));
        assert_eq!(fit((2 * (550 + 256) + 256) * MIB - 1), Some((255, 550)));
        let least = (2 * (550 + 100) + 256) * MIB;
        assert_eq!(fit(least), Some((100, 550)));
        assert_eq!(fit(least - 1), None);
        assert_eq!(SizePolicy::default().least(CONTENT), Ok(least));
    }

    #[test]
    fn absurd_content_is_an_error() {
        let absurd = ContentSizes { boot: 1, os: u64::MAX / 2 + 1 };
        assert_eq!(SizePolicy::default().fit(absurd, u64::MAX), Err(DiskError::TooLarge));
    }
}
