//! Bits, lengths and tables that are wrong anywhere: found where something covers them, and never a
//! panic.

use crate::*;

/// What a checksum, a digest or a second copy covers.
fn covered(sample: &Sample, image: &[u8]) -> Vec<(u64, u64)> {
    let last = image.len() as u64 - SECTOR_BYTES;
    let catalog = Volume::open(image).unwrap().boot_catalog().unwrap().unwrap();
    let bios = catalog.entries[0].offset_bytes;
    let whole = |name: &str| (sample.area(name).offset, sample.area(name).bytes);
    let os = sample.start(Role::Os(Slot::A));
    let tree = os + sample.data_bytes + 4096;
    vec![
        (512, 92),
        (1024, 128 * 128),
        (last, 92),
        (last - 32 * SECTOR_BYTES, 128 * 128),
        (catalog.offset_bytes, 32),
        (bios, 5000),
        (0, 440),
        (32768, SYSTEM_AREA_BYTES - 32768),
        (sample.start(Role::BiosBoot), 3072),
        whole("ESP"),
        whole(files::UKI),
        whole(files::KERNEL),
        whole(files::INITRD),
        whole(files::BOOT_ENTRY),
        (os, sample.data_bytes),
        (tree, sample.area("OS").offset + sample.area("OS").bytes - tree),
    ]
}

#[test]
fn a_flipped_bit_that_something_covers_is_found() {
    let sample = iso();
    let mut image = sample.whole();
    let areas = covered(&sample, &image);
    let mut numbers = noise(11);
    let mut next = || numbers.next().unwrap();
    for round in 0..200 {
        let (start, bytes) = areas[round % areas.len()];
        let (at, bit) = ((start + next() % bytes) as usize, 1 << (next() % 8));
        image[at] ^= bit;
        assert!(!check(&image).sound, "byte {at}, bit {bit}");
        image[at] ^= bit;
    }
    assert!(check(&image).sound);
}

#[test]
fn a_flipped_bit_anywhere_never_ends_in_a_panic() {
    let sample = iso();
    let mut image = sample.whole();
    let mut used: Vec<(u64, u64)> =
        sample.image.pieces.iter().map(|(at, bytes)| (*at, bytes.len() as u64)).collect();
    used.retain(|(_, bytes)| *bytes > 0);
    let mut numbers = noise(12);
    let mut next = || numbers.next().unwrap();
    for round in 0..200 {
        let (start, bytes) = used[round % used.len()];
        let at = (start + next() % bytes) as usize;
        let before = image[at];
        image[at] = next() as u8;
        let _report = check(&image);
        let _facts = inspect(&image, Depth::Files);
        image[at] = before;
    }
}

#[test]
fn a_truncated_image_is_damaged_wherever_it_ends() {
    let sample = iso();
    let image = sample.whole();
    let mut numbers = noise(13);
    let ends = [1, 511, 512, 1023, 1024, 32768, 40000, image.len() as u64 - 1];
    let random: Vec<u64> =
        numbers.by_ref().take(42).map(|number| number % image.len() as u64).collect();
    for end in ends.into_iter().chain(random) {
        let cut = &&image[..end as usize];
        assert!(!check(cut).sound, "{end}");
        let _facts = inspect(cut, Depth::Files);
    }
}

#[test]
fn what_is_no_image_is_damaged() {
    let noise: Vec<u8> = noise(14).flat_map(u64::to_le_bytes).take(1 << 20).collect();
    for bytes in [vec![], vec![0; 1 << 20], noise] {
        let report = check(&bytes);
        assert_eq!(report.faults().count(), 1, "{}", lines(&report));
        let facts = inspect(&bytes, Depth::Files);
        assert!(facts.table.is_none() && facts.faults.len() == 1);
        assert!(anklume_build::image::fuzz(&bytes).table.is_none());
    }
}

#[test]
fn an_os_that_asks_for_too_much_is_refused() {
    let folder = folder();
    let deep = folder.path().join("deep");
    let path = (0..200).fold(deep.clone(), |path, _| path.join("d"));
    std::fs::create_dir_all(&path).unwrap();
    std::fs::write(path.join("file"), "x").unwrap();
    let os = squashfs(&deep, &["-comp", "zstd"]);
    let facts = inspect(&sample(&os, Format::Iso).image, Depth::Files);
    assert_eq!(facts.slots[0].content.as_ref().unwrap().directories, 201);
    // More inodes than are held (u32 LE).
    let many = sample(&with(&os, 4, &(2_u32 << 20).to_le_bytes()), Format::Iso);
    let report = check(&many.image);
    assert_faults("inodes", &report, &["squashfs"]);
    assert!(lines(&report).contains("expected at most 1048576, found more"), "{}", lines(&report));
    let gzip = sample(&squashfs(&deep.join("d/d"), &["-comp", "gzip"]), Format::Iso);
    let report = check(&gzip.image);
    assert_faults("gzip", &report, &["squashfs"]);
    assert!(lines(&report).contains("expected zstd and xz, found gzip"));
}

#[test]
fn damaged_tables_of_a_squashfs_never_end_in_a_panic() {
    let folder = folder();
    small_os(folder.path());
    let os = squashfs(&folder.path().join("root"), &["-comp", "xz", "-noI", "-no-exports"]);
    let mut sample = sample(&os, Format::Iso);
    let start = sample.start(Role::Os(Slot::A));
    let tables = anklume_squashfs::Superblock::read(&os).unwrap().tables.inode;
    let piece = sample.image.pieces.iter().position(|(at, _)| *at == start).unwrap();
    assert_eq!(inspect(&sample.image, Depth::Files).faults, []);
    let mut numbers = noise(15);
    let mut failed = 0;
    for _ in 0..600 {
        let number = numbers.next().unwrap();
        let at = (tables + number % (os.len() as u64 - tables)) as usize;
        let before = sample.image.pieces[piece].1[at];
        sample.image.pieces[piece].1[at] = (number >> 32) as u8;
        failed += inspect(&sample.image, Depth::Files).faults.len();
        sample.image.pieces[piece].1[at] = before;
    }
    assert!(failed > 10, "{failed}");
}
