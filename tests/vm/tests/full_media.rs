//! Media, machines and menu entries beyond what every change is tested with.

use std::ffi::OsString;

use anklume_layout::grub::VARIANTS;
use anklume_qemu::{Attach, Request};
use anklume_vm_tests::image::{self, TEST_ISO, TEST_RAW};
use anklume_vm_tests::{Failure, FirmwareKind, GuestReport, Machine, Workdir, sound};

use Attach::{Cdrom, Disk, Nvme, Usb};
use FirmwareKind::{Bios, Uefi};

/// From power-on to the report, under software emulation on two busy processors.
const BOOT_SECONDS: u64 = 480;
/// From power-on to GRUB's menu.
const MENU_SECONDS: u64 = 180;
/// From a key to what it does.
const KEY_SECONDS: u64 = 60;
/// How often a command is typed until its answer is whole.
const TRIES: u32 = 3;

/// Waits for the report of a sound boot.
fn sound_boot(machine: &mut Machine<'_>) -> Result<GuestReport, Failure> {
    let report = machine.report(BOOT_SECONDS)?;
    let faults = sound::faults(&report);
    if faults.is_empty() {
        return Ok(report);
    }
    Err(machine.unexpected("a sound boot", faults.join("; ")))
}

fn boots(
    name: &str,
    firmware: FirmwareKind,
    attach: Attach,
    variable: &'static str,
    memory_bytes: u64,
) -> Result<(), Failure> {
    let base = image::from_environment(variable)?;
    let workdir = Workdir::new(name)?;
    let request = Request { memory_bytes, ..workdir.request(firmware, attach, &base)? };
    sound_boot(&mut Machine::start(&workdir, &request)?).map(drop)
}

macro_rules! boots {
    ($($name:ident: $firmware:expr, $attach:expr, $image:expr, $mib:expr;)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                boots(stringify!($name), $firmware, $attach, $image, $mib << 20)
            }
        )*
    };
}

boots! {
    raw_bios_usb: Bios, Usb, TEST_RAW, 1024;
    raw_uefi_usb: Uefi, Usb, TEST_RAW, 1024;
    raw_bios_nvme: Bios, Nvme, TEST_RAW, 1024;
    raw_uefi_nvme: Uefi, Nvme, TEST_RAW, 1024;
    little_memory_bios_usb: Bios, Usb, TEST_ISO, 512;
    little_memory_uefi_usb: Uefi, Usb, TEST_ISO, 512;
    little_memory_bios_cdrom: Bios, Cdrom, TEST_ISO, 512;
}

/// Both sticks have every identifier in common. Either will do, but it has to be one of them.
fn two_sticks(name: &str, firmware: FirmwareKind) -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new(name)?;
    let mut request = workdir.request(firmware, Usb, &base)?;
    let second = workdir.overlay(&base, None)?;
    // Not in the list of data disks: those are virtio disks.
    let drive = format!("if=none,id=second-drive,format=qcow2,file={}", second.display());
    let stick = "usb-storage,id=second,bus=usb.0,drive=second-drive,removable=on,bootindex=1";
    request.extra = ["-drive", &drive, "-device", stick].map(OsString::from).into();
    let mut machine = Machine::start(&workdir, &request)?;
    let report = sound_boot(&mut machine)?;
    let disk = report.boot.map(|boot| boot.medium.disk).unwrap_or_default();
    if disk != "sda" && disk != "sdb" {
        return Err(machine.unexpected("the OS on one of the sticks", disk));
    }
    // The scenario is about two: the other one was there, too.
    machine.wait_shell(BOOT_SECONDS)?;
    let (_, seen) = machine.shell("ls /sys/block", KEY_SECONDS)?;
    if !seen.contains("sda") || !seen.contains("sdb") {
        return Err(machine.unexpected("two sticks", seen));
    }
    Ok(())
}

#[test]
fn two_equal_sticks_bios() -> Result<(), Failure> {
    two_sticks("two-bios", Bios)
}

#[test]
fn two_equal_sticks_uefi() -> Result<(), Failure> {
    two_sticks("two-uefi", Uefi)
}

/// Chooses the entry of the menu "Advanced options" with the keys of a serial terminal.
fn menu_entry(name: &str, firmware: FirmwareKind, id: &str) -> Result<(), Failure> {
    const DOWN: &str = "\x1b[B";
    let index = VARIANTS.iter().position(|variant| variant.id == id).expect("an entry");
    let parameters = VARIANTS[index].parameters;
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new(name)?;
    let attach = if firmware == Bios { Disk } else { Usb };
    let mut machine = Machine::start(&workdir, &workdir.request(firmware, attach, &base)?)?;
    machine.wait_for("executed automatically", MENU_SECONDS)?;
    machine.send(DOWN)?;
    // The second entry is marked; a key that came too early has stopped the countdown only.
    machine.wait_for("*Advanced options", KEY_SECONDS)?;
    machine.send("\r")?;
    machine.wait_for(": Verbose start", KEY_SECONDS)?;
    for _ in 0..index {
        machine.send(DOWN)?;
        machine.wait_for("*anklume TEST IMAGE: ", KEY_SECONDS)?;
    }
    machine.send("\r")?;
    machine.wait_for("automatic login", BOOT_SECONDS)?;
    machine.wait_shell(BOOT_SECONDS)?;
    // The messages that one of the entries asks for can fall into the answer, or into a report.
    let mut command_line = String::new();
    for _ in 0..TRIES {
        if let Ok((_, text)) = machine.shell("cat /proc/cmdline", KEY_SECONDS) {
            command_line = text;
        }
        let words: Vec<&str> = command_line.split_whitespace().collect();
        if parameters.split_whitespace().all(|parameter| words.contains(&parameter)) {
            return Ok(());
        }
    }
    Err(machine.unexpected(parameters, command_line))
}

#[test]
fn run_from_the_medium_bios() -> Result<(), Failure> {
    menu_entry("from-medium-bios", Bios, "from-medium")
}

#[test]
fn run_from_the_medium_uefi() -> Result<(), Failure> {
    menu_entry("from-medium-uefi", Uefi, "from-medium")
}

#[test]
fn safe_graphics_bios() -> Result<(), Failure> {
    menu_entry("safe-graphics-bios", Bios, "safe-graphics")
}

#[test]
fn safe_graphics_uefi() -> Result<(), Failure> {
    menu_entry("safe-graphics-uefi", Uefi, "safe-graphics")
}

#[test]
fn verbose_start_bios() -> Result<(), Failure> {
    menu_entry("verbose-bios", Bios, "verbose")
}

#[test]
fn verbose_start_uefi() -> Result<(), Failure> {
    menu_entry("verbose-uefi", Uefi, "verbose")
}
