//! A version that does not work is left after three tries, whatever is wrong with it and whatever
//! firmware starts it, and the machine tells why.

use anklume_layout::Slot;
use anklume_qemu::Attach;
use anklume_slots::State;
use anklume_vm_tests::image::{self, TEST_ISO, TEST_NEXT};
use anklume_vm_tests::stick::Stick;
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir, rollback};

use FirmwareKind::{Bios, Uefi};
use rollback::{SHORT_SECONDS, TRY_SECONDS, Trial};

/// The stick is carried from one machine to the other and back: there is one count.
#[test]
fn a_wrong_root_hash_on_two_firmwares() -> Result<(), Failure> {
    let trial = Trial {
        name: "rollback-hash",
        spoil: |stick| stick.spoil_os(Slot::B),
        sign: "no medium with root hash",
        reason: "no medium with root hash",
    };
    trial.run([Bios, Uefi, Bios, Uefi])
}

#[test]
fn a_truncated_kernel_on_two_firmwares() -> Result<(), Failure> {
    let trial = Trial {
        name: "rollback-kernel",
        spoil: |stick| stick.spoil_kernel(Slot::B),
        sign: "the OS could not be started",
        reason: "did not reach the OS",
    };
    trial.run([Uefi, Bios, Uefi, Bios])
}

/// The OS comes up, and is found not to be well.
#[test]
fn a_health_check_that_fails() -> Result<(), Failure> {
    let trial = Trial {
        name: "rollback-health",
        spoil: |stick| stick.add_to_command_line(Slot::B, "anklume-test.health=fail"),
        sign: "health check",
        reason: "the test wants it to fail",
    };
    trial.run([Bios, Bios, Bios, Bios])
}

/// Both slots are bad: a menu says so and waits, and does not start anything again.
#[test]
fn two_bad_slots_end_in_the_rescue_menu() -> Result<(), Failure> {
    for firmware in [Bios, Uefi] {
        let workdir = Workdir::new("rollback-both")?;
        let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 2_000_000_000)?;
        stick.grow(&workdir)?;
        stick.put_on_trial(&image::from_environment(TEST_NEXT)?)?;
        stick.set_record(|record| {
            let record = record.ok_or("no record")?;
            let spent = (0..6).fold(record, |record, _| anklume_slots::decide(&record).record);
            if anklume_slots::decide(&spent).boot.is_some() {
                Err("it still boots")
            } else {
                Ok(spent)
            }
        })?;
        let request = stick.request(&workdir, firmware, Attach::Usb)?;
        let mut machine = Machine::start(&workdir, &request)?;
        machine.wait_for("failed to start 3 times", TRY_SECONDS)?;
        machine.wait_for("Switch off", SHORT_SECONDS)?;
        // Nothing happens by itself.
        let left = machine.wait_for_any(&["Linux version", "EFI stub", "anklume: "], 20);
        if !matches!(left, Err(Failure::Late { .. })) {
            return Err(machine.unexpected("a menu that waits", format!("{left:?}")));
        }
        // The second entry: slot A once more.
        machine.send("\u{1b}[B\r")?;
        let report = machine.report(TRY_SECONDS)?;
        let slot = report.boot.and_then(|boot| boot.slot);
        if slot != Some(Slot::A) {
            return Err(machine.unexpected("slot a", format!("{slot:?}")));
        }
        machine.wait_shell(SHORT_SECONDS)?;
        rollback::wait_for_verdict(&mut machine, "good")?;
        machine.quit()?;
        let record = stick.record()?;
        let good = record.map(|record| (record.good(), record.state(Slot::B), record.fails()));
        assert_eq!(good, Some((Some(Slot::A), State::Bad, 0)));
    }
    Ok(())
}
