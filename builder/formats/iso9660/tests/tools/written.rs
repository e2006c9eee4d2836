//! What foreign tools see in volumes that this crate wrote.

use std::process::Command;

use anklume_iso9660::{Entry, Names, PlanError, Volume, check, plan};
use tempfile::TempDir;

use crate::image::*;

fn xorriso(image: &Image, commands: &[&str]) -> String {
    let path = image.path.to_str().unwrap();
    tool("xorriso", "xorriso", &[&["-indev", path][..], commands].concat())
}

fn isoinfo(image: &Image, options: &[&str]) -> String {
    let path = image.path.to_str().unwrap();
    tool("isoinfo", "genisoimage", &[options, &["-i", path]].concat())
}

/// Words of the line that begins with `start`.
fn line<'a>(text: &'a str, start: &str) -> Vec<&'a str> {
    let line = text.lines().find(|line| line.starts_with(start));
    line.unwrap_or_else(|| panic!("no {start:?} in {text}")).split_whitespace().collect()
}

#[test]
fn xorriso_finds_both_boot_images_and_the_partition_table() {
    let image = Image::new();
    let text = xorriso(&image, &["-report_el_torito", "plain", "-report_system_area", "plain"]);
    assert_eq!(line(&text, "Volume id"), ["Volume", "id", ":", "'ANKLUME'"]);
    let bios = image.area.bios_image.unwrap().offset_bytes / 2048;
    let entry = |number, platform, sectors, lba: u64| {
        format!("El Torito boot img : {number} {platform} y none 0x0000 0x00 {sectors} {lba}")
    };
    assert_eq!(line(&text, "El Torito boot img :   1").join(" "), entry(1, "BIOS", 4, bios));
    assert_eq!(line(&text, "El Torito boot img :   2").join(" "), entry(2, "UEFI", 8192, 1024));
    assert!(line(&text, "System area summary").contains(&"GPT"), "{text}");
    assert_eq!(line(&text, "GPT start and size :   2")[6..], ["4096", "12288"]);
    // The OS partition is seen as the file that aliases it.
    assert!(text.contains("GPT partition path :   3  /ANKLUME/OS.IMG"), "{text}");
}

#[test]
fn xorriso_shows_every_file_with_mode_size_and_date() {
    let image = Image::new();
    let text = xorriso(&image, &["-find", "/", "-exec", "lsdl"]);
    for file in &image.area.files {
        let path = format!("'/{}'", file.path);
        let found = text.lines().find(|line| line.ends_with(&path));
        let words: Vec<_> =
            found.unwrap_or_else(|| panic!("{path}: {text}")).split_whitespace().collect();
        let size = file.extent.size.to_string();
        assert_eq!(words, ["-r--r--r--", "1", "0", "0", &size, "Feb", "3", "2026", &path]);
    }
    let folders = text.lines().filter(|line| line.starts_with("dr-xr-xr-x")).count();
    assert_eq!(folders, 6, "{text}");
}

#[test]
fn xorriso_extracts_what_the_partitions_hold() {
    let image = Image::new();
    let target = TempDir::new().unwrap();
    let folder = target.path().join("out");
    let path = folder.to_str().unwrap();
    xorriso(&image, &["-osirrox", "on", "-extract", "/", path]);
    let mut expected: Vec<_> = image.area.files.iter().map(|file| file.path.clone()).collect();
    expected.sort();
    assert_eq!(files_below(&folder), expected);
    for file in &expected {
        assert!(std::fs::read(folder.join(file)).unwrap() == image.content(file), "{file}");
    }
    // Directories are read-only; the temporary folder could not be removed by an ordinary user.
    tool("chmod", "coreutils", &["-R", "u+w", path]);
}

#[test]
fn isoinfo_reads_all_three_kinds_of_names() {
    let image = Image::new();
    let path = |suffix: &str, dot: &str| {
        let name = |file: &str| match file.contains('.') {
            true => format!("/{file}{suffix}"),
            false => format!("/{file}{dot}{suffix}"),
        };
        let mut names: Vec<_> = image.area.files.iter().map(|file| name(&file.path)).collect();
        let folders = ["/ANKLUME", "/BOOT", "/BOOT/GRUB", "/EFI", "/EFI/BOOT"];
        names.extend(folders.map(str::to_owned));
        names.sort();
        names
    };
    for (option, expected) in [
        (&["-f"][..], path(";1", ".")),
        (&["-f", "-R"], path("", "")),
        (&["-f", "-J"], path("", "")),
    ] {
        let text = isoinfo(&image, option);
        let mut found: Vec<_> = text.lines().map(str::to_owned).collect();
        found.sort();
        assert_eq!(found, expected, "{option:?}");
    }
    let loader = isoinfo(&image, &["-J", "-x", "/BOOT/GRUB/LOOPBACK.CFG"]);
    assert_eq!(loader.as_bytes(), image.content("BOOT/GRUB/LOOPBACK.CFG"));
}

