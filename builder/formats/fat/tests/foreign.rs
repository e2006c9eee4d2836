//! Our file systems under fsck.fat, mtools and the `fatfs` crate; theirs under our reader.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod common;

use std::fs;
use std::io::{Cursor, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use anklume_fat::{FatType, FileSystem, minimum_bytes, plan};
use common::{MIB, content, files, image, params, sample, sample_files};

/// The output of a tool of Debian package `package`, which must exit with 0.
fn tool(
    package: &str,
    program: &str,
    arguments: &[&str],
    directory: &Path,
    input: &[u8],
) -> String {
    let mut child = Command::new(program)
        .args(arguments)
        .current_dir(directory)
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .env("TZ", "UTC")
        .env("LC_ALL", "C.UTF-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|e| panic!("{program} (package {package}) does not start: {e}"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {arguments:?}: {text}{errors}");
    text + &errors
}

/// `fsck.fat` must accept the file and say nothing that is not a statistic.
fn fsck(directory: &Path) -> String {
    let said = tool("dosfstools", "fsck.fat", &["-n", "-v", "fs.img"], directory, b"");
    for word in ["differ", "mismatch", "wrong", "rror", "nvalid", "dirty", "Leaving"] {
        assert!(!said.contains(word), "{said}");
    }
    said
}

#[test]
fn fsck_and_mtools_accept_every_type() {
    for (bytes, fat_type, bits) in [
        (2 * MIB, FatType::Fat12, "12 bit"),
        (16 * MIB, FatType::Fat16, "16 bit"),
        (40 * MIB, FatType::Fat16, "16 bit"),
        (260 * MIB, FatType::Fat32, "32 bit"),
    ] {
        let (layout, image) = sample(bytes);
        assert_eq!(layout.fat_type, fat_type);
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        fs::write(here.join("fs.img"), &image).unwrap();
        let said = fsck(here);
        assert!(said.contains(&format!("2 FATs, {bits} entries")), "{said}");
        assert!(said.contains(&format!("{} bytes per cluster", layout.cluster_bytes)), "{said}");
        assert!(said.contains(&format!("{} data clusters", layout.cluster_count)), "{said}");

        let listed = tool("mtools", "mdir", &["-i", "fs.img", "-/", "-a", "::"], here, b"");
        assert!(listed.contains("Volume in drive : is ANKLUME A"), "{listed}");
        assert!(listed.contains("Volume Serial Number is 1234-ABCD"), "{listed}");
        assert!(listed.contains("2026-02-03   4:05"), "{listed}");
        for file in &layout.files {
            let from = format!("::{}", file.path);
            tool("mtools", "mcopy", &["-n", "-i", "fs.img", &from, "out"], here, b"");
            let out = fs::read(here.join("out")).unwrap();
            assert!(out == content(&file.path, file.size), "{}", file.path);
            fs::remove_file(here.join("out")).unwrap();
        }
    }
}

#[test]
fn the_fatfs_crate_reads_every_file() {
    for bytes in [2 * MIB, 16 * MIB, 40 * MIB, 260 * MIB] {
        let (layout, image) = sample(bytes);
        let theirs = fatfs::FileSystem::new(Cursor::new(image), fatfs::FsOptions::new()).unwrap();
        assert_eq!(theirs.volume_label(), "ANKLUME A");
        assert_eq!(theirs.volume_id(), 0x1234_abcd);
        assert_eq!(theirs.read_volume_label_from_root_dir().unwrap().unwrap(), "ANKLUME A");
        for file in &layout.files {
            let mut bytes = Vec::new();
            let mut opened = theirs.root_dir().open_file(&file.path).unwrap();
            opened.read_to_end(&mut bytes).unwrap();
            assert!(bytes == content(&file.path, file.size), "{}", file.path);
        }
        let used: u64 =
            layout.files.iter().map(|f| f.size.div_ceil(layout.cluster_bytes.into())).sum();
        let free = u64::from(theirs.stats().unwrap().free_clusters());
        let directories = u64::from(layout.cluster_count) - free - used;
        // EFI, EFI/BOOT, EFI/ANKLUME, BOOT, BOOT/GRUB, BOOT/A, B, C; on FAT32 the root.
        assert_eq!(directories, if layout.fat_type == FatType::Fat32 { 9 } else { 8 });
    }
}

#[test]
fn a_full_file_system_of_the_least_size_is_accepted() {
    for size in [1, 3 * MIB, 12 * MIB + 17, 70 * MIB] {
        let list = files(&[("A/B.C", size), ("EMPTY", 0), ("LAST", 5000)]);
        let bytes = minimum_bytes(&list, 2048).unwrap();
        let layout = plan(&params(bytes), &list).unwrap();
        assert!(plan(&params(bytes - 4096), &list).is_err());
        assert!(bytes < size + size / 100 + 300_000, "{size}: {bytes}");
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("fs.img"), image(&layout)).unwrap();
        fsck(directory.path());
    }
}

