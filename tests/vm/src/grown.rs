//! What a first boot makes of a medium, and what the next one finds.

use std::path::PathBuf;

use crate::image::{self, OsPartition, TEST_ISO};
use crate::stick::Stick;
use crate::{Failure, FirmwareKind, Machine, Workdir, sound, tool};
use anklume_layout::Role;
use anklume_layout::report::{BootReport, GrowthState, PersistState};
use anklume_qemu::Attach;

use Attach::{Disk, Usb};
use FirmwareKind::Bios;

/// From power-on to the report, under software emulation on two busy processors.
const BOOT_SECONDS: u64 = 420;
/// For a command, and for a shutdown.
const SHORT_SECONDS: u64 = 120;

/// Changes what is kept, with the tools that people use. D-Bus gives their services 25 seconds to
/// start in, which an emulated machine on a busy host can take.
const CHANGE: &str = "again() { \"$@\" || { sleep 20; \"$@\"; }; }; mkdir -p /etc/ssh && printf -- \
    '-----BEGIN OPENSSH PRIVATE KEY-----\\nx\\n-----END OPENSSH PRIVATE KEY-----\\n' \
    >/etc/ssh/ssh_host_ed25519_key && chmod 600 /etc/ssh/ssh_host_ed25519_key && echo KEYMAP=fr >/etc/vconsole.conf && \
    again hostnamectl hostname kept-name && again timedatectl set-timezone Europe/Paris && \
    again localectl set-locale LANG=C.UTF-8 LC_TIME=C";
/// Whether a unit has kept it, which runs a moment after the tools.
const IS_KEPT: &str = "cd /persist/system/etc; for i in $(seq 60); do \
    grep -sq kept-name hostname && test -h localtime && grep -sq LC_TIME locale.conf && break; sleep 1; done; \
    grep kept-name hostname && readlink localtime && grep LC_TIME locale.conf";
/// Prints what is kept.
const ASK: &str = "cat /etc/machine-id; hostname; readlink /etc/localtime; \
                   od -An -tx1 /etc/hostid; cat /persist/VERSION /etc/vconsole.conf /etc/locale.conf; \
                   grep ' /persist ' /proc/mounts; \
                   stat -c %a /etc/ssh/ssh_host_ed25519_key";

/// What a boot says of itself.
pub(crate) struct Booted<'a> {
    machine: Machine<'a>,
    boot: BootReport,
}

pub(crate) fn boot<'a>(
    workdir: &'a Workdir,
    stick: &Stick,
    firmware: FirmwareKind,
    attach: Attach,
) -> Result<Booted<'a>, Failure> {
    let mut request = stick.request(workdir, firmware, attach)?;
    // From the medium: copying it into RAM takes half a minute of emulation.
    request.memory_bytes = OsPartition::find(stick.path())?.little_memory_bytes();
    let mut machine = Machine::start(workdir, &request)?;
    let report = machine.report(BOOT_SECONDS)?;
    let faults = sound::faults(&report);
    let Some(boot) = report.boot.filter(|_| faults.is_empty()) else {
        return Err(machine.unexpected("a sound boot", faults.join("; ")));
    };
    machine.wait_shell(SHORT_SECONDS)?;
    Ok(Booted { machine, boot })
}

impl Booted<'_> {
    pub(crate) fn shell(&mut self, command: &str) -> Result<String, Failure> {
        let (status, output) = self.machine.shell(command, SHORT_SECONDS)?;
        if status == 0 {
            return Ok(output);
        }
        Err(self.machine.unexpected(&format!("success of {command}"), output))
    }

    pub(crate) fn check(&self, growth: GrowthState, persist: PersistState) -> Result<(), Failure> {
        let found = (self.boot.growth.state, self.boot.persist.state);
        if found == (growth, persist) {
            return Ok(());
        }
        let text = format!("{:?}, {:?}", self.boot.growth, self.boot.persist);
        Err(self.machine.unexpected(&format!("{growth:?}, {persist:?}"), text))
    }

    /// Why nothing is kept; empty if it is.
    pub(crate) fn persist_reason(&self) -> String {
        self.boot.persist.reason.clone().unwrap_or_default()
    }

    pub(crate) fn power_off(mut self) -> Result<(), Failure> {
        self.machine.send("systemctl poweroff\n")?;
        let status = self.machine.wait_exit(SHORT_SECONDS)?;
        if status.success() {
            return Ok(());
        }
        Err(self.machine.unexpected("an orderly end", status))
    }
}

