//! The test image boots from everything that it can be plugged in as, and refuses to serve changed
//! bytes.
//!
//! The image's own unit reports what was booted from what; its serial console is a root shell.
#![expect(clippy::print_stdout, reason = "how long a boot took")]

use anklume_layout::Slot;
use anklume_qemu::{Attach, Request};
use anklume_vm_tests::image::{self, OsPartition, TEST_ISO, TEST_RAW};
use anklume_vm_tests::{Failure, FirmwareKind, GuestReport, Machine, Workdir, sound};

use Attach::{Cdrom, Disk, Nvme, Sd, Usb};
use FirmwareKind::{Bios, Uefi};
use Root::{Medium, Ram};

/// From power-on to the report, under software emulation on two busy processors.
const BOOT_SECONDS: u64 = 360;
/// From the change that a guest notices to QEMU's end.
const RESET_SECONDS: u64 = 120;
/// The initramfs waits for the medium, says that there is none, and counts down.
const NO_MEDIUM_SECONDS: u64 = 240;

/// Where the OS runs from. Copying it into RAM takes half a minute of emulation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Root {
    /// For want of memory.
    Medium,
    Ram,
}

/// Boots the image that `variable` names, and checks the report.
fn boots(
    name: &str,
    firmware: FirmwareKind,
    attach: Attach,
    variable: &'static str,
    root: Root,
) -> Result<(), Failure> {
    let base = image::from_environment(variable)?;
    let workdir = Workdir::new(name)?;
    let mut request = workdir.request(firmware, attach, &base)?;
    if root == Medium {
        request.memory_bytes = OsPartition::find(&base)?.little_memory_bytes();
    }
    let mut machine = Machine::start(&workdir, &request)?;
    let report = machine.report(BOOT_SECONDS)?;
    println!("{name}: multi-user.target {} s after the kernel's start", report.uptime_s);
    let wrong = differences(&report, firmware, attach, root);
    if wrong.is_empty() {
        Ok(())
    } else {
        Err(machine.unexpected("a sound boot", wrong.join("; ")))
    }
}

/// What in the report is not as it should be.
fn differences(
    report: &GuestReport,
    firmware: FirmwareKind,
    attach: Attach,
    root: Root,
) -> Vec<String> {
    let mut wrong = sound::faults(report);
    let mut equal = |what: &str, expected: &str, found: &str| {
        if expected != found {
            wrong.push(format!("{what} is {found:?}, expected {expected:?}"));
        }
    };
    let os_release = |key: &str| report.os_release.get(key).map_or("", String::as_str);
    equal("ID", "debian", os_release("ID"));
    equal("IMAGE_ID", "debian-test", os_release("IMAGE_ID"));
    let Some(boot) = &report.boot else { return wrong };
    equal("firmware", if firmware == Bios { "bios" } else { "uefi" }, &boot.firmware);
    // The kernel reads no partition table from a CD: its sectors are not the table's.
    equal("medium", if attach == Cdrom { "extent" } else { "partition" }, &boot.medium.kind);
    equal("disk", disk_name(attach), &boot.medium.disk);
    equal("slot", "a", &boot.slot.map(|slot: Slot| slot.to_string()).unwrap_or_default());
    equal("toram", &(root == Ram).to_string(), &boot.toram.to_string());
    wrong
}

/// What Linux calls the only disk.
fn disk_name(attach: Attach) -> &'static str {
    match attach {
        Usb => "sda",
        Cdrom => "sr0",
        Disk => "vda",
        Nvme => "nvme0n1",
        Sd => "mmcblk0",
    }
}

macro_rules! boots {
    ($($name:ident: $firmware:expr, $attach:expr, $image:expr, $root:expr;)*) => {
        $(
            #[test]
            fn $name() -> Result<(), Failure> {
                boots(stringify!($name), $firmware, $attach, $image, $root)
            }
        )*
    };
}

