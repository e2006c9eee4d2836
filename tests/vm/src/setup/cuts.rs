//! Power cuts while a pool is made.
//!
//! What is left at any moment is judged by other tools: a machine that knows of a pool has a disk with its name,
//! and a disk with its name opens with both keys and has its record on it. Everything else is made anew.

use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_layout::Role;

use crate::cuts::Random;
use crate::image;
use crate::setup::{
    BOOT_SECONDS, ON_BTRFS, PASSPHRASE, Pool, Scene, WORK_SECONDS, say, unattended,
};
use crate::stick::Stick;
use crate::{Failure, Machine, Workdir, tool};

/// What the machine says first of its work, and last.
const FIRST: &str = "Look at the disk once more";
const LAST: &str = "lab login:";
/// Where the data partition begins, and as much of it as LUKS2 has for itself.
const DATA_OFFSET: u64 = 1 << 20;
const HEADER_BYTES: u64 = 16 << 20;
/// What all cuts are spread over, at most: the work, and some of what follows.
const MILLIS: u64 = 90_000;

/// What was found after a cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Left {
    /// The disk has a pool by its name.
    named: bool,
    /// The machine knows of it.
    known: bool,
}

/// Cuts the power `cuts` times while a machine sets itself up, the last time for good; the next start finishes.
///
/// # Errors
///
/// When something half-made looks whole, or the next start does not finish.
pub fn making_a_pool(
    product: &Path,
    encrypted: bool,
    cuts: usize,
    random: &mut Random,
) -> Result<(), Failure> {
    let pool = Pool { encryption: if encrypted { "luks2" } else { "none" }, ..ON_BTRFS };
    let workdir = Workdir::new("setup-cuts")?;
    let scene = Scene::new(&workdir, product, pool)?;
    let mut machine = scene.power_on(unattended(pool))?;
    while_made(&mut machine, &scene, encrypted, cuts, random)?;
    drop(machine);
    let mut machine = scene.power_on(unattended(pool))?;
    // A machine that knows of its pool asks for the passphrase.
    let signs = [LAST, "Passphrase or recovery key of"];
    machine.wait_for_any(&signs, BOOT_SECONDS + WORK_SECONDS)?;
    machine.quit()?;
    match judge(&workdir, &scene.stick, disk_of(&scene)?, encrypted)? {
        Left { named: true, known: true } => Ok(()),
        left => Err(wrong(&scene.stick, "a whole pool in the end", format!("{left:?}"))),
    }
}

/// Waits until the machine begins to set itself up, and judges what is on its disks at so many moments of that.
///
/// # Errors
///
/// When something half-made looks whole.
pub fn while_made(
    machine: &mut Machine<'_>,
    scene: &Scene<'_>,
    encrypted: bool,
    cuts: usize,
    random: &mut Random,
) -> Result<(), Failure> {
    let workdir = scene.workdir;
    machine.wait_for(FIRST, BOOT_SECONDS)?;
    let mut before = 0;
    let apart = MILLIS / u64::try_from(cuts.max(1)).unwrap_or(1);
    for cut in 1..=cuts {
        std::thread::sleep(Duration::from_millis(random.below(apart)));
        let (stick, disk) = machine.while_stopped(|| copies(workdir, scene))??;
        let left = judge(workdir, &stick, &disk, encrypted)
            .map_err(|error| machine.unexpected(&format!("cut {cut} to be sound"), error))?;
        before += usize::from(!left.known);
        for path in [stick.path(), disk.path()] {
            fs::remove_file(path).map_err(Failure::file("remove", path))?;
        }
    }
    say(&format!("{cuts} cuts, {before} of them before the machine knew of its pool"));
    Ok(())
}

fn disk_of<'a>(scene: &'a Scene<'_>) -> Result<&'a Stick, Failure> {
    scene.disks.first().ok_or_else(|| wrong(&scene.stick, "a data disk", "none"))
}

fn copies(workdir: &Workdir, scene: &Scene<'_>) -> Result<(Stick, Stick), Failure> {
    Ok((scene.stick.copy(workdir)?, disk_of(scene)?.copy(workdir)?))
}

fn wrong(stick: &Stick, expected: &str, found: impl ToString) -> Failure {
    let (path, expected) = (stick.path().into(), expected.to_owned());
    Failure::Image { path, expected, found: found.to_string() }
}

