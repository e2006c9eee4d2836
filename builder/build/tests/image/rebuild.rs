//! Where two images differ, and `verify --rebuild` as far as it comes without a build.

use std::process::Command;

use anklume_build::image::{differences, fuzz_initramfs};

use crate::*;

#[path = "../support/mod.rs"]
mod support;

/// Names of the areas in which `image` differs from `other`, where the byte at `offset` is changed,
/// each with whether it is padding.
fn named(image: &Bytes<'_>, other: &Bytes<'_>, offset: u64) -> Vec<(String, bool)> {
    let found = differences(image, other).unwrap();
    assert!(found.iter().all(|area| (area.first, area.bytes) == (offset, 1)), "{found:?}");
    found.into_iter().map(|area| (area.name, area.padding)).collect()
}

#[test]
fn a_byte_that_differs_is_named_by_its_place() {
    let sample = iso();
    let image = sample.whole();
    assert_eq!(differences(&image, &image).unwrap(), []);
    let boot = "partition 3 (anklume-boot-a)";
    let (os, end) = (sample.area("OS"), image.len() as u64);
    let inside = |name: &str| sample.area(name).offset + 1;
    let partition_end = |role| sample.start(role) + sample.disk.extent(role).unwrap().bytes;
    let os_end = partition_end(Role::Os(Slot::A));
    for (offset, name, padding) in [
        (0, "mbr: boot code", false),
        (445, "mbr: partition records", false),
        (512, "partition table", false),
        (1024, "partition table", false),
        (end - 1, "backup partition table", false),
        (20_000, "between partition table and iso 9660 volume", true),
        (32_769, "iso 9660 volume", false),
        (sample.start(Role::BiosBoot), "partition 1 (anklume-bios): GRUB's core image", false),
        (
            partition_end(Role::BiosBoot) - 1,
            "partition 1 (anklume-bios): behind GRUB's core image",
            true,
        ),
        (inside("ESP"), "partition 2 (anklume-esp): EFI/BOOT/BOOTX64.EFI", false),
        (partition_end(Role::Esp) - 1, "partition 2 (anklume-esp): free space", true),
        (inside(files::KERNEL), &format!("{boot}: VMLINUZ"), false),
        (inside(files::MANIFEST), &format!("{boot}: MANIFEST.JSN"), false),
        (sample.start(Role::Boot(Slot::A)), &format!("{boot}: FAT and root directory"), false),
        (os.offset, "squashfs of slot a: superblock", false),
        (os.offset + 200, "squashfs of slot a: content of files", false),
        (os.offset + sample.data_bytes + 1, "partition 4 (anklume-os-a): hash tree", false),
        (os_end - 1, "partition 4 (anklume-os-a): behind the hash tree", true),
    ] {
        let found = named(&image, &flipped(&image, offset), offset);
        assert_eq!(found, [(name.to_owned(), padding)], "byte {offset}");
    }
}

/// Runs `verify --rebuild`, which has to end before it builds; exit code and errors.
fn refused(arguments: &[&str]) -> (i32, String) {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
    let folder = folder();
    let cache = folder.path().join("cache");
    let init = support::init(folder.path());
    let output = Command::new(env!("CARGO_BIN_EXE_anklume-build"))
        .args(["verify", "--rebuild", "--offline", "--init", &init, "--cache"])
        .arg(&cache)
        .args(arguments)
        .current_dir(root)
        .output()
        .unwrap();
    let left = std::fs::read_dir(&cache).into_iter().flatten().flatten();
    let left: Vec<_> =
        left.map(|entry| entry.file_name()).filter(|name| name != "archive").collect();
    assert!(left.is_empty(), "{left:?} was left in the cache");
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

#[test]
fn what_cannot_be_rebuilt_is_refused_and_the_image_is_not_written() {
    let folder = folder();
    let path = folder.path().join("x.iso");
    let image = iso().whole();
    std::fs::write(&path, &image).unwrap();
    let name = path.to_str().unwrap();
    let test = ["--image", "images/debian-test.toml"];
    for (arguments, code, says) in [
        // The image's own name finds its definition.
        (vec![name], 3, "no base `sample`"),
        ([&test[..], &[name]].concat(), 3, "makes a `debian-test`"),
        (vec![name, name], 3, "2 images to rebuild, expected one"),
        (vec!["--keep", name, name], 3, "x.iso exists"),
        (vec!["--keep", "/nonexistent/x", name], 3, "/nonexistent is not a folder"),
        (vec!["/nonexistent"], 1, "/nonexistent"),
        (vec!["Cargo.toml"], 5, "Cargo.toml"),
    ] {
        let (found, errors) = refused(&arguments);
        assert!(found == code && errors.contains(says), "{arguments:?}: {found} {errors}");
        assert!(errors.contains("error: "), "{errors}");
    }
    assert_eq!(std::fs::read(&path).unwrap(), image);
}

#[test]
fn an_image_that_could_have_been_built_here_needs_packages() {
    let folder = folder();
    let path = folder.path().join("x.iso");
    let sample = sample::named("debian-test", &small_os(folder.path()));
    std::fs::write(&path, sample.whole()).unwrap();
    let name = path.to_str().unwrap();
    let (code, errors) = refused(&[name]);
    assert!(code == 3 && errors.contains("the cache knows nothing"), "{code} {errors}");
    // mksquashfs wrote down its own level, which is that of a release.
    assert!(!errors.contains("zstd level"), "{errors}");
    assert!(errors.contains("no lock is used"), "{errors}");
    let (_, errors) = refused(&["--dev", name]);
    assert!(errors.contains("it has zstd level 15, the rebuild has level 3"), "{errors}");
}

#[test]
fn foreign_archives_are_read_as_an_initramfs() {
    let corpus =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/initramfs");
    for (name, files) in [("plain", 3), ("microcode", 5)] {
        let seed = std::fs::read(corpus.join(name)).unwrap();
        assert_eq!(fuzz_initramfs(&seed), files, "{name}");
    }
}
