//! Against images that mksquashfs and veritysetup made.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod sample;

use anklume_osimage::{NotOurs, os_image};
use anklume_verity::RootHash;
use sample::image;

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
