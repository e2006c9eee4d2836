//! A version that does not work is left after three tries, whatever is wrong with it and whatever
//! firmware starts it, and the machine tells why. (That the OS comes up and is not well is a case of the
//! updates' tests.)

use anklume_layout::Slot;
use anklume_vm_tests::{Failure, FirmwareKind, rollback};

use FirmwareKind::{Bios, Uefi};
use rollback::Trial;

/// The stick is carried from one machine to the other and back: there is one count.
#[test]
fn a_wrong_root_hash_on_two_firmwares() -> Result<(), Failure> {
    let trial = Trial {
        name: "rollback-hash",
        spoil: |stick| stick.spoil_os(Slot::B),
        sign: "no medium with root hash",
        reason: "no medium with root hash",
    };
    trial.run(&[Bios, Uefi, Bios, Uefi])
}

#[test]
fn a_truncated_kernel_on_two_firmwares() -> Result<(), Failure> {
    let trial = Trial {
        name: "rollback-kernel",
        spoil: |stick| stick.spoil_kernel(Slot::B),
        sign: "the OS could not be started",
        reason: "did not reach the OS",
    };
    trial.run(&[Uefi, Bios, Uefi, Bios])
}

#[test]
fn two_bad_slots_end_in_the_rescue_menu() -> Result<(), Failure> {
    rollback::two_bad_slots_end_in_the_rescue_menu(Bios)
}
