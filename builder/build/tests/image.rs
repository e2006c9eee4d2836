//! `inspect` and `verify` over small images made here, sound, damaged and hostile.
//!
//! With the environment variable `ANKLUME_TEST_IMAGE` also over that image.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod sample;

use std::path::Path;
use std::process::Command;

use anklume_build::image::{Bytes, Depth, Options, Report, inspect, verify};
use anklume_bytes::ReadAt;
use anklume_gpt::Table;
use anklume_iso9660::Volume;
use anklume_layout::disk::Format;
use anklume_layout::{Role, SECTOR_BYTES, SYSTEM_AREA_BYTES, Slot, files};
use sample::{Sample, Sparse, noise, sample, small_os, squashfs};

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn iso() -> Sample {
    sample(&small_os(folder().path()), Format::Iso)
}

fn check(image: &Bytes<'_>) -> Report {
    verify(image, Options::default(), &mut |_, _, _| {})
}

fn lines(report: &Report) -> String {
    report.checks.iter().map(|check| format!("{check}\n")).collect()
}

/// The image with `bytes` at `offset`.
fn with(image: &[u8], offset: u64, bytes: &[u8]) -> Vec<u8> {
    let mut image = image.to_vec();
    let offset = offset as usize;
    image[offset..offset + bytes.len()].copy_from_slice(bytes);
    image
}

/// The image with one bit of the byte at `offset` changed.
fn flipped(image: &[u8], offset: u64) -> Vec<u8> {
    with(image, offset, &[image[offset as usize] ^ 0x10])
}

#[test]
fn a_sound_image_is_accepted() {
    let sample = iso();
    let image = sample.whole();
    let mut steps = Vec::new();
    let options = Options { deep: true, medium: false };
    let report = verify(&image, options, &mut |name, done, _| steps.push((name.to_owned(), done)));
    assert!(report.sound, "{}", lines(&report));
    assert!(report.checks.len() > 30, "{}", lines(&report));
    assert!(steps.contains(&("hash tree of slot a".to_owned(), sample.data_bytes)));
    assert!(lines(&report).contains("300136 bytes of files decompressed"), "{}", lines(&report));
}

#[test]
fn what_is_in_an_image_is_shown() {
    let sample = iso();
    let image = sample.whole();
    let facts = inspect(&image, Depth::Files);
    assert_eq!(facts.faults, []);
    let labels: Vec<_> = facts.table.unwrap().partitions.into_iter().map(|p| p.label).collect();
    assert_eq!(labels, ["anklume-bios", "anklume-esp", "anklume-boot-a", "anklume-os-a"]);
    let slot = &facts.slots[0];
    let manifest = slot.manifest.as_ref().unwrap();
    assert_eq!(manifest.root_hash, sample.root_hash);
    let content = slot.content.as_ref().unwrap();
    assert_eq!((content.files, content.directories, content.links), (4, 7, 1));
    assert_eq!(content.release("IMAGE_VERSION"), Some("1.2"));
    assert_eq!(slot.verity.as_ref().unwrap().data_bytes, sample.data_bytes);
    assert_eq!(slot.squashfs.as_ref().unwrap().inodes, 12);
    let sections: Vec<_> = slot.uki.iter().map(|s| (s.profile, s.name.as_str())).collect();
    assert_eq!(sections[3..5], [(0, ".cmdline"), (0, ".uname")]);
    assert_eq!(sections[9..11], [(1, ".cmdline"), (2, ".profile")]);
    let iso = facts.iso.unwrap();
    let os = iso.files.iter().find(|file| file.path == "ANKLUME/OS.IMG").unwrap();
    assert_eq!((os.offset, os.partition), (sample.area("OS").offset, Some(4)));
    let platforms: Vec<_> = facts.firmware.el_torito.iter().map(|e| e.partition).collect();
    assert_eq!(platforms, [None, Some(2)]);
    assert!(facts.firmware.mbr.is_some_and(|mbr| mbr.protective && mbr.dummy_active));
}

