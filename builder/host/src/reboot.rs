//! Ending the machine's run.

use std::io;

use nix::sys::reboot::RebootMode;

/// Writes out what is in memory and restarts the machine at once. Returns only when that fails.
#[must_use]
pub fn restart() -> io::Error {
    nix::unistd::sync();
    restart_without_writing()
}

/// Restarts the machine at once, without what is in memory and not written: for a machine on which
/// writing hangs. Returns only when that fails.
#[must_use]
pub fn restart_without_writing() -> io::Error {
    match nix::sys::reboot::reboot(RebootMode::RB_AUTOBOOT) {
        Ok(never) => match never {},
        Err(errno) => errno.into(),
    }
}
