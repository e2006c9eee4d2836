//! Power cuts during the first boot and during trials; the stick always starts again.

use anklume_vm_tests::Failure;
use anklume_vm_tests::cuts::{first_boot, seeded, trials};

/// The long tier has more.
const CUTS: usize = 8;

#[test]
fn a_first_boot_survives_power_cuts() -> Result<(), Failure> {
    seeded(|random| first_boot(CUTS, random))
}

#[test]
fn trials_survive_power_cuts() -> Result<(), Failure> {
    seeded(|random| trials(CUTS, random))
}
