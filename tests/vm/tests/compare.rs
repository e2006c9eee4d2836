//! Differences between images are found and named, in images that foreign tools made.
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_vm_tests::compare::{describe, first_difference};
use anklume_vm_tests::{Workdir, tool};

const PARTITION_BYTE: usize = 1 << 20;

/// An image whose OS holds one file with `content`.
fn image(workdir: &Workdir, content: &[u8]) -> PathBuf {
    let (folder, os, tree) = (workdir.unique("root"), workdir.unique("os"), workdir.unique("tree"));
    fs::create_dir(&folder).unwrap();
    fs::write(folder.join("motd"), content).unwrap();
    let options = "-quiet -no-progress -mkfs-time 0 -all-time 0 -noD".split(' ').map(OsStr::new);
    let squashfs = [folder.as_os_str(), os.as_os_str()].into_iter().chain(options);
    tool::run("mksquashfs", "squashfs-tools", squashfs).unwrap();
    let salt = OsStr::new("--salt=00");
    let uuid = OsStr::new("--uuid=00000000-0000-0000-0000-000000000001");
    let format = ["format".as_ref(), os.as_os_str(), tree.as_os_str(), salt, uuid];
    tool::run("veritysetup", "cryptsetup-bin", format).unwrap();
    let mut bytes = vec![0; PARTITION_BYTE];
    bytes.extend(fs::read(&os).unwrap());
    bytes.extend(fs::read(&tree).unwrap());
    bytes.resize(4 << 20, 0);
    let path = workdir.unique("image");
    fs::write(&path, bytes).unwrap();
    let table = "-n 4:2048:6000 -c 4:anklume-os-a".split(' ').map(OsStr::new);
    tool::run("sgdisk", "gdisk", table.chain([path.as_os_str()])).unwrap();
    path
}

/// A copy of `image` with another byte at `offset`.
fn changed(workdir: &Workdir, image: &Path, offset: usize) -> PathBuf {
    let mut bytes = fs::read(image).unwrap();
    bytes[offset] ^= 1;
    let path = workdir.unique("changed");
    fs::write(&path, bytes).unwrap();
    path
}

#[test]
fn the_first_difference_is_found_in_every_piece() {
    let workdir = Workdir::new("compare").unwrap();
    let (a, b) = (workdir.unique("a"), workdir.unique("b"));
    let bytes = vec![7; (2 << 20) + 5];
    fs::write(&a, &bytes).unwrap();
    fs::write(&b, &bytes).unwrap();
    assert_eq!(first_difference(&a, &b).unwrap(), None);
    for at in [0, 1, (1 << 20) - 1, 1 << 20, bytes.len() - 1] {
        let other = changed(&workdir, &a, at);
        assert_eq!(first_difference(&a, &other).unwrap(), Some(at as u64));
    }
    fs::write(&b, &bytes[..1 << 20]).unwrap();
    assert_eq!(first_difference(&a, &b).unwrap(), Some(1 << 20));
    assert_eq!(first_difference(&b, &a).unwrap(), Some(1 << 20));
}

#[test]
fn a_difference_has_the_name_of_its_partition_and_file() {
    let workdir = Workdir::new("compare").unwrap();
    let a = image(&workdir, b"one motd\n");
    let describe_to = |b: &Path| describe(&workdir, &a, b).unwrap();
    // Equal in size: only the content tells. Different in size: the listing does, too.
    let same_size = describe_to(&image_with_table_of(&workdir, &a, b"two motd\n"));
    assert!(same_size.contains("\n  anklume-os-a differs at byte 10"), "{same_size}");
    assert!(same_size.contains("content: Files a/motd and b/motd differ"), "{same_size}");
    assert!(!same_size.contains("listing:"), "{same_size}");
    let other_size = describe_to(&image_with_table_of(&workdir, &a, b"three\n"));
    assert!(other_size.contains("listing: ") && other_size.contains("motd"), "{other_size}");
    let gap = describe_to(&changed(&workdir, &a, 64 << 10));
    assert!(gap == "a difference at byte 65536", "{gap}");
}

/// Like [`image`], with the partition table of `a`: sgdisk makes random identifiers.
fn image_with_table_of(workdir: &Workdir, a: &Path, content: &[u8]) -> PathBuf {
    let path = image(workdir, content);
    let mut bytes = fs::read(&path).unwrap();
    bytes[..PARTITION_BYTE].copy_from_slice(&fs::read(a).unwrap()[..PARTITION_BYTE]);
    fs::write(&path, bytes).unwrap();
    path
}
