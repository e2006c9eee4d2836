//! Against images that mksquashfs, veritysetup and sgdisk made.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use super::*;

const MIB: usize = 1 << 20;

/// Runs a tool of `package` and returns its output.
fn run(package: &str, program: &str, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        // sbin is not on the path of ordinary users.
        .env("PATH", "/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin")
        .output()
        .unwrap_or_else(|error| panic!("{program} (package {package}): {error}"));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn path(dir: &Path, name: &str) -> (PathBuf, String) {
    let path = dir.join(name);
    let text = path.to_str().unwrap().to_owned();
    (path, text)
}

/// A squashfs with its hash tree, as veritysetup appends it, and the root hash.
fn image(dir: &Path) -> (Vec<u8>, RootHash) {
    let (tree, tree_text) = path(dir, "tree");
    fs::create_dir(&tree).unwrap();
    let noise: Vec<u8> =
        (0..900_000_u32).flat_map(|n| n.wrapping_mul(2_654_435_761).to_le_bytes()).collect();
    fs::write(tree.join("file"), noise).unwrap();
    let (os, os_text) = path(dir, "os");
    let options = ["-noappend", "-comp", "zstd", "-all-root", "-no-progress", "-nopad"];
    run("squashfs-tools", "mksquashfs", &[&[tree_text.as_str(), &os_text], &options[..]].concat());
    let bytes = fs::metadata(&os).unwrap().len().next_multiple_of(4096);
    fs::File::options().write(true).open(&os).unwrap().set_len(bytes).unwrap();
    let (offset, blocks) =
        (format!("--hash-offset={bytes}"), format!("--data-blocks={}", bytes / 4096));
    let said =
        run("cryptsetup-bin", "veritysetup", &["format", &os_text, &os_text, &offset, &blocks]);
    let line = said.lines().find(|line| line.starts_with("Root hash:")).unwrap();
    let root = line.split_whitespace().last().unwrap().parse().unwrap();
    (fs::read(&os).unwrap(), root)
}

/// A disk of 16 MiB whose OS partition of slot B begins at 2 MiB and has 12 MiB.
fn disk(dir: &Path, os: &[u8]) -> Vec<u8> {
    let (disk, text) = path(dir, "disk");
    fs::File::create(&disk).unwrap().set_len(16 << 20).unwrap();
    let new = ["-n", "6:4096:28671", "-t", "6:8304", "-c", "6:anklume-os-b"];
    run("gdisk", "sgdisk", &[&new[..], &[&text]].concat());
    let mut bytes = fs::read(&disk).unwrap();
    bytes[2 * MIB..2 * MIB + os.len()].copy_from_slice(os);
    bytes
}

#[test]
fn the_wanted_os_is_recognised_and_damage_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let (os, root) = image(dir.path());
    let found = os_image(&os, root).unwrap();
    assert_eq!(found.bytes, u64::try_from(os.len()).unwrap());
    let tree = usize::try_from(found.data_bytes).unwrap();

    let with = |offset: usize| {
        let mut os = os.clone();
        os[offset] ^= 1;
        os_image(&os, root).unwrap_err()
    };
    assert!(matches!(with(0), NotOurs::NoSquashfs));
    assert!(matches!(with(28), NotOurs::BadSquashfs(_)));
    assert!(matches!(with(tree), NotOurs::NoTree(_)));
    // Salt, top hash block, number of data blocks.
    assert!(matches!(with(tree + 88), NotOurs::OtherHash(_)));
    assert!(matches!(with(tree + 4096), NotOurs::OtherHash(_)));
    assert!(matches!(with(tree + 72), NotOurs::Mismatch { .. }));
    assert!(
        matches!(os_image(&os, RootHash([0; 32])), Err(NotOurs::OtherHash(found)) if found == root)
    );
}

#[test]
fn a_cut_image_is_told_from_another() {
    let dir = tempfile::tempdir().unwrap();
    let (os, root) = image(dir.path());
    let found = os_image(&os, root).unwrap();
    let cut = |end: u64| os_image(&os[..usize::try_from(end).unwrap()], root).unwrap_err();
    assert!(matches!(cut(found.bytes - 1), NotOurs::Cut { .. }));
    assert!(matches!(cut(found.data_bytes + 100), NotOurs::Cut { .. }));
    assert!(matches!(cut(found.data_bytes / 2), NotOurs::BadSquashfs(_)));
    assert!(matches!(cut(100), NotOurs::NoSquashfs));
}

#[test]
fn a_partition_inside_a_disk_is_found_with_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let (os, root) = image(dir.path());
    let disk = disk(dir.path(), &os);
    let (extent, image) = table_inside(&disk, root).unwrap().found.unwrap();
    assert_eq!((extent.offset, extent.bytes), (2 << 20, 12 << 20));
    assert_eq!(extent.identity.slot, Some(Slot::B));
    assert_eq!(image, os_image(&os, root).unwrap());
    let guid = extent.identity.partition_guid.parse().unwrap();
    assert!(has_partition(&disk, 512, guid));
    assert!(!has_partition(&disk, 4096, guid));
    assert!(!has_partition(&disk, 512, Role::Persist.type_guid()));
    assert_eq!(partition_identity(&disk, 512, 6), Some(extent.identity));
    assert_eq!(partition_identity(&disk, 512, 4), None);

    let inside = table_inside(&disk, RootHash([0; 32])).unwrap();
    assert!(inside.found.is_none());
    assert_eq!(inside.refused[0].0, "anklume-os-b");
    assert!(table_inside(&disk[..8 * MIB], root).is_err());
    assert!(table_inside(&os, root).is_err());
}

#[test]
fn a_cut_disk_is_told_by_its_table() {
    let dir = tempfile::tempdir().unwrap();
    let disk = disk(dir.path(), &[]);
    assert!(disk_cut(&disk).is_none());
    let cut = disk_cut(&disk[..disk.len() - 512]).unwrap();
    assert_eq!(cut.to_string(), "disk image of 16777216 bytes cut at 16776704");
    assert!(disk_cut(&vec![0xff; MIB]).is_none());
    assert!(disk_cut(&disk[..600]).is_none());
}

#[test]
fn file_systems_have_signatures() {
    let dir = tempfile::tempdir().unwrap();
    let make = |name: &str, package: &str, program: &str, arguments: &[&str]| {
        let (file, text) = path(dir.path(), name);
        fs::File::create(&file).unwrap().set_len(16 << 20).unwrap();
        run(package, program, &[arguments, &[&text]].concat());
        FileSystem::of(&fs::read(&file).unwrap())
    };
    assert_eq!(make("fat16", "dosfstools", "mkfs.fat", &["-F16"]), Some(FileSystem::Vfat));
    assert_eq!(make("ext4", "e2fsprogs", "mkfs.ext4", &["-q", "-F"]), Some(FileSystem::Ext4));
    let (folder, folder_text) = path(dir.path(), "folder");
    fs::create_dir(&folder).unwrap();
    // Of an empty folder xorriso makes nothing.
    fs::write(folder.join("file"), "x").unwrap();
    let (iso, iso_text) = path(dir.path(), "iso");
    run("xorriso", "xorriso", &["-as", "mkisofs", "-quiet", "-o", &iso_text, &folder_text]);
    assert_eq!(FileSystem::of(&fs::read(iso).unwrap()), Some(FileSystem::Iso9660));
    assert_eq!(FileSystem::of(&vec![0; MIB]), None);
}
