//! The program `anklume-build`; what it does is in the library of the same name.

use std::process::ExitCode;

fn main() -> ExitCode {
    anklume_build::main()
}
