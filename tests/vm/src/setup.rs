//! Setting the product up at its serial console, and its data at later boots.

pub mod cuts;
pub mod leftovers;
pub mod screen;

use std::path::Path;
use std::time::Instant;

use anklume_qemu::{Attach, DataDisk, DiskFormat, Network, Request};

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
/// What was written down, for a machine that sets itself up.
const RECOVERY: &str = "cbdefghi-jklnrtuv-vutrnlkj-ihgfedbc-cbdefghi-jklnrtuv-vutrnlkj-ihgfedbc";
const PASSWORD: &str = "a password of ada";
/// Serial number of a data disk, without its last digit; the end is what a person types.
const SERIAL: &str = "QEMU-DATA-471";
/// A little more than the smallest that is taken.
const DISK_BYTES: u64 = 10 << 30;
/// A stick for the OS alone.
const STICK_BYTES: u64 = 8_000_000_000;

/// What a machine sets itself up with.
#[derive(Debug, Clone, Copy)]
pub struct Pool {
    /// `btrfs`, `zfs`.
    pub backend: &'static str,
    /// `luks2`, `zfs`, `none`.
    pub encryption: &'static str,
    /// `single`, `mirror`.
    pub redundancy: &'static str,
    /// How many disks; none for the rest of the boot disk.
    pub disks: usize,
    /// Whether it has the domain `work`.
    pub domain: bool,
}

/// LUKS2 and BTRFS on one disk.
pub const ON_BTRFS: Pool =
    Pool { backend: "btrfs", encryption: "luks2", redundancy: "single", disks: 1, domain: false };

/// A product's stick, and blank disks.
#[derive(Debug)]
pub struct Scene<'a> {
    workdir: &'a Workdir,
    /// The boot medium.
    pub stick: Stick,
    /// The data disks.
    pub disks: Vec<Stick>,
    /// Whether there is a network.
    pub network: bool,
}

impl<'a> Scene<'a> {
    /// Makes a stick, and the disks of `pool`.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn new(workdir: &'a Workdir, product: &Path, pool: Pool) -> Result<Self, Failure> {
        let stick_bytes = if pool.disks == 0 { STICK_BYTES + DISK_BYTES } else { STICK_BYTES };
        let stick = Stick::flash(workdir, product, stick_bytes)?;
        stick.grow(workdir)?;
        let disks = (0..pool.disks).map(|_| Stick::blank(workdir, DISK_BYTES));
        Ok(Self { workdir, stick, disks: disks.collect::<Result<_, _>>()?, network: false })
    }

    /// Another stick of the same image, which knows of nothing.
    ///
    /// # Errors
    ///
    /// When there is no room.
    pub fn new_stick(&mut self, product: &Path) -> Result<(), Failure> {
        self.stick = Stick::flash(self.workdir, product, STICK_BYTES)?;
        self.stick.grow(self.workdir)
    }

    /// Switches the machine on.
    ///
    /// # Errors
    ///
    /// When QEMU does not start.
    pub fn power_on(&self, credentials: Vec<String>) -> Result<Machine<'a>, Failure> {
        let all: Vec<usize> = (0..self.disks.len()).collect();
        self.power_on_with(&all, credentials)
    }

    /// Switches the machine on with these of its disks.
    ///
    /// # Errors
    ///
    /// When QEMU does not start.
    pub fn power_on_with(
        &self,
        present: &[usize],
        credentials: Vec<String>,
    ) -> Result<Machine<'a>, Failure> {
        let mut request: Request =
            self.stick.request(self.workdir, FirmwareKind::Uefi, Attach::Usb)?;
        // In emulation it would take a minute to copy the OS into RAM, so there is too little for that.
        request.memory_bytes = OsPartition::find(self.stick.path())?.little_memory_bytes();
        request.oem_strings = credentials;
        if self.network {
            request.network = Network::User { forwards: Vec::new() };
        }
        let disks = present.iter().filter_map(|index| Some((index, self.disks.get(*index)?)));
        request.data_disks = disks
            .map(|(index, disk)| DataDisk {
                path: disk.path().to_owned(),
                format: DiskFormat::Raw,
                serial: Some(serial(*index)),
            })
            .collect();
        Machine::start(self.workdir, &request)
    }
}