// No card under UEFI: OVMF as of edk2 2022.11 offers none of QEMU's SD controller to boot from.
boots! {
    bios_cdrom: Bios, Cdrom, TEST_ISO, Medium;
    bios_disk: Bios, Disk, TEST_ISO, Medium;
    bios_sd: Bios, Sd, TEST_ISO, Ram;
    uefi_cdrom: Uefi, Cdrom, TEST_ISO, Medium;
    uefi_disk: Uefi, Disk, TEST_ISO, Medium;
    uefi_nvme: Uefi, Nvme, TEST_ISO, Ram;
    uefi_raw: Uefi, Disk, TEST_RAW, Medium;
}

/// One bit is changed in a block of file data of an OS that runs from its medium. Whoever reads it
/// first must not get it: neither the boot, nor a root shell that reads the whole device.
#[test]
fn a_changed_block_resets_the_machine() -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new("changed-block")?;
    let os = OsPartition::find(&base)?;
    let memory_bytes = os.little_memory_bytes();
    let request = Request { memory_bytes, ..workdir.request(Bios, Usb, &base)? };
    let changed = os.data_byte(9);
    if let Some(medium) = &request.medium {
        workdir.flip_bit(&base, &medium.image, changed)?;
    }
    let mut machine = Machine::start(&workdir, &request)?;
    // Both ends are right; the second is the usual one.
    let reset = "reboot: Restarting system with command 'dm-verity device corrupted'";
    let (found, _) = machine.wait_for_any(&[reset, "ANKLUME-REPORT {"], BOOT_SECONDS)?;
    if found == 1 {
        let read = read_changed(&mut machine, (changed - os.offset_bytes) / 4096);
        // Something else may have read it first, at any time.
        if !machine.console_text().contains(reset) {
            read?;
            machine.wait_for(reset, RESET_SECONDS)?;
        }
    }
    let status = machine.wait_exit(RESET_SECONDS)?;
    let text = machine.console_text();
    if !status.success() || text.contains("block-is-served") || text.contains("read-all") {
        return Err(machine.unexpected("a reset before the block is served", status));
    }
    Ok(())
}

/// Reads the block before the changed one, which must work, then types a command that reads the
/// changed one and after it the whole device.
fn read_changed(machine: &mut Machine<'_>, block: u64) -> Result<(), Failure> {
    let dd = "dd if=/dev/mapper/anklume-root of=/dev/null status=none";
    let neighbour = format!("{dd} bs=4096 skip={} count=1", block - 1);
    machine.wait_shell(RESET_SECONDS)?;
    let (status, output) = machine.shell(&neighbour, RESET_SECONDS)?;
    if status != 0 {
        return Err(machine.unexpected("a sound neighbour of the changed block", output));
    }
    // The quotes keep the terminal's echo of the command from looking like its output.
    let changed = format!("{dd} bs=4096 skip={block} count=1 && echo block-is-'served'");
    machine.send(&format!("{changed}; {dd} bs=1M; echo read-'all'\n"))
}

/// The top block of the hash tree is what the root hash on the command line vouches for. With
/// another one the partition is none of ours: the initramfs says so and gives up.
#[test]
fn a_changed_hash_tree_is_not_taken() -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new("changed-tree")?;
    let request = workdir.request(Bios, Disk, &base)?;
    if let Some(medium) = &request.medium {
        workdir.flip_bit(&base, &medium.image, OsPartition::find(&base)?.top_hash_byte())?;
    }
    let mut machine = Machine::start(&workdir, &request)?;
    machine.wait_for("no medium with root hash ", NO_MEDIUM_SECONDS)?;
    // The partition, and why it was not taken.
    machine.wait_for("vda4", RESET_SECONDS)?;
    machine.wait_for("another version, or damaged", RESET_SECONDS)?;
    machine.wait_for("reboot", RESET_SECONDS)?;
    let status = machine.wait_exit(RESET_SECONDS)?;
    if !status.success() || machine.console_text().contains("ANKLUME-REPORT") {
        return Err(machine.unexpected("a reset without a boot", status));
    }
    Ok(())
}
