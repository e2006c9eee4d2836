//! `anklume-build`: turns a package list into one bootable, verified image file.
//!
//! A library only so that tests and the fuzzer reach [`image`]; the program is [`main`].

mod build;
mod cli;
mod events;
mod failure;
pub mod image;
mod print;
mod size;
mod vm;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use events::Reporter;
use failure::Failure;

/// The program: reads the command line, does what it asks for, reports, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    let reporter = Reporter::new(cli.build.json);
    if let Err(error) = anklume_host::interrupt::install() {
        reporter.note(&format!("Ctrl-C ends this program at once: {error}"));
    }
    match run(&cli, &reporter) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            reporter.failed(&failure);
            failure.exit_code()
        }
    }
}

fn run(cli: &Cli, reporter: &Reporter) -> Result<(), Failure> {
    match &cli.command {
        None => build::run(&cli.build, reporter),
        Some(Command::Vm(args)) => vm::run(args),
        Some(Command::Inspect(args)) => image::inspect_files(args, reporter),
        Some(Command::Verify(args)) => image::verify_files(args, reporter),
    }
}
