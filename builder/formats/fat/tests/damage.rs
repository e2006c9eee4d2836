//! Damaged file systems: each kind of damage is named, and nothing loops or panics.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod common;

use anklume_bytes::{le_u16, put_le_u16, put_le_u32};
use anklume_fat::{Error, FatType, FileSystem, Problem};
use common::{MIB, sample};

/// Offset of the table, of its copy, and of the data area; sizes of the sample with 40 MiB.
struct Sample {
    image: Vec<u8>,
    tables: [usize; 2],
}

fn fat16() -> Sample {
    let (layout, image) = sample(40 * MIB);
    assert_eq!((layout.fat_type, layout.cluster_bytes), (FatType::Fat16, 4096));
    let first = usize::from(le_u16(&image, 14).unwrap()) * 512;
    let length = usize::from(le_u16(&image, 22).unwrap()) * 512;
    Sample { image, tables: [first, first + length] }
}

impl Sample {
    fn first_cluster(&self, path: &str) -> u16 {
        let read = FileSystem::open(&self.image).unwrap();
        read.find(path).unwrap().unwrap().first_cluster as u16
    }

    /// Sets the entry in both tables.
    fn set(&mut self, cluster: u16, value: u16) {
        for table in self.tables {
            put_le_u16(&mut self.image, table + usize::from(cluster) * 2, value).unwrap();
        }
    }

    fn problems(&self) -> Vec<Problem> {
        FileSystem::open(&self.image).unwrap().check().unwrap()
    }

    fn read(&self, path: &str) -> Result<Vec<u8>, Error> {
        let read = FileSystem::open(&self.image).unwrap();
        read.read(&read.find(path).unwrap().unwrap(), MIB)
    }
}

const FILE: &str = "EFI/BOOT/BOOTX64.EFI";

#[test]
fn a_cycle_in_a_file_ends() {
    let mut fs = fat16();
    let first = fs.first_cluster(FILE);
    fs.set(first + 10, first);
    assert!(matches!(fs.read(FILE), Err(Error::Corrupt { .. })));
    let problems = fs.problems();
    assert!(problems.iter().any(|problem| matches!(problem,
        Problem::CrossLinked { path, cluster } if path == FILE && *cluster == u32::from(first))));
    assert!(problems.iter().any(|problem| matches!(problem, Problem::LostClusters { count: 63 })));
}

#[test]
fn a_cycle_in_a_directory_ends() {
    let mut fs = fat16();
    let first = fs.first_cluster("EFI/BOOT");
    fs.set(first, first);
    assert!(fs.problems().iter().any(|problem| matches!(problem, Problem::CrossLinked { .. })));
    let read = FileSystem::open(&fs.image).unwrap();
    assert!(matches!(read.list(), Err(Error::Corrupt { .. })));
    assert!(matches!(read.find(FILE), Err(Error::Corrupt { .. })));
}

#[test]
fn a_directory_inside_itself_ends() {
    let mut fs = fat16();
    let read = FileSystem::open(&fs.image).unwrap();
    let efi = read.find("EFI").unwrap().unwrap();
    let at = read.extents(&efi).unwrap()[0].offset as usize + 64;
    assert_eq!(&fs.image[at..at + 4], b"BOOT");
    put_le_u16(&mut fs.image, at + 26, efi.first_cluster as u16).unwrap();
    let read = FileSystem::open(&fs.image).unwrap();
    assert!(matches!(read.list(), Err(Error::Corrupt { .. })));
    assert!(read.find(&"EFI/BOOT/".repeat(500)).unwrap().is_none());
    assert!(fs.problems().iter().any(|problem| matches!(problem, Problem::Directory { .. })));
}

#[test]
fn wrong_lengths_and_links_are_named() {
    let mut fs = fat16();
    let first = fs.first_cluster("INITRD.IMG");
    fs.set(first + 3, 0xffff);
    assert!(matches!(fs.read("INITRD.IMG"), Err(Error::Corrupt { .. })));
    assert!(matches!(
        &fs.problems()[..],
        [Problem::ChainLength { expected: 25, found: 4, .. }, Problem::LostClusters { count: 21 },]
    ));
    for (value, name) in [(0, "free"), (0xfff7, "bad"), (1, "reserved"), (0xfff0, "outside")] {
        let mut fs = fat16();
        fs.set(first + 3, value);
        assert!(matches!(fs.read("INITRD.IMG"), Err(Error::Corrupt { .. })), "{name}");
        let problems = fs.problems();
        let is_named = problems.iter().any(|problem| {
            matches!(problem,
            Problem::BadLink { cluster, .. } if *cluster == u32::from(first + 3))
        });
        assert!(is_named, "{name}: {problems:?}");
    }
    let mut fs = fat16();
    let last = first + 24;
    fs.set(last, last + 1);
    fs.set(last + 1, 0xffff);
    assert!(matches!(fs.read("INITRD.IMG"), Err(Error::Corrupt { .. })));
    assert!(matches!(&fs.problems()[..], [Problem::ChainLength { expected: 25, found: 26, .. }]));
}