#[test]
fn mtools_can_write_to_ours_afterwards() {
    for bytes in [16 * MIB, 260 * MIB] {
        let (_, image) = sample(bytes);
        let directory = tempfile::tempdir().unwrap();
        let here = directory.path();
        fs::write(here.join("fs.img"), &image).unwrap();
        fs::write(here.join("new"), content("new", 50_000)).unwrap();
        tool("mtools", "mcopy", &["-i", "fs.img", "new", "::EFI/BOOT/NEW.BIN"], here, b"");
        tool("mtools", "mdel", &["-i", "fs.img", "::VMLINUZ"], here, b"");
        fsck(here);
        let bytes = fs::read(here.join("fs.img")).unwrap();
        let ours = FileSystem::open(&bytes).unwrap();
        assert!(ours.check().unwrap().is_empty());
        let new = ours.find("EFI/BOOT/NEW.BIN").unwrap().unwrap();
        assert!(ours.read(&new, MIB).unwrap() == content("new", 50_000));
        assert_eq!(ours.find("VMLINUZ").unwrap(), None);
    }
}

/// Makes a file system with `mkfs.fat`, fills it so that one file is fragmented, and reads it.
fn foreign(mkfs: &[&str], kib: &str, fat_type: FatType) {
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let mut arguments = mkfs.to_vec();
    arguments.extend(["-n", "THEIRS", "-i", "deadbeef", "-C", "fs.img", kib]);
    tool("dosfstools", "mkfs.fat", &arguments, here, b"");
    let copy = |name: &str, size: u64, to: &str| {
        fs::write(here.join(name), content(name, size)).unwrap();
        tool("mtools", "mcopy", &["-i", "fs.img", name, to], here, b"");
    };
    tool("mtools", "mmd", &["-i", "fs.img", "::/Deep Folder", "::/Deep Folder/SUB"], here, b"");
    // Every second file goes, then one file fills all holes and what follows.
    let names: Vec<String> = (0..40).map(|number| format!("GAP{number:02}.BIN")).collect();
    for name in &names {
        fs::write(here.join(name), content(name, 9000)).unwrap();
    }
    let mut arguments = vec!["-i", "fs.img"];
    arguments.extend(names.iter().map(String::as_str));
    arguments.push("::/");
    tool("mtools", "mcopy", &arguments, here, b"");
    let free: u64 = 700_000;
    copy("FILLER.BIN", free, "::/");
    for name in names.iter().step_by(2) {
        tool("mtools", "mdel", &["-i", "fs.img", &format!("::/{name}")], here, b"");
    }
    let filled = fill(here);
    copy("a long name with spaces.text", 150_000, "::/Deep Folder/SUB/");
    copy("lower.txt", 100, "::/");

    let bytes = fs::read(here.join("fs.img")).unwrap();
    let ours = FileSystem::open(&bytes).unwrap();
    assert_eq!(ours.fat_type(), fat_type);
    assert_eq!((ours.serial(), ours.label()), (Some(0xdead_beef), Some("THEIRS")));
    let problems = ours.check().unwrap();
    assert!(problems.is_empty(), "{problems:?}");
    let all = ours.list().unwrap();
    let long = all.iter().find(|entry| entry.path.ends_with("ALONGN~1.TEX")).unwrap();
    assert!(ours.read(long, MIB).unwrap() == content("a long name with spaces.text", 150_000));
    assert!(ours.read(long, 149_999).is_err());
    let fill = ours.find("FILL.BIN").unwrap().unwrap();
    assert!(ours.read(&fill, filled).unwrap() == content("FILL.BIN", filled));
    let longest = [long, &fill].map(|entry| ours.extents(entry).unwrap().len()).into_iter().max();
    assert!(longest > Some(10), "nothing is fragmented: {longest:?}");
    let lower = ours.find("Lower.TXT").unwrap().unwrap();
    assert_eq!(ours.read(&lower, 100).unwrap(), content("lower.txt", 100));
    for name in names.iter().skip(1).step_by(2) {
        let entry = ours.find(name).unwrap().unwrap();
        assert!(ours.read(&entry, MIB).unwrap() == content(name, 9000));
        assert_eq!(ours.find(&format!("DEEPFO~1/SUB/{name}")).unwrap(), None);
    }
    assert_eq!(all.iter().filter(|entry| entry.is_directory).count(), 2);
    assert_eq!(all.iter().filter(|entry| entry.path.starts_with("GAP")).count(), 20);
}

