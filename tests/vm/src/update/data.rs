//! An update beside somebody who writes to a data disk.

use std::path::{Path, PathBuf};

use anklume_layout::Slot;
use anklume_qemu::{DataDisk, DiskFormat, Request};

use super::{SHORT_SECONDS, Scene, TRY_SECONDS, UPDATE_SECONDS, connect, succeed};
use crate::rollback::wait_for_verdict;
use crate::{Failure, FirmwareKind, GuestReport, Machine, Workdir, tool};

/// Bytes of the disk.
const DISK_BYTES: u64 = 1 << 30;
/// Files on it that nobody writes to, and how often its number stands in each.
const FILES: u32 = 100;
const REPEATED: usize = 100_000;
/// Mounts it.
const MOUNT: &str = "mount -t btrfs /dev/disk/by-id/virtio-data /mnt";
/// Writes files in a control group of its own, as a container does, and a digest of each.
const WRITE: &str = "mkdir -p /mnt/new /mnt/sums && systemd-run --quiet --unit=writer sh -c '\
    i=0; while :; do i=$((i + 1)); head -c 65536 /dev/urandom >/mnt/part; sync /mnt/part; \
    sha256sum </mnt/part >/mnt/sums/$i; mv /mnt/part /mnt/new/$i; done'";
/// How many files it has written.
const COUNT: &str = "ls /mnt/new | wc -l";
/// One digest of all files that nobody writes to.
const KEPT: &str = "cd /mnt/kept && sha256sum * | sha256sum";
/// Names the written files that have not their digest.
const CHECK: &str = "cd /mnt/new && for name in *; do \
    [ \"$(sha256sum <$name)\" = \"$(cat ../sums/$name)\" ] || echo $name; done";

/// While an update is written and after it, a btrfs disk has what was on it and what is written to it,
/// and who writes goes on.
///
/// # Errors
///
/// When it goes otherwise.
pub fn beside_a_data_disk(
    scene: &Scene<'_>,
    firmware: FirmwareKind,
    next: &Path,
) -> Result<(), Failure> {
    let workdir = scene.workdir;
    scene.repository.publish(next)?;
    let disk = made(workdir)?;
    let mut request = scene.request(firmware)?;
    request.data_disks = vec![DataDisk {
        path: disk.clone(),
        format: DiskFormat::Raw,
        serial: Some("data".to_owned()),
    }];
    let (mut machine, report) = boot(workdir, &request)?;
    let running = report.boot.and_then(|boot| boot.slot);
    connect(&mut machine)?;
    let kept = succeed(&mut machine, KEPT, SHORT_SECONDS)?;
    succeed(&mut machine, WRITE, SHORT_SECONDS)?;
    let before = count(&mut machine)?;
    let update = format!("anklume update --channel test --from {}", scene.source());
    succeed(&mut machine, &update, UPDATE_SECONDS)?;
    let after = count(&mut machine)?;
    if after < before + 5 {
        return Err(machine.unexpected("at least 5 files written meanwhile", after - before));
    }
    succeed(&mut machine, "systemctl stop writer && sync", SHORT_SECONDS)?;
    same(&mut machine, &kept)?;
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(SHORT_SECONDS)?;

    let (mut machine, report) = boot(workdir, &request)?;
    assert_eq!(report.boot.and_then(|boot| boot.slot), running.map(Slot::other));
    same(&mut machine, &kept)?;
    assert!(count(&mut machine)? >= after);
    succeed(&mut machine, "cd / && umount /mnt", SHORT_SECONDS)?;
    machine.quit()?;
    let words = ["check".as_ref(), "--readonly".as_ref(), disk.as_os_str()];
    tool::run("btrfs", "btrfs-progs", words).map(drop)
}

/// Boots to a good verdict, with the disk mounted.
fn boot<'a>(
    workdir: &'a Workdir,
    request: &Request,
) -> Result<(Machine<'a>, GuestReport), Failure> {
    let mut machine = Machine::start(workdir, request)?;
    let report = machine.report(TRY_SECONDS)?;
    machine.wait_shell(SHORT_SECONDS)?;
    wait_for_verdict(&mut machine, "good")?;
    succeed(&mut machine, MOUNT, SHORT_SECONDS)?;
    Ok((machine, report))
}

/// How many files were written.
fn count(machine: &mut Machine<'_>) -> Result<u64, Failure> {
    let said = succeed(machine, COUNT, SHORT_SECONDS)?;
    said.trim().parse().map_err(|_| machine.unexpected("a number of files", said))
}

/// Every file is what it was.
fn same(machine: &mut Machine<'_>, kept: &str) -> Result<(), Failure> {
    let found = succeed(machine, KEPT, SHORT_SECONDS)?;
    if found != kept {
        return Err(machine.unexpected(kept, found));
    }
    let wrong = succeed(machine, CHECK, UPDATE_SECONDS)?;
    if wrong.trim().is_empty() {
        return Ok(());
    }
    Err(machine.unexpected("files with their digests", wrong))
}

/// A disk with files.
fn made(workdir: &Workdir) -> Result<PathBuf, Failure> {
    let (disk, root) = (workdir.unique("data"), workdir.unique("root"));
    let folder = root.join("kept");
    std::fs::create_dir_all(&folder).map_err(Failure::file("make", &folder))?;
    for number in 0..FILES {
        let path = folder.join(number.to_string());
        let content = number.to_string().repeat(REPEATED);
        std::fs::write(&path, content).map_err(Failure::file("write", &path))?;
    }
    let file = std::fs::File::create(&disk).and_then(|file| file.set_len(DISK_BYTES));
    file.map_err(Failure::file("make", &disk))?;
    let words = ["--quiet".as_ref(), "--rootdir".as_ref(), root.as_os_str(), disk.as_os_str()];
    tool::run("mkfs.btrfs", "btrfs-progs", words)?;
    Ok(disk)
}