#[test]
fn a_raw_image_may_have_an_empty_slot_and_a_full_one() {
    let sample = sample(&small_os(folder().path()), Format::Raw);
    let report = check(&sample.image);
    assert!(report.sound, "{}", lines(&report));
    assert!(lines(&report).contains("ok: slot b: empty\n"), "{}", lines(&report));
    let slots = inspect(&sample.image, Depth::Files).slots;
    assert_eq!(slots.iter().map(|slot| slot.empty).collect::<Vec<_>>(), [false, true]);
    // What an update of slot B does.
    let shift = sample.start(Role::Boot(Slot::B)) - sample.start(Role::Boot(Slot::A));
    let copy = |image: &Sparse, from: Role| {
        let (start, end) =
            (sample.start(from), sample.start(from) + sample.disk.extent(from).unwrap().bytes);
        let pieces = image.pieces.iter().filter(|(at, _)| (start..end).contains(at));
        pieces.map(|(at, bytes)| (at + shift, bytes.clone())).collect::<Vec<_>>()
    };
    let mut half = sample.image.clone();
    half.pieces.extend(copy(&sample.image, Role::Boot(Slot::A)));
    assert_faults("half a slot", &check(&half), &["partition 6 (anklume-os-b)"]);
    let mut full = half.clone();
    full.pieces.extend(copy(&sample.image, Role::Os(Slot::A)));
    let report = check(&full);
    assert!(
        report.sound && lines(&report).contains("ok: manifest of slot b"),
        "{}",
        lines(&report)
    );
}

#[test]
fn the_persistent_partition_is_empty_or_ext4() {
    let sample = sample(&small_os(folder().path()), Format::Raw);
    let persist = sample.start(Role::Persist);
    let mut image = sample.image.clone();
    image.pieces.push((persist + 1024 + 0x38, vec![0x53, 0xef]));
    assert!(check(&image).sound);
    image.pieces.push((persist + 1024 + 0x38, vec![0x54, 0xef]));
    assert_faults("persist", &check(&image), &["partition 7"]);
}

/// Every fault is about one of `objects`, and there is one.
fn assert_faults(name: &str, report: &Report, objects: &[&str]) {
    assert!(report.faults().next().is_some(), "{name} was not found");
    // A digest tells damage of every kind; these tests are about what names the place.
    let digest = |text: &&String| text.starts_with("sha-256 ");
    let faults: Vec<_> =
        report.faults().filter(|fault| fault.expected.as_ref().filter(digest).is_none()).collect();
    assert!(!faults.is_empty(), "only a digest found {name}");
    for fault in faults {
        let known = objects.iter().any(|object| fault.object.contains(object));
        assert!(known, "{name}: {fault} is not about {objects:?}");
    }
}

#[test]
fn damage_to_tables_and_boot_records_is_named() {
    let sample = iso();
    let image = sample.whole();
    let last = image.len() as u64 - SECTOR_BYTES;
    let core = sample.start(Role::BiosBoot);
    for (name, offset, objects) in [
        ("primary header", 512 + 24, &["primary header"][..]),
        ("primary entries", 1024 + 8, &["primary entries"]),
        ("backup header", last + 24, &["backup header"]),
        ("backup entries", last - 32 * 512 + 8, &["backup entries"]),
        ("boot signature", 510, &["mbr signature"]),
        ("protective record", 450, &["mbr"]),
        ("size of the protective record", 458, &["mbr"]),
        ("dummy record", 462, &["mbr"]),
        ("core sector", 0x5c, &["mbr: boot code"]),
        ("drive check", 0x66, &["mbr: boot code"]),
        ("block list: start", core + 500, &["partition 1 (anklume-bios): block list"]),
        ("block list: sectors", core + 509, &["partition 1 (anklume-bios): block list"]),
        ("block list: segment", core + 510, &["partition 1 (anklume-bios): block list"]),
    ] {
        assert_faults(name, &check(&flipped(&image, offset)), objects);
    }
}

#[test]
fn damage_to_the_iso_view_is_named() {
    let sample = iso();
    let image = sample.whole();
    let catalog = Volume::open(&image).unwrap().boot_catalog().unwrap().unwrap();
    let (at, bios) = (catalog.offset_bytes, catalog.entries[0].offset_bytes);
    let volume = &["iso 9660 volume"][..];
    for (name, offset, objects) in [
        ("signature", 32769, volume),
        ("volume size", 32768 + 80, volume),
        ("path table location", 32768 + 141, volume),
        ("root directory", 32768 + 156 + 2, &["iso 9660 volume", "iso 9660 file"]),
        ("catalog checksum", at + 28, volume),
        ("catalog key", at + 30, volume),
        ("bios entry", at + 32, &["el torito entry 0"]),
        ("uefi platform", at + 65, &["el torito entry 1"]),
        ("uefi place", at + 96 + 8, &["el torito entry 1"]),
        ("uefi size", at + 96 + 6, &["el torito entry 1"]),
        ("boot information", bios + 12, volume),
        ("bios image", bios + 100, volume),
    ] {
        assert_faults(name, &check(&flipped(&image, offset)), objects);
    }
}

