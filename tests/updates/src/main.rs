//! `anklume-build`, for the tests of updates: they publish with what is in this workspace.

use std::process::ExitCode;

fn main() -> ExitCode {
    anklume_build::main()
}
