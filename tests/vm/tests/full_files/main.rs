//! The image as a file on another disk, and its files on a stick: alone, or beside the OS on a disk
//! that firmware cannot read.

mod disk;

use std::fs;
use std::path::PathBuf;

use anklume_layout::report::{GrowthState, PersistState};
use anklume_qemu::{Attach, DataDisk, DiskFormat, Medium, Request, Writes};
use anklume_vm_tests::image::{self, TEST_ISO};
use anklume_vm_tests::stick::Stick;
use anklume_vm_tests::{Failure, FirmwareKind, Machine, Workdir, pulled, sound, tool};
use disk::FileSystem;

/// From power-on to the report, under software emulation on two busy processors.
const BOOT_SECONDS: u64 = 480;

/// Bytes of a disk that an image is written to.
const DISK_BYTES: u64 = 4 << 30;

/// From a device's end to the guest's agreement.
const UNPLUG_SECONDS: u64 = 120;

/// Boots the disk `image`, and checks that the OS was taken from `file` on it.
fn boots<'a>(
    workdir: &'a Workdir,
    firmware: FirmwareKind,
    attach: Attach,
    image: PathBuf,
    file: &str,
) -> Result<Machine<'a>, Failure> {
    let writes = Writes::Discard;
    let request = Request {
        firmware: workdir.firmware(firmware)?,
        medium: Some(Medium { image, format: DiskFormat::Raw, attach, writes }),
        restart_on_reset: false,
        ..Request::default()
    };
    let mut machine = Machine::start(workdir, &request)?;
    let report = machine.report(BOOT_SECONDS)?;
    let mut wrong = sound::faults(&report);
    let medium = report.boot.map(|boot| boot.medium);
    let found = medium.as_ref().and_then(|medium| medium.file.as_deref()).unwrap_or_default();
    if !found.trim_start_matches('/').eq_ignore_ascii_case(file) {
        wrong.push(format!("the OS comes from {medium:?}, expected the file {file}"));
    }
    if wrong.is_empty() {
        Ok(machine)
    } else {
        Err(machine.unexpected("a sound boot", wrong.join("; ")))
    }
}

/// A multiboot stick or a rescue entry on a disk: another GRUB mounts the image file and reads the
/// `loopback.cfg` in it.
fn loopback(name: &str, file_system: FileSystem, attach: Attach) -> Result<(), Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let workdir = Workdir::new(name)?;
    let disk = disk::with_grub(&workdir, file_system, &base)?;
    boots(&workdir, FirmwareKind::Bios, attach, disk, disk::IMAGE_PATH).map(drop)
}

#[test]
fn image_file_on_vfat_stick() -> Result<(), Failure> {
    loopback("loopback-vfat-usb", FileSystem::Vfat, Attach::Usb)
}

#[test]
fn image_file_on_vfat_disk() -> Result<(), Failure> {
    loopback("loopback-vfat-disk", FileSystem::Vfat, Attach::Disk)
}

#[test]
fn image_file_on_ext4_stick() -> Result<(), Failure> {
    loopback("loopback-ext4-usb", FileSystem::Ext4, Attach::Usb)
}

#[test]
fn image_file_on_ext4_disk() -> Result<(), Failure> {
    loopback("loopback-ext4-disk", FileSystem::Ext4, Attach::Disk)
}

/// A folder with the files of the test image.
fn extracted(workdir: &Workdir) -> Result<PathBuf, Failure> {
    let base = image::from_environment(TEST_ISO)?;
    let folder = workdir.unique("files");
    let extract = "-osirrox on -indev".split(' ').map(Into::into);
    let extract = extract.chain([base.into_os_string(), "-extract".into(), "/".into()]);
    tool::run("xorriso", "xorriso", extract.chain([folder.clone().into_os_string()]))?;
    Ok(folder)
}

/// Somebody opened the ISO and copied what is in it, as the makers of some sticks say. Such a stick can
/// be pulled out as well.
#[test]
fn copied_files_on_a_fat_stick_uefi() -> Result<(), Failure> {
    let workdir = Workdir::new("copied-files")?;
    let folder = extracted(&workdir)?;
    let disk = disk::with_files(&workdir, &folder)?;
    let mut machine = boots(&workdir, FirmwareKind::Uefi, Attach::Usb, disk, "ANKLUME/OS.IMG")?;
    pulled::is_let_go(&mut machine, "sda")?;
    machine.unplug_medium(UNPLUG_SECONDS)?;
    pulled::goes_on(&mut machine, "sda")
}

/// The kernel is started from a stick, and what it looks for is on a disk that has sectors of 4096
/// bytes: the image was written there, though no firmware could start it. The OS runs, nothing is
/// written, and it says why.
#[test]
fn a_disk_with_sectors_of_4096_bytes_is_read_and_left_alone_uefi() -> Result<(), Failure> {
    let workdir = Workdir::new("sectors-of-4096")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, DISK_BYTES)?;
    let before = stick.tables()?;
    let folder = extracted(&workdir)?;
    let os = folder.join("ANKLUME/OS.IMG");
    fs::remove_file(&os).map_err(|source| Failure::File { action: "remove", path: os, source })?;
    let starter = disk::with_files(&workdir, &folder)?;
    let large = DataDisk { path: stick.path().to_owned(), format: DiskFormat::Raw, serial: None };
    let sectors = ["logical", "physical"]
        .map(|kind| ["-global".to_owned(), format!("virtio-blk-pci.{kind}_block_size=4096")]);
    let request = Request {
        firmware: workdir.firmware(FirmwareKind::Uefi)?,
        medium: Some(Medium {
            image: starter,
            format: DiskFormat::Raw,
            attach: Attach::Usb,
            writes: Writes::Discard,
        }),
        restart_on_reset: false,
        data_disks: vec![large],
        extra: sectors.into_iter().flatten().map(Into::into).collect(),
        ..Request::default()
    };
    let mut machine = Machine::start(&workdir, &request)?;
    let report = machine.report(BOOT_SECONDS)?;
    let faults = sound::faults(&report);
    let Some(boot) = report.boot.filter(|_| faults.is_empty()) else {
        return Err(machine.unexpected("a sound boot", faults.join("; ")));
    };
    let why = boot.growth.reason.clone().unwrap_or_default();
    let is_told = why.contains("logical blocks of 4096 bytes, expected 512");
    let found = (boot.medium.disk.as_str(), boot.growth.state, boot.persist.state, is_told);
    if found != ("vda", GrowthState::Refused, PersistState::Volatile, true) {
        return Err(machine.unexpected("a disk that is left alone", format!("{boot:?}")));
    }
    machine.quit()?;
    assert_eq!(before, stick.tables()?);
    Ok(())
}
