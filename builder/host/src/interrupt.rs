//! Ctrl-C, `SIGTERM` and their like as a flag that long work looks at.
//!
//! Work that is interrupted returns an error like any other, so temporary files are removed and
//! child processes are ended on the way out.
#![allow(unsafe_code)]

use std::sync::atomic::{AtomicBool, Ordering};

use nix::sys::signal::{SaFlags, SigAction, SigHandler, SigSet, Signal, sigaction};

static INTERRUPTED: AtomicBool = AtomicBool::new(false);

extern "C" fn remember(_signal: i32) {
    INTERRUPTED.store(true, Ordering::SeqCst);
}

/// From now on `SIGINT`, `SIGTERM`, `SIGHUP` and `SIGQUIT` only set the flag that [`interrupted`] reads, and
/// `SIGXFSZ` is ignored.
///
/// # Errors
/// What `sigaction(2)` says.
pub fn install() -> Result<(), nix::Error> {
    // No SA_RESTART: a blocking read or wait returns, so that the flag is seen at once.
    let action = SigAction::new(SigHandler::Handler(remember), SaFlags::empty(), SigSet::empty());
    for signal in [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP, Signal::SIGQUIT] {
        // SAFETY: the handler only stores to an atomic, which is async-signal-safe.
        unsafe { sigaction(signal, &action) }?;
    }
    // A file that grows over the limit of the shell is an error like a full disk, not the end.
    let ignore = SigAction::new(SigHandler::SigIgn, SaFlags::empty(), SigSet::empty());
    // SAFETY: no handler runs.
    unsafe { sigaction(Signal::SIGXFSZ, &ignore) }?;
    Ok(())
}

/// Whether a signal asked the program to stop.
#[must_use]
pub fn interrupted() -> bool {
    INTERRUPTED.load(Ordering::SeqCst)
}
