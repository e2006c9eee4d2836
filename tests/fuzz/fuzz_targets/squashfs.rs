//! Invariant: parsing ends without a panic; an accepted superblock has its end and its tables
//! inside the available bytes, padding never makes it shorter, and a zstd level is one that there is.
#![no_main]

use anklume_squashfs::Superblock;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|input: &[u8]| {
    // The last eight bytes say how large the device is.
    let Some((image, available)) = input.split_last_chunk() else { return };
    let available = u64::from_le_bytes(*available);
    let Ok(superblock) = Superblock::parse(image, available) else { return };
    assert!(superblock.bytes_used <= available);
    assert!(superblock.block_bytes.is_power_of_two());
    let tables = superblock.tables;
    let starts = [Some(tables.inode), Some(tables.directory), tables.fragment, tables.lookup];
    let starts = starts.into_iter().chain([Some(tables.id), tables.xattr]).flatten();
    assert!(starts.clone().is_sorted());
    assert!(starts.into_iter().all(|start| (96..superblock.bytes_used).contains(&start)));
    if let Ok(Some(level)) = superblock.zstd_level(image) {
        assert!((1..=22).contains(&level));
    }
    if let Some(padded) = superblock.padded_bytes(4096) {
        assert!(padded >= superblock.bytes_used && padded.is_multiple_of(4096));
    }
});
