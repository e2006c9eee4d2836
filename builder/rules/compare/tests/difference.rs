//! What changed between two images, as data and as text.
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

mod common;

use anklume_compare::{Block, Change, Detail, File, Image, Kind, difference, difference_text};
use common::{after, before, block, file};
use proptest::prelude::*;
use serde_json::{Value, json};

fn json_of(before: &Image, after: &Image) -> Value {
    serde_json::to_value(difference(before, after)).unwrap()
}

#[test]
fn packages() {
    let packages = &json_of(&before(), &after())["packages"];
    assert_eq!(
        *packages,
        json!({
            "before": {"count": 5, "bytes": 6041},
            "after": {"count": 5, "bytes": 10152},
            "added": [{"name": "new", "version": "2", "bytes": 20}],
            "removed": [{"name": "gone", "version": "1", "bytes": 10}],
            "changed": [
                {
                    "name": "bash",
                    "before": {"version": "5.2-1", "bytes": 1000},
                    "after": {"version": "5.10-1", "bytes": 1100},
                    "direction": "upgraded",
                },
                {
                    "name": "libc6",
                    "before": {"version": "2.41-12+deb13u1", "bytes": 5000},
                    "after": {"version": "2.41-12+deb13u1~rc", "bytes": 9000},
                    "direction": "downgraded",
                },
                {
                    "name": "mixed",
                    "before": {"version": "1:0.5", "bytes": 30},
                    "after": {"version": "1:0.5", "bytes": 31},
                    "direction": "same-version",
                },
            ],
            "unchanged": 1,
        })
    );
}

#[test]
fn files() {
    let files = &json_of(&before(), &after())["files"];
    let added =
        json!([{"path": "/usr/bin/new\\xff", "kind": "file", "bytes": 20, "package": "base"}]);
    assert_eq!(files["added"], added);
    let removed =
        json!([{"path": "/usr/bin/gone", "kind": "file", "bytes": 10, "package": "base"}]);
    assert_eq!(files["removed"], removed);
    assert_eq!(files["before"], json!({"count": 7, "bytes": 1117}));
    assert_eq!(files["after"], json!({"count": 7, "bytes": 3120}));
    assert_eq!((&files["unchanged"], &files["not_compared"]), (&json!(0), &json!(0)));
    let change = |path: &str, bytes: u64, package: Value, changes: Value| json!({"path": path, "bytes": bytes, "package": package, "changes": changes});
    assert_eq!(
        files["changed"],
        json!([
            change(
                "/",
                0,
                json!(null),
                json!([{"what": "attribute", "name": "security.capability"}])
            ),
            change(
                "/bin",
                0,
                json!(null),
                json!([{"what": "target", "before": "usr/bin", "after": "usr/\\x1bbin"}])
            ),
            change(
                "/dev/x",
                0,
                json!(null),
                json!([{"what": "device", "before": "1:3", "after": "1:5"}])
            ),
            change(
                "/etc/passwd",
                100,
                json!("base"),
                json!([
                    {"what": "content"},
                    {"what": "mode", "before": "0644", "after": "4600"},
                    {"what": "owner", "before": {"uid": 0, "gid": 0}, "after": {"uid": 5, "gid": 6}},
                ])
            ),
            change(
                "/usr/bin/bash",
                3000,
                json!("base"),
                json!([{"what": "content"}, {"what": "size", "before": 1000, "after": 3000}])
            ),
            change(
                "/usr/lib/x",
                0,
                json!("base"),
                json!([{"what": "kind", "before": "file", "after": "fifo"}])
            ),
        ])
    );
}

