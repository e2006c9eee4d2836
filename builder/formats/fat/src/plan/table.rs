//! The allocation table.

use anklume_bytes::{le_u16, put_le_u16, put_le_u32};

use crate::FatType;
use crate::layout::SECTOR_BYTES;
use crate::plan::boot::MEDIA;
use crate::plan::geometry::Run;

/// The used part of the table, in whole sectors: media, end mark, then a chain for each run.
pub(crate) fn encode(fat_type: FatType, runs: &[Run]) -> Option<Vec<u8>> {
    let ends = runs.iter().map(|run| run.start.checked_add(run.count));
    let entries = ends.collect::<Option<Vec<u32>>>()?.into_iter().max().unwrap_or(0).max(2);
    let length = fat_type.table_bytes(u64::from(entries))?.div_ceil(SECTOR_BYTES);
    let mut table = vec![0; usize::try_from(length.checked_mul(SECTOR_BYTES)?).ok()?];
    let end = fat_type.mask();
    set(&mut table, fat_type, 0, (end & !0xff) | u32::from(MEDIA))?;
    set(&mut table, fat_type, 1, end)?;
    for run in runs {
        let last = run.start.checked_add(run.count)?.checked_sub(1)?;
        for cluster in run.start..last {
            set(&mut table, fat_type, cluster, cluster.checked_add(1)?)?;
        }
        set(&mut table, fat_type, last, end)?;
    }
    Some(table)
}

/// Sets an entry that is zero.
fn set(table: &mut [u8], fat_type: FatType, cluster: u32, value: u32) -> Option<()> {
    let cluster = usize::try_from(cluster).ok()?;
    match fat_type {
        FatType::Fat32 => put_le_u32(table, cluster.checked_mul(4)?, value),
        FatType::Fat16 => put_le_u16(table, cluster.checked_mul(2)?, u16::try_from(value).ok()?),
        FatType::Fat12 => {
            // Two entries in three bytes: an even one begins in the first, an odd one ends in the
            // last.
            let offset = cluster.checked_mul(3)? / 2;
            let value = u16::try_from(value).ok()?;
            let value = if cluster % 2 == 0 { value } else { value.checked_shl(4)? };
            let old = le_u16(table, offset)?;
            put_le_u16(table, offset, old | value)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_of_12_bits_are_packed() {
        let runs = [Run { start: 2, count: 3 }, Run { start: 6, count: 1 }];
        let table = encode(FatType::Fat12, &runs).unwrap();
        // Entries f8 f, ff f, 003, 004, fff, 000, fff.
        let expected = [0xf8, 0xff, 0xff, 0x03, 0x40, 0x00, 0xff, 0x0f, 0x00, 0xff, 0x0f, 0x00];
        assert_eq!(table[..12], expected);
        assert_eq!(table.len(), 512);
    }

    #[test]
    fn entries_of_16_and_32_bits_keep_their_width() {
        let runs = [Run { start: 2, count: 2 }];
        let table = encode(FatType::Fat16, &runs).unwrap();
        assert_eq!(table[..10], [0xf8, 0xff, 0xff, 0xff, 3, 0, 0xff, 0xff, 0, 0]);
        let table = encode(FatType::Fat32, &runs).unwrap();
        let expected = [0xf8, 0xff, 0xff, 0x0f, 0xff, 0xff, 0xff, 0x0f, 3, 0, 0, 0];
        assert_eq!(table[..12], expected);
        assert_eq!(table[12..20], [0xff, 0xff, 0xff, 0x0f, 0, 0, 0, 0]);
    }
}
