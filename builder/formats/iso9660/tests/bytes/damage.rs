//! Damaged volumes: every kind of problem is found, and nothing that is hostile is followed.

use anklume_iso9660::{Error, Names, Problem, Volume, check};

use crate::sample::*;

/// The problems after `image[at] ^= 1`.
fn flipped(at: usize) -> Vec<Problem> {
    let mut image = full();
    image[at] ^= 1;
    check(&image).unwrap()
}

const PRIMARY: usize = 16 * 2048;

#[test]
fn an_intact_volume_has_no_problems() {
    assert_eq!(check(&full()).unwrap(), []);
}

#[test]
fn numbers_with_two_values_are_found() {
    let image = full();
    // Big-endian halves: space size, path table size, root location; a file's size.
    for at in [PRIMARY + 87, PRIMARY + 139, PRIMARY + 156 + 9, record(&image, "OS.IMG;1") + 17] {
        let problems = flipped(at);
        assert!(matches!(problems[..], [Problem::BothEndian { .. }]), "{at}: {problems:?}");
    }
}

#[test]
fn files_outside_the_volume_are_found() {
    let mut image = full();
    let at = record(&image, "OS.IMG;1") + 2;
    image[at..at + 8].copy_from_slice(&[73, 0, 0, 0, 0, 0, 0, 73]);
    let problems = check(&image).unwrap();
    let [Problem::Outside { object, end, .. }] = &problems[..] else { panic!("{problems:?}") };
    assert_eq!((object.as_str(), *end), ("ANKLUME/OS.IMG", IMAGE_BYTES));
}

#[test]
fn a_directory_outside_the_image_is_found_and_not_read() {
    let mut image = full();
    let at = record(&image, "ANKLUME") + 2;
    image[at..at + 8].copy_from_slice(&[0xff; 8]);
    let problems = check(&image).unwrap();
    assert!(matches!(problems[0], Problem::Outside { .. }), "{problems:?}");
    assert!(matches!(problems[1], Problem::PathTable { .. }), "{problems:?}");
    assert!(matches!(Volume::open(&image).unwrap().list(), Err(Error::Read { .. })));
}

#[test]
fn path_tables_that_differ_from_directories_are_found() {
    let image = full();
    // Little-endian and big-endian table of both trees; the first directory is ANKLUME.
    let plain = [0, 1].map(|nth| position(&image, b"ANKLUME\0\x04\0", nth));
    for at in plain {
        for (byte, name) in [(0, "name"), (2 + 7, "next")] {
            let problems = flipped(at + byte);
            assert!(!problems.is_empty(), "{name}");
            let table = |problem: &Problem| {
                matches!(problem, Problem::PathTable { .. } | Problem::PathTableDamaged { .. })
            };
            assert!(problems.iter().all(table), "{problems:?}");
        }
    }
}

#[test]
fn an_image_that_was_cut_is_found() {
    let mut image = full();
    image.truncate(image.len() - 2048);
    let problems = check(&image).unwrap();
    assert!(matches!(problems[0], Problem::Truncated { .. }), "{problems:?}");
}

#[test]
fn damage_to_boot_structures_is_found() {
    let image = full();
    let catalog = position(&image, b"\x55\xaa\x88", 0) - 30;
    assert!(matches!(flipped(catalog + 4)[..], [Problem::CatalogChecksum { sum: 1, .. }]));
    let problems = flipped(catalog + 31);
    assert!(problems.iter().any(|one| matches!(one, Problem::CatalogKey { .. })), "{problems:?}");
    let core = catalog + 2048;
    for (at, name) in
        [(8, "volume descriptor"), (12, "location"), (20, "checksum"), (70, "checksum")]
    {
        let problems = flipped(core + at);
        let [Problem::BootInfo { field, .. }] = &problems[..] else { panic!("{problems:?}") };
        assert_eq!(*field, name);
    }
    // The EFI image ends behind the volume: its sector count is 8.
    assert!(matches!(flipped(catalog + 96 + 7)[..], [Problem::Outside { .. }]));
}

#[test]
fn damaged_descriptors_are_refused() {
    for at in [PRIMARY + 1, PRIMARY + 6, PRIMARY] {
        let mut image = full();
        image[at] ^= 0x40;
        assert!(matches!(Volume::open(&image), Err(Error::Corrupt { .. })), "{at}");
    }
    let mut image = full();
    image[PRIMARY + 129] = 4;
    assert!(matches!(Volume::open(&image), Err(Error::Unsupported { .. })));
    assert!(matches!(Volume::open(&[0; 100][..]), Err(Error::Read { .. })));
}

#[test]
fn names_that_lead_elsewhere_are_refused() {
    for name in [&b"../x"[..], b"..", b"a/b", b"a\0b"] {
        let mut image = full();
        let at = position(&image, b"NM\x0b\x01\0README", 0);
        let mut field = [b"NM", &[u8::try_from(name.len() + 5).unwrap(), 1, 0][..], name].concat();
        // An unknown field fills the rest.
        let rest = 11 - field.len();
        field.extend(if rest >= 4 {
            vec![b'Z', b'Z', u8::try_from(rest).unwrap(), 1]
        } else {
            vec![]
        });
        field.resize(11, 0);
        image[at..at + 11].copy_from_slice(&field);
        let volume = Volume::open(&image).unwrap();
        let error = volume.list_as(Names::RockRidge).unwrap_err();
        assert!(matches!(error, Error::Corrupt { .. }), "{error}");
        assert!(volume.list_as(Names::Plain).is_ok());
    }
}

/// A volume whose directory EFI/BOOT is EFI.
pub(crate) fn cycle() -> Vec<u8> {
    let mut image = full();
    let parent = record(&image, "EFI") + 2;
    let location: Vec<u8> = image[parent..parent + 8].to_vec();
    let efi = usize::from(location[0]) * 2048;
    let child = efi + record(&image[efi..], "BOOT") + 2;
    image[child..child + 8].copy_from_slice(&location);
    image
}

/// A volume whose root directory record continues in a field that continues in itself.
pub(crate) fn endless() -> Vec<u8> {
    let mut image = full();
    let field = position(&image, b"CE\x1c\x01", 0);
    let extension = position(&image, b"ER\xed\x01", 0);
    let again = image[field..field + 28].to_vec();
    image[extension..extension + 28].copy_from_slice(&again);
    // The first record that the listing looks at has it, too, instead of its times and name.
    let name = position(&image, b"NM\x0c\x01\0ANKLUME", 0);
    let mut record = again;
    record[20..28].copy_from_slice(&[28, 0, 0, 0, 0, 0, 0, 28]);
    image[name..name + 28].copy_from_slice(&record);
    image[extension..extension + 28].copy_from_slice(&record);
    image
}

#[test]
fn cycles_are_refused() {
    for names in [Names::Plain, Names::RockRidge] {
        let image = cycle();
        let error = Volume::open(&image).unwrap().list_as(names).unwrap_err();
        assert!(matches!(error, Error::Corrupt { object: "directory", .. }), "{error}");
    }
    let error = check(&cycle()).unwrap_err();
    assert!(matches!(error, Error::Corrupt { object: "directory", .. }), "{error}");
}

#[test]
fn endless_continuations_are_refused() {
    let image = endless();
    let error = Volume::open(&image).unwrap().list().unwrap_err();
    assert!(matches!(error, Error::Unsupported { .. }), "{error}");
}
