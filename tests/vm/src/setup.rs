//! Setting the product up at its serial console, and its data at later boots.

use std::fs::File;
use std::path::{Path, PathBuf};

use anklume_qemu::{Attach, DataDisk, DiskFormat, Request};

use crate::image::OsPartition;
use crate::stick::Stick;
use crate::{Failure, FirmwareKind, Machine, Workdir, probe};

/// From power-on to the first question, under software emulation.
pub const BOOT_SECONDS: u64 = 600;
/// From an answer to the next question.
const ANSWER_SECONDS: u64 = 120;
/// A whole setup: argon2id, file system, Incus, its image.
const WORK_SECONDS: u64 = 900;
/// A command of Incus.
const INCUS_SECONDS: u64 = 300;
/// From the command to the end of QEMU.
const OFF_SECONDS: u64 = 300;

/// What is typed.
const PASSPHRASE: &str = "correct horse battery staple under test";
const PASSWORD: &str = "a password of ada";
/// Serial number of the data disk; its end is what a person types.
const SERIAL: &str = "QEMU-DATA-4711";
/// A little more than the smallest that is taken.
const DISK_BYTES: u64 = 10 << 30;

/// A product's stick, and a blank disk.
#[derive(Debug)]
pub struct Scene<'a> {
    workdir: &'a Workdir,
    /// The boot medium.
    pub stick: Stick,
    /// The data disk.
    pub disk: PathBuf,
}

impl<'a> Scene<'a> {
    /// Makes both.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn new(workdir: &'a Workdir, product: &Path) -> Result<Self, Failure> {
        let stick = Stick::flash(workdir, product, 8_000_000_000)?;
        stick.grow(workdir)?;
        let disk = workdir.unique("data");
        let file = File::create(&disk).map_err(Failure::file("create", &disk))?;
        file.set_len(DISK_BYTES).map_err(Failure::file("size", &disk))?;
        Ok(Self { workdir, stick, disk })
    }

    /// Another stick of the same image, which knows of nothing.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn new_stick(&mut self, product: &Path) -> Result<(), Failure> {
        self.stick = Stick::flash(self.workdir, product, 8_000_000_000)?;
        self.stick.grow(self.workdir)
    }

    /// Switches the machine on.
    ///
    /// # Errors
    ///
    /// When QEMU does not start.
    pub fn power_on(&self, credentials: Vec<String>) -> Result<Machine<'a>, Failure> {
        let mut request: Request =
            self.stick.request(self.workdir, FirmwareKind::Uefi, Attach::Usb)?;
        // In emulation it would take a minute to copy the OS into RAM, so there is too little for that.
        request.memory_bytes = OsPartition::find(self.stick.path())?.little_memory_bytes();
        request.oem_strings = credentials;
        request.data_disks = vec![DataDisk {
            path: self.disk.clone(),
            format: DiskFormat::Raw,
            serial: Some(SERIAL.to_owned()),
        }];
        Machine::start(self.workdir, &request)
    }
}

/// Answers a question: waits for `prompt`, then types.
fn answer(machine: &mut Machine<'_>, prompt: &str, typed: &str) -> Result<(), Failure> {
    machine.wait_for(prompt, ANSWER_SECONDS)?;
    machine.send(&format!("{typed}\n"))
}

/// Answers a question whose answer is not shown: what was typed before it is asked is dropped.
fn secret(machine: &mut Machine<'_>, prompt: &str, typed: &str) -> Result<(), Failure> {
    machine.wait_for(prompt, ANSWER_SECONDS)?;
    answer(machine, "> ", typed)
}

/// The wizard in English: a new encrypted pool on the blank disk.
///
/// # Errors
///
/// When a question does not come, or the work fails.
pub fn new_pool(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("Language / Langue", BOOT_SECONDS)?;
    machine.send("1\n")?;
    answer(machine, "What do you want?", "k")?;
    answer(machine, "Which disk?", "")?;
    answer(machine, "type the end of its serial number", "4711")?;
    answer(machine, "Encryption", "")?;
    machine.wait_for("Six words that nobody guesses", ANSWER_SECONDS)?;
    secret(machine, "Passphrase", PASSPHRASE)?;
    secret(machine, "The same again", PASSPHRASE)?;
    answer(machine, "of the key", "")?;
    the_machine(machine)?;
    machine.wait_for("This machine is set up.", WORK_SECONDS)?;
    login(machine)
}

/// Name, account and time zone, and the plan.
fn the_machine(machine: &mut Machine<'_>) -> Result<(), Failure> {
    answer(machine, "Leave it as it is", "4")?;
    answer(machine, "Name of this machine", "lab")?;
    answer(machine, "Name of the account", "ada")?;
    secret(machine, "Password", PASSWORD)?;
    secret(machine, "The same again", PASSWORD)?;
    answer(machine, "Where is your SSH key?", "")?;
    answer(machine, "Time zone", "Europe/Paris")?;
    answer(machine, "Do it?", "1")
}