/// Fills what is free except a few clusters: this file or the next one must take the holes.
fn fill(here: &Path) -> u64 {
    let bytes = fs::read(here.join("fs.img")).unwrap();
    let ours = FileSystem::open(&bytes).unwrap();
    let clusters = |size: u64| size.div_ceil(ours.cluster_bytes());
    let used: u64 = ours
        .list()
        .unwrap()
        .iter()
        .map(|entry| if entry.is_directory { 1 } else { clusters(entry.size) })
        .sum();
    let free =
        u64::from(ours.cluster_count()) - used - u64::from(ours.fat_type() == FatType::Fat32);
    let wanted = free - clusters(150_000) - 12;
    let size = wanted * ours.cluster_bytes();
    fs::write(here.join("FILL.BIN"), content("FILL.BIN", size)).unwrap();
    tool("mtools", "mcopy", &["-i", "fs.img", "FILL.BIN", "::/"], here, b"");
    size
}

#[test]
fn fragmented_file_systems_of_mkfs_and_mtools_are_read() {
    foreign(&["-F", "12"], "3000", FatType::Fat12);
    foreign(&["-F", "16"], "20000", FatType::Fat16);
    foreign(&["-F", "32", "-s", "1"], "36000", FatType::Fat32);
    foreign(&["-F", "12", "-S", "4096", "-s", "2"], "20000", FatType::Fat12);
    foreign(&["-F", "16", "-f", "1"], "20000", FatType::Fat16);
}

#[test]
fn a_small_fat32_file_system_is_read() {
    // Fewer clusters than the specification allows for FAT32; mkfs.fat makes such, mtools refuses.
    let directory = tempfile::tempdir().unwrap();
    let here = directory.path();
    let arguments = ["-F", "32", "-s", "8", "-n", "SMALL", "-C", "fs.img", "8000"];
    tool("dosfstools", "mkfs.fat", &arguments, here, b"");
    let bytes = fs::read(here.join("fs.img")).unwrap();
    let ours = FileSystem::open(&bytes).unwrap();
    assert_eq!((ours.fat_type(), ours.label()), (FatType::Fat32, Some("SMALL")));
    assert!(ours.check().unwrap().is_empty());
    assert!(ours.list().unwrap().is_empty());
}

#[test]
fn a_file_system_of_the_fatfs_crate_is_read() {
    let mut bytes = vec![0; 8 * MIB as usize];
    let options = fatfs::FormatVolumeOptions::new().volume_label(*b"FATFS CRATE").volume_id(7);
    fatfs::format_volume(Cursor::new(&mut bytes), options).unwrap();
    {
        let theirs =
            fatfs::FileSystem::new(Cursor::new(&mut bytes), fatfs::FsOptions::new()).unwrap();
        let folder = theirs.root_dir().create_dir("FOLDER").unwrap();
        for file in sample_files() {
            let name = file.path.rsplit('/').next().unwrap().to_owned();
            let mut created = folder.create_file(&name).unwrap();
            created.write_all(&content(&name, file.size)).unwrap();
        }
    }
    let ours = FileSystem::open(&bytes).unwrap();
    assert_eq!(ours.label(), Some("FATFS CRATE"));
    for file in sample_files() {
        let name = file.path.rsplit('/').next().unwrap().to_owned();
        let entry = ours.find(&format!("folder/{name}")).unwrap().unwrap();
        assert!(ours.read(&entry, MIB).unwrap() == content(&name, file.size));
    }
    assert!(ours.check().unwrap().is_empty());
}