#[test]
fn files_of_the_iso_view_that_are_other_sectors_are_named() {
    let sample = iso();
    let image = sample.whole();
    let kernel = (sample.area(files::KERNEL).offset / 2048) as u32;
    let both = |lba: u32| [lba.to_le_bytes(), lba.to_be_bytes()].concat();
    // Both directory trees have a record of the file.
    let mut moved = image.clone();
    let mut records = 0;
    for at in 32768..sample.iso_end as usize - 8 {
        if moved[at..at + 8] == both(kernel) {
            moved[at..at + 8].copy_from_slice(&both(kernel + 1));
            records += 1;
        }
    }
    assert_eq!(records, 2);
    assert_faults("moved", &check(&moved), &["iso 9660 file ANKLUME/VMLINUZ"]);
    let config = |line: &str| {
        let area = &image[32768..sample.iso_end as usize];
        let found = area.windows(line.len()).position(|part| part == line.as_bytes());
        32768 + found.unwrap() as u64
    };
    let line = format!("anklume.roothash={}", sample.root_hash);
    let damaged = flipped(&image, config(&line) + 20);
    assert_faults("config", &check(&damaged), &["iso 9660 file boot/grub/"]);
}

#[test]
fn damage_to_file_systems_and_boot_files_is_named() {
    let sample = iso();
    let image = sample.whole();
    let at = |name: &str| sample.area(name).offset;
    let (boot, esp) = (sample.start(Role::Boot(Slot::A)), sample.start(Role::Esp));
    let uki = at(files::UKI);
    // First byte of the allocation table: reserved sectors, u16 LE in the boot sector.
    let table = |start: u64| start + u64::from(image[start as usize + 14]) * SECTOR_BYTES;
    let section = |name: &str| {
        let facts = inspect(&image, Depth::Structures);
        let uki = &facts.slots[0].uki;
        uki.iter().find(|s| s.name == name && s.profile == 0).unwrap().offset
    };
    for (name, offset, objects) in [
        ("esp boot sector", esp + 11, &["partition 2 (anklume-esp)"][..]),
        ("esp table", table(esp) + 4, &["partition 2 (anklume-esp)"]),
        ("efi loader", at("ESP"), &["EFI/BOOT/BOOTX64.EFI"]),
        ("efi machine", at("ESP") + 0x84, &["EFI/BOOT/BOOTX64.EFI: machine"]),
        ("boot table", table(boot) + 4, &["partition 3 (anklume-boot-a)"]),
        ("boot entry", at(files::BOOT_ENTRY) + 3, &["BOOT.CFG"]),
        ("kernel", at(files::KERNEL) + 777, &[".linux"]),
        ("end of the kernel", at(files::KERNEL) + 70_000, &[".linux"]),
        ("initrd", at(files::INITRD) + 9, &[".initrd"]),
        ("uki header", uki, &["ANKLUME.EFI"]),
        ("uki kernel", section(".linux") + 5, &[".linux"]),
        ("uki initrd", section(".initrd") + 5, &[".initrd"]),
        ("uki release", section(".uname") + 1, &[".uname"]),
        ("uki os-release", section(".osrel") + 1, &["os-release in the UKI"]),
        ("uki command line", section(".cmdline") + 82, &[".cmdline"]),
        ("uki root hash", section(".cmdline") + 20, &[".cmdline", "root hash in the UKI"]),
    ] {
        assert_faults(name, &check(&flipped(&image, offset)), objects);
    }
}

