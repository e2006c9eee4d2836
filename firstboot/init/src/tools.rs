//! Programs of the verified OS, run before it starts.

use std::path::Path;

use anklume_host::mount;
use anklume_host::process::{Cmd, Output};

use crate::root::SYSROOT;

/// What a program sees of the initramfs besides the OS.
const SEEN: [&str; 3] = ["dev", "proc", "run"];

/// Runs a program of the OS to its end, with the OS as its root.
pub(crate) fn run(command: &Cmd) -> Result<Output, String> {
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
    let output = result
        .and_then(|()| command.clone().root(SYSROOT).output().map_err(|error| error.to_string()));
    for place in bound.iter().rev() {
        // What stays mounted is covered by what is moved there later.
        let _ = mount::unmount(place);
    }
    output
}
