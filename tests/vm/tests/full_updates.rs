//! Updates on the other firmware, step by step, unasked, and with power cuts.

use anklume_vm_tests::Failure;
use anklume_vm_tests::FirmwareKind::{Bios, Uefi};
use anklume_vm_tests::cuts::seeded;
use anklume_vm_tests::image::{self, TEST_NEXT};
use anklume_vm_tests::update::{
    TEST_BROKEN, beside_a_data_disk, from_a_local_image, on_a_stick, survives_power_cuts,
    to_a_broken_version, to_a_good_version, unasked,
};

macro_rules! updates {
    ($($name:ident: $test:ident, $firmware:expr, $image:expr;)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                let image = image::from_environment($image)?;
                on_a_stick(concat!("full-", stringify!($name)), |scene| {
                    $test(scene, $firmware, &image)
                })
            }
        )*
    };
}

updates! {
    a_good_version_uefi: to_a_good_version, Uefi, TEST_NEXT;
    a_good_version_bios: to_a_good_version, Bios, TEST_NEXT;
    a_broken_version_uefi: to_a_broken_version, Uefi, TEST_BROKEN;
    a_local_image: from_a_local_image, Uefi, TEST_NEXT;
    an_update_that_nobody_asks_for: unasked, Uefi, TEST_NEXT;
    a_data_disk_is_left_alone: beside_a_data_disk, Bios, TEST_NEXT;
}

/// The way of a machine: to a version that works, then to one that does not, and back to the former.
#[test]
fn a_good_version_and_then_a_broken_one() -> Result<(), Failure> {
    let (next, broken) =
        (image::from_environment(TEST_NEXT)?, image::from_environment(TEST_BROKEN)?);
    on_a_stick("full-both", |scene| {
        to_a_good_version(scene, Bios, &next)?;
        to_a_broken_version(scene, Uefi, &broken)
    })
}

/// Three hundred cuts.
macro_rules! power_cuts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                let next = image::from_environment(TEST_NEXT)?;
                seeded(|random| survives_power_cuts(50, random, &next))
            }
        )*
    };
}

power_cuts! { power_cuts_1 power_cuts_2 power_cuts_3 power_cuts_4 power_cuts_5 power_cuts_6 }
