//! Programs of the verified OS, run before it starts.

use std::ffi::OsStr;
use std::path::Path;
use std::time::Duration;

use anklume_host::mount;
use anklume_host::process::{Cmd, Ending};

use crate::root::SYSROOT;
use crate::stuck;

/// Where they are in the OS.
const FOLDER: &str = "/usr/sbin";
/// What a program sees of the initramfs besides the OS.
const SEEN: [&str; 3] = ["dev", "proc", "run"];
/// How long one may take: a small file system on a slow stick takes seconds. A disk that does not
/// answer is to cost the machine what it keeps there, not its boot.
const LIMIT_SECONDS: u64 = 120;
// Else the machine would be restarted first.
const _: () = assert!(LIMIT_SECONDS < stuck::PATIENCE_SECONDS);

/// Runs the program `name` of the OS, with the OS as its root. An end with another exit code than
/// those in `accepted` is an error, and so is none in time.
pub(crate) fn run<A: AsRef<OsStr>>(
    name: &str,
    arguments: impl IntoIterator<Item = A>,
    accepted: &[i32],
) -> Result<(), String> {
    let mut bound = Vec::new();
    let mut result = Ok(());
    for name in SEEN {
        let (from, to) = (Path::new("/").join(name), Path::new(SYSROOT).join(name));
        match mount::bind(&from, &to) {
            Ok(()) => bound.push(to),
            Err(error) => {
                result = Err(error.to_string());
                break;
            }
        }
    }
    let command = Cmd::new(Path::new(FOLDER).join(name)).args(arguments).root(SYSROOT);
    stuck::alive();
    let limit = Duration::from_secs(LIMIT_SECONDS);
    let ended = result.and_then(|()| command.run_within(limit).map_err(|error| error.to_string()));
    stuck::alive();
    for place in bound.iter().rev() {
        // What stays mounted is covered by what is moved there later.
        let _ = mount::unmount(place);
    }
    judge(name, ended?.ending, accepted)
}

fn judge(name: &str, ending: Ending, accepted: &[i32]) -> Result<(), String> {
    match ending {
        Ending::Exit(code) if accepted.contains(&code) => Ok(()),
        Ending::Exit(code) => Err(format!("{name} ended with exit code {code}")),
        Ending::Signal(signal) => Err(format!("{name} was ended by signal {signal}")),
        Ending::TimedOut => Err(format!("{name} was not done after {LIMIT_SECONDS} s")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_end_is_judged() {
        let judge = |ending| judge("e2fsck", ending, &[0, 1]);
        assert_eq!((judge(Ending::Exit(0)), judge(Ending::Exit(1))), (Ok(()), Ok(())));
        for (ending, text) in [
            (Ending::Exit(4), "e2fsck ended with exit code 4"),
            (Ending::Signal(9), "e2fsck was ended by signal 9"),
            (Ending::TimedOut, "e2fsck was not done after 120 s"),
        ] {
            assert_eq!(judge(ending), Err(text.to_owned()));
        }
    }
}