/// Credentials of a machine that sets itself up on the data disk.
#[must_use]
pub fn unattended() -> Vec<String> {
    let answers = format!(
        "version = 1\n[data]\nwhat = 'new'\npassphrase = {{ credential = 'anklume.word' }}\n\
         [[data.disks]]\nserial = '{SERIAL}'\n[machine]\nhostname = 'lab'\n\
         [machine.admin]\nname = 'ada'\npassword = '{PASSWORD}'\n"
    );
    vec![
        probe::credential("anklume.answers", &answers),
        probe::credential("anklume.word", PASSPHRASE),
    ]
}

/// A machine that sets itself up, until somebody can log in.
///
/// # Errors
///
/// When that does not come.
pub fn sets_itself_up(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("lab login:", BOOT_SECONDS + WORK_SECONDS)?;
    machine.send("ada\n")?;
    inside(machine)
}

/// The wizard on a fresh stick: the pool that is there.
///
/// # Errors
///
/// As [`new_pool`].
pub fn existing_pool(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("Language / Langue", BOOT_SECONDS)?;
    machine.send("1\n")?;
    answer(machine, "What do you want?", "1")?;
    secret(machine, "passphrase or recovery key", PASSPHRASE)?;
    answer(machine, "Leave it as it is", "4")?;
    answer(machine, "Name of this machine", "lab")?;
    // The account is on the disk.
    answer(machine, "Which accounts?", "")?;
    answer(machine, "Time zone", "Europe/Paris")?;
    answer(machine, "Do it?", "1")?;
    machine.wait_for("This machine is set up.", WORK_SECONDS)?;
    login(machine)
}

/// A later boot: the passphrase, at its prompt.
///
/// # Errors
///
/// When the data is not opened.
pub fn unlock(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("Passphrase or recovery key", BOOT_SECONDS)?;
    answer(machine, "> ", "not the passphrase")?;
    machine.wait_for("neither the passphrase nor", ANSWER_SECONDS)?;
    secret(machine, "Passphrase or recovery key", PASSPHRASE)?;
    login(machine)
}

/// Logs in, and becomes root.
fn login(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("login:", WORK_SECONDS)?;
    machine.send("ada\n")?;
    inside(machine)
}

fn inside(machine: &mut Machine<'_>) -> Result<(), Failure> {
    answer(machine, "Password:", PASSWORD)?;
    machine.wait_shell(ANSWER_SECONDS)?;
    machine.send("sudo -S -p 'SUDO-''ASKS' sh\n")?;
    answer(machine, "SUDO-ASKS", PASSWORD)?;
    machine.wait_shell(ANSWER_SECONDS)
}

/// Runs a command of root's that must succeed.
///
/// # Errors
///
/// When it does not.
pub fn succeed(machine: &mut Machine<'_>, command: &str) -> Result<String, Failure> {
    let (status, output) = machine.shell(command, INCUS_SECONDS)?;
    match status {
        0 => Ok(output),
        _ => {
            Err(machine
                .unexpected(&format!("`{command}` to succeed"), format!("{status}: {output}")))
        }
    }
}

/// A container from the image that the OS brings, with a file in it.
///
/// # Errors
///
/// When it does not start.
pub fn launch(machine: &mut Machine<'_>) -> Result<(), Failure> {
    succeed(machine, "incus launch debian c1")?;
    succeed(machine, "incus exec c1 -- sh -c 'echo kept > /root/kept; sync'")?;
    succeed(machine, "echo mine > /home/ada/mine; sync").map(drop)
}

/// The container runs again, with its file, on the same pool.
///
/// # Errors
///
/// When it does not.
pub fn is_kept(machine: &mut Machine<'_>) -> Result<(), Failure> {
    let wait = "for _ in $(seq 100); do incus list -c s -f csv c1 | grep -q RUNNING && break; sleep 1; done; \
                incus list -c ns -f csv";
    let list = succeed(machine, wait)?;
    if !list.contains("c1,RUNNING") {
        return Err(machine.unexpected("c1,RUNNING", list));
    }
    let kept = succeed(machine, "incus exec c1 -- cat /root/kept; cat /home/ada/mine")?;
    if !kept.contains("kept") || !kept.contains("mine") {
        return Err(machine.unexpected("both files", kept));
    }
    Ok(())
}

/// Switches the machine off in an orderly way; the disk is locked by then.
///
/// # Errors
///
/// When it does not end.
pub fn switch_off(mut machine: Machine<'_>) -> Result<String, Failure> {
    machine.send("systemctl poweroff\n")?;
    machine.wait_exit(OFF_SECONDS)?;
    Ok(machine.console_text())
}
