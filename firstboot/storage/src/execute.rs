//! Carrying a plan out.

use std::fs::{self, DirBuilder};
use std::io;
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anklume_gpt::Piece;
use anklume_host::disk::RawDisk;
use anklume_host::file::replace;
use anklume_host::process::{Cmd, ProcessError};
use anklume_inventory::{Identity, When};
use anklume_language::Language;
use anklume_setup::{Access, Action, Argument, Plan, PlanDisk, Pool, PoolError};
use thiserror::Error;

use crate::collect::{CollectError, collect};
use crate::domain::{another_key, is_dataset, key_of, new_key, own_keys};
use crate::hostid;
use crate::keys::{Keys, Placed};

/// Where the keys are while a program runs: a file system in RAM.
const KEYS: &str = "/run/anklume/keys";
/// How often something is unmounted that is in use, and how long it is waited in between.
const TRIES: usize = 50;
const BETWEEN_TRIES: Duration = Duration::from_millis(200);

/// Why a plan was not carried out to its end.
#[derive(Debug, Error)]
pub enum ExecuteError {
    /// A program failed.
    #[error(transparent)]
    Program(#[from] ProcessError),
    /// A disk is not the one that was confirmed.
    #[error("/dev/{disk} is not the disk that was chosen: {why}")]
    AnotherDisk {
        /// Kernel name.
        disk: String,
        /// What differs.
        why: String,
    },
    /// A disk is in use.
    #[error("/dev/{disk} is in use: {source}")]
    Busy {
        /// Kernel name.
        disk: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// Reading or writing failed.
    #[error("{object}: {source}")]
    Io {
        /// What.
        object: String,
        /// What the operating system says.
        source: io::Error,
    },
    /// The disks of the machine cannot be looked at.
    #[error(transparent)]
    Collect(#[from] CollectError),
    /// The record cannot be made.
    #[error(transparent)]
    Record(#[from] PoolError),
    /// A pool is open already.
    #[error("a data disk is open already: {object}")]
    PoolOpen {
        /// What there is of it.
        object: String,
    },
    /// The plan names a disk that it does not have.
    #[error("the plan has no disk {0}")]
    NoDisk(usize),
}

/// cryptsetup(8): no permission, which is a wrong key.
const WRONG_KEY: i32 = 2;

impl ExecuteError {
    /// Whether a key opens nothing of what it was tried on.
    #[must_use]
    pub fn is_wrong_key(&self) -> bool {
        matches!(self, Self::Program(ProcessError::Failed { program, code: WRONG_KEY, .. })
            if program == "cryptsetup")
    }
}

/// What actions are done with; a test has another one.
pub trait Machine {
    /// Runs a program.
    ///
    /// # Errors
    /// It failed.
    fn run(&mut self, command: &Cmd) -> Result<(), ExecuteError>;
    /// What a program that only looks prints; nothing if it fails.
    fn output(&mut self, command: &Cmd) -> Vec<u8>;
    /// Whether something is mounted at a folder or below.
    fn is_mounted(&mut self, path: &str) -> bool;
    /// The identity of the disk with this kernel name now; none if it is gone.
    ///
    /// # Errors
    /// The disks cannot be looked at.
    fn identity(&mut self, name: &str) -> Result<Option<Identity>, ExecuteError>;
    /// The folder that paths begin at.
    fn root(&self) -> &Path;
}

/// This machine.
#[derive(Debug, Default)]
pub struct Here;

impl Machine for Here {
    fn run(&mut self, command: &Cmd) -> Result<(), ExecuteError> {
        command.output()?;
        Ok(())
    }

    fn output(&mut self, command: &Cmd) -> Vec<u8> {
        command.output().map(|output| output.stdout).unwrap_or_default()
    }

    fn is_mounted(&mut self, path: &str) -> bool {
        is_mounted(path)
    }

    fn identity(&mut self, name: &str) -> Result<Option<Identity>, ExecuteError> {
        let inventory = collect()?;
        Ok(inventory.disks.iter().find(|disk| disk.name == name).map(Identity::of))
    }

    fn root(&self) -> &Path {
        Path::new("/")
    }
}

/// Carries `plan` out. `progress` is told the index of each step, and of the action in it, before it begins.
///
/// # Errors
/// [`ExecuteError`]; what was done until then stays done.
pub fn execute(
    plan: &Plan,
    keys: &Keys,
    machine: &mut dyn Machine,
    progress: &mut dyn FnMut(usize, usize),
) -> Result<(), ExecuteError> {
    for (step_index, step) in plan.steps.iter().enumerate() {
        for (index, action) in step.actions.iter().enumerate() {
            progress(step_index, index);
            perform(&plan.disks, &plan.pool, action, keys, machine)?;
        }
    }
    Ok(())
}

/// Does one action. `disks` are those that it may name, `pool` is what a record says.
///
/// # Errors
/// [`ExecuteError`], unless the action is one that may fail.
pub fn perform(
    disks: &[PlanDisk],
    pool: &Pool,
    action: &Action,
    keys: &Keys,
    machine: &mut dyn Machine,
) -> Result<(), ExecuteError> {
    let folder = under(machine, KEYS);
    let placed = keys.place(action.keys(), &folder).map_err(|source| failed(KEYS, source))?;
    match act(disks, pool, action, &placed, machine) {
        // What may not be open need not be closed, and the like.
        Err(_) if matches!(action, Action::Try { .. }) => Ok(()),
        done => done,
    }
}

fn act(
    disks: &[PlanDisk],
    pool: &Pool,
    action: &Action,
    placed: &Placed,
    machine: &mut dyn Machine,
) -> Result<(), ExecuteError> {
    match action {
        Action::CheckIdentity { disk, access } => {
            check_identity(disk_of(disks, *disk)?, *access, machine)
        }
        Action::Run { program, arguments } => machine.run(&command(program, arguments, placed)?),
        // It undoes something, as after Ctrl-C.
        Action::Try { program, arguments } => {
            machine.run(&command(program, arguments, placed)?.to_the_end())
        }
        Action::Expect { disk, object, piece } => {
            on_disk(disk_of(disks, *disk)?, Access::InUse, |open| expect(open, object, piece))
        }
        Action::Encrypted { root, datasets, apart } => {
            encrypted(root, datasets, apart.as_deref(), machine)
        }
        Action::OwnKeys { datasets } => own_keys(datasets, machine),
        Action::NewKey { path } => {
            let path = under(machine, path);
            new_key(&path).map_err(|source| failed(path.display(), source))
        }
        Action::Dataset { name, options } => dataset(name, options, machine),
        Action::Subvolume { path } => subvolume(path, machine),
        Action::Unmount { path } => unmount(path, machine),
        Action::CloseVolume { name } => {
            if !under(machine, "/dev/mapper").join(name).exists() {
                return Ok(());
            }
            machine.run(&Cmd::new("cryptsetup").args(["close", name]))
        }
        Action::HostId => {
            hostid::ensure(machine.root()).map_err(|source| failed("/etc/hostid", source))
        }
        Action::Zero { disk, access, offset, bytes } => {
            on_disk(disk_of(disks, *disk)?, *access, |open| open.zero(*offset, *bytes))
        }
        Action::ZeroEnds { node, bytes } => {
            zero_ends(Path::new(node), *bytes).map_err(|source| failed(node, source))
        }
        Action::Write { disk, access, piece, .. } => {
            on_disk(disk_of(disks, *disk)?, *access, |open| open.write(piece.offset, &piece.bytes))
        }
        Action::Flush { disk, access } => on_disk(disk_of(disks, *disk)?, *access, RawDisk::flush),
        Action::Folder { path, mode } => folder(&under(machine, path), *mode),
        Action::Record { path } => {
            let text = pool.to_toml()?;
            let path = under(machine, path);
            replace(&path, text.as_bytes()).map_err(|source| failed(path.display(), source))
        }
    }
}

fn disk_of(disks: &[PlanDisk], index: usize) -> Result<&PlanDisk, ExecuteError> {
    disks.get(index).ok_or(ExecuteError::NoDisk(index))
}

fn command(program: &str, arguments: &[Argument], placed: &Placed) -> Result<Cmd, ExecuteError> {
    let mut command = Cmd::new(program);
    for argument in arguments {
        command = match argument {
            Argument::Text(text) => command.arg(text),
            Argument::KeyFile(key) => {
                let missing = || failed(KEYS, io::Error::other("the key is not there"));
                command.arg(placed.path(*key).ok_or_else(missing)?)
            }
        };
    }
    Ok(command)
}

fn check_identity(
    disk: &PlanDisk,
    access: Access,
    machine: &mut dyn Machine,
) -> Result<(), ExecuteError> {
    let another = |why: String| ExecuteError::AnotherDisk { disk: disk.name.clone(), why };
    let found = machine.identity(&disk.name)?;
    let found = found.ok_or_else(|| another("it is gone".to_owned()))?;
    let differences = disk.identity.differences(&found, When::SameBoot);
    if !differences.is_empty() {
        let words: Vec<_> = differences.iter().map(|one| one.words(Language::English)).collect();
        return Err(another(words.join(", ")));
    }
    // Nothing may use it, and it must still be the one with that number.
    on_disk(disk, access, |_| Ok(()))
}

/// Opens the disk and makes sure that it is the one that was confirmed.
fn on_disk(
    disk: &PlanDisk,
    access: Access,
    work: impl FnOnce(&RawDisk) -> io::Result<()>,
) -> Result<(), ExecuteError> {
    let node = PathBuf::from(format!("/dev/{}", disk.name));
    let busy = |source| ExecuteError::Busy { disk: disk.name.clone(), source };
    let another = |why: String| ExecuteError::AnotherDisk { disk: disk.name.clone(), why };
    let open = match access {
        Access::Alone => RawDisk::open_alone(&node),
        Access::InUse => RawDisk::open_in_use(&node),
    };
    let open = open.map_err(busy)?;
    if let Some(expected) = disk.identity.diskseq {
        let found = open.sequence().map_err(|source| failed(node.display(), source))?;
        if found != expected {
            return Err(another(format!(
                "expected disk number {expected} of this boot, found {found}"
            )));
        }
    }
    let (expected, found) =
        (disk.identity.size, open.bytes().map_err(|source| failed(node.display(), source))?);
    if found != expected {
        return Err(another(format!("expected {expected} bytes, found {found}")));
    }
    work(&open).map_err(|source| failed(node.display(), source))
}

fn encrypted(
    root: &str,
    datasets: &[String],
    apart: Option<&str>,
    machine: &mut dyn Machine,
) -> Result<(), ExecuteError> {
    let another = |dataset: &str, found: &str| {
        let why = format!("expected it to be encrypted with the key of {root}, found {found}");
        Err(failed(dataset, io::Error::other(why)))
    };
    for dataset in datasets {
        match key_of(dataset, machine) {
            Some((key, true)) if key == root => {}
            Some((key, true)) => return another(dataset, &format!("that of {key:?}")),
            Some((key, false)) => {
                return another(dataset, &format!("that of {key:?}, which is not loaded"));
            }
            None => return another(dataset, "no such dataset"),
        }
    }
    match another_key(root, apart, machine) {
        Some((dataset, key)) => another(
            &dataset,
            &format!("that of {key:?}: somebody who had the disk may have put it there"),
        ),
        None => Ok(()),
    }
}

fn dataset(name: &str, options: &[String], machine: &mut dyn Machine) -> Result<(), ExecuteError> {
    if is_dataset(name, machine) {
        return Ok(());
    }
    let options = options.iter().flat_map(|option| ["-o", option]);
    machine.run(&Cmd::new("zfs").arg("create").args(options).arg(name))
}

fn subvolume(path: &str, machine: &mut dyn Machine) -> Result<(), ExecuteError> {
    if under(machine, path).exists() {
        return Ok(());
    }
    machine.run(&Cmd::new("btrfs").args(["subvolume", "create", path]))
}

/// Whether something is mounted at a folder or below: what is below keeps what is at it, so that of a pool either all
/// of it is in use or none.
#[must_use]
pub fn is_mounted(path: &str) -> bool {
    is_in(&fs::read_to_string("/proc/self/mountinfo").unwrap_or_default(), path)
}

/// Whether `path`, or something below it, is the fifth field of a line (proc_pid_mountinfo(5)).
fn is_in(mounts: &str, path: &str) -> bool {
    let places = mounts.lines().filter_map(|line| line.split(' ').nth(4));
    places
        .filter_map(|place| place.strip_prefix(path))
        .any(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// At shutdown others unmount what is below at the same moment, so that one try may meet a mount that has just gone.
fn unmount(path: &str, machine: &mut dyn Machine) -> Result<(), ExecuteError> {
    let command = Cmd::new("umount").args(["--recursive", path]);
    for _ in 0..TRIES {
        if !machine.is_mounted(path) {
            return Ok(());
        }
        if machine.run(&command).is_err() {
            std::thread::sleep(BETWEEN_TRIES);
        }
    }
    if machine.is_mounted(path) { machine.run(&command) } else { Ok(()) }
}

fn zero_ends(node: &Path, bytes: u64) -> io::Result<()> {
    let open = RawDisk::open_alone(node)?;
    let size = open.bytes()?;
    open.zero(0, bytes.min(size))?;
    open.zero(size.saturating_sub(bytes), bytes.min(size))?;
    open.flush()
}

fn expect(disk: &RawDisk, object: &str, piece: &Piece) -> io::Result<()> {
    if disk.read(piece.offset, piece.bytes.len())? == piece.bytes {
        return Ok(());
    }
    Err(io::Error::other(format!("the {object} at byte {} was changed meanwhile", piece.offset)))
}

fn folder(path: &Path, mode: u32) -> Result<(), ExecuteError> {
    let error = |source| failed(path.display(), source);
    DirBuilder::new().recursive(true).mode(mode).create(path).map_err(error)?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode)).map_err(error)
}

pub(crate) fn under(machine: &dyn Machine, path: &str) -> PathBuf {
    machine.root().join(path.trim_start_matches('/'))
}

fn failed(object: impl ToString, source: io::Error) -> ExecuteError {
    ExecuteError::Io { object: object.to_string(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn mounts_are_found_at_a_place_and_below() {
        let mounts = "25 1 0:22 / /var/lib/incus/shmounts rw - tmpfs tmpfs rw\n\
                      30 25 0:40 / /var/homes rw,noatime - btrfs /dev/dm-1 rw\n";
        assert!(is_in(mounts, "/var/lib/incus") && is_in(mounts, "/var/lib/incus/shmounts"));
        assert!(!is_in(mounts, "/var/home") && !is_in("", "/var/home"));
        assert!(is_in(mounts, "/var/homes") && !is_in(mounts, "/var/lib/incus/shm"));
    }

    #[test]
    fn what_every_machine_has_is_mounted() {
        assert!(is_mounted("/proc") && !is_mounted("/proc/self/nothing"));
    }
}