#[test]
fn identity_sizes_and_update() {
    let found = json_of(&before(), &after());
    assert_eq!(
        found["before"],
        json!({
            "name": "debian", "version": "2025.10", "architecture": "amd64",
            "root_hash": "aa".repeat(32),
        })
    );
    assert_eq!(
        found["sizes"],
        json!([
            {"name": "boot", "before": 4096, "after": null},
            {"name": "data", "before": null, "after": 1},
            {"name": "os", "before": 1 << 20, "after": 3 << 20},
        ])
    );
    // The block that was compressed in another way is missing, the one that is there twice counts
    // once; a boot file that is the start of a table is found there.
    assert_eq!(
        found["update"],
        json!({
            "missing": {"count": 3, "bytes": 611}, "all": {"count": 6, "bytes": 1017},
            "blocks": {
                "missing": {"count": 2, "bytes": 601}, "all": {"count": 4, "bytes": 1001},
            },
            "metadata": {"missing": {"count": 1, "bytes": 10}, "all": {"count": 2, "bytes": 16}},
            "boot_files": {"missing": {"count": 0, "bytes": 0}, "all": {"count": 0, "bytes": 0}},
            "hash_tree_bytes": 77,
        })
    );
    let unknown = Image { blocks: Vec::new(), ..before() };
    assert_eq!(json_of(&unknown, &after())["update"], Value::Null);
    assert_eq!(json_of(&after(), &unknown)["update"], Value::Null);
}

#[test]
fn unknown_contents_are_counted_and_not_called_changed() {
    let unknown = |bytes| {
        let kind = Kind::Regular { bytes, sha256: None, stored: None };
        File { kind, ..file(0, 0) }
    };
    let image = |one: File, two: File| {
        let files = [(b"one".to_vec(), one), (b"two".to_vec(), two)].into();
        Image { files, ..Image::default() }
    };
    let found = difference(&image(file(5, 1), unknown(5)), &image(unknown(5), unknown(6)));
    assert_eq!((found.files.not_compared, found.files.unchanged), (1, 1));
    let [change] = &found.files.changed[..] else { panic!("{found:?}") };
    assert_eq!(change.path, "/two");
    assert_eq!(change.changes, [Change::Content, Change::Size { before: 5, after: 6 }]);
    assert!(difference_text(&found, Detail::All).ends_with("  content not compared: 1\n"));
}

#[test]
fn the_same_stored_form_is_the_same_content_and_another_one_says_nothing() {
    let image = |stored: Option<u8>, hash: Option<u8>| {
        let (stored, sha256) = (stored.map(|s| [s; 32]), hash.map(|h| [h; 32]));
        let file = File { kind: Kind::Regular { bytes: 5, sha256, stored }, ..file(0, 0) };
        Image { files: [(b"one".to_vec(), file)].into(), ..Image::default() }
    };
    let compared = |before, after| {
        let files = difference(&before, &after).files;
        (files.not_compared, files.unchanged, files.changed.len())
    };
    assert_eq!(compared(image(Some(1), None), image(Some(1), None)), (0, 1, 0));
    assert_eq!(compared(image(Some(1), None), image(Some(2), None)), (1, 1, 0));
    assert_eq!(compared(image(None, None), image(None, None)), (1, 1, 0));
    assert_eq!(compared(image(Some(1), Some(3)), image(Some(2), Some(3))), (0, 1, 0));
    assert_eq!(compared(image(Some(1), Some(3)), image(Some(2), Some(4))), (0, 0, 1));
}

#[test]
fn text_of_everything() {
    let text = difference_text(&difference(&before(), &after()), Detail::All);
    let expected = "\
debian 2025.10 amd64 -> debian 2025.11 amd64
root hash aaaaaaaaaaaa -> bbbbbbbbbbbb
boot: 4.00 KiB -> (none)
data: (none) -> 1 B
os: 1.00 MiB -> 3.00 MiB (+2.00 MiB)
packages: 5 -> 5, 5.90 KiB -> 9.91 KiB (+4.01 KiB)
  1 added
    new 2 (20 B)
  1 removed
    gone 1 (10 B)
  1 upgraded
    bash 5.2-1 -> 5.10-1 (+100 B)
  1 downgraded
    libc6 2.41-12+deb13u1 -> 2.41-12+deb13u1~rc (+3.91 KiB)
  1 changed with the same version
    mixed 1:0.5 -> 1:0.5 (+1 B)
files: 7 -> 7, 1.09 KiB -> 3.05 KiB (+1.96 KiB)
  1 added
    /usr/bin/new\\xff [base] (20 B)
  1 removed
    /usr/bin/gone [base] (10 B)
  6 changed: attribute 1, content 2, device 1, kind 1, mode 1, owner 1, size 1, target 1
    /: attribute security.capability
    /bin: target usr/bin -> usr/\\x1bbin
    /dev/x: device 1:3 -> 1:5
    /etc/passwd [base]: content; mode 0644 -> 4600; owner 0:0 -> 5:6
    /usr/bin/bash [base]: content; size +1.95 KiB
    /usr/lib/x [base]: file -> fifo
update: fetches 611 B of 1017 B, 2 of 4 blocks
  blocks 601 B, metadata 10 B, boot files 0 B
  the hash tree, 77 B, is computed from them
";
    assert_eq!(text, expected);
}

