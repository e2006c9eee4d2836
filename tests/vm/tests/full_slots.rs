//! Every way in which a version can be bad, on both firmwares; ten boots; more than a hundred power
//! cuts of each kind.

use anklume_layout::Slot;
use anklume_vm_tests::cuts::{self, Random, seeded};
use anklume_vm_tests::image::{self, TEST_ISO};
use anklume_vm_tests::rollback::{self, SHORT_SECONDS, TRY_SECONDS, Trial};
use anklume_vm_tests::stick::Stick;
use anklume_vm_tests::{Failure, FirmwareKind, Workdir};

use FirmwareKind::{Bios, Uefi};

const HASH: Trial = Trial {
    name: "full-hash",
    spoil: |stick| stick.spoil_os(Slot::B),
    sign: "no medium with root hash",
    reason: "no medium with root hash",
};
const KERNEL: Trial = Trial {
    name: "full-kernel",
    spoil: |stick| stick.spoil_kernel(Slot::B),
    sign: "the OS could not be started",
    reason: "did not reach the OS",
};
const CRASH: Trial = Trial {
    name: "full-crash",
    spoil: |stick| stick.add_to_command_line(Slot::B, "init=/usr/bin/false"),
    sign: "Attempted to kill init",
    reason: "did not reach the OS",
};
const HEALTH: Trial = Trial {
    name: "full-health",
    spoil: |stick| stick.add_to_command_line(Slot::B, "anklume-test.health=fail"),
    sign: "the test wants it to fail",
    reason: "the test wants it to fail",
};
const HANG: Trial = Trial {
    name: "full-hang",
    spoil: |stick| stick.add_to_command_line(Slot::B, "hang=1 anklume.health-deadline=20"),
    sign: "no verdict 20 s after the start",
    reason: "no verdict 20 s after the start",
};

macro_rules! trials {
    ($($name:ident: $trial:expr, $firmware:expr;)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                $trial.run(&[$firmware; 4])
            }
        )*
    };
}

trials! {
    wrong_hash_bios: HASH, Bios;
    wrong_hash_uefi: HASH, Uefi;
    truncated_kernel_bios: KERNEL, Bios;
    truncated_kernel_uefi: KERNEL, Uefi;
    crash_bios: CRASH, Bios;
    crash_uefi: CRASH, Uefi;
    health_bios: HEALTH, Bios;
    health_uefi: HEALTH, Uefi;
    hang_bios: HANG, Bios;
    hang_uefi: HANG, Uefi;
}

/// 128 cuts of each kind, in parts that run side by side.
macro_rules! power_cuts {
    ($($name:ident: $cuts:expr;)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                seeded($cuts)
            }
        )*
    };
}

power_cuts! {
    a_first_boot_survives_power_cuts_1: |random| first_boots(2, random);
    a_first_boot_survives_power_cuts_2: |random| first_boots(2, random);
    trials_survive_power_cuts_1: |random| cuts::trials(64, random);
    trials_survive_power_cuts_2: |random| cuts::trials(64, random);
}

fn first_boots(times: usize, random: &mut Random) -> Result<(), Failure> {
    (0..times).try_for_each(|_| cuts::first_boot(32, random))
}

#[test]
fn two_bad_slots_end_in_the_rescue_menu_uefi() -> Result<(), Failure> {
    rollback::two_bad_slots_end_in_the_rescue_menu(Uefi)
}

/// The identity that the first boot made is that of the tenth, on whatever firmware.
#[test]
fn identity_survives_ten_boots() -> Result<(), Failure> {
    let workdir = Workdir::new("full-ten")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 8_000_000_000)?;
    let mut first = None;
    for number in 0..10 {
        let firmware = if number % 3 == 1 { Uefi } else { Bios };
        let mut machine = stick.start(&workdir, firmware)?;
        machine.report(TRY_SECONDS)?;
        machine.wait_shell(SHORT_SECONDS)?;
        let ask = "cat /etc/machine-id; od -An -tx1 /etc/hostid; cat /etc/hostname";
        let (_, identity) = machine.shell(ask, SHORT_SECONDS)?;
        machine.send("systemctl poweroff\n")?;
        machine.wait_exit(SHORT_SECONDS)?;
        assert_eq!(first.get_or_insert_with(|| identity.clone()), &identity, "boot {number}");
    }
    Ok(())
}
