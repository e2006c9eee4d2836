//! Type, cluster size and areas of a new file system, and the places of its files.

use anklume_bytes::align_up;

use crate::FatType;
use crate::layout::SECTOR_BYTES;

/// Tables that are written.
pub(crate) const TABLES: u64 = 2;
/// Entries of the root directory of FAT12 and FAT16.
pub(crate) const ROOT_ENTRIES: u64 = 512;
/// Sectors that those entries fill.
const ROOT_SECTORS: u64 = 32;
/// Sectors before the first table of FAT32, at least: boot sector, FSInfo and their copies.
const RESERVED_32: u64 = 32;
/// Files start at multiples of this many bytes, at least: the blocks of flash media.
const PLACE_BYTES: u64 = 4096;
/// Distance in clusters to keep from the counts where the type changes.
const MARGIN: u64 = 16;

/// The areas of a file system.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Geometry {
    pub(crate) fat_type: FatType,
    pub(crate) total_sectors: u32,
    pub(crate) cluster_bytes: u64,
    pub(crate) cluster_count: u32,
    pub(crate) reserved_sectors: u16,
    pub(crate) table_sectors: u32,
    /// First byte of the data area.
    pub(crate) data_start: u64,
    /// Multiples of this many bytes start a file.
    place_bytes: u64,
}

/// Consecutive clusters of a file or directory.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Run {
    pub(crate) start: u32,
    pub(crate) count: u32,
}

impl Geometry {
    /// The geometry of `total_bytes`, `None` if there is none.
    pub(crate) fn choose(total_bytes: u64, align_bytes: u32) -> Option<Self> {
        if !total_bytes.is_multiple_of(SECTOR_BYTES) {
            return None;
        }
        let align = u64::from(align_bytes);
        // The usual size first, then smaller ones, then larger ones.
        let sizes = [4096_u64, 2048, 1024, 512, 8192, 16384, 32768];
        let sizes = sizes.into_iter().filter(|size| size.checked_rem(align) == Some(0));
        let wide = sizes.clone().flat_map(|size| [(FatType::Fat16, size), (FatType::Fat32, size)]);
        let narrow = sizes.map(|size| (FatType::Fat12, size));
        wide.chain(narrow).find_map(|(fat_type, cluster_bytes)| {
            Self::new(fat_type, cluster_bytes, total_bytes / SECTOR_BYTES, align)
        })
    }

    /// A geometry of this type and cluster size, `None` if the clusters are too many or too few.
    fn new(fat_type: FatType, cluster_bytes: u64, sectors: u64, align: u64) -> Option<Self> {
        let place_bytes = PLACE_BYTES.max(align).max(cluster_bytes);
        let (reserved, root) = match fat_type {
            FatType::Fat32 => (RESERVED_32, 0),
            FatType::Fat12 | FatType::Fat16 => (1, ROOT_SECTORS),
        };
        let cluster_sectors = cluster_bytes / SECTOR_BYTES;
        // For all sectors, as if the tables took none: a few entries too many.
        let entries = sectors.checked_div(cluster_sectors)?.checked_add(2)?;
        let table = fat_type.table_bytes(entries)?.div_ceil(SECTOR_BYTES);
        let used = reserved.checked_add(table.checked_mul(TABLES)?)?.checked_add(root)?;
        let data = align_up(used, place_bytes / SECTOR_BYTES)?;
        let reserved = reserved.checked_add(data.checked_sub(used)?)?;
        let count = sectors.checked_sub(data)?.checked_div(cluster_sectors)?;
        let count_is_safe = FatType::of(count.saturating_sub(MARGIN)) == fat_type
            && FatType::of(count.saturating_add(MARGIN)) == fat_type
            && (1..=fat_type.clusters_max()).contains(&count);
        if !count_is_safe {
            return None;
        }
        Some(Self {
            fat_type,
            total_sectors: u32::try_from(sectors).ok()?,
            cluster_bytes,
            cluster_count: u32::try_from(count).ok()?,
            reserved_sectors: u16::try_from(reserved).ok()?,
            table_sectors: u32::try_from(table).ok()?,
            data_start: data.checked_mul(SECTOR_BYTES)?,
            place_bytes,
        })
    }

