//! The product is set up at its console or by an answer file, and finds its data at every boot.

use anklume_vm_tests::cuts::seeded;
use anklume_vm_tests::image::{self, PRODUCT_ISO, PRODUCT_NEXT};
use anklume_vm_tests::setup::cuts::making_a_pool;
use anklume_vm_tests::setup::{
    BOOT_SECONDS, ON_BTRFS, Pool, Scene, agree_to_do_without_a_disk, are_apart, domain_is_kept,
    existing_pool, is_kept, launch, launch_in_a_domain, new_pool, nothing_to_unlock, recover,
    sets_itself_up, succeed, switch_off, unattended, unlock, unlock_in_french,
    unlock_without_a_disk,
};
use anklume_vm_tests::setup::{leftovers, screen};
use anklume_vm_tests::{Failure, Machine, Workdir};

const ON_ZFS: Pool = Pool { backend: "zfs", ..ON_BTRFS };
const BY_ZFS: Pool = Pool { encryption: "zfs", domain: true, ..ON_ZFS };
const MIRROR: Pool = Pool { redundancy: "mirror", disks: 2, ..ON_ZFS };
const RAID1: Pool = Pool { redundancy: "mirror", disks: 2, ..ON_BTRFS };
const REST: Pool = Pool { disks: 0, ..ON_BTRFS };

/// The power cuts of one run.
const CUTS: usize = 30;

/// Without a question, and with a container.
fn sets_up(scene: &Scene<'_>, pool: Pool) -> Result<(), Failure> {
    let mut machine = scene.power_on(unattended(pool))?;
    sets_itself_up(&mut machine)?;
    launch(&mut machine)?;
    switch_off(machine).map(drop)
}

fn is_still_there(mut machine: Machine<'_>) -> Result<(), Failure> {
    is_kept(&mut machine)?;
    switch_off(machine).map(drop)
}

#[test]
fn a_container_on_an_encrypted_disk_is_there_again_after_a_restart() -> Result<(), Failure> {
    let workdir = Workdir::new("setup")?;
    let scene = Scene::new(&workdir, &image::from_environment(PRODUCT_ISO)?, ON_BTRFS)?;
    let mut machine = scene.power_on(Vec::new())?;
    new_pool(&mut machine)?;
    launch(&mut machine)?;
    switch_off(machine)?;
    let mut machine = scene.power_on(Vec::new())?;
    unlock_in_french(&mut machine)?;
    is_still_there(machine)
}

/// On a disk that had another life.
#[test]
fn an_answer_file_sets_it_up_and_another_stick_finds_the_pool() -> Result<(), Failure> {
    let product = image::from_environment(PRODUCT_ISO)?;
    let workdir = Workdir::new("setup-answers")?;
    let mut scene = Scene::new(&workdir, &product, ON_BTRFS)?;
    leftovers::leave(&workdir, &scene.disks[0])?;
    sets_up(&scene, ON_BTRFS)?;
    // The new volume, where the first of the old partitions was.
    assert_eq!(leftovers::found(&scene.disks[0])?, ["crypto_LUKS", "", "", ""]);
    scene.new_stick(&product)?;
    let mut machine = scene.power_on(Vec::new())?;
    existing_pool(&mut machine)?;
    is_still_there(machine)
}

/// Of the other slot, with the same data.
#[test]
fn on_zfs_and_after_an_update_of_the_os() -> Result<(), Failure> {
    let next = image::from_environment(PRODUCT_NEXT)?;
    let workdir = Workdir::new("setup-zfs")?;
    let mut scene = Scene::new(&workdir, &image::from_environment(PRODUCT_ISO)?, ON_ZFS)?;
    scene.network = true;
    let mut machine = scene.power_on(unattended(ON_ZFS))?;
    sets_itself_up(&mut machine)?;
    launch(&mut machine)?;
    are_apart(&mut machine)?;
    switch_off(machine)?;
    let machine = scene.power_on_with(&[], Vec::new())?;
    nothing_to_unlock(machine)?;
    scene.stick.put_on_trial(&next)?;
    let mut machine = scene.power_on(Vec::new())?;
    unlock(&mut machine)?;
    is_kept(&mut machine)?;
    let slot = succeed(&mut machine, "anklume status")?;
    assert!(slot.contains("13.99999998, slot b"), "{slot}");
    switch_off(machine).map(drop)
}