#[test]
fn a_root_hash_of_another_tree_is_named_wherever_it_is() {
    let sample = iso();
    let image = sample.whole();
    let other = "0".repeat(64);
    let mut places = Vec::new();
    let hash = sample.root_hash.as_bytes();
    for name in [files::UKI, files::MANIFEST] {
        let area = sample.area(name);
        let content = &image[area.offset as usize..(area.offset + area.bytes) as usize];
        let found = (0..content.len() - 64).filter(|at| content[*at..].starts_with(hash));
        places.push(found.map(|at| area.offset + at as u64).collect::<Vec<_>>());
    }
    // The UKI has three command lines, the manifest a field and a command line.
    assert_eq!(places.iter().map(Vec::len).collect::<Vec<_>>(), [3, 2]);
    let named = |image: &[u8], start: &str| {
        let report = check(&image);
        let line = report.checks.iter().map(ToString::to_string).find(|l| l.starts_with(start));
        assert!(line.is_some_and(|line| line.contains(" at byte ")), "{}", lines(&report));
    };
    let uki = with(&image, places[0][0], other.as_bytes());
    named(&uki, "BAD: root hash in the UKI of slot a");
    let manifest = with(&image, places[1][0], other.as_bytes());
    named(&manifest, "BAD: root hash in the manifest of slot a");
    named(&manifest, "BAD: manifest of slot a: root-hash");
    let both = with(&uki, places[1][0], other.as_bytes());
    named(&both, "BAD: partition 4 (anklume-os-a): root hash of the tree");
}

#[test]
fn damage_to_the_manifest_is_named() {
    let sample = iso();
    let image = sample.whole();
    let area = sample.area(files::MANIFEST);
    let text = &image[area.offset as usize..(area.offset + area.bytes) as usize];
    let text = String::from_utf8(text.to_vec()).unwrap();
    let edit = |from: &str, to: &str| {
        assert_eq!(from.len(), to.len());
        let at = text.find(from).unwrap();
        with(&image, area.offset + at as u64, to.as_bytes())
    };
    let cases = [
        (edit("\"salt\":\"ab", "\"salt\":\"ac"), &["manifest of slot a: salt"][..]),
        (edit("\"6.0-sample\"", "\"6.1-sample\""), &[".uname"]),
        (edit("\"image-version\":\"1.2\"", "\"image-version\":\"1.3\""), &["image version"]),
        (edit("\"manifest-version\":2", "\"manifest-version\":3"), &["manifest-version"]),
        (edit("{\"manifest", "[\"manifest"), &["MANIFEST.JSN"]),
        (edit("\"compatible\":\"sample\"", "\"compatible\":\"simple\""), &["compatible"]),
        (edit("\"version\":\"1-1\"", "\"version\":\"1-2\""), &["packages in the manifest"]),
        (edit("\"installed-kib\":3", "\"installed-kib\":4"), &["packages in the manifest"]),
        (edit("\"boot-code\"", "\"boot-cod3\""), &["manifest"]),
        (edit(" quiet\"", " quick\""), &["BOOT.CFG", ".cmdline", "iso 9660 file"]),
    ];
    for (damaged, objects) in cases {
        assert_faults(objects[0], &check(&damaged), objects);
    }
}

#[test]
fn damage_to_the_os_is_named() {
    let sample = iso();
    let image = sample.whole();
    let (start, end) = (sample.start(Role::Os(Slot::A)), sample.data_bytes);
    let os = "partition 4 (anklume-os-a)";
    for (name, offset, objects) in [
        ("squashfs magic", start, &["squashfs superblock"][..]),
        ("squashfs data", start + 5000, &["verity"]),
        ("squashfs padding", start + end - 1, &["verity"]),
        ("verity magic", start + end, &["verity superblock"]),
        ("verity salt", start + end + 90, &["root hash of the tree", "manifest of slot a: salt"]),
        ("top hash block", start + end + 4096, &["root hash of the tree"]),
    ] {
        let report = check(&flipped(&image, offset));
        assert_faults(name, &report, objects);
        assert!(report.faults().all(|fault| fault.offset != Some(0)), "{name}");
        let lines = lines(&report);
        let partition = lines.lines().any(|l| l.starts_with("BAD: ") && l.contains(os));
        assert!(partition || name.starts_with("squashfs magic"), "{name}: {lines}");
    }
    let report = check(&flipped(&image, start + 5000));
    let block = start + 4096;
    assert!(lines(&report).contains(&format!("data block at byte {block}")), "{}", lines(&report));
}

