//! Machines that hang, and a stick on which nothing can be counted.

use anklume_layout::Slot;
use anklume_qemu::{Attach, MEDIUM_DRIVE, Writes};
use anklume_vm_tests::image::{self, TEST_ISO, TEST_NEXT};
use anklume_vm_tests::rollback::{SHORT_SECONDS, TRY_SECONDS};
use anklume_vm_tests::stick::Stick;
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir};
use serde_json::json;

use FirmwareKind::{Bios, Uefi};

/// From the last sign of life to the restart, with time for an emulated machine.
const STUCK_SECONDS: u64 = 420;
/// systemd's `RuntimeWatchdogSec` and more.
const WATCHDOG_SECONDS: u64 = 180;

/// Waits until the hardware watchdog runs, and prints its state.
const ARMED: &str = "for i in $(seq 120); do \
                     grep -sq '^active' /sys/class/watchdog/watchdog0/state && break; sleep 1; done; \
                     cat /sys/class/watchdog/watchdog0/state";

fn grown(workdir: &Workdir) -> Result<Stick, Failure> {
    let stick = Stick::flash(workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
    stick.grow(workdir)?;
    Ok(stick)
}

fn machine_id(machine: &mut Machine<'_>) -> Result<String, Failure> {
    machine.wait_shell(SHORT_SECONDS)?;
    let (status, id) = machine.shell("cat /etc/machine-id", SHORT_SECONDS)?;
    assert_eq!((status, id.trim().len()), (0, 32), "{id}");
    Ok(id)
}

/// A stick with a write protection switch: the new version cannot be loaded, and no try be counted.
/// What was kept before counts.
fn another_slot_starts_where_nothing_is_counted(
    firmware: FirmwareKind,
    attach: Attach,
) -> Result<(), Failure> {
    let workdir = Workdir::new("full-protected")?;
    let stick = grown(&workdir)?;
    let mut machine = stick.start(&workdir, firmware)?;
    machine.report(TRY_SECONDS)?;
    let id = machine_id(&mut machine)?;
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(SHORT_SECONDS)?;
    stick.put_on_trial(&image::from_environment(TEST_NEXT)?)?;
    stick.spoil_kernel(Slot::B)?;
    let before = stick.record()?;
    let mut request = stick.request(&workdir, firmware, attach)?;
    if let Some(medium) = &mut request.medium {
        medium.writes = Writes::Refuse;
    }
    let mut machine = Machine::start(&workdir, &request)?;
    let report = machine.report(TRY_SECONDS)?;
    let boot = report.boot.map(|boot| (boot.slot, boot.medium.writable));
    assert_eq!(boot, Some((Some(Slot::A), false)));
    // It is still the machine that it was.
    assert_eq!(machine_id(&mut machine)?, id);
    machine.quit()?;
    assert_eq!(stick.record()?, before);
    Ok(())
}

#[test]
fn another_slot_starts_where_nothing_is_counted_bios() -> Result<(), Failure> {
    another_slot_starts_where_nothing_is_counted(Bios, Attach::Usb)
}

#[test]
fn another_slot_starts_where_nothing_is_counted_uefi() -> Result<(), Failure> {
    // QEMU's EDK II hangs once a stick at an XHCI controller has refused a write (docs/machine.md).
    another_slot_starts_where_nothing_is_counted(Uefi, Attach::Disk)
}

/// systemd has stopped; nothing else would restart the machine.
#[test]
fn a_hardware_watchdog_restarts_a_machine_that_hangs() -> Result<(), Failure> {
    let workdir = Workdir::new("full-watchdog")?;
    let stick = grown(&workdir)?;
    let mut request = stick.request(&workdir, Bios, Attach::Usb)?;
    request.extra = ["-device", "i6300esb", "-action", "watchdog=reset"].map(Into::into).into();
    let mut machine = Machine::start(&workdir, &request)?;
    machine.report(TRY_SECONDS)?;
    machine.wait_shell(SHORT_SECONDS)?;
    // The driver comes with udev, and systemd looks for it every half a minute.
    let (_, state) = machine.shell(ARMED, WATCHDOG_SECONDS)?;
    assert_eq!(state.trim(), "active");
    machine.send("kill -ABRT 1\n")?;
    let status = machine.wait_exit(WATCHDOG_SECONDS)?;
    assert!(status.success(), "{status}");
    Ok(())
}

/// A disk that answers nothing, without an error: process 1 waits inside the kernel.
#[test]
fn a_disk_that_answers_nothing_ends_in_a_restart() -> Result<(), Failure> {
    let workdir = Workdir::new("full-stuck")?;
    let stick = grown(&workdir)?;
    let mut machine = Machine::start(&workdir, &stick.request(&workdir, Uefi, Attach::Disk)?)?;
    machine.wait_for("anklume: anklume TEST IMAGE", TRY_SECONDS)?;
    let limits = ["bps_rd", "bps_wr", "iops", "iops_rd", "iops_wr"].map(|name| (name, json!(0)));
    let mut limits: serde_json::Map<_, _> =
        limits.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    limits.insert("device".to_owned(), json!(MEDIUM_DRIVE));
    limits.insert("bps".to_owned(), json!(1));
    machine.qmp().execute("block_set_io_throttle", limits.into())?;
    machine.wait_for("nothing has happened for 300 s, restarting", STUCK_SECONDS)?;
    let status = machine.wait_exit(SHORT_SECONDS)?;
    assert!(status.success(), "{status}");
    assert_eq!(stick.record()?.map(|record| record.left()), Some(2), "the boot was counted");
    Ok(())
}
