//! Two images that ought to be the same.

mod common;

use anklume_compare::{
    Blob, Deviation, File, Image, Kind, Partition, Squashfs, rebuild, rebuild_text,
};
use common::{after, before, file};

#[test]
fn an_image_is_identical_to_itself() {
    let same = rebuild(&before(), &before());
    assert!(same.is_identical());
    assert_eq!(
        rebuild_text(&same, 5),
        "debian 2025.10 amd64 and debian 2025.10 amd64: identical, 7 paths\n"
    );
}

#[test]
fn deviations_come_in_order_with_their_reasons() {
    let found = rebuild(&before(), &after());
    assert!(!found.is_identical());
    let expected = format!(
        "\
debian 2025.10 amd64 and debian 2025.11 amd64: 19 deviations
  version: 2025.10 -> 2025.11
  root-hash: {} -> {}
  boot: 4.00 KiB -> (none)
  data: (none) -> 1 B
  os: 1.00 MiB -> 3.00 MiB (+2.00 MiB)
  package bash: 5.2-1 (1000 bytes) -> 5.10-1 (1100 bytes)
  package gone: 1 (10 bytes) -> (none)
  package libc6: 2.41-12+deb13u1 (5000 bytes) -> 2.41-12+deb13u1~rc (9000 bytes)
  package mixed: 1:0.5 (30 bytes) -> 1:0.5 (31 bytes)
  package new: (none) -> 2 (20 bytes)
  /: attribute security.capability
  /bin: target usr/bin -> usr/\\x1bbin
  /dev/x: device 1:3 -> 1:5
  /etc/passwd: content; mode 0644 -> 4600; owner 0:0 -> 5:6; mtime 1 -> 2
  /usr/bin/bash: content; size +1.95 KiB
  /usr/bin/gone: file, only in the image
  /usr/bin/new\\xff: file, only in the rebuild
  /usr/lib/x: file -> fifo
  blocks: first difference at index 0, 4 -> 5 blocks
",
        "aa".repeat(32),
        "bb".repeat(32)
    );
    assert_eq!(rebuild_text(&found, 100), expected);
    // Many packages do not hide the first file.
    let short = rebuild_text(&found, 2);
    let more: Vec<_> = short.lines().filter(|line| line.starts_with("  and ")).collect();
    assert_eq!(more, ["  and 1 more", "  and 3 more", "  and 6 more"], "{short}");
    assert!(short.contains("  /bin: target"), "{short}");
}

/// What a comparison of two versions does not look at makes an image different all the same.
#[test]
fn times_and_the_order_of_blocks_count() {
    let mut other = before();
    other.files.insert(b"etc/passwd".to_vec(), File { mtime: Some(7), ..file(100, 1) });
    other
        .files
        .insert(b"bin".to_vec(), File { mtime: None, ..before().files[&b"bin"[..]].clone() });
    other.blocks.swap(1, 3);
    let found = rebuild(&before(), &other);
    let [Deviation::File(change), Deviation::Blocks { first: 1, before: 4, after: 4 }] =
        &found.deviations[..]
    else {
        panic!("{found:?}")
    };
    assert_eq!(change.path, "/etc/passwd");
    let json = serde_json::to_value(&found.deviations).unwrap();
    assert_eq!(
        json,
        serde_json::json!([
            {
                "subject": "file", "path": "/etc/passwd", "bytes": 100, "package": "base",
                "changes": [{"what": "mtime", "before": 1, "after": 7}],
            },
            {"subject": "blocks", "first": 1, "before": 4, "after": 4},
        ])
    );
}

#[test]
fn a_longer_list_of_blocks_differs_at_its_end() {
    let mut other = before();
    other.blocks.push(common::block(9, 9));
    let found = rebuild(&before(), &other);
    assert_eq!(found.deviations, [Deviation::Blocks { first: 4, before: 4, after: 5 }]);
}

