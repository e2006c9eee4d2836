//! Ending the machine's run.

use std::io;

use nix::sys::reboot::RebootMode;

/// Writes out what is in memory and restarts the machine at once. Returns only when that fails.
#[must_use]
pub fn restart() -> io::Error {
    nix::unistd::sync();
    reboot()
}

/// Restarts the machine at once, without what is in memory and not written: for a machine on which
/// writing hangs. Returns only when that fails.
///
/// The kernel's ordinary restart asks every device to stop, and waits for one that hangs; the one of
/// its magic keys does not (Linux `Documentation/admin-guide/sysrq.rst`, `b`).
#[must_use]
pub fn restart_without_writing() -> io::Error {
    let _ = std::fs::write("/proc/sysrq-trigger", "b");
    reboot()
}

fn reboot() -> io::Error {
    match nix::sys::reboot::reboot(RebootMode::RB_AUTOBOOT) {
        Ok(never) => match never {},
        Err(errno) => errno.into(),
    }
}
