//! What a slot holds.

use std::collections::BTreeMap;

use anklume_layout::manifest::{self, Manifest};
use anklume_layout::{Role, Slot, files};
use anklume_medium::{Error, SlotContent};
use anklume_osimage::NotOurs;

use crate::os;
use crate::sample::Sample;

fn manifest(root_hash: &str) -> Manifest {
    Manifest {
        manifest_version: manifest::VERSION,
        compatible: "sample".to_owned(),
        image_version: "2026.11.1".to_owned(),
        architecture: "amd64".to_owned(),
        kernel: "6.0-sample".to_owned(),
        source_date_epoch: 1_700_000_000,
        root_hash: root_hash.to_owned(),
        salt: "ab".repeat(32),
        os_bytes: 0,
        hash_bytes: 0,
        minimum_updater: 1,
        state_schema: 1,
        command_line: String::new(),
        boot_files: BTreeMap::new(),
        loader: BTreeMap::new(),
        packages: Vec::new(),
    }
}

fn put_manifest(sample: &Sample, slot: Slot, content: Vec<u8>) {
    sample.fat(Role::Boot(slot), &[(files::KERNEL, vec![1; 5000]), (files::MANIFEST, content)]);
}

fn put(sample: &Sample, slot: Slot, manifest: &Manifest) {
    put_manifest(sample, slot, serde_json::to_vec(manifest).unwrap());
}

#[test]
fn a_slot_is_what_its_manifest_and_its_hash_tree_say() {
    let sample = Sample::new();
    let (os, root) = os::image(sample.dir.path());
    let start = sample.extent(Role::Os(Slot::B)).offset;
    put(&sample, Slot::B, &manifest(&root.to_string()));
    sample.put(start, &os);
    let medium = sample.medium();
    assert!(matches!(medium.slot(Slot::A), SlotContent::Empty));
    let found = medium.slot(Slot::B);
    let complete = found.complete().unwrap();
    assert_eq!(
        (complete.compatible.as_str(), complete.image_version.as_str()),
        ("sample", "2026.11.1")
    );

    put(&sample, Slot::B, &manifest(&"00".repeat(32)));
    let found = medium.slot(Slot::B);
    assert!(found.complete().is_none());
    let SlotContent::Described { os, .. } = found else { panic!("{found:?}") };
    assert!(matches!(os, Err(NotOurs::OtherHash(found)) if found == root));
}

#[test]
fn half_a_slot_is_told() {
    let sample = Sample::new();
    put(&sample, Slot::A, &manifest(&"00".repeat(32)));
    let found = sample.medium().slot(Slot::A);
    let SlotContent::Described { os, .. } = found else { panic!("{found:?}") };
    assert!(matches!(os, Err(NotOurs::NoSquashfs)));
    sample.put(sample.extent(Role::Os(Slot::B)).offset, b"hsqs");
    let found = sample.medium().slot(Slot::B);
    assert!(matches!(found, SlotContent::Unreadable(Error::FileSystem { .. })), "{found:?}");
}

#[test]
fn a_manifest_that_cannot_be_used_is_told() {
    let sample = Sample::new();
    let found = |content: Vec<u8>| {
        put_manifest(&sample, Slot::A, content);
        match sample.medium().slot(Slot::A) {
            SlotContent::Unreadable(Error::File { expected, found, .. }) => (expected, found),
            other => panic!("{other:?}"),
        }
    };
    assert_eq!(found(b"{".to_vec()).0, "a manifest");
    let old = Manifest { manifest_version: 1, ..manifest("") };
    let expected = ("manifest-version 2".to_owned(), "1".to_owned());
    assert_eq!(found(serde_json::to_vec(&old).unwrap()), expected);
    let (_, hash) = found(serde_json::to_vec(&manifest("abc")).unwrap());
    assert_eq!(hash, "\"abc\"");
    sample.fat(Role::Boot(Slot::A), &[(files::KERNEL, vec![1; 5000])]);
    let found = sample.medium().slot(Slot::A);
    assert!(matches!(found, SlotContent::Unreadable(Error::File { .. })), "{found:?}");
}
