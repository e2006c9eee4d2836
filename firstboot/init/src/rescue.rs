//! The end of a boot that failed.

use std::ffi::CString;
use std::path::Path;
use std::process::ExitCode;
use std::thread::sleep;
use std::time::Duration;

use anklume_host::{console, reboot};
use anklume_layout::initramfs;

use crate::boot::Boot;
use crate::error::Error;
use crate::failed;
use crate::journal::Journal;

/// Long enough to photograph the message; short enough for a machine nobody is at, that has another
/// slot to try. The next OS tells the reason, too.
const SECONDS: u64 = 15;

/// Says why, here and to the next boot, offers a shell if one is wanted, and restarts the machine.
pub(crate) fn end(failure: &Error, boot: &Boot) -> ExitCode {
    let mut journal = Journal::open();
    journal.say(&format!("error: cannot boot: {failure}"));
    if let Some(more) = failed::tell(boot.known(), &failure.to_string()) {
        journal.say(&more);
    }
    if boot.shell() {
        let reason = run_shell(&mut journal);
        journal.say(&format!("no shell: {reason}"));
    }
    for left in (1..=SECONDS).rev() {
        journal.countdown(&format!("restarting in {left} s "));
        sleep(Duration::from_secs(1));
    }
    journal.end_countdown();
    let error = reboot::restart();
    journal.say(&format!("error: cannot restart: {error}; switch the machine off"));
    loop {
        sleep(Duration::from_secs(3600));
    }
}

/// Becomes a shell. Returns only when that fails.
fn run_shell(journal: &mut Journal) -> String {
    let path = Path::new("/").join(initramfs::SHELL);
    let text = path.display().to_string();
    if !path.exists() {
        return format!("the initramfs has no {text}");
    }
    journal.say("a shell follows; `reboot -f` ends it");
    if let Err(error) = console::use_as_standard_streams() {
        journal.detail(&format!("console: {error}"));
    }
    let Ok(program) = CString::new(text) else { return "bad path".to_owned() };
    match nix::unistd::execv(&program, &[c"sh"]) {
        Ok(never) => match never {},
        Err(errno) => errno.to_string(),
    }
}