#[test]
fn contents_that_nobody_knows_are_named() {
    let mut one = before();
    let kind = Kind::Regular { bytes: 7, sha256: None, stored: None };
    one.files.insert(b"usr/lib/x".to_vec(), File { kind, ..file(0, 0) });
    let found = rebuild(&one, &before());
    assert!(found.is_identical());
    assert_eq!(found.not_compared, 1);
    assert!(rebuild_text(&found, 1).ends_with("  content not compared: 1\n"));
}

fn blob(bytes: u64, digit: &str) -> Blob {
    Blob { bytes, sha256: digit.repeat(64) }
}

fn squashfs(level: u32, digit: &str) -> Squashfs {
    Squashfs {
        bytes: 5000,
        sha256: digit.repeat(64),
        compression: "zstd".to_owned(),
        level: Some(level),
        block_bytes: 131_072,
    }
}

/// An image with something around its root tree.
fn framed() -> Image {
    let mut image = before();
    let frame = &mut image.frame;
    frame.partitions.insert("os".to_owned(), Partition { offset: 4096, bytes: 8192 });
    frame.boot_files.insert("VMLINUZ".to_owned(), blob(10, "1"));
    frame.boot_files.insert("INITRD".to_owned(), blob(20, "2"));
    frame.loader.insert("boot-code".to_owned(), blob(440, "3"));
    frame.initramfs.insert(b"init".to_vec(), file(10, 1));
    frame.initramfs.insert(b"gone".to_vec(), file(10, 1));
    frame.squashfs = Some(squashfs(15, "4"));
    image
}

#[test]
fn what_is_around_the_root_tree_comes_before_it() {
    assert!(rebuild(&framed(), &framed()).is_identical());
    let mut other = framed();
    let frame = &mut other.frame;
    frame.partitions.insert("os".to_owned(), Partition { offset: 4096, bytes: 4096 });
    frame.partitions.insert("more".to_owned(), Partition { offset: 0, bytes: 1 });
    frame.boot_files.insert("INITRD".to_owned(), blob(2048, "2"));
    frame.boot_files.remove("VMLINUZ");
    frame.loader.insert("boot-code".to_owned(), blob(440, "5"));
    frame.initramfs.insert(b"init".to_vec(), File { mtime: Some(3), ..file(10, 2) });
    frame.initramfs.remove(&b"gone"[..]);
    other.packages.remove("gone");
    let expected = "\
debian 2025.10 amd64 and debian 2025.10 amd64: 8 deviations
  partition more: (none) -> 1 bytes at byte 0
  partition os: 8192 bytes at byte 4096 -> 4096 bytes at byte 4096
  boot file INITRD: content, 20 B -> 2.00 KiB
  boot file VMLINUZ: only in the image
  boot loader, boot-code: content
  initramfs /gone: only in the image
  initramfs /init: content; mtime 1 -> 3
  package gone: 1 (10 bytes) -> (none)
";
    assert_eq!(rebuild_text(&rebuild(&framed(), &other), 9), expected);
}

#[test]
fn a_squashfs_of_the_same_files_in_other_bytes_is_named() {
    let with = |squashfs| {
        let mut image = framed();
        image.frame.squashfs = Some(squashfs);
        image
    };
    let last = |image: &Image| {
        let found = rebuild(&framed(), image);
        rebuild_text(&found, 9).lines().last().unwrap_or_default().to_owned()
    };
    let found = rebuild(&framed(), &with(squashfs(15, "5")));
    assert!(matches!(found.deviations[..], [Deviation::Squashfs { .. }]), "{found:?}");
    assert!(last(&with(squashfs(15, "5"))).contains("the same packages and files in other bytes"));
    assert_eq!(
        last(&with(squashfs(3, "5"))),
        "  squashfs: zstd level 15, blocks of 128.00 KiB -> zstd level 3, blocks of 128.00 KiB"
    );
    // Other files explain other bytes, but not another level.
    let mut image = with(squashfs(15, "5"));
    image.files.remove(&b"etc/passwd"[..]);
    assert_eq!(last(&image), "  /etc/passwd: file, only in the image");
    image.frame.squashfs = Some(squashfs(3, "5"));
    assert!(last(&image).contains("level 3"));
}
