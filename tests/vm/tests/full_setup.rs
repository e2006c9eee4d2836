//! The product is set up at its console, and finds its data at every boot.

use anklume_vm_tests::image::{self, PRODUCT_ISO};
use anklume_vm_tests::setup::{
    Scene, existing_pool, is_kept, launch, new_pool, sets_itself_up, switch_off, unattended, unlock,
};
use anklume_vm_tests::{Failure, Workdir};

#[test]
fn a_container_on_an_encrypted_disk_is_there_again_after_a_restart() -> Result<(), Failure> {
    let workdir = Workdir::new("setup")?;
    let scene = Scene::new(&workdir, &image::from_environment(PRODUCT_ISO)?)?;
    let mut machine = scene.power_on(Vec::new())?;
    new_pool(&mut machine)?;
    launch(&mut machine)?;
    switch_off(machine)?;
    let mut machine = scene.power_on(Vec::new())?;
    unlock(&mut machine)?;
    is_kept(&mut machine)?;
    switch_off(machine).map(drop)
}

#[test]
fn an_answer_file_sets_it_up_and_another_stick_finds_the_pool() -> Result<(), Failure> {
    let product = image::from_environment(PRODUCT_ISO)?;
    let workdir = Workdir::new("setup-answers")?;
    let mut scene = Scene::new(&workdir, &product)?;
    let mut machine = scene.power_on(unattended())?;
    sets_itself_up(&mut machine)?;
    launch(&mut machine)?;
    switch_off(machine)?;
    scene.new_stick(&product)?;
    let mut machine = scene.power_on(Vec::new())?;
    existing_pool(&mut machine)?;
    is_kept(&mut machine)?;
    switch_off(machine).map(drop)
}
