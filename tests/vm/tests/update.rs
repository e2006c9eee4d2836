//! A running machine takes itself to the next version over HTTP, whenever the power fails, and comes back
//! by itself when that one is bad.

use anklume_vm_tests::cuts::Random;
use anklume_vm_tests::image::{self, TEST_NEXT};
use anklume_vm_tests::update::{Scene, TEST_BROKEN, survives_power_cuts, to_a_broken_version};
use anklume_vm_tests::{Failure, FirmwareKind, Workdir};

#[test]
fn a_good_version_survives_power_cuts() -> Result<(), Failure> {
    let mut random = Random::new();
    println!("seed {}", random.seed());
    survives_power_cuts(20, &mut random, &image::from_environment(TEST_NEXT)?)
}

#[test]
fn a_broken_version_bios() -> Result<(), Failure> {
    let workdir = Workdir::new("update-broken")?;
    let scene = Scene::new(&workdir)?;
    to_a_broken_version(&scene, FirmwareKind::Bios, &image::from_environment(TEST_BROKEN)?)
}
