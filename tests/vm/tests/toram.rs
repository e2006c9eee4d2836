//! The OS in RAM: the medium can be pulled out, and a bad one is told before anything runs from it.

use std::ffi::OsString;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_layout::report::ToramReason;
use anklume_layout::{Role, Slot, cmdline, files};
use anklume_qemu::{Attach, DiskFormat, Medium, Request, Writes};
use anklume_vm_tests::image::{self, OsPartition, TEST_ISO};
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir, pulled, sound, tool};
use serde_json::json;

use Attach::{Cdrom, Usb};
use FirmwareKind::{Bios, Uefi};

/// From power-on to the report, under software emulation on two busy processors.
const BOOT_SECONDS: u64 = 420;
/// From a device's end to the guest's agreement.
const UNPLUG_SECONDS: u64 = 120;
/// From the failure to the restart, or from the command to the machine's end.
const END_SECONDS: u64 = 180;

/// Waits for the report of a sound boot, which says that the OS is in RAM for `reason`, or is not.
fn boots(machine: &mut Machine<'_>, reason: ToramReason) -> Result<(), Failure> {
    let report = machine.report(BOOT_SECONDS)?;
    let mut wrong = sound::faults(&report);
    let toram = report.boot.map(|boot| (boot.toram, boot.toram_reason));
    if toram != Some((reason.is_copied(), reason)) {
        wrong.push(format!("toram is {toram:?}, expected {reason:?}"));
    }
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(machine.unexpected("a sound boot", wrong.join("; ")))
    }
}

#[test]
fn the_stick_can_be_pulled_out() -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new("toram-stick")?;
    let mut machine = Machine::start(&workdir, &workdir.request(Uefi, Usb, &base)?)?;
    machine.wait_for("loading the OS into RAM: 100 %", BOOT_SECONDS)?;
    machine.wait_for("; the medium can be removed", BOOT_SECONDS)?;
    boots(&mut machine, ToramReason::EnoughMemory)?;
    pulled::is_let_go(&mut machine, "sda")?;
    machine.unplug_medium(UNPLUG_SECONDS)?;
    pulled::goes_on(&mut machine, "sda")?;
    machine.send("systemctl poweroff\n")?;
    let status = machine.wait_exit(END_SECONDS)?;
    if !status.success() || machine.console_text().contains("[FAILED]") {
        return Err(machine.unexpected("a shutdown without a failure", status));
    }
    Ok(())
}

#[test]
fn the_disc_can_be_taken_out() -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new("toram-disc")?;
    let mut machine = Machine::start(&workdir, &workdir.request(Bios, Cdrom, &base)?)?;
    boots(&mut machine, ToramReason::EnoughMemory)?;
    pulled::is_let_go(&mut machine, "sr0")?;
    let drive = json!({ "id": anklume_qemu::MEDIUM_DEVICE, "force": true });
    machine.qmp().execute("eject", drive)?;
    pulled::reads_everything(&mut machine)
}

/// There is less RAM than image and reserve.
#[test]
fn without_room_the_numbers_are_told_and_the_medium_is_used() -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new("toram-no-room")?;
    let image = with_parameter(&workdir, &base, &format!("{}=1", cmdline::TORAM))?;
    let memory_bytes = OsPartition::find(&base)?.little_memory_bytes();
    let medium = Medium { image, format: DiskFormat::Raw, attach: Usb, writes: Writes::Discard };
    let request =
        Request { memory_bytes, medium: Some(medium), ..workdir.request(Bios, Usb, &base)? };
    let mut machine = Machine::start(&workdir, &request)?;
    machine.wait_for("run from the medium: anklume.toram=1 needed ", BOOT_SECONDS)?;
    machine
        .wait_for(" of free RAM (536 MB of it for the running system), there are ", END_SECONDS)?;
    boots(&mut machine, ToramReason::NoRoom)
}

/// A copy of `base` whose boot entry for BIOS passes `parameter` to the kernel.
fn with_parameter(workdir: &Workdir, base: &Path, parameter: &str) -> Result<PathBuf, Failure> {
    let copy = workdir.unique("image");
    fs::copy(base, &copy).map_err(Failure::file("copy", base))?;
    let start = image::partition(base, Role::Boot(Slot::A))?.start;
    let slot = format!("{}@@{start}", copy.display());
    let name = format!("::{}", files::BOOT_ENTRY);
    let entry = tool::run("mtype", "mtools", ["-i", slot.as_str(), name.as_str()])?;
    let entry = String::from_utf8_lossy(&entry)
        .replace("$parameters\n", &format!("$parameters {parameter}\n"));
    let changed = workdir.unique("boot-entry");
    fs::write(&changed, entry).map_err(Failure::file("write", &changed))?;
    let options = ["-o", "-i", &slot].map(OsString::from).into_iter();
    let paths = [changed.into_os_string(), name.into()];
    tool::run("mcopy", "mtools", options.chain(paths))?;
    Ok(copy)
}

/// One bit is changed in a block of file data: the message names the device, the place and the digest,
/// and the machine restarts.
#[test]
fn a_changed_block_ends_the_copy() -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new("toram-changed")?;
    let request = workdir.request(Bios, Usb, &base)?;
    let os = OsPartition::find(&base)?;
    let changed = os.data_byte(9);
    if let Some(medium) = &request.medium {
        workdir.flip_bit(&base, &medium.image, changed)?;
    }
    let block = (changed - os.offset_bytes) / 4096 * 4096;
    let fault = format!("sda4: verity: digest of data block at byte {block} is ");
    let mut machine = Machine::start(&workdir, &request)?;
    machine.wait_for(&fault, BOOT_SECONDS)?;
    machine.wait_for("; reading it again", END_SECONDS)?;
    machine.wait_for(&format!("cannot boot: loading the OS into RAM: {fault}"), END_SECONDS)?;
    machine.wait_for("the medium is damaged", END_SECONDS)?;
    let status = machine.wait_exit(END_SECONDS)?;
    let text = machine.console_text();
    if !status.success() || text.contains("ANKLUME-REPORT") || text.contains("can be removed") {
        return Err(machine.unexpected("a restart without a boot", status));
    }
    Ok(())
}