    /// First bytes of the tables.
    pub(crate) fn table_offsets(&self) -> [u64; 2] {
        let first = u64::from(self.reserved_sectors).saturating_mul(SECTOR_BYTES);
        let length = u64::from(self.table_sectors).saturating_mul(SECTOR_BYTES);
        [first, first.saturating_add(length)]
    }

    /// First byte of the root directory of FAT12 and FAT16.
    pub(crate) fn root_offset(&self) -> Option<u64> {
        self.data_start.checked_sub(ROOT_SECTORS.checked_mul(SECTOR_BYTES)?)
    }

    /// First byte of a cluster.
    pub(crate) fn offset(&self, cluster: u32) -> Option<u64> {
        let index = u64::from(cluster.checked_sub(2)?);
        self.data_start.checked_add(index.checked_mul(self.cluster_bytes)?)
    }

    /// First clusters of things with `lengths` bytes, one behind the other; 0 for those without
    /// any. `None` if they do not fit.
    pub(crate) fn allocate(&self, lengths: &[u64]) -> Option<Vec<u32>> {
        let end = u64::from(self.cluster_count).checked_mul(self.cluster_bytes)?;
        let mut position = 0_u64;
        let mut starts = Vec::with_capacity(lengths.len());
        for length in lengths {
            if *length == 0 {
                starts.push(0);
                continue;
            }
            position = align_up(position, self.place_bytes)?;
            let cluster = position.checked_div(self.cluster_bytes)?.checked_add(2)?;
            starts.push(u32::try_from(cluster).ok()?);
            position = align_up(position.checked_add(*length)?, self.cluster_bytes)?;
            if position > end {
                return None;
            }
        }
        Some(starts)
    }

    /// The clusters of what [`Geometry::allocate`] placed.
    pub(crate) fn runs(&self, starts: &[u32], lengths: &[u64]) -> Option<Vec<Run>> {
        let placed = starts.iter().zip(lengths).filter(|(start, _)| **start != 0);
        placed
            .map(|(start, length)| {
                let count = u32::try_from(length.div_ceil(self.cluster_bytes.max(1))).ok()?;
                Some(Run { start: *start, count })
            })
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn type_and_cluster_size_follow_from_the_size() {
        const MIB: u64 = 1 << 20;
        for (bytes, fat_type, cluster) in [
            (MIB, FatType::Fat12, 4096),
            (8 * MIB, FatType::Fat12, 4096),
            (9 * MIB, FatType::Fat16, 2048),
            (16 * MIB, FatType::Fat16, 2048),
            (17 * MIB, FatType::Fat16, 4096),
            (64 * MIB, FatType::Fat16, 4096),
            (255 * MIB, FatType::Fat16, 4096),
            (257 * MIB, FatType::Fat32, 4096),
            (4096 * MIB, FatType::Fat32, 4096),
            (1 << 40, FatType::Fat32, 4096),
        ] {
            let chosen = Geometry::choose(bytes, 2048).unwrap();
            assert_eq!((chosen.fat_type, chosen.cluster_bytes), (fat_type, cluster), "{bytes}");
        }
        assert!(Geometry::choose(MIB + 1, 2048).is_none());
        assert!(Geometry::choose(0, 2048).is_none());
        assert!(Geometry::choose(u64::MAX - 511, 2048).is_none());
    }

    #[test]
    fn no_size_is_near_a_change_of_type() {
        // Around 8, 16 and 256 MiB, where some cluster size comes near.
        for around in [8_u64 << 20, 16 << 20, 256 << 20] {
            for step in 0..600 {
                let bytes = around - (1 << 20) + step * 4096;
                for align in [512, 2048, 4096] {
                    let chosen = Geometry::choose(bytes, align).unwrap();
                    let count = u64::from(chosen.cluster_count);
                    assert!(count.abs_diff(4085) >= 16 && count.abs_diff(65525) >= 16);
                    assert_eq!(FatType::of(count), chosen.fat_type);
                    assert_eq!(chosen.data_start % u64::from(align).max(4096), 0);
                    let entries = chosen.fat_type.table_bytes(count + 2).unwrap();
                    assert!(u64::from(chosen.table_sectors) * 512 >= entries);
                }
            }
        }
    }
}