#[test]
fn short_text_has_the_biggest() {
    let text = difference_text(&difference(&before(), &after()), Detail::Biggest(2));
    let expected = "\
target 1
    /usr/bin/bash [base]: content; size +1.95 KiB
    /etc/passwd [base]: content; mode 0644 -> 4600; owner 0:0 -> 5:6
    and 4 more
update";
    assert!(text.contains(expected), "{text}");
    let text = difference_text(&difference(&before(), &after()), Detail::Biggest(0));
    assert!(!text.contains("    ") && text.contains("  1 upgraded\n  1 downgraded\n"), "{text}");
}

#[test]
fn an_image_without_anything_has_a_text() {
    let nothing = difference(&Image::default(), &Image::default());
    let text = difference_text(&nothing, Detail::All);
    assert_eq!(text, "(no name) -> (no name)\npackages: 0 -> 0\nfiles: 0 -> 0\n");
}

fn any_file() -> impl Strategy<Value = File> {
    let kind = prop_oneof![
        (0_u64..3, prop::option::of(0_u8..3)).prop_map(|(bytes, hash)| Kind::Regular {
            bytes,
            sha256: hash.map(|h| [h; 32]),
            stored: None,
        }),
        Just(Kind::Directory),
        (0_u8..3).prop_map(|target| Kind::Symlink { target: vec![target] }),
        (0_u32..2, 0_u32..2).prop_map(|(major, minor)| Kind::BlockDevice { major, minor }),
    ];
    (kind, 0_u32..2).prop_map(|(kind, mode)| File { kind, mode, ..file(0, 0) })
}

fn any_image() -> impl Strategy<Value = Image> {
    let files = prop::collection::btree_map(prop::collection::vec(0_u8..4, 0..3), any_file(), 0..9);
    let blocks = prop::collection::vec((0_u8..9, 0_u32..2), 0..9);
    let package = ("[0-2.~]{1,3}", 0_u64..2);
    let packages = prop::collection::btree_map("[a-e]", package, 0..5);
    (files, blocks, packages).prop_map(|(files, blocks, packages)| Image {
        files,
        blocks: blocks
            .into_iter()
            .map(|(hash, stored)| block(hash, stored))
            .collect::<Vec<Block>>(),
        packages: packages
            .into_iter()
            .map(|(name, (version, installed_bytes))| {
                (name, anklume_compare::Package { version, installed_bytes })
            })
            .collect(),
        ..Image::default()
    })
}

fn count<T>(list: &[T]) -> u64 {
    u64::try_from(list.len()).unwrap()
}

proptest! {
    #[test]
    fn nothing_is_lost_and_the_way_back_is_the_same(a in any_image(), b in any_image()) {
        let (there, back) = (difference(&a, &b), difference(&b, &a));
        let files = &there.files;
        let common = count(&files.changed) + files.unchanged;
        prop_assert_eq!(count(&files.added) + common, files.after.count);
        prop_assert_eq!(count(&files.removed) + common, files.before.count);
        prop_assert_eq!(&files.added, &back.files.removed);
        prop_assert_eq!(count(&files.changed), count(&back.files.changed));
        let packages = &there.packages;
        let common = count(&packages.changed) + packages.unchanged;
        prop_assert_eq!(count(&packages.added) + common, packages.after.count);
        prop_assert_eq!(count(&packages.removed) + common, packages.before.count);
        prop_assert_eq!(&packages.removed, &back.packages.added);
        if let (Some(there), Some(back)) = (there.update, back.update) {
            let kept = there.all.bytes - there.missing.bytes;
            prop_assert_eq!(kept, back.all.bytes - back.missing.bytes);
        }
    }

    #[test]
    fn an_image_does_not_differ_from_itself(image in any_image()) {
        let same = difference(&image, &image);
        prop_assert!(same.files.changed.is_empty() && same.packages.changed.is_empty());
        prop_assert!(same.update.is_none_or(|update| update.missing.count == 0));
    }
}
