//! A guest whose OS is in RAM, and whose medium is gone.

use crate::{Failure, Machine};

/// Seconds for a command that asks the kernel something.
const SHORT_SECONDS: u64 = 60;
/// Seconds for reading, decompressing and checking the whole OS.
const READ_SECONDS: u64 = 900;
/// Seconds from the end of a shell to the next one.
const LOGIN_SECONDS: u64 = 120;

/// Runs `command` in the guest's shell, which must print exactly `expected` and end well.
fn prints(machine: &mut Machine<'_>, command: &str, expected: &str) -> Result<(), Failure> {
    let (status, output) = machine.shell(command, SHORT_SECONDS)?;
    if status == 0 && output.trim() == expected {
        return Ok(());
    }
    Err(machine.unexpected(&format!("{expected:?} from {command}"), format!("{status}: {output}")))
}

/// Checks that nothing in the guest holds the disk `disk`: no mapping, no mount.
///
/// # Errors
///
/// When something does, or no shell answers.
pub fn is_let_go(machine: &mut Machine<'_>, disk: &str) -> Result<(), Failure> {
    machine.wait_shell(LOGIN_SECONDS)?;
    // Messages of the kernel would fall into the answers.
    prints(machine, "dmesg -n 1", "")?;
    prints(machine, "cat /sys/block/dm-*/dm/name", "anklume-root")?;
    let below = "basename $(cat /sys/block/dm-*/slaves/*/loop/backing_file)";
    prints(machine, below, "os.img")?;
    prints(machine, &format!("find /sys/block/{disk}/ -path '*/holders/*'"), "")?;
    let mounts = format!("grep -c -e '^/dev/{disk}' -e /run/anklume/medium /proc/mounts; true");
    prints(machine, &mounts, "0")
}

/// Checks that the guest goes on without the disk `disk`, which was pulled out: every file of the OS
/// can be read, not from what the kernel remembers, no unit has failed, and somebody can log in.
///
/// # Errors
///
/// When something of it does not work.
pub fn goes_on(machine: &mut Machine<'_>, disk: &str) -> Result<(), Failure> {
    let gone = format!(
        "for i in $(seq 50); do test -e /sys/block/{disk} || break; sleep 1; done; \
         test ! -e /sys/block/{disk}"
    );
    prints(machine, &gone, "")?;
    reads_everything(machine)
}

/// The part of [`goes_on`] that needs no disk to be gone.
///
/// # Errors
///
/// When something of it does not work.
pub fn reads_everything(machine: &mut Machine<'_>) -> Result<(), Failure> {
    prints(machine, "echo 3 >/proc/sys/vm/drop_caches", "")?;
    // `/etc` and `/var` are mounts of their own, over folders of the same file system.
    let read = "find / /etc /var -xdev -type f -exec cat '{}' + | wc -c";
    let (status, output) = machine.shell(read, READ_SECONDS)?;
    let bytes: u64 = output.trim().parse().unwrap_or_default();
    if status != 0 || bytes < 1 << 24 {
        return Err(machine.unexpected("every file to be readable", format!("{status}: {output}")));
    }
    prints(machine, "systemctl --failed --no-legend --plain", "")?;
    machine.send("exit\n")?;
    machine.wait_for("automatic login", LOGIN_SECONDS)?;
    machine.wait_shell(LOGIN_SECONDS)
}
