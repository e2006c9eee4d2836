//! A sample table and its image.
#![allow(dead_code, reason = "each test uses a part")]
#![allow(clippy::unwrap_used, reason = "a failure here is the test's")]

use anklume_gpt::{Encoded, Guid, Partition, Table, TableCopy, mbr};

/// A table with holes: partitions 1, 3 and 7, not in the order of their sectors.
pub(crate) fn table(sector_bytes: u64, disk_sectors: u64) -> Table {
    let partition = |number: u32, type_guid, first_lba, last_lba, name: &str| Partition {
        number,
        type_guid: Guid::from_u128(type_guid),
        unique_guid: Guid::from_u128(0x1122_3344_5566_4788_99aa_bbcc_ddee_0000 + number as u128),
        first_lba,
        last_lba,
        attributes: 1 << 63 | 1 << 60 | 1 << 2,
        name: name.to_owned(),
    };
    Table {
        disk_guid: Guid::from_u128(0x0123_4567_89ab_4def_8123_4567_89ab_cdef),
        sector_bytes,
        disk_sectors,
        partitions: vec![
            partition(1, 0x21686148_6449_6e6f_744e_656564454649, 40, 63, "anklume-bios"),
            partition(3, 0xc12a7328_f81f_11d2_ba4b_00a0c93ec93b, 256, 511, "système €"),
            partition(7, 0x0fc63daf_8483_4772_8e79_3d69d8477de4, 64, 255, &"x".repeat(36)),
        ],
    }
}

/// Writes all pieces into `image`.
pub(crate) fn put(image: &mut [u8], encoded: &Encoded) {
    for piece in encoded.live_order(TableCopy::Primary).concat() {
        let start = piece.offset as usize;
        image[start..start + piece.bytes.len()].copy_from_slice(&piece.bytes);
    }
}

/// A disk image with `table` and a protective MBR.
pub(crate) fn image(table: &Table) -> Vec<u8> {
    let mut image = vec![0; (table.sector_bytes * table.disk_sectors) as usize];
    let mbr = mbr::encode(b"\xfa\xf4", table.disk_sectors, true).unwrap();
    image[..512].copy_from_slice(&mbr);
    put(&mut image, &table.encode().unwrap());
    image
}
