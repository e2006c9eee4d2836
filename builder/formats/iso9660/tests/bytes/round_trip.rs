//! Any plan is read back as it was given; any damage ends with an answer.

use anklume_iso9660::{Entry, Names, Params, Volume, check, fuzzing, plan};
use proptest::collection::{btree_map, vec};
use proptest::prelude::*;
use proptest::sample::Index;

use crate::sample::*;

/// Where the partitions of these volumes begin.
const ROOM: u64 = LIMIT * 4;

fn roomy() -> Params {
    Params { limit_bytes: ROOM, volume_bytes: ROOM + LIMIT, efi_image: None, ..params() }
}

fn files() -> impl Strategy<Value = Vec<Entry>> {
    // Files have an extension and directories have none, so a path is never both.
    let path = "([A-Z0-9_]{1,8}/){0,3}[A-Z0-9_]{1,8}\\.[A-Z0-9_]{1,3}";
    let stored = vec(any::<u8>(), 0..40).prop_map(Ok);
    let elsewhere = (0..60_u64, 0..5000_u64).prop_map(Err);
    btree_map(path, prop_oneof![stored, elsewhere], 0..12).prop_map(|files| {
        let entry = |(path, content): (String, Result<Vec<u8>, (u64, u64)>)| match content {
            Ok(content) => Entry::Inline { path, content },
            Err((sector, size)) => alias(&path, ROOM + sector * 2048, size),
        };
        files.into_iter().map(entry).collect()
    })
}

fn path(entry: &Entry) -> &str {
    match entry {
        Entry::Alias(file) => &file.path,
        Entry::Inline { path, .. } => path,
    }
}

/// GRUB tells small letters from capitals in Rock Ridge names, and asks for `/boot/grub`.
#[test]
fn rock_ridge_names_are_as_spelled_and_the_others_are_capitals() {
    let entries = [inline("boot/grub/grub.cfg", b"x"), inline("EFI/A.EFI", b"y")];
    let area = plan(&roomy(), &entries).unwrap();
    let mut image = vec![0; usize::try_from(ROOM + LIMIT).unwrap()];
    image[32768..32768 + area.bytes.len()].copy_from_slice(&area.bytes);
    assert_eq!(check(&image).unwrap(), []);
    let volume = Volume::open(&image).unwrap();
    for (names, expected) in [
        (Names::Plain, ["EFI/A.EFI", "BOOT/GRUB/GRUB.CFG"]),
        (Names::RockRidge, ["EFI/A.EFI", "boot/grub/grub.cfg"]),
        (Names::Joliet, ["EFI/A.EFI", "BOOT/GRUB/GRUB.CFG"]),
    ] {
        let nodes = volume.list_as(names).unwrap();
        let files = nodes.iter().filter(|node| !node.directory);
        assert_eq!(files.map(|node| node.path.as_str()).collect::<Vec<_>>(), expected);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..Default::default() })]

    #[test]
    fn plans_are_read_back(entries in files()) {
        let area = plan(&roomy(), &entries).unwrap();
        let mut image = vec![0; usize::try_from(ROOM + LIMIT).unwrap()];
        image[32768..32768 + area.bytes.len()].copy_from_slice(&area.bytes);
        prop_assert_eq!(check(&image).unwrap(), []);
        let volume = Volume::open(&image).unwrap();
        for names in [Names::Plain, Names::RockRidge, Names::Joliet] {
            let nodes = volume.list_as(names).unwrap();
            let found = nodes.iter().filter(|node| !node.directory);
            let found: Vec<_> = found.map(|node| (node.path.as_str(), node.extent)).collect();
            let expected: Vec<_> = area.files.iter().map(|file| (file.path.as_str(), file.extent)).collect();
            prop_assert_eq!(found, expected);
        }
        for entry in &entries {
            let extent = volume.find(path(entry)).unwrap();
            if let Entry::Inline { content, .. } = entry {
                let start = usize::try_from(extent.offset_bytes).unwrap();
                prop_assert_eq!(&image[start..start + content.len()], &content[..]);
            }
        }
        let reversed: Vec<_> = entries.into_iter().rev().collect();
        prop_assert!(plan(&roomy(), &reversed).unwrap() == area);
    }

    #[test]
    fn damage_ends_with_an_answer(changes in vec((any::<Index>(), any::<u8>()), 1..8)) {
        let mut image = full();
        // Zeros are mostly padding, where a change means nothing.
        let places: Vec<usize> = (0..image.len()).filter(|at| image[*at] != 0).collect();
        for (place, value) in changes {
            image[*place.get(&places)] = value;
        }
        let _answer = fuzzing::examine(&image);
    }
}

#[test]
fn an_empty_file_has_no_sectors() {
    let area = plan(&params(), &[alias("A", LIMIT, 0), inline("B", b"")]).unwrap();
    let placed: Vec<_> =
        area.files.iter().map(|file| (file.extent.offset_bytes, file.extent.size)).collect();
    assert_eq!(placed, [(0, 0), (0, 0)]);
    assert_eq!(Volume::open(&image(&area)).unwrap().find("A").unwrap(), area.files[0].extent);
}
