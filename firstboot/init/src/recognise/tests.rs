//! Against images that mksquashfs, veritysetup and sgdisk made.

#[path = "../../../../builder/rules/osimage/tests/sample/mod.rs"]
mod sample;

use std::fs;
use std::path::{Path, PathBuf};

use super::*;
use sample::{image, run};

const MIB: usize = 1 << 20;

fn path(dir: &Path, name: &str) -> (PathBuf, String) {
    let path = dir.join(name);
    let text = path.to_str().unwrap().to_owned();
    (path, text)
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
fn a_partition_inside_a_disk_is_found_with_its_names() {
    let dir = tempfile::tempdir().unwrap();
    let (os, root) = image(dir.path());
    let disk = disk(dir.path(), &os);
    let (extent, image) = table_inside(&disk, root).unwrap().found.unwrap();
    assert_eq!((extent.offset, extent.bytes), (2 << 20, 12 << 20));
    assert_eq!(extent.identity.slot, Some(Slot::B));
    assert_eq!(image, os_image(&os, root).unwrap());
    let guid = extent.identity.partition_guid.parse().unwrap();
    assert_eq!(slot_of(&disk, 512, guid), Some(None));
    assert_eq!(slot_of(&disk, 4096, guid), None);
    assert_eq!(slot_of(&disk, 512, Role::Persist.type_guid()), None);
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
