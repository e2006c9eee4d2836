//! A running machine takes itself to the next version over HTTP, whenever the power fails, and comes back
//! by itself when that one is bad.

use anklume_vm_tests::cuts::seeded;
use anklume_vm_tests::image::{self, TEST_NEXT};
use anklume_vm_tests::update::{TEST_BROKEN, on_a_stick, survives_power_cuts, to_a_broken_version};
use anklume_vm_tests::{Failure, FirmwareKind};

#[test]
fn a_good_version_survives_power_cuts() -> Result<(), Failure> {
    seeded(|random| survives_power_cuts(20, random, &image::from_environment(TEST_NEXT)?))
}

#[test]
fn a_broken_version_bios() -> Result<(), Failure> {
    let broken = image::from_environment(TEST_BROKEN)?;
    on_a_stick("update-broken", |scene| to_a_broken_version(scene, FirmwareKind::Bios, &broken))
}
