//! Two images that ought to be the same.

mod common;

use anklume_compare::{Deviation, File, Kind, rebuild, rebuild_text};
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
  /usr/bin/gone: file, only in the first
  /usr/bin/new\\xff: file, only in the second
  /usr/lib/x: file -> fifo
  blocks: first difference at index 0, 4 -> 5 blocks
",
        "aa".repeat(32),
        "bb".repeat(32)
    );
    assert_eq!(rebuild_text(&found, 100), expected);
    let short = rebuild_text(&found, 2);
    assert_eq!(short.lines().count(), 4);
    assert!(short.ends_with("  and 17 more\n"), "{short}");
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