fn judge(workdir: &Workdir, stick: &Stick, disk: &Stick, encrypted: bool) -> Result<Left, Failure> {
    let left = Left { named: is_named(disk)?, known: is_known(workdir, stick)? };
    if left.known && !left.named {
        return Err(wrong(disk, "a pool that the machine knows of to be there", "none"));
    }
    if !left.named {
        return Ok(left);
    }
    let bytes = if encrypted { HEADER_BYTES } else { fs_bytes(disk)? };
    let volume = extract(workdir, disk.path(), DATA_OFFSET, bytes)?;
    if encrypted {
        opens(workdir, &volume)?
    } else {
        has_record(workdir, disk, &volume)?
    }
    fs::remove_file(&volume).map_err(Failure::file("remove", &volume))?;
    Ok(left)
}

/// Whether the disk's partition has the name of a pool.
fn is_named(disk: &Stick) -> Result<bool, Failure> {
    let path = disk.path().display().to_string();
    let words = ["-p", "-o", "value", "-s", "PTTYPE", &path];
    match tool::run("blkid", "util-linux", words) {
        // Nothing is on it yet.
        Err(Failure::Tool { status, .. }) if status.code() == Some(2) => return Ok(false),
        other => other?,
    };
    let table = tool::run("sfdisk", "fdisk", ["--json", &path])?;
    Ok(String::from_utf8_lossy(&table).contains("\"anklume-data\""))
}

/// Whether the machine's memory has the record of a pool.
fn is_known(workdir: &Workdir, stick: &Stick) -> Result<bool, Failure> {
    let range = image::partition(stick.path(), Role::Persist)?;
    let persist = extract(workdir, stick.path(), range.start, range.end - range.start)?;
    let path = persist.display().to_string();
    // The journal of a file system that was cut off has to be replayed; 1 says that something was.
    match tool::run("e2fsck", "e2fsprogs", ["-p", "-f", &path]) {
        Err(Failure::Tool { status, .. }) if status.code() == Some(1) => {}
        other => drop(other?),
    }
    let cat = ["-R", "cat /system/etc/anklume/pool.toml", path.as_str()];
    let text = tool::run("debugfs", "e2fsprogs", cat)?;
    fs::remove_file(&persist).map_err(Failure::file("remove", &persist))?;
    Ok(!text.is_empty())
}

/// Both keys: a passphrase that is known, and another key slot.
fn opens(workdir: &Workdir, volume: &Path) -> Result<(), Failure> {
    let key = workdir.unique("key");
    fs::write(&key, PASSPHRASE).map_err(Failure::file("write", &key))?;
    let (key, volume) = (key.display().to_string(), volume.display().to_string());
    let test = ["open", "--test-passphrase", "--type", "luks2", "--key-file", &key, &volume];
    tool::run("cryptsetup", "cryptsetup-bin", test)?;
    let dump = tool::run("cryptsetup", "cryptsetup-bin", ["luksDump", &volume])?;
    let dump = String::from_utf8_lossy(&dump).into_owned();
    if dump.contains("  0: luks2") && dump.contains("  1: luks2") {
        return Ok(());
    }
    let (path, expected) = (PathBuf::from(volume), "two key slots".to_owned());
    Err(Failure::Image { path, expected, found: dump })
}

/// The record, as the tools of BTRFS restore it from a file system that nobody mounted.
fn has_record(workdir: &Workdir, disk: &Stick, volume: &Path) -> Result<(), Failure> {
    let folder = workdir.unique("restored");
    fs::create_dir(&folder).map_err(Failure::file("create", &folder))?;
    let (from, to) = (volume.display().to_string(), folder.display().to_string());
    let words = ["restore", "--path-regex", "^/(|pool.toml)$", &from, &to];
    tool::run("btrfs", "btrfs-progs", words)?;
    let record = fs::read_to_string(folder.join("pool.toml"));
    let record = record.map_err(|error| wrong(disk, "a record on the pool", error))?;
    match record.contains("backend = \"btrfs\"") {
        true => Ok(()),
        false => Err(wrong(disk, "a record on the pool", record)),
    }
}

/// Bytes of the data partition.
fn fs_bytes(disk: &Stick) -> Result<u64, Failure> {
    let length = fs::metadata(disk.path()).map_err(Failure::file("look at", disk.path()))?.len();
    Ok(length - DATA_OFFSET - (16 << 20))
}

/// A part of a file as a file, with holes where it has them.
fn extract(workdir: &Workdir, from: &Path, offset: u64, bytes: u64) -> Result<PathBuf, Failure> {
    let to = workdir.unique("part");
    let words = [
        format!("if={}", from.display()),
        format!("of={}", to.display()),
        "bs=1M".to_owned(),
        "conv=sparse".to_owned(),
        "iflag=skip_bytes,count_bytes".to_owned(),
        format!("skip={offset}"),
        format!("count={bytes}"),
    ];
    tool::run("dd", "coreutils", words)?;
    Ok(to)
}