#[test]
fn damage_to_what_is_booted_has_another_digest() {
    let sample = iso();
    let image = sample.whole();
    let catalog = Volume::open(&image).unwrap().boot_catalog().unwrap().unwrap();
    let nodes = Volume::open(&image).unwrap().list().unwrap();
    let node = |path: &str| nodes.iter().find(|node| node.path == path).unwrap().extent;
    let core = sample.start(Role::BiosBoot);
    let end = |name: &str| sample.area(name).offset + sample.area(name).bytes - 1;
    for (offset, object) in [
        (0, "mbr: boot code"),
        (439, "mbr: boot code"),
        (core, "GRUB's core image"),
        (core + 3071, "GRUB's core image"),
        (end("ESP"), "EFI/BOOT/BOOTX64.EFI"),
        (catalog.entries[0].offset_bytes, "el torito: BIOS image"),
        (catalog.entries[0].offset_bytes + 4999, "el torito: BIOS image"),
        (node(files::TREE_CONFIG).offset_bytes, "grub.cfg"),
        (node(files::LOOPBACK_CONFIG).offset_bytes, "loopback.cfg"),
        (32768 + 8, "iso 9660 volume: all of its structures"),
        (end(files::UKI), "ANKLUME.EFI"),
        // Between the DOS header and the PE header of the stub.
        (sample.area(files::UKI).offset + 0x40, "ANKLUME.EFI"),
        (sample.area(files::KERNEL).offset, "VMLINUZ"),
        (end(files::INITRD), "INITRD.IMG"),
        (end(files::BOOT_ENTRY), "BOOT.CFG"),
    ] {
        let report = check(&flipped(&image, offset));
        let digest = |text: &String| text.starts_with("sha-256 ");
        let mut faults =
            report.faults().filter(|fault| fault.expected.as_ref().is_some_and(digest));
        let named = faults.any(|fault| {
            let found = fault.found.starts_with("sha-256 ");
            fault.object.contains(object) && fault.offset <= Some(offset) && found
        });
        assert!(named, "byte {offset}: {}", lines(&report));
    }
    assert!(lines(&check(&image)).contains("ok: boot loader: every part has the digest"));
}

#[test]
fn names_that_grub_reads_are_exact() {
    let sample = iso();
    let image = sample.whole();
    let area = &image[32768..sample.iso_end as usize];
    // The Rock Ridge name: signature, length, version, flags, name (SUSP, RRIP 4.1.4).
    let entry = [&b"NM"[..], &[17, 1, 0], b"loopback.cfg"].concat();
    let at = area.windows(entry.len()).position(|part| part == entry).unwrap() as u64 + 32768;
    for (name, at, byte) in [("letter", at + 5, b'L'), ("signature", at, b'X')] {
        assert_faults(name, &check(&with(&image, at, &[byte])), &["iso 9660"]);
    }
}

/// The sample with another partition table.
fn with_table(sample: &Sample, change: impl Fn(&mut Table)) -> Sparse {
    let mut image = sample.image.clone();
    let mut table = anklume_gpt::read(&image, SECTOR_BYTES).unwrap().table;
    change(&mut table);
    let table = table.encode().unwrap();
    for piece in
        [table.primary_header, table.primary_entries, table.backup_entries, table.backup_header]
    {
        image.pieces.push((piece.offset, piece.bytes));
    }
    image
}

#[test]
fn the_table_holds_the_layout_and_nothing_else() {
    let sample = iso();
    assert!(check(&with_table(&sample, |_| {})).sound);
    for bit in [0, 1, 2, 60, 62, 63] {
        let changed = with_table(&sample, |table| table.partitions[3].attributes ^= 1 << bit);
        assert_faults("attributes", &check(&changed), &["partition 4 (anklume-os-a): attributes"]);
    }
    // Behind the last partition is less than a MiB, of which the backup table takes 33 sectors.
    let more = with_table(&sample, |table| {
        let mut other = table.partitions[3].clone();
        (other.number, other.name) = (9, "other".to_owned());
        other.unique_guid = anklume_gpt::Guid::from_hash([99; 16]);
        (other.first_lba, other.last_lba) = (other.last_lba + 1, other.last_lba + 8);
        table.partitions.push(other);
    });
    assert_faults("one more", &check(&more), &["partition 9"]);
}

