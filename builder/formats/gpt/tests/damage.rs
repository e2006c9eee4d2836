//! Damaged copies: each kind is named, and the other copy is used.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod common;

use anklume_bytes::{le_u32, put_le_u32, put_le_u64};
use anklume_gpt::{Error, Guid, Read, Table, TableCopy, read};
use common::{image, table};

const SECTORS: u64 = 4096;
const PRIMARY: usize = 512;
const BACKUP: usize = 4095 * 512;
const BACKUP_ENTRIES: usize = 4063 * 512;

fn sample() -> (Table, Vec<u8>) {
    let table = table(512, SECTORS);
    let image = image(&table);
    (table, image)
}

/// Makes the checksums of the header at `header` right again.
fn seal(image: &mut [u8], header: usize) {
    put_le_u32(image, header + 16, 0).unwrap();
    let crc = crc32fast::hash(&image[header..header + 92]);
    put_le_u32(image, header + 16, crc).unwrap();
}

fn corrupt_at(error: &Error) -> (&str, u64) {
    match error {
        Error::Corrupt { object, offset, .. } => (object, *offset),
        other => panic!("{other:?}"),
    }
}

/// The primary is damaged at `object` and `offset`; the backup gives the table.
fn only_backup(found: &Read, table: &Table, object: &str, offset: u64) {
    assert_eq!(found.source, TableCopy::Backup);
    assert_eq!(&found.table, table);
    assert!(found.backup.is_ok() && !found.copies_equal);
    assert_eq!(corrupt_at(found.primary.as_ref().unwrap_err()), (object, offset));
}

#[test]
fn every_flipped_byte_of_a_header_is_seen() {
    for byte in 0..92 {
        for (header, copy) in [(PRIMARY, TableCopy::Backup), (BACKUP, TableCopy::Primary)] {
            let (table, mut image) = sample();
            image[header + byte] ^= 0x40;
            let found = read(&image, 512).unwrap();
            assert_eq!(found.source, copy, "byte {byte}");
            assert_eq!(found.primary.is_ok(), copy == TableCopy::Primary);
            assert_eq!(found.backup.is_ok(), copy == TableCopy::Backup);
            assert_eq!(found.table, table);
        }
    }
}

#[test]
fn a_wrong_header_checksum_is_named() {
    let (table, mut image) = sample();
    image[PRIMARY + 16] ^= 1;
    let found = read(&image, 512).unwrap();
    only_backup(&found, &table, "primary header crc32", 528);
}

#[test]
fn a_torn_entry_array_is_seen_in_both_copies() {
    let (table, mut image) = sample();
    // The first sector of another table, the rest of this one.
    image[1024 + 32] ^= 1;
    only_backup(&read(&image, 512).unwrap(), &table, "primary entries crc32", 1024);

    let (table, mut image) = sample();
    image[BACKUP_ENTRIES + 128 * 6] = 0;
    let found = read(&image, 512).unwrap();
    assert_eq!((found.source, &found.table), (TableCopy::Primary, &table));
    let error = found.backup.unwrap_err();
    assert_eq!(corrupt_at(&error), ("backup entries crc32", BACKUP_ENTRIES as u64));
    assert_eq!(found.backup_found, None);
}

#[test]
fn a_header_that_belongs_elsewhere_is_refused() {
    let (table, mut image) = sample();
    image.copy_within(BACKUP..BACKUP + 512, PRIMARY);
    only_backup(&read(&image, 512).unwrap(), &table, "primary header my lba", 512 + 24);
}

#[test]
fn absurd_sizes_are_refused_before_they_are_used() {
    for (field, value, offset) in [
        (80, u32::MAX, 592),
        (80, 0, 592),
        (80, 1025, 592),
        (84, u32::MAX, 596),
        (84, 0, 596),
        (84, 64, 596),
        (84, 192, 596),
        (84, 1 << 31, 596),
    ] {
        let (table, mut image) = sample();
        put_le_u32(&mut image, PRIMARY + field, value).unwrap();
        seal(&mut image, PRIMARY);
        let found = read(&image, 512).unwrap();
        assert_eq!((found.source, &found.table), (TableCopy::Backup, &table));
        match found.primary.unwrap_err() {
            Error::Corrupt { offset: at, .. } | Error::Unsupported { offset: at, .. } => {
                assert_eq!(at, offset);
            }
            other => panic!("{other:?}"),
        }
    }
}