#[test]
fn isoinfo_shows_the_descriptor() {
    let image = Image::new();
    let text = isoinfo(&image, &["-d"]);
    for expected in [
        "System id: LINUX\n",
        "Volume id: ANKLUME\n",
        "Publisher id: ANKLUME; VENTOY COMPATIBLE\n",
        "Data preparer id: ANKLUME-BUILD\n",
        "Application id: VENTOY COMPATIBLE\n",
        "Volume size is: 12288\n",
        "Joliet with UCS level 3 found\n",
        "Rock Ridge signatures version 1 found\n",
        "    Key 55 AA\n",
        "        Nsect 4\n",
    ] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let start = usize::try_from(32768 + 318).unwrap();
    let searched = &image.bytes[start..32768 + 702];
    assert!(searched.windows(17).any(|window| window == b"VENTOY COMPATIBLE"));
    // Path tables: numbers are by level, then by parent, then by name.
    let tables = isoinfo(&image, &["-p"]);
    let names: Vec<_> =
        tables.lines().skip(2).map(|line| line.split_whitespace().next_back().unwrap()).collect();
    assert_eq!(names, ["ANKLUME", "BOOT", "EFI", "GRUB", "BOOT"], "{tables}");
}

#[test]
fn directories_of_several_sectors_reach_every_tool() {
    let mut many: Vec<Entry> = (0..400).map(|n| inline(&format!("D/F{n}.TXT"), b"x")).collect();
    many.extend((0..200).map(|n| inline(&format!("E/D{n}/F"), b"")));
    let image = Image::with(&params_with_room(), &many);
    let text = isoinfo(&image, &["-f", "-R"]);
    assert_eq!(text.lines().count(), 400 + 2 + 400, "{text}");
    let text = xorriso(&image, &["-find", "/D", "-type", "f"]);
    assert_eq!(text.lines().filter(|line| line.starts_with("'/D/F")).count(), 400);
    assert_eq!(check(&image.bytes).unwrap(), []);
    let refused = plan(&params(), &many);
    assert!(matches!(refused, Err(PlanError::AreaFull { limit: 1_048_576, .. })), "{refused:?}");
}

fn params_with_room() -> anklume_iso9660::Params {
    // This image needs no partition in front of the ESP.
    anklume_iso9660::Params { limit_bytes: ESP_OFFSET, ..params() }
}

#[test]
fn our_reader_reads_what_we_wrote() {
    let image = Image::new();
    assert_eq!(check(&image.bytes).unwrap(), []);
    let volume = Volume::open(&image.bytes).unwrap();
    for names in [Names::Plain, Names::RockRidge, Names::Joliet] {
        assert!(volume.has(names));
        let nodes = volume.list_as(names).unwrap();
        for file in &image.area.files {
            let node = nodes.iter().find(|node| node.path == file.path);
            assert_eq!(node.map(|node| node.extent), Some(file.extent), "{names:?} {}", file.path);
        }
        assert_eq!(nodes.iter().filter(|node| node.directory).count(), 5);
    }
    assert_eq!(volume.find("/EFI/BOOT/BOOTX64.EFI").unwrap().offset_bytes, ESP_OFFSET + 4096);
    assert!(volume.find("EFI").is_err());
}

/// Prints through the debug console of QEMU when the boot information table is what it says, and
/// the BIOS loaded 2048 bytes.
const BOOT_IMAGE: &[u8] = &[
    0xeb, 0x3e, // jmp to byte 64
];

/// What follows the table, for the segment 0x7C0 or 0 that the BIOS jumps to at 0x7C00.
const BOOT_CODE: &[u8] = &[
    0x31, 0xc0, // xor ax, ax
    0x8e, 0xd8, // mov ds, ax
    0xbe, 0x08, 0x7c, // mov si, 0x7c08
    0xb9, 0x10, 0x00, // mov cx, 16: the four fields of the table
    0xfc, // cld
    0xac, // next: lodsb
    0xe6, 0xe9, // out 0xe9, al
    0xe2, 0xfb, // loop next
    0xa0, 0xff, 0x83, // mov al, [0x83ff]: the last byte of the 2048
    0xe6, 0xe9, // out 0xe9, al
    0xb0, 0x00, // mov al, 0
    0xe6, 0xf4, // out 0xf4, al: end QEMU with status 1
    0xf4, // hlt
];

#[test]
fn a_bios_boots_the_image_and_finds_its_table() {
    let mut core = vec![0; 2600];
    core[..2].copy_from_slice(BOOT_IMAGE);
    core[64..64 + BOOT_CODE.len()].copy_from_slice(BOOT_CODE);
    core[2047] = 0x5a;
    core[2599] = 0x77;
    let image =
        Image::with(&anklume_iso9660::Params { bios_core: Some(core), ..params() }, &entries());
    let log = image.dir.path().join("debug");
    let status = Command::new("timeout")
        .args(["120", "qemu-system-x86_64", "-accel", "tcg", "-m", "32", "-display", "none"])
        .args(["-net", "none", "-boot", "d", "-device", "isa-debug-exit,iobase=0xf4,iosize=1"])
        .args(["-debugcon", &format!("file:{}", log.display())])
        .args(["-cdrom", image.path.to_str().unwrap()])
        .status()
        .expect("timeout (package coreutils) must be installed");
    assert_eq!(
        status.code(),
        Some(1),
        "qemu-system-x86_64 (package qemu-system-x86) must run this"
    );
    let bios = image.area.bios_image.unwrap();
    let start = usize::try_from(bios.offset_bytes).unwrap();
    let stored = &image.bytes[start..start + 2600];
    let mut expected = Vec::new();
    expected.extend(16_u32.to_le_bytes());
    expected.extend(u32::try_from(bios.offset_bytes / 2048).unwrap().to_le_bytes());
    expected.extend(2600_u32.to_le_bytes());
    let words = stored[64..].chunks(4).map(|word| u32::from_le_bytes(word.try_into().unwrap()));
    expected.extend(words.fold(0_u32, u32::wrapping_add).to_le_bytes());
    expected.push(0x5a);
    assert_eq!(std::fs::read(log).unwrap(), expected);
}