fn serial(index: usize) -> String {
    format!("{SERIAL}{}", index + 1)
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

/// The wizard in French: a new encrypted pool on the blank disk. Ctrl-D at its first question asks it again.
///
/// # Errors
///
/// When a question does not come, or the work fails.
pub fn new_pool(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("Language / Langue", BOOT_SECONDS)?;
    machine.send("\x04")?;
    answer(machine, "Language / Langue", "2")?;
    answer(machine, "Que voulez-vous", "Garder")?;
    answer(machine, "Quel disque", "")?;
    answer(machine, "tapez la fin de son num", "4711")?;
    answer(machine, "qui garde les donn", "b")?;
    answer(machine, "Chiffrement", "")?;
    // Where the disk says that it can be told.
    let words = "Six mots que personne ne devine";
    let (asked, _) = machine.wait_for_any(&[words, "Dire au disque"], ANSWER_SECONDS)?;
    if asked == 1 {
        answer(machine, "> ", "n")?;
        machine.wait_for(words, ANSWER_SECONDS)?;
    }
    secret(machine, "Phrase de passe", PASSPHRASE)?;
    secret(machine, "encore une fois", PASSPHRASE)?;
    answer(machine, "Tapez le groupe", "")?;
    answer(machine, "Laisser comme c'est", "4")?;
    answer(machine, "Nom de cette machine", "lab")?;
    answer(machine, "Nom du compte", "ada")?;
    secret(machine, "Mot de passe", PASSWORD)?;
    secret(machine, "encore une fois", PASSWORD)?;
    answer(machine, "SSH ?", "")?;
    answer(machine, "Fuseau horaire", "Europe/Paris")?;
    answer(machine, "Le faire ?", "1")?;
    is_set_up(machine, "Cette machine est install", "Enregistrer un journal")
}

/// Waits for the end of the work, and logs in; or for the question that comes when it has failed.
fn is_set_up(machine: &mut Machine<'_>, done: &str, failed: &str) -> Result<(), Failure> {
    let (which, _) = machine.wait_for_any(&[done, failed], WORK_SECONDS)?;
    if which == 1 {
        return Err(machine.unexpected(done, failed.to_owned()));
    }
    login(machine)
}

/// Credentials of a machine that sets itself up.
#[must_use]
pub fn unattended(pool: Pool) -> Vec<String> {
    let Pool { backend, encryption, redundancy, disks, domain } = pool;
    let word = match encryption {
        "none" => "",
        _ => {
            "passphrase = { credential = 'anklume.word' }\n\
             recovery-key = { credential = 'anklume.recovery' }\n"
        }
    };
    let place = match disks {
        0 => "rest-of-boot-disk = true\n".to_owned(),
        _ => (0..disks).map(|n| format!("[[data.disks]]\nserial = '{}'\n", serial(n))).collect(),
    };
    let domains = if domain { "domains = ['work']\n" } else { "" };
    let answers = format!(
        "version = 1\n[data]\nwhat = 'new'\nbackend = '{backend}'\nencryption = '{encryption}'\n\
         redundancy = '{redundancy}'\n{domains}{word}{place}[machine]\nhostname = 'lab'\n\
         [machine.admin]\nname = 'ada'\npassword = '{PASSWORD}'\n"
    );
    vec![
        probe::credential("anklume.answers", &answers),
        probe::credential("anklume.word", PASSPHRASE),
        probe::credential("anklume.recovery", RECOVERY),
    ]
}

/// What a machine that sets itself up says, and which phase begins with it.
const PHASES: [(&str, &str); 7] = [
    ("Look at the disk once more", "boot until the work begins"),
    ("Make a partition table", "checks, what was on the disk"),
    ("Make it part of the machine", "partitions, encryption, file system"),
    ("Remember it for every start", "mounts"),
    ("starting Incus", "records"),
    ("making the container image", "Incus, its pool and network"),
    ("lab login:", "its image, settings, account"),
];

/// A machine that sets itself up, until somebody can log in. Prints how long each phase took.
///
/// # Errors
///
/// When that does not come.
pub fn sets_itself_up(machine: &mut Machine<'_>) -> Result<(), Failure> {
    let mut last = Instant::now();
    for (sign, phase) in PHASES {
        machine.wait_for(sign, BOOT_SECONDS + WORK_SECONDS)?;
        say(&format!("phase: {:4} s {phase}", last.elapsed().as_secs()));
        last = Instant::now();
    }
    machine.send("ada\n")?;
    inside(machine)
}

#[expect(clippy::print_stdout, reason = "what a run measured or saw")]
fn say(text: &str) {
    println!("{text}");
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
    is_set_up(machine, "This machine is set up.", "Save a log to a stick")
}

/// A later boot: the passphrase, at its prompt.
///
/// # Errors
///
/// When the data is not opened.
pub fn unlock(machine: &mut Machine<'_>) -> Result<(), Failure> {
    unlock_with(machine, ENGLISH, PASSPHRASE)
}

/// The same of a machine whose wizard was answered in French.
///
/// # Errors
///
/// As [`unlock`].
pub fn unlock_in_french(machine: &mut Machine<'_>) -> Result<(), Failure> {
    unlock_with(machine, ["Phrase de passe ou cl", "ni la phrase de passe ni"], PASSPHRASE)
}

/// The same of a machine that set itself up, with the recovery key, in capitals.
///
/// # Errors
///
/// As [`unlock`].
pub fn recover(machine: &mut Machine<'_>) -> Result<(), Failure> {
    unlock_with(machine, ENGLISH, &RECOVERY.to_uppercase())
}

/// What is asked, and what is said to a wrong key.
const ENGLISH: [&str; 2] = ["Passphrase or recovery key", "neither the passphrase nor"];

fn unlock_with(machine: &mut Machine<'_>, words: [&str; 2], key: &str) -> Result<(), Failure> {
    let [question, wrong] = words;
    machine.wait_for(question, BOOT_SECONDS)?;
    answer(machine, "> ", "not the passphrase")?;
    machine.wait_for(wrong, ANSWER_SECONDS)?;
    secret(machine, question, key)?;
    login(machine)
}

/// A later boot without one of the disks of a mirror.
///
/// # Errors
///
/// When that is not said, or the data is not opened.
pub fn unlock_without_a_disk(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("not connected", BOOT_SECONDS)?;
    secret(machine, "Passphrase or recovery key", PASSPHRASE)?;
    login(machine)
}

/// The same where it has to be agreed to.
///
/// # Errors
///
/// As [`unlock_without_a_disk`].
pub fn agree_to_do_without_a_disk(machine: &mut Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("Open the data without it?", BOOT_SECONDS)?;
    answer(machine, "> ", "y")?;
    secret(machine, "Passphrase or recovery key", PASSPHRASE)?;
    login(machine)
}

/// A boot without the data disk: that is said, and the machine can be switched off.
///
/// # Errors
///
/// When it is not.
pub fn nothing_to_unlock(mut machine: Machine<'_>) -> Result<(), Failure> {
    machine.wait_for("not connected", BOOT_SECONDS)?;
    answer(&mut machine, "What now?", "s")?;
    machine.wait_exit(OFF_SECONDS).map(drop)
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
    let begin = Instant::now();
    succeed(machine, "incus launch debian c1")?;
    say(&format!("phase: {:4} s first container", begin.elapsed().as_secs()));
    succeed(machine, "incus exec c1 -- sh -c 'echo kept > /root/kept; sync'")?;
    succeed(machine, "echo mine > /home/ada/mine; sync").map(drop)
}

/// A container of the domain `work`, whose storage has a key of its own.
///
/// # Errors
///
/// When it does not start, or there is no such key.
pub fn launch_in_a_domain(machine: &mut Machine<'_>) -> Result<(), Failure> {
    succeed(machine, "incus launch debian w1 --profile work")?;
    for dataset in ["anklume/data/domains/work", "anklume/data/storage"] {
        let ask = format!("zfs get -H -o value encryptionroot {dataset}");
        let root = succeed(machine, &ask)?;
        let expected = if dataset.ends_with("work") { dataset } else { "anklume/data" };
        if root.lines().all(|line| line.trim() != expected) {
            return Err(machine.unexpected(expected, root));
        }
    }
    succeed(machine, "zfs list -H -o name -r anklume/data/domains/work | grep -q containers/w1")
        .map(drop)
}

/// That container runs again.
///
/// # Errors
///
/// When it does not.
pub fn domain_is_kept(machine: &mut Machine<'_>) -> Result<(), Failure> {
    let list = succeed(machine, &wait_for("w1"))?;
    if list.contains("w1,RUNNING") { Ok(()) } else { Err(machine.unexpected("w1,RUNNING", list)) }
}

/// Waits until a container runs, and lists all.
fn wait_for(container: &str) -> String {
    format!(
        "for _ in $(seq 100); do incus list -c s -f csv {container} | grep -q RUNNING && break; sleep 1; done; \
         incus list -c ns -f csv; anklume data domain list"
    )
}

/// The container runs again, with its file, on the same pool.
///
/// # Errors
///
/// When it does not.
pub fn is_kept(machine: &mut Machine<'_>) -> Result<(), Failure> {
    let list = succeed(machine, &wait_for("c1"))?;
    if !list.contains("c1,RUNNING") {
        let why = "incus info c1 --show-log; incus config show c1 | grep last_state; \
                   journalctl -u incus -u incus-startup --no-pager -n 40";
        let (_, why) = machine.shell(why, INCUS_SECONDS)?;
        return Err(machine.unexpected("c1,RUNNING", format!("{list}\n{why}")));
    }
    let kept = succeed(machine, "incus exec c1 -- cat /root/kept; cat /home/ada/mine")?;
    if !kept.contains("kept") || !kept.contains("mine") {
        return Err(machine.unexpected("both files", kept));
    }
    Ok(())
}

/// Two domains: their containers reach the outside by the host's NAT, and not each other.
///
/// # Errors
///
/// When they do not, or do.
pub fn are_apart(machine: &mut Machine<'_>) -> Result<(), Failure> {
    succeed(machine, "anklume data domain add other")?;
    succeed(machine, "incus launch debian c2 --profile other")?;
    let address = |name: &str| {
        format!(
            "for _ in $(seq 60); do a=$(incus list -c 4 -f csv {name} | cut -d' ' -f1); \
             [ -n \"$a\" ] && break; sleep 1; done; echo \"$a\""
        )
    };
    let [first, second] = [succeed(machine, &address("c1"))?, succeed(machine, &address("c2"))?]
        .map(|text| text.lines().last().unwrap_or_default().trim().to_owned());
    for (container, other) in [("c1", &second), ("c2", &first)] {
        // The host that QEMU's network has on the outside.
        succeed(machine, &format!("incus exec {container} -- ping -c 2 -W 5 10.0.2.2"))?;
        let ping = format!("! incus exec {container} -- ping -c 2 -W 5 {other}");
        succeed(machine, &ping)?;
    }
    succeed(machine, "nft list table inet anklume | grep -q ank-other")?;
    succeed(machine, "incus delete -f c2").map(drop)
}

/// Switches the machine off in an orderly way; the disk is locked by then.
///
/// # Errors
///
/// When it does not end.
pub fn switch_off(mut machine: Machine<'_>) -> Result<String, Failure> {
    machine.send("systemctl poweroff\n")?;
    let locked = ["The data disk is locked.", "Le disque de donn"];
    machine.wait_for_any(&locked, OFF_SECONDS)?;
    machine.wait_exit(OFF_SECONDS)?;
    Ok(machine.console_text())
}