#[test]
fn positions_outside_the_disk_are_refused() {
    // The usable range is one object, named at its first field.
    for (field, value, object, named) in [
        (32, SECTORS, "primary header alternate lba", 32),
        (32, 1, "primary header alternate lba", 32),
        (40, u64::MAX, "primary header usable range", 40),
        (48, u64::MAX, "primary header usable range", 40),
        (48, SECTORS - 1, "primary header usable range", 40),
        (72, 0, "primary header entries lba", 72),
        (72, 3, "primary header entries lba", 72),
        (72, u64::MAX, "primary header entries lba", 72),
    ] {
        let (table, mut image) = sample();
        put_le_u64(&mut image, PRIMARY + field, value).unwrap();
        seal(&mut image, PRIMARY);
        only_backup(&read(&image, 512).unwrap(), &table, object, 512 + named);
    }
}

#[test]
fn partitions_that_cannot_be_are_refused() {
    // Sealed again, so only the meaning is wrong: overlap, outside, twice the same GUID.
    for (at, value) in [(1024 + 32, 64), (1024 + 40, 4090), (1024 + 40, 39), (1024 + 40, 300)] {
        let (table, mut image) = sample();
        put_le_u64(&mut image, at, value).unwrap();
        let crc = crc32fast::hash(&image[1024..1024 + 16384]);
        put_le_u32(&mut image, PRIMARY + 88, crc).unwrap();
        seal(&mut image, PRIMARY);
        let found = read(&image, 512).unwrap();
        assert_eq!((found.source, &found.table), (TableCopy::Backup, &table));
        assert!(corrupt_at(&found.primary.unwrap_err()).0.starts_with("primary partition "));
    }
}

#[test]
fn one_copy_alone_is_enough_and_none_is_an_error() {
    let (table, mut image) = sample();
    image[PRIMARY..PRIMARY + 512 + 16384].fill(0);
    only_backup(&read(&image, 512).unwrap(), &table, "primary header signature", 512);
    let (table, mut image_2) = sample();
    image_2[BACKUP_ENTRIES..].fill(0);
    let found = read(&image_2, 512).unwrap();
    assert_eq!((found.source, &found.table), (TableCopy::Primary, &table));
    assert_eq!(corrupt_at(&found.backup.unwrap_err()).0, "backup header signature");

    image[BACKUP_ENTRIES..].fill(0);
    assert!(matches!(read(&image, 512), Err(Error::NoTable { .. })));
    assert!(matches!(read(&image, 4096), Err(Error::NoTable { .. })));
    assert!(matches!(read(&image, 1024), Err(Error::Refused { .. })));
    assert!(matches!(read(&image[..1024], 512), Err(Error::Refused { .. })));
}

#[test]
fn the_backup_of_an_earlier_table_at_the_end_is_ignored() {
    let (table, mut image) = sample();
    let earlier = Table { disk_guid: Guid::from_u128(1), ..common::table(512, 8192) };
    let mut disk = common::image(&earlier);
    disk[..image.len()].copy_from_slice(&image);
    let found = read(&disk, 512).unwrap();
    assert_eq!(found.table, table);
    assert!(matches!(found.backup, Err(Error::NotAtEnd { expected: 8191, found: 4095 })));

    // An image that was cut off has no valid table at all.
    image.truncate(image.len() - 512);
    assert!(matches!(read(&image, 512), Err(Error::NoTable { .. })));
}

