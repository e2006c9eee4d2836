//! The order of writing: power may fail between any two sectors, in any order within a step.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod common;

use anklume_gpt::{Encoded, Table, TableCopy, read};
use common::{image, put, table};

/// The sectors of the two steps: (byte offset, bytes).
fn steps(encoded: &Encoded, valid: TableCopy) -> [Vec<(usize, &[u8])>; 2] {
    encoded.live_order(valid).map(|step| {
        step.iter()
            .flat_map(|piece| {
                let sectors = piece.bytes.chunks(512).enumerate();
                sectors.map(|(index, bytes)| (piece.offset as usize + index * 512, bytes))
            })
            .collect()
    })
}

/// Writes a growing part of each step, forwards and backwards, and reads the table every time.
fn cut_everywhere(disk: &[u8], old: &Table, new: &Table, valid: TableCopy) {
    let encoded = new.encode().unwrap();
    for backwards in [false, true] {
        let mut disk = disk.to_vec();
        for mut step in steps(&encoded, valid) {
            if backwards {
                step.reverse();
            }
            for (offset, bytes) in step {
                // Torn in the middle of the sector, then whole.
                disk[offset..offset + 256].copy_from_slice(&bytes[..256]);
                assert!([old, new].contains(&&read(&disk, 512).unwrap().table));
                disk[offset..offset + 512].copy_from_slice(bytes);
                assert!([old, new].contains(&&read(&disk, 512).unwrap().table));
            }
        }
        let found = read(&disk, 512).unwrap();
        assert!(found.primary.is_ok() && found.backup.is_ok() && found.copies_equal);
        assert_eq!(&found.table, new);
    }
}

#[test]
fn a_cut_while_changing_leaves_the_old_or_the_new_table() {
    let old = table(512, 4096);
    let mut new = old.clone();
    new.partitions.remove(0);
    new.partitions[0].name = "renamed".to_owned();
    new.partitions[1].number = 100;
    cut_everywhere(&image(&old), &old, &new, TableCopy::Primary);
}

#[test]
fn a_cut_while_growing_leaves_the_old_or_the_new_table() {
    let old = table(512, 4096);
    let mut disk = image(&old);
    disk.resize(8192 * 512, 0);
    let mut new = Table { disk_sectors: 8192, ..old.clone() };
    new.partitions[1].last_lba = 8000;
    cut_everywhere(&disk, &old, &new, TableCopy::Primary);
}

#[test]
fn a_cut_while_repairing_keeps_the_only_valid_copy() {
    let old = table(512, 4096);
    let mut disk = image(&old);
    disk[512..1024].fill(0xff);
    let mut new = old.clone();
    new.partitions[1].last_lba = 700;
    let source = read(&disk, 512).unwrap().source;
    assert_eq!(source, TableCopy::Backup);
    cut_everywhere(&disk, &old, &new, source);
}

#[test]
fn one_interrupted_step_is_reported() {
    let old = table(512, 4096);
    let mut new = old.clone();
    new.partitions[0].attributes = 0;
    let mut disk = image(&new);
    let encoded = old.encode().unwrap();
    for piece in encoded.live_order(TableCopy::Primary)[1] {
        let start = piece.offset as usize;
        disk[start..start + piece.bytes.len()].copy_from_slice(&piece.bytes);
    }
    let found = read(&disk, 512).unwrap();
    assert!(found.primary.is_ok() && found.backup.is_ok() && !found.copies_equal);
    assert_eq!(found.table, old);
    put(&mut disk, &encoded);
    assert!(read(&disk, 512).unwrap().copies_equal);
}
