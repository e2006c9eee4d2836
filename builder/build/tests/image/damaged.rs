//! What is damaged or hostile is named.

use anklume_bytes::ReadAt;
use anklume_gpt::Table;

use crate::*;

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
        ("boot record", at("ANKLUME/BOOT2.ENV") + 30, &["ANKLUME/BOOT2.ENV", "a valid record"]),
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
    // The UKI has four command lines, the manifest a field and a command line.
    assert_eq!(places.iter().map(Vec::len).collect::<Vec<_>>(), [4, 2]);
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

/// The small OS with another file of the same length in it.
fn another_os() -> Vec<u8> {
    let folder = folder();
    small_os(folder.path());
    let root = folder.path().join("root");
    let bytes: Vec<u8> = noise(8).flat_map(u64::to_le_bytes).take(300_000).collect();
    std::fs::write(root.join("usr/lib/noise"), bytes).unwrap();
    squashfs(&root, &["-comp", "zstd"])
}

/// Updates write slots: after that of slot A the boot loader is of no version that is there.
#[test]
fn the_loader_of_a_stick_stays_that_of_the_version_that_was_flashed() {
    let flashed = sample(&small_os(folder().path()), Format::Raw);
    let newer = sample(&another_os(), Format::Raw);
    let grown = |table: &mut Table| table.disk_guid = anklume_gpt::Guid::from_random([9; 16]);
    let mut stick = with_table(&flashed, grown);
    let text = lines(&check(&stick));
    assert!(text.contains("boot loader: every part has the digest of the manifest"), "{text}");
    let (at, mut renamed) = (32768 + 40, stick.clone());
    renamed.pieces.push((at, vec![stick.read_vec(at, 1, 1).unwrap()[0] ^ 1]));
    assert!(!check(&renamed).sound, "a changed name of the volume was not found");
    for role in [Role::Boot(Slot::A), Role::Os(Slot::A)] {
        let extent = newer.disk.extent(role).unwrap();
        assert_eq!(flashed.disk.extent(role), Some(extent));
        let inside = extent.offset..extent.offset + extent.bytes;
        let pieces = newer.image.pieces.iter().filter(|(at, _)| inside.contains(at));
        stick.pieces.extend(pieces.cloned());
    }
    let report = check(&stick);
    let text = lines(&report);
    assert!(report.sound, "{text}");
    assert!(text.contains("boot loader: of the version that was flashed"), "{text}");
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