/// Boots a stick of `bytes` twice and checks everything that the first boot has to do.
///
/// # Errors
///
/// When a boot is not sound, or the medium is not what it should be afterwards.
pub fn grows(
    name: &str,
    firmware: FirmwareKind,
    attach: Attach,
    variable: &'static str,
    bytes: u64,
) -> Result<(), Failure> {
    let workdir = Workdir::new(name)?;
    let stick = Stick::flash(&workdir, &image::from_environment(variable)?, bytes)?;
    let before = stick.tables()?;
    let mut first = boot(&workdir, &stick, firmware, attach)?;
    first.check(GrowthState::Grown, PersistState::Mounted)?;
    first.shell(CHANGE)?;
    first.shell(IS_KEPT)?;
    let kept = first.shell(ASK)?;
    first.power_off()?;
    let faults = stick.table_faults()?;
    assert!(faults.is_empty(), "{faults}");
    let grown = stick.tables()?;
    assert_ne!(before, grown);
    let labels: Vec<_> =
        image::partitions(stick.path())?.into_iter().map(|(name, _)| name).collect();
    assert_eq!(labels, Role::ALL.map(Role::label));

    let mut second = boot(&workdir, &stick, firmware, attach)?;
    second.check(GrowthState::Done, PersistState::Mounted)?;
    let again = second.shell(ASK)?;
    second.power_off()?;
    assert_eq!(kept, again);
    for part in [
        "kept-name\n",
        "Europe/Paris\n",
        "KEYMAP=fr\n",
        "LC_TIME=C\n",
        "600\n",
        "nosuid,nodev,noexec,noatime",
        "nosymfollow",
    ] {
        assert!(kept.contains(part), "{part:?} is not in {kept}");
    }
    assert_eq!(grown, stick.tables()?, "the second boot changes nothing");
    check_file_system(&workdir, &stick)
}

/// What `e2fsck` says about the persistent partition.
fn check_file_system(workdir: &Workdir, stick: &Stick) -> Result<(), Failure> {
    let copy = persistent(workdir, stick)?.display().to_string();
    tool::run("e2fsck", "e2fsprogs", ["-f", "-n", &copy]).map(drop)
}

/// A copy of the persistent partition.
fn persistent(workdir: &Workdir, stick: &Stick) -> Result<PathBuf, Failure> {
    let range = image::partition(stick.path(), Role::Persist)?;
    let copy: PathBuf = workdir.unique("persist");
    let skip = format!("skip={}", range.start >> 20);
    let count = format!("count={}", (range.end - range.start) >> 20);
    let from = format!("if={}", stick.path().display());
    let to = format!("of={}", copy.display());
    tool::run("dd", "coreutils", ["bs=1M", "status=none", &from, &to, &skip, &count])?;
    Ok(copy)
}

/// Two sticks from one image are two sticks.
///
/// # Errors
///
/// When a boot is not sound.
pub fn sticks_do_not_collide() -> Result<(), Failure> {
    let workdir = Workdir::new("two-sticks")?;
    let stick = Stick::flash(&workdir, &image::from_environment(TEST_ISO)?, 4_000_000_000)?;
    let other = stick.copy(&workdir)?;
    let mut identities = Vec::new();
    for stick in [&stick, &other] {
        let mut booted = boot(&workdir, stick, Bios, Usb)?;
        booted.check(GrowthState::Grown, PersistState::Mounted)?;
        let id = booted.shell("cat /etc/machine-id")?;
        let medium = booted.boot.medium.clone();
        booted.power_off()?;
        identities.push([Some(id), medium.disk_guid, medium.partition_guid]);
    }
    let [first, second] = identities.as_slice() else { unreachable!("two sticks") };
    for (first, second) in first.iter().zip(second) {
        assert!(first.is_some() && first != second, "{first:?} {second:?}");
    }
    Ok(())
}

/// A medium that is too small or that somebody partitioned is left alone, and says why.
///
/// # Errors
///
/// When a boot is not sound, or the medium was written.
pub fn what_is_not_ours_is_left_alone() -> Result<(), Failure> {
    let workdir = Workdir::new("not-ours")?;
    let base = image::from_environment(TEST_ISO)?;
    let small = base.metadata().map_err(Failure::file("examine", &base))?.len() + (8 << 20);
    let foreign = Stick::flash(&workdir, &base, 8_000_000_000)?;
    let path = foreign.path().as_os_str();
    let words = ["-e", "-n", "9:4G:+1G", "-c", "9:mine"].map(AsRef::as_ref);
    tool::run("sgdisk", "gdisk", words.into_iter().chain([path]))?;
    for (stick, reason) in
        [(Stick::flash(&workdir, &base, small)?, "too small"), (foreign, "partition 9")]
    {
        let before = stick.tables()?;
        let booted = boot(&workdir, &stick, Bios, Disk)?;
        booted.check(GrowthState::Refused, PersistState::Volatile)?;
        let growth = booted.boot.growth.reason.clone().unwrap_or_default();
        let persist = booted.boot.persist.reason.clone().unwrap_or_default();
        booted.power_off()?;
        assert!(growth.contains(reason) && persist.contains(reason), "{growth}; {persist}");
        assert_eq!(before, stick.tables()?);
    }
    Ok(())
}
