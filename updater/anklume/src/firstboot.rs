//! Commands of the program that sets machines up.

use anklume_host::process::Cmd;

use crate::cli::Words;
use anklume_failure::Failure;

/// The program, beside this one or in the path.
const PROGRAM: &str = "anklume-firstboot";

/// Becomes that program with `command`; it returns only when that fails.
pub(crate) fn become_it(command: &str, words: &Words) -> Failure {
    let beside = std::env::current_exe().ok().map(|own| own.with_file_name(PROGRAM));
    let program = beside.filter(|path| path.exists()).unwrap_or_else(|| PROGRAM.into());
    let error = Cmd::new(program).arg(command).args(&words.words).become_it();
    Failure::failed(error).hint("it is part of the OS that sets machines up")
}