#[test]
fn crossed_chains_are_named() {
    let mut fs = fat16();
    let (first, other) = (fs.first_cluster(FILE), fs.first_cluster("INITRD.IMG"));
    fs.set(other, first + 1);
    let problems = fs.problems();
    assert!(problems.iter().any(|problem| matches!(problem, Problem::CrossLinked { .. })));
}

#[test]
fn different_tables_are_named() {
    let mut fs = fat16();
    fs.image[fs.tables[1] + 4097] ^= 1;
    assert!(matches!(&fs.problems()[..], [Problem::TablesDiffer { offset: 4097 }]));
    let mut fs = fat16();
    for table in fs.tables {
        fs.image[table] = 0xf0;
    }
    let problems = fs.problems();
    assert!(matches!(&problems[..], [Problem::Media { expected: 0xf8, found: 0xf0 }]));
}

#[test]
fn wrong_counts_and_copies_of_fat32_are_named() {
    let (layout, mut image) = sample(260 * MIB);
    assert_eq!(layout.fat_type, FatType::Fat32);
    image[512 + 488] ^= 1;
    image[6 * 512 + 40] ^= 1;
    let problems = FileSystem::open(&image).unwrap().check().unwrap();
    assert!(matches!(
        &problems[..],
        [Problem::BackupBootSector { offset: 40 }, Problem::FreeCount { .. },]
    ));
}

#[test]
fn boot_sectors_that_contradict_themselves_are_refused() {
    for (field, value, bytes) in [
        (510, 0, 2), // signature
        (11, 0, 2),  // bytes per sector
        (11, 513, 2),
        (11, 8192, 2),
        (13, 0, 1), // sectors per cluster
        (13, 3, 1),
        (14, 0, 2), // reserved sectors
        (16, 0, 1), // tables
        (16, 3, 1),
        (17, 0xffff, 2), // root entries
        (22, 0, 2),      // sectors per table
        (22, 1, 2),
        (22, 0xffff, 2),
        (32, 1, 4), // sectors
        (32, u32::MAX, 4),
        (32, 81921, 4),
    ] {
        let mut fs = fat16();
        let value: u32 = value;
        fs.image[field..field + bytes].copy_from_slice(&value.to_le_bytes()[..bytes]);
        let opened = FileSystem::open(&fs.image);
        assert!(opened.is_err(), "{field}: {value}");
    }
    assert!(FileSystem::open(&[0; 511][..]).is_err());
    assert!(FileSystem::open(&[0; 512][..]).is_err());
}

/// A file system without a problem can be listed and read.
fn sound_is_readable(image: &[u8]) {
    let Ok(read) = FileSystem::open(image) else { return };
    let is_sound = read.check().is_ok_and(|problems| problems.is_empty());
    let all = read.list();
    assert!(all.is_ok() || !is_sound);
    for entry in all.iter().flatten().filter(|entry| !entry.is_directory) {
        assert!(read.read(entry, MIB).is_ok() || !is_sound);
    }
}

#[test]
fn any_byte_of_the_metadata_can_change_without_a_panic() {
    let (layout, mut image) = sample(MIB);
    for (offset, bytes) in &layout.metadata {
        let used = bytes.iter().rposition(|byte| *byte != 0).unwrap() + 1;
        for at in *offset as usize..(*offset as usize + used + 32).min(image.len()) {
            for change in [0x01, 0xff] {
                image[at] ^= change;
                sound_is_readable(&image);
                image[at] ^= change;
            }
        }
    }
}

/// Also a check that the seeds are what their names say.
#[test]
fn any_byte_of_the_fuzz_seeds_can_change_without_a_panic() {
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../../../tests/fuzz/corpus/fat");
    for (name, fat_type) in
        [("fat12", FatType::Fat12), ("fat32", FatType::Fat32), ("long-name", FatType::Fat12)]
    {
        let mut image = std::fs::read(format!("{seeds}/{name}")).unwrap();
        let read = FileSystem::open(&image).unwrap();
        assert_eq!(read.fat_type(), fat_type);
        let problems = read.check().unwrap();
        assert!(problems.is_empty(), "{name}: {problems:?}");
        let file = read.find("DIR/FILE.TXT").unwrap().unwrap();
        assert_eq!(read.read(&file, MIB).unwrap(), [b'x'; 700]);
        for at in 0..image.len() {
            for change in [0x01, 0xff] {
                image[at] ^= change;
                sound_is_readable(&image);
                image[at] ^= change;
            }
        }
    }
}

#[test]
fn absurd_sizes_of_fat32_are_refused_or_bounded() {
    let (_, mut image) = sample(260 * MIB);
    put_le_u32(&mut image, 36, u32::MAX).unwrap();
    assert!(FileSystem::open(&image).is_err());
    let (_, mut image) = sample(260 * MIB);
    put_le_u32(&mut image, 44, u32::MAX).unwrap();
    let read = FileSystem::open(&image).unwrap();
    assert!(matches!(read.list(), Err(Error::Corrupt { .. })));
    assert!(!read.check().unwrap().is_empty());
}
