//! The product reaches its first question from every kind of medium under both firmwares.

use anklume_qemu::{Attach, Request};
use anklume_vm_tests::image::{self, PRODUCT_ISO};
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir};

use Attach::{Cdrom, Disk, Nvme, Usb};
use FirmwareKind::{Bios, Uefi};

/// From power-on to the first question, under software emulation on two busy processors.
const BOOT_SECONDS: u64 = 900;
/// For what still starts when it is asked.
const SETTLE_SECONDS: u64 = 20;

fn boots(name: &str, firmware: FirmwareKind, attach: Attach) -> Result<(), Failure> {
    let base = image::from_environment(PRODUCT_ISO)?;
    let workdir = Workdir::new(name)?;
    let request = Request {
        firmware: workdir.firmware(firmware)?,
        medium: Some(workdir.medium(&base, attach)?),
        memory_bytes: 2 << 30,
        restart_on_reset: false,
        ..Request::default()
    };
    let mut machine = Machine::start(&workdir, &request)?;
    machine.wait_for("Language / Langue", BOOT_SECONDS)?;
    // Silence is what is hoped for; an end of QEMU is not.
    let failed = machine.wait_for("[FAILED]", SETTLE_SECONDS);
    let text = machine.console_text();
    match failed {
        Err(Failure::Late { .. }) if !text.contains("[FAILED]") => Ok(()),
        Err(error @ Failure::Ended { .. }) => Err(error),
        _ => {
            let lines: Vec<&str> = text.lines().filter(|line| line.contains("[FAILED]")).collect();
            Err(machine.unexpected("no failed unit", lines.join("; ")))
        }
    }
}

macro_rules! boots {
    ($($name:ident: $firmware:expr, $attach:expr;)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                boots(concat!("product-", stringify!($name)), $firmware, $attach)
            }
        )*
    };
}

boots! {
    bios_usb: Bios, Usb;
    bios_cdrom: Bios, Cdrom;
    bios_disk: Bios, Disk;
    uefi_usb: Uefi, Usb;
    uefi_cdrom: Uefi, Cdrom;
    uefi_disk: Uefi, Disk;
    uefi_nvme: Uefi, Nvme;
}
