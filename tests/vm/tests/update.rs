//! A running machine takes itself to the next version over HTTP, and comes back by itself when that one is
//! bad.

use anklume_vm_tests::image::{self, TEST_NEXT};
use anklume_vm_tests::update::{Scene, TEST_BROKEN, to_a_broken_version, to_a_good_version};
use anklume_vm_tests::{Failure, FirmwareKind, Workdir};

#[test]
fn a_good_version_uefi() -> Result<(), Failure> {
    let workdir = Workdir::new("update-good")?;
    let scene = Scene::new(&workdir)?;
    to_a_good_version(&scene, FirmwareKind::Uefi, &image::from_environment(TEST_NEXT)?)
}

#[test]
fn a_broken_version_bios() -> Result<(), Failure> {
    let workdir = Workdir::new("update-broken")?;
    let scene = Scene::new(&workdir)?;
    to_a_broken_version(&scene, FirmwareKind::Bios, &image::from_environment(TEST_BROKEN)?)
}
