//! What this crate reads in volumes that foreign tools wrote.

use std::path::Path;

use anklume_iso9660::{Names, Problem, Volume, check};
use tempfile::TempDir;

use crate::image::*;

const EFI_BYTES: usize = 16 * 1024;

/// A folder with files for a volume, and its content by path.
fn source(dir: &Path) -> Vec<(String, Vec<u8>)> {
    let files = vec![
        ("boot/bios.img".to_owned(), pattern(5, 7001)),
        ("boot/efi.img".to_owned(), pattern(6, EFI_BYTES)),
        ("empty".to_owned(), Vec::new()),
        ("EFI/BOOT/BOOTX64.EFI".to_owned(), pattern(7, 4096)),
        ("deep/one/two/three/a file with a rather long name.tar.gz".to_owned(), pattern(8, 1)),
        // Its Rock Ridge name does not fit in the record.
        (format!("long/{}", "n".repeat(250)), pattern(9, 2049)),
        ("caf\u{e9}.txt".to_owned(), b"caf\xe9".to_vec()),
    ];
    for (path, content) in &files {
        let file = dir.join("source").join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, content).unwrap();
    }
    files
}

const BIOS: [&str; 6] =
    ["-b", "boot/bios.img", "-no-emul-boot", "-boot-load-size", "4", "-boot-info-table"];

/// Makes a volume of [`source`] and reads it back.
fn made(program: &str, package: &str, options: &[&str]) -> (Vec<u8>, Vec<(String, Vec<u8>)>) {
    let dir = TempDir::new().unwrap();
    let mut files = source(dir.path());
    let out = dir.path().join("iso");
    let folder = dir.path().join("source");
    let tail = ["-o", out.to_str().unwrap(), folder.to_str().unwrap()];
    let leading: &[&str] = if program == "xorriso" { &["-as", "mkisofs"] } else { &[] };
    tool(program, package, &[leading, options, &tail].concat());
    // genisoimage fills in the table in the source, too; xorriso only in the volume.
    files.retain(|(path, _)| path != "boot/bios.img");
    (std::fs::read(out).unwrap(), files)
}

fn assert_content(image: &Vec<u8>, files: &[(String, Vec<u8>)]) {
    let volume = Volume::open(image).unwrap();
    assert_eq!(volume.best_names(), Names::RockRidge);
    for (path, content) in files {
        let extent = volume.find(path).unwrap();
        let start = usize::try_from(extent.offset_bytes).unwrap();
        let size = usize::try_from(extent.size).unwrap();
        assert!(&image[start..start + size] == content, "{path}");
    }
    let nodes = volume.list().unwrap();
    let node = nodes.iter().find(|node| node.path == "deep/one/two/three").unwrap();
    assert!(node.directory && node.mode.unwrap() & 0o170_000 == 0o040_000);
    let node = nodes.iter().find(|node| node.path == "empty").unwrap();
    assert_eq!(node.mode.unwrap() & 0o170_000, 0o100_000);
}

#[test]
fn volumes_of_xorriso_are_read_and_found_intact() {
    let efi = ["-eltorito-alt-boot", "-e", "boot/efi.img", "-no-emul-boot"];
    let names = ["-R", "-J", "-joliet-long", "-V", "FOREIGN", "-publisher", "SOMEBODY"];
    let (image, files) = made("xorriso", "xorriso", &[&names[..], &BIOS, &efi].concat());
    assert_content(&image, &files);
    assert_eq!(check(&image).unwrap(), []);
    let volume = Volume::open(&image).unwrap();
    assert_eq!((volume.volume_id(), volume.publisher()), ("FOREIGN", "SOMEBODY"));
    assert!(volume.size() <= u64::try_from(image.len()).unwrap());
    let entries = volume.boot_catalog().unwrap().unwrap().entries;
    let found: Vec<_> = entries
        .iter()
        .map(|one| (one.platform, one.bootable, one.media, one.sectors_512))
        .collect();
    assert_eq!(found, [(0, true, 0, 4), (0xef, true, 0, 32)]);
    assert_eq!(entries[0].offset_bytes, volume.find("boot/bios.img").unwrap().offset_bytes);
    assert_eq!(entries[1].offset_bytes, volume.find("boot/efi.img").unwrap().offset_bytes);
    let joliet = volume.list_as(Names::Joliet).unwrap();
    let long = "deep/one/two/three/a file with a rather long name.tar.gz";
    assert!(joliet.iter().any(|node| node.path == long), "{joliet:?}");
    assert!(joliet.iter().any(|node| node.path == "caf\u{e9}.txt"));
    let plain = volume.list_as(Names::Plain).unwrap();
    assert!(plain.iter().any(|node| node.path == "EFI/BOOT/BOOTX64.EFI"));
    assert!(plain.iter().any(|node| node.path == "EMPTY"));
}

#[test]
fn volumes_of_genisoimage_are_read_and_found_intact() {
    let efi = ["-eltorito-alt-boot", "-e", "boot/efi.img", "-no-emul-boot"];
    let names = ["-quiet", "-R", "-J", "-joliet-long", "-input-charset", "utf-8"];
    let options = [&names[..], &BIOS, &efi].concat();
    let (image, files) = made("genisoimage", "genisoimage", &options);
    assert_content(&image, &files);
    assert_eq!(check(&image).unwrap(), []);
    let catalog = Volume::open(&image).unwrap().boot_catalog().unwrap().unwrap();
    assert_eq!((catalog.checksum, catalog.key, catalog.entries.len()), (0, true, 2));
}

#[test]
fn volumes_without_extensions_have_plain_names() {
    let (image, _) = made("genisoimage", "genisoimage", &["-quiet", "-input-charset", "utf-8"]);
    let volume = Volume::open(&image).unwrap();
    assert_eq!(volume.best_names(), Names::Plain);
    assert!(!volume.has(Names::Joliet) && !volume.has(Names::RockRidge));
    assert!(volume.list_as(Names::Joliet).is_err());
    assert_eq!(volume.find("EFI/BOOT/BOOTX64.EFI").unwrap().size, 4096);
    assert_eq!(volume.find("EMPTY").unwrap().size, 0);
    assert!(volume.boot_catalog().unwrap().is_none());
    assert_eq!(check(&image).unwrap(), []);
}

#[test]
fn a_boot_image_without_a_table_is_reported() {
    let (image, _) = made("xorriso", "xorriso", &["-R", "-b", "boot/bios.img", "-no-emul-boot"]);
    let problems = check(&image).unwrap();
    let table =
        |problem: &Problem| matches!(problem, Problem::BootInfo { .. } | Problem::Outside { .. });
    assert!(!problems.is_empty() && problems.iter().all(table), "{problems:?}");
}

#[test]
fn a_file_of_several_extents_is_refused() {
    let dir = TempDir::new().unwrap();
    let folder = dir.path().join("source");
    std::fs::create_dir(&folder).unwrap();
    let big = std::fs::File::create(folder.join("big")).unwrap();
    big.set_len((4 << 30) + 4096).unwrap();
    let out = dir.path().join("iso");
    // Only the size of the file matters: the volume ends where its content would begin.
    let script = format!(
        "xorriso -as mkisofs -iso-level 3 -R -o - {} 2>/dev/null | head -c 1048576 > {}",
        folder.display(),
        out.display()
    );
    tool("sh", "dash", &["-c", &script]);
    let image = std::fs::read(out).unwrap();
    let error = Volume::open(&image).unwrap().list().unwrap_err();
    assert!(matches!(error, anklume_iso9660::Error::Unsupported { .. }), "{error}");
}
