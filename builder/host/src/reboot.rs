//! Ending the machine's run.

use std::io;

use nix::sys::reboot::RebootMode;

/// Writes out what is in memory and restarts the machine at once. Returns only when that fails.
#[must_use]
pub fn restart() -> io::Error {
    nix::unistd::sync();
    match nix::sys::reboot::reboot(RebootMode::RB_AUTOBOOT) {
        Ok(never) => match never {},
        Err(errno) => errno.into(),
    }
}