#[test]
fn bytes_behind_the_table_are_named_in_a_file_and_not_on_a_medium() {
    let sample = iso();
    for more in [1, 511, 512, 4096] {
        let mut image = sample.image.clone();
        image.bytes += more;
        let report = check(&image);
        assert_faults("longer", &report, &["image", "backup partition table", "iso 9660"]);
        let options = Options { deep: false, medium: true };
        let report = verify(&image, options, &mut |_, _, _| {});
        assert!(report.sound, "{more}: {}", lines(&report));
    }
}

#[test]
fn a_test_image_is_called_one() {
    let sample = iso();
    assert!(!check(&sample.image).test_image);
    let folder = folder();
    small_os(folder.path());
    let release = folder.path().join("root/usr/lib/os-release");
    std::fs::write(release, format!("{}VARIANT_ID=test\n", sample::OS_RELEASE)).unwrap();
    let test = squashfs(&folder.path().join("root"), &["-comp", "zstd"]);
    let test = sample::sample(&test, Format::Iso);
    let report = check(&test.image);
    assert!(report.test_image && lines(&report).contains("TEST IMAGE"), "{}", lines(&report));
    let facts = inspect(&test.image, Depth::Files);
    assert!(facts.slots[0].content.as_ref().unwrap().test_image);
}

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
    let image = sample(&squashfs(&deep, &["-comp", "zstd"]), Format::Iso);
    let report = check(&image.image);
    assert!(lines(&report).contains("directories of more than 128 levels"), "{}", lines(&report));
    let gzip = sample(&squashfs(&deep.join("d/d"), &["-comp", "gzip"]), Format::Iso);
    let report = check(&gzip.image);
    assert_faults("gzip", &report, &["squashfs"]);
    assert!(lines(&report).contains("expected compression zstd or xz, found gzip"));
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

/// The part of an image as patches for the fuzzer: pieces that begin in `places`, at most their
/// first 2 KiB, without the zeros at their ends.
fn seed(image: &Sparse, places: &[std::ops::Range<u64>]) -> Vec<u8> {
    let mut patches = Vec::new();
    for (at, bytes) in &image.pieces {
        for (number, chunk) in (0..).zip(bytes.chunks(2048)) {
            let at = at + number * 2048;
            let used = chunk.iter().rposition(|byte| *byte != 0).map_or(0, |last| last + 1);
            if used == 0 || !places.iter().any(|place| place.contains(&at)) {
                continue;
            }
            patches.extend(((at / 16) as u32).to_le_bytes());
            patches.extend((used as u16).to_le_bytes());
            patches.extend(&chunk[..used]);
        }
    }
    patches
}

#[test]
fn the_seeds_of_the_fuzzer_are_parts_of_a_sound_image() {
    let sample = sample(&sample::superblock_only(), Format::Iso);
    let boot = sample.start(Role::Boot(Slot::A));
    let os = sample.start(Role::Os(Slot::A));
    let (table, uki) = (0..32768, sample.area(files::UKI).offset);
    let manifest = sample.area(files::MANIFEST).offset;
    let verity = os + sample.data_bytes;
    let esp = sample.start(Role::Esp);
    let seeds = [
        ("table", vec![table.clone()]),
        ("iso", vec![table.clone(), 32768..sample.iso_end - 8192]),
        ("esp", vec![table.clone(), esp..esp + (1 << 20)]),
        (
            "slot",
            vec![
                table,
                boot..uki + 4096,
                manifest..manifest + 4096,
                os..os + 1,
                verity..verity + 1,
            ],
        ),
    ];
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/image");
    let made = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for (name, places) in seeds {
        let seed = seed(&sample.image, &places);
        let facts = anklume_build::image::fuzz(&seed);
        let labels = facts.table.unwrap().partitions.len();
        let manifest = facts.slots.iter().any(|slot| slot.manifest.is_some());
        let sections = facts.slots.iter().map(|slot| slot.uki.len()).sum::<usize>();
        let verity = facts.slots.iter().any(|slot| slot.verity.is_some());
        let found = (labels, facts.iso.is_some(), facts.esp.is_some(), manifest, sections, verity);
        let expected = match name {
            "iso" => (4, true, false, false, 0, false),
            "esp" => (4, false, true, false, 0, false),
            "slot" => (4, false, false, true, 12, true),
            _ => (4, false, false, false, 0, false),
        };
        assert_eq!(found, expected, "{name}");
        assert!(seed.len() < 12 << 10, "{name}: {} bytes", seed.len());
        if std::fs::read(corpus.join(name)).unwrap_or_default() != seed {
            std::fs::write(made.join(name), &seed).unwrap();
            panic!("{name} has changed: {} is the new one", made.join(name).display());
        }
    }
}

