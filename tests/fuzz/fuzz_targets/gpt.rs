//! Reading any disk as a partition table or MBR ends without a panic, and a table that was read and
//! can be written is read back unchanged. Checksums are not compared under the fuzzer.
#![no_main]

use anklume_gpt::{TableCopy, mbr, read};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| {
    let _ = mbr::read(data);
    for sector_bytes in [512, 4096] {
        let Ok(found) = read(data, sector_bytes) else { continue };
        let table = found.table;
        let Ok(encoded) = table.encode() else { continue };
        let mut disk = vec![0; (table.disk_sectors * sector_bytes) as usize];
        for piece in encoded.live_order(TableCopy::Primary).concat() {
            let start = piece.offset as usize;
            disk[start..start + piece.bytes.len()].copy_from_slice(&piece.bytes);
        }
        let again = read(&disk, sector_bytes).expect("a written table is valid");
        assert!(again.copies_equal && again.backup.is_ok());
        let mut sorted = table.partitions;
        sorted.sort_by_key(|partition| partition.number);
        assert_eq!(again.table.partitions, sorted);
    }
});
