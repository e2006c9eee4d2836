//! `anklume-build`: turns a package list into one bootable, verified image file.

mod build;
mod cli;
mod events;
mod failure;
mod print;
mod vm;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command};
use events::Reporter;
use failure::Failure;

fn main() -> ExitCode {
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
        Some(Command::Inspect { .. } | Command::Verify { .. }) => {
            Err(Failure::refused("not there yet"))
        }
    }
}
