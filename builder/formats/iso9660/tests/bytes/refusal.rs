//! What cannot be laid out.

use anklume_iso9660::{EfiImage, Entry, Params, PlanError, plan};

use crate::sample::*;

fn refusal(params: Params, entries: &[Entry]) -> PlanError {
    // Not unwrap_err, which would print a whole volume.
    plan(&params, entries).err().unwrap()
}

#[test]
fn files_must_lie_in_partitions_of_the_volume() {
    let of = |offset, size| refusal(params(), &[alias("A", offset, size)]);
    assert!(matches!(of(LIMIT + 512, 1), PlanError::Misaligned { alignment: 2048, .. }));
    assert!(matches!(of(LIMIT, IMAGE_BYTES), PlanError::OutsideVolume { .. }));
    assert!(matches!(of(LIMIT - 2048, 1), PlanError::InsideArea { limit: LIMIT, .. }));
    assert!(matches!(of(u64::MAX - 2047, 1), PlanError::OutsideVolume { .. }));
    assert!(plan(&params(), &[alias("A", IMAGE_BYTES - 2048, 2048)]).is_ok());
}

#[test]
fn a_file_is_shorter_than_four_gibibytes() {
    let roomy = || Params { volume_bytes: 16 << 30, ..params() };
    assert!(plan(&roomy(), &[alias("A", 1 << 30, (4 << 30) - 1)]).is_ok());
    let error = refusal(roomy(), &[alias("A", 1 << 30, 4 << 30)]);
    assert_eq!(error.to_string(), "file A: 4294967296 bytes, at most 4294967295");
}

#[test]
fn names_are_8_3_and_unique() {
    let error = refusal(params(), &[inline("boot/grub.conf", b"")]);
    assert!(matches!(error, PlanError::Name { .. }), "{error}");
    let error = refusal(params(), &[inline("A", b""), alias("A", LIMIT, 1)]);
    assert_eq!(error, PlanError::Duplicate { path: "A".into() });
    let error = refusal(params(), &[inline("boot/a", b""), alias("BOOT/A", LIMIT, 1)]);
    assert_eq!(error, PlanError::Duplicate { path: "BOOT/A".into() });
}

#[test]
fn identifiers_have_their_characters_and_lengths() {
    for bad in [
        Params { volume_id: "anklume".into(), ..params() },
        Params { volume_id: "AN KLUME".into(), ..params() },
        Params { volume_id: "A".repeat(33), ..params() },
        Params { system_id: "A".repeat(33), ..params() },
        Params { publisher: "A".repeat(129), ..params() },
        Params { preparer: "\u{c4}".into(), ..params() },
        Params { application: "A\0".into(), ..params() },
    ] {
        assert!(matches!(refusal(bad, &[]), PlanError::Identifier { .. }));
    }
}

#[test]
fn volumes_and_boot_images_have_their_bounds() {
    let misaligned = Params { volume_bytes: IMAGE_BYTES + 512, ..params() };
    assert!(matches!(refusal(misaligned, &[]), PlanError::Misaligned { .. }));
    let small = Params { volume_bytes: LIMIT - 2048, ..params() };
    assert!(matches!(refusal(small, &[]), PlanError::OutsideVolume { .. }));
    let huge = Params { volume_bytes: 1 << 43, ..params() };
    assert!(matches!(refusal(huge, &[]), PlanError::DoesNotFit { .. }));
    let full = Params { limit_bytes: 25 * 2048, ..params() };
    assert!(matches!(refusal(full, &[]), PlanError::AreaFull { limit: 51200, .. }));
    let late = Params { timestamp: u64::MAX, ..params() };
    assert!(matches!(refusal(late, &[]), PlanError::Date { .. }));
    let short = Params { bios_core: Some(vec![0; 63]), ..params() };
    assert!(matches!(refusal(short, &[]), PlanError::BootImage { found: 63, min: 64, .. }));
    let efi = |offset_bytes, sectors_512| Params {
        efi_image: Some(EfiImage { offset_bytes, sectors_512 }),
        ..params()
    };
    assert!(matches!(refusal(efi(LIMIT, 0), &[]), PlanError::BootImage { .. }));
    assert!(matches!(refusal(efi(LIMIT, u16::MAX), &[]), PlanError::OutsideVolume { .. }));
    assert!(matches!(refusal(efi(LIMIT + 1, 1), &[]), PlanError::Misaligned { .. }));
}

#[test]
fn an_area_that_just_fits_is_laid_out() {
    let needed = plan(&params(), &entries()).unwrap();
    let end = needed.offset_bytes + u64::try_from(needed.bytes.len()).unwrap();
    let exact = Params { limit_bytes: end, ..params() };
    assert!(plan(&exact, &entries()).unwrap() == needed);
    let less = Params { limit_bytes: end - 2048, ..params() };
    let error = refusal(less, &entries());
    assert_eq!(error, PlanError::AreaFull { needed: end, limit: end - 2048 });
}
