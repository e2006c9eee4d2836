//! Updates on the other firmware, step by step, and with power cuts.

use anklume_vm_tests::cuts::Random;
use anklume_vm_tests::image::{self, TEST_NEXT};
use anklume_vm_tests::update::{
    Scene, TEST_BROKEN, beside_a_data_disk, from_a_local_image, survives_power_cuts,
    to_a_broken_version, to_a_good_version, unasked,
};
use anklume_vm_tests::{Failure, FirmwareKind, Workdir};

use FirmwareKind::{Bios, Uefi};

#[test]
fn a_good_version_uefi() -> Result<(), Failure> {
    let workdir = Workdir::new("full-update-good-uefi")?;
    let scene = Scene::new(&workdir)?;
    to_a_good_version(&scene, Uefi, &image::from_environment(TEST_NEXT)?)
}

#[test]
fn a_good_version_bios() -> Result<(), Failure> {
    let workdir = Workdir::new("full-update-good")?;
    let scene = Scene::new(&workdir)?;
    to_a_good_version(&scene, Bios, &image::from_environment(TEST_NEXT)?)
}

#[test]
fn a_broken_version_uefi() -> Result<(), Failure> {
    let workdir = Workdir::new("full-update-broken")?;
    let scene = Scene::new(&workdir)?;
    to_a_broken_version(&scene, Uefi, &image::from_environment(TEST_BROKEN)?)
}

/// The way of a machine: to a version that works, then to one that does not, and back to the former.
#[test]
fn a_good_version_and_then_a_broken_one() -> Result<(), Failure> {
    let workdir = Workdir::new("full-update-both")?;
    let scene = Scene::new(&workdir)?;
    to_a_good_version(&scene, Bios, &image::from_environment(TEST_NEXT)?)?;
    to_a_broken_version(&scene, Uefi, &image::from_environment(TEST_BROKEN)?)
}

#[test]
fn a_local_image() -> Result<(), Failure> {
    let workdir = Workdir::new("full-update-local")?;
    let scene = Scene::new(&workdir)?;
    from_a_local_image(&workdir, &scene, Uefi, &image::from_environment(TEST_NEXT)?)
}

#[test]
fn an_update_that_nobody_asks_for() -> Result<(), Failure> {
    let workdir = Workdir::new("full-update-unasked")?;
    let scene = Scene::new(&workdir)?;
    unasked(&scene, Uefi, &image::from_environment(TEST_NEXT)?)
}

#[test]
fn a_data_disk_is_left_alone() -> Result<(), Failure> {
    beside_a_data_disk(Bios, &image::from_environment(TEST_NEXT)?)
}

/// Three hundred cuts.
macro_rules! power_cuts {
    ($($name:ident)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                let mut random = Random::new();
                println!("seed {}", random.seed());
                survives_power_cuts(50, &mut random, &image::from_environment(TEST_NEXT)?)
            }
        )*
    };
}

power_cuts! { power_cuts_1 power_cuts_2 power_cuts_3 power_cuts_4 power_cuts_5 power_cuts_6 }
