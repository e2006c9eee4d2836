//! Power cuts during the first boot and during trials; the stick always starts again.

use anklume_vm_tests::Failure;
use anklume_vm_tests::cuts::{self, Random};

/// The long tier has more.
const CUTS: usize = 8;

#[test]
fn a_first_boot_survives_power_cuts() -> Result<(), Failure> {
    let mut random = Random::new();
    println!("seed {}", random.seed());
    cuts::first_boot(CUTS, &mut random)
}

#[test]
fn trials_survive_power_cuts() -> Result<(), Failure> {
    let mut random = Random::new();
    println!("seed {}", random.seed());
    cuts::trials(CUTS, &mut random)
}