#[test]
fn what_cannot_be_written_is_refused() {
    let refused = |change: fn(&mut Table)| {
        let mut table = table(512, SECTORS);
        change(&mut table);
        match table.encode() {
            Err(Error::Refused { object, .. }) => object,
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(refused(|t| t.sector_bytes = 2048), "sector size");
    assert_eq!(refused(|t| t.disk_sectors = 67), "disk");
    assert_eq!(refused(|t| t.disk_sectors = u64::MAX), "disk");
    assert_eq!(refused(|t| t.partitions[0].number = 0), "partition number");
    assert_eq!(refused(|t| t.partitions[0].number = 129), "partition number");
    assert_eq!(refused(|t| t.partitions[0].number = 3), "partition 3 number");
    assert_eq!(refused(|t| t.partitions[0].name = "é".repeat(37)), "partition 1 name");
    assert_eq!(refused(|t| t.partitions[0].name = "𝄞".repeat(19)), "partition 1 name");
    assert_eq!(refused(|t| t.partitions[0].name = "a\0b".to_owned()), "partition 1 name");
    assert_eq!(refused(|t| t.partitions[0].first_lba = 33), "partition 1 sectors");
    assert_eq!(refused(|t| t.partitions[1].last_lba = 4063), "partition 3 sectors");
    assert_eq!(refused(|t| t.partitions[1].last_lba = 255), "partition 3 sectors");
    assert_eq!(refused(|t| t.partitions[0].last_lba = 64), "partition 7 first sector");
    assert_eq!(refused(|t| t.partitions[0].type_guid = Guid::ZERO), "partition 1 type");
    assert_eq!(refused(|t| t.partitions[0].unique_guid = Guid::ZERO), "partition 1 guid");
    let twice = |t: &mut Table| t.partitions[1].unique_guid = t.partitions[0].unique_guid;
    assert_eq!(refused(twice), "partition 3 guid");
    let mut largest = table(512, SECTORS);
    largest.disk_sectors = 68;
    largest.partitions.clear();
    assert_eq!(largest.usable().unwrap(), (34, 34));
    largest.encode().unwrap();
}

#[test]
fn entries_larger_than_128_bytes_are_read() {
    assert_eq!(le_u32(&sample().1, PRIMARY + 84), Some(128));
    let (table, mut image) = sample();
    let mut entries = vec![0; 16384];
    for number in [1, 3, 7] {
        let from = 1024 + (number - 1) * 128;
        entries[(number - 1) * 256..][..128].copy_from_slice(&image[from..from + 128]);
    }
    image[1024..1024 + 16384].copy_from_slice(&entries);
    put_le_u32(&mut image, PRIMARY + 80, 64).unwrap();
    put_le_u32(&mut image, PRIMARY + 84, 256).unwrap();
    put_le_u32(&mut image, PRIMARY + 88, crc32fast::hash(&entries)).unwrap();
    seal(&mut image, PRIMARY);
    let found = read(&image, 512).unwrap();
    assert_eq!((found.source, &found.table), (TableCopy::Primary, &table));
    assert!(found.copies_equal);
}

/// Also a check that the seeds are what their names say.
#[test]
fn the_fuzz_seeds_and_all_their_one_byte_changes_are_read_without_panic() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/fuzz/corpus/gpt");
    let mut count = 0;
    for seed in std::fs::read_dir(seeds).unwrap() {
        let path = seed.unwrap().path();
        let bytes = std::fs::read(&path).unwrap();
        if !["two-partitions", "backup-only", "larger-disk", "wide-entries"]
            .iter()
            .any(|name| path.ends_with(name))
        {
            continue;
        }
        let found = read(&bytes, 512).unwrap();
        assert_eq!(found.source == TableCopy::Backup, path.ends_with("backup-only"));
        let moved = matches!(found.backup, Err(Error::NotAtEnd { .. }));
        assert_eq!(moved, path.ends_with("larger-disk"));
        for index in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[index] = !changed[index];
            let _ = read(&changed, 512);
        }
        count += 1;
    }
    assert_eq!(count, 4);
}
