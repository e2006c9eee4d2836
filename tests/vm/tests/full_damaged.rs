//! Damaged media: each boots in spite of the damage, or says what is wrong and restarts.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use anklume_layout::{Role, Slot, files};
use anklume_qemu::{Attach, Request};
use anklume_vm_tests::image::{self, TEST_ISO};
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir, sound, tool};

use FirmwareKind::{Bios, Uefi};

/// From power-on to the report, under software emulation on two busy processors.
const BOOT_SECONDS: u64 = 480;
/// From power-on to the refusal: the initramfs waits for the medium before it gives up.
const REFUSAL_SECONDS: u64 = 300;
/// From the refusal to the end of QEMU: a countdown.
const RESET_SECONDS: u64 = 120;
/// Offset in bytes of the header's own checksum in the GPT of a disk with 512-byte sectors (UEFI
/// 2.10 table 5.5).
const GPT_CHECKSUM: u64 = 512 + 16;
/// Files on the slot's partition begin at multiples of this many bytes.
const FILE_STEP: usize = 2048;
/// Where no prompt may appear: somebody could type at it, and nobody else would see it go on.
const PROMPTS: [&str; 3] = ["grub>", "grub rescue>", "UEFI Interactive Shell"];

fn request(workdir: &Workdir, firmware: FirmwareKind, image: PathBuf) -> Result<Request, Failure> {
    let mut medium = workdir.medium(&image::from_environment(TEST_ISO)?, Attach::Usb)?;
    medium.image = image;
    Ok(Request {
        firmware: workdir.firmware(firmware)?,
        medium: Some(medium),
        restart_on_reset: false,
        ..Request::default()
    })
}

/// A stick whose first partition table is damaged; the second one is sound.
fn damaged_table(name: &str, firmware: FirmwareKind) -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new(name)?;
    let overlay = workdir.overlay(&base, None)?;
    workdir.flip_bit(&base, &overlay, GPT_CHECKSUM)?;
    let mut machine = Machine::start(&workdir, &request(&workdir, firmware, overlay)?)?;
    let faults = sound::faults(&machine.report(BOOT_SECONDS)?);
    if faults.is_empty() {
        return Ok(());
    }
    Err(machine.unexpected("a sound boot", faults.join("; ")))
}

#[test]
fn damaged_table_bios() -> Result<(), Failure> {
    damaged_table("table-bios", Bios)
}

#[test]
fn damaged_table_uefi() -> Result<(), Failure> {
    damaged_table("table-uefi", Uefi)
}

/// The restart that ends every refusal, without a prompt or a boot before it.
fn refused(mut machine: Machine<'_>) -> Result<(), Failure> {
    let status = machine.wait_exit(RESET_SECONDS)?;
    let text = machine.console_text();
    let wrong =
        PROMPTS.iter().chain(["ANKLUME-REPORT {"].iter()).find(|what| text.contains(**what));
    match wrong {
        None if status.success() => Ok(()),
        _ => Err(machine.unexpected("a refusal and a restart", format!("{status}, {wrong:?}"))),
    }
}

/// A copy that ended too early, such as a stick that was too small.
#[test]
fn a_medium_cut_short_is_refused() -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new("cut-short")?;
    let length = base.metadata().map_or(0, |metadata| metadata.len());
    let overlay = workdir.overlay(&base, Some(length - (10 << 20)))?;
    let mut machine = Machine::start(&workdir, &request(&workdir, Bios, overlay)?)?;
    machine.wait_for("no medium with root hash ", REFUSAL_SECONDS)?;
    // The stick, and what is wrong with it.
    machine.wait_for("sda", RESET_SECONDS)?;
    machine.wait_for("cut at", RESET_SECONDS)?;
    refused(machine)
}

/// Offset in `image` of the file `name` of slot A.
fn file_offset(image: &Path, name: &str) -> Result<u64, Failure> {
    let range = image::partition(image, Role::Boot(Slot::A))?;
    let place = format!("{}@@{}", image.display(), range.start);
    let content = tool::run("mtype", "mtools", ["-i", &place, &format!("::{name}")])?;
    let mut partition = vec![0; usize::try_from(range.end - range.start).unwrap_or(usize::MAX)];
    let read = File::open(image).and_then(|file| file.read_exact_at(&mut partition, range.start));
    let wrong = |found: String| Failure::Image {
        path: image.into(),
        expected: format!("the file {name} in one piece"),
        found,
    };
    read.map_err(|error| wrong(error.to_string()))?;
    let mut steps = (0..partition.len()).step_by(FILE_STEP);
    let found = steps.find(|at| partition[*at..].starts_with(&content));
    let found = found.ok_or_else(|| wrong("none".into()))?;
    Ok(range.start + found as u64)
}

/// A boot file without its first 4 KiB: GRUB says so, and restarts.
fn damaged_boot_file(name: &str, firmware: FirmwareKind, file: &str) -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new(name)?;
    let overlay = workdir.overlay(&base, None)?;
    workdir.clear(&overlay, file_offset(&base, file)?, 4096)?;
    let mut machine = Machine::start(&workdir, &request(&workdir, firmware, overlay)?)?;
    machine.wait_for("error:", REFUSAL_SECONDS)?;
    machine.wait_for("the OS could not be started", RESET_SECONDS)?;
    refused(machine)
}

#[test]
fn damaged_kernel_bios() -> Result<(), Failure> {
    damaged_boot_file("kernel-bios", Bios, files::KERNEL)
}

#[test]
fn damaged_uki_uefi() -> Result<(), Failure> {
    damaged_boot_file("uki-uefi", Uefi, files::UKI)
}