#[test]
fn encrypted_by_zfs_and_found_by_another_stick() -> Result<(), Failure> {
    let product = image::from_environment(PRODUCT_ISO)?;
    let workdir = Workdir::new("setup-native")?;
    let mut scene = Scene::new(&workdir, &product, BY_ZFS)?;
    let mut machine = scene.power_on(unattended(BY_ZFS))?;
    sets_itself_up(&mut machine)?;
    launch(&mut machine)?;
    launch_in_a_domain(&mut machine)?;
    switch_off(machine)?;
    let mut machine = scene.power_on(Vec::new())?;
    recover(&mut machine)?;
    domain_is_kept(&mut machine)?;
    is_still_there(machine)?;
    scene.new_stick(&product)?;
    let mut machine = scene.power_on(Vec::new())?;
    existing_pool(&mut machine)?;
    domain_is_kept(&mut machine)?;
    is_still_there(machine)
}

#[test]
fn a_mirror_of_zfs_without_one_of_its_disks() -> Result<(), Failure> {
    let workdir = Workdir::new("setup-mirror")?;
    let scene = Scene::new(&workdir, &image::from_environment(PRODUCT_ISO)?, MIRROR)?;
    sets_up(&scene, MIRROR)?;
    let mut machine = scene.power_on_with(&[1], Vec::new())?;
    unlock_without_a_disk(&mut machine)?;
    is_kept(&mut machine)?;
    let state = succeed(&mut machine, "zpool list -H -o health")?;
    assert!(state.contains("DEGRADED"), "{state}");
    switch_off(machine)?;
    let mut machine = scene.power_on(Vec::new())?;
    unlock(&mut machine)?;
    is_kept(&mut machine)?;
    let state = succeed(&mut machine, "zpool wait -t resilver anklume; zpool list -H -o health")?;
    assert!(state.contains("ONLINE"), "{state}");
    switch_off(machine).map(drop)
}

#[test]
fn a_mirror_of_btrfs_without_one_of_its_disks() -> Result<(), Failure> {
    let workdir = Workdir::new("setup-raid1")?;
    let scene = Scene::new(&workdir, &image::from_environment(PRODUCT_ISO)?, RAID1)?;
    sets_up(&scene, RAID1)?;
    let mut machine = scene.power_on_with(&[1], Vec::new())?;
    agree_to_do_without_a_disk(&mut machine)?;
    is_kept(&mut machine)?;
    let devices = succeed(&mut machine, "btrfs filesystem show anklume-data 2>&1")?;
    assert!(devices.to_lowercase().contains("missing"), "{devices}");
    switch_off(machine).map(drop)
}

#[test]
fn on_the_rest_of_the_boot_disk() -> Result<(), Failure> {
    let workdir = Workdir::new("setup-rest")?;
    let scene = Scene::new(&workdir, &image::from_environment(PRODUCT_ISO)?, REST)?;
    sets_up(&scene, REST)?;
    let faults = scene.stick.table_faults()?;
    assert!(faults.is_empty(), "{faults}");
    let mut machine = scene.power_on(Vec::new())?;
    recover(&mut machine)?;
    is_still_there(machine)
}

#[test]
fn on_the_first_screen_with_a_french_keyboard() -> Result<(), Failure> {
    let workdir = Workdir::new("setup-screen")?;
    let scene = Scene::new(&workdir, &image::from_environment(PRODUCT_ISO)?, ON_BTRFS)?;
    let mut machine = scene.power_on(screen::for_the_test())?;
    screen::try_it_in_french(&mut machine)?;
    machine.wait_exit(BOOT_SECONDS).map(drop)
}

#[test]
fn power_cuts_while_an_encrypted_pool_is_made() -> Result<(), Failure> {
    let product = image::from_environment(PRODUCT_ISO)?;
    seeded(|random| making_a_pool(&product, true, CUTS, random))
}

#[test]
fn power_cuts_while_a_pool_is_made() -> Result<(), Failure> {
    let product = image::from_environment(PRODUCT_ISO)?;
    seeded(|random| making_a_pool(&product, false, CUTS, random))
}