/// Runs the program; exit code, standard output, standard error.
fn run(arguments: &[&str]) -> (i32, String, String) {
    let program = env!("CARGO_BIN_EXE_anklume-build");
    let output = Command::new(program).args(arguments).output().unwrap();
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn the_program_reports_in_text_and_in_json() {
    let folder = folder();
    let path = folder.path().join("x.iso");
    let image = iso().whole();
    std::fs::write(&path, &image).unwrap();
    let name = path.to_str().unwrap();
    let (code, text, _) = run(&["inspect", name, "--packages"]);
    assert_eq!(code, 0);
    let body = text.strip_prefix(&format!("{name}\n")).unwrap();
    assert!(body.lines().all(|line| line.chars().count() <= 80), "{text}");
    assert!(body.contains("\n  tiny  1-1  all\n"), "{text}");
    assert!(!run(&["inspect", name]).1.contains("tiny"));
    let (code, json, _) = run(&["inspect", name, "--json"]);
    let facts: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &facts["image"]), (0, &name.into()));
    assert_eq!(facts["slots"][0]["manifest"]["packages"][0]["name"], "tiny");
    assert_eq!(facts["iso"]["volume-id"], "SAMPLE");
    let (code, text, _) = run(&["verify", name]);
    assert!(code == 0 && text.lines().all(|line| line.starts_with("ok: ")), "{text}");
    std::fs::write(&path, flipped(&image, 462)).unwrap();
    let (code, text, errors) = run(&["verify", name]);
    assert_eq!((code, text.lines().filter(|line| line.starts_with("BAD: mbr")).count()), (5, 1));
    assert!(errors.contains("1 of 37 checks failed"), "{errors}");
    let (code, json, _) = run(&["verify", name, "--json"]);
    let report: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!((code, &report["sound"]), (5, &false.into()));
    let checks = report["checks"].as_array().unwrap();
    let bad = checks.iter().find(|check| check["result"] == "bad").unwrap();
    assert_eq!((&bad["object"], &bad["offset"]), (&"mbr".into(), &462.into()));
}

#[test]
fn the_program_tells_a_damaged_image_from_what_is_no_file() {
    let folder = folder();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    std::fs::write(path("empty"), "").unwrap();
    std::fs::write(path("text"), "x".repeat(5000)).unwrap();
    let made = Command::new("mkfifo").arg(path("fifo")).status().expect("mkfifo: coreutils");
    assert!(made.success());
    let cases = [
        (path("empty"), 5),
        (path("text"), 5),
        (path("fifo"), 3),
        (path("."), 3),
        ("/dev/zero".to_owned(), 3),
        (path("missing"), 1),
    ];
    for (image, expected) in cases {
        for command in ["inspect", "verify"] {
            let (code, _, errors) = run(&[command, &image]);
            assert_eq!(code, expected, "{command} {image}: {errors}");
            let lines = errors.lines().filter(|line| line.starts_with("error: ")).count();
            assert_eq!(lines, 1, "{command} {image}: {errors}");
            let (code, json, errors) = run(&[command, &image, "--json"]);
            let report: serde_json::Value = serde_json::from_str(&json).unwrap();
            assert_eq!(code, expected, "{command} {image}: {errors}");
            // A damaged image has a report; what cannot be opened has one line that says so.
            if image != path("text") {
                assert_eq!((json.lines().count(), &report["event"]), (1, &"failed".into()));
                assert!(errors.contains(report["error"].as_str().unwrap()), "{errors}");
            }
        }
    }
}

#[test]
fn an_image_from_outside_is_sound() {
    let Some(path) = std::env::var_os("ANKLUME_TEST_IMAGE") else { return };
    let reader = anklume_host::file::FileReader::open(Path::new(&path)).unwrap();
    let report = verify(&reader, Options { deep: true, medium: false }, &mut |_, _, _| {});
    assert!(report.sound, "{}", lines(&report));
    assert_eq!(inspect(&reader, Depth::Files).faults, []);
    assert!(reader.size() == report.bytes);
}
