//! `anklume-build`: turns a package list into one bootable, verified image file.
//!
//! A library only so that tests and the fuzzer reach [`image`]; the program is [`main`].

mod build;
mod cli;
mod events;
mod failure;
pub mod image;
mod print;
mod repo;
mod size;
mod usage;
mod vm;

use std::process::ExitCode;

use clap::Parser;

use cli::{Cli, Command, RepoCommand};
use events::Reporter;
use failure::Failure;

/// The program: reads the command line, does what it asks for, reports, gives the exit code.
#[must_use]
pub fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return answered(&answer),
    };
    let json = match &cli.command {
        None => cli.build.json,
        Some(Command::Lock(args)) => args.json,
        Some(Command::Verify(args)) => args.json && args.rebuild,
        Some(Command::Publish(args)) => args.json,
        Some(_) => false,
    };
    // What is in the cache goes into images.
    anklume_host::process::keep_others_from_writing();
    let reporter = Reporter::new(json);
    if let Err(error) = anklume_host::interrupt::install() {
        reporter.note(&format!("Ctrl-C ends this program at once: {error}"));
    }
    match run(&cli, &reporter).and_then(|()| reporter.told()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            reporter.failed(&failure);
            failure.exit_code()
        }
    }
}

/// Help, version or wrong usage, which the reader of the command line answers.
fn answered(answer: &clap::Error) -> ExitCode {
    match print::written(answer.print()) {
        Err(failure) if answer.exit_code() == 0 => {
            Reporter::new(false).failed(&failure);
            failure.exit_code()
        }
        _ => u8::try_from(answer.exit_code()).map_or(ExitCode::FAILURE, ExitCode::from),
    }
}

fn run(cli: &Cli, reporter: &Reporter) -> Result<(), Failure> {
    match &cli.command {
        None => build::run(&cli.build, reporter),
        Some(Command::Lock(args)) => build::lock(args, reporter),
        Some(Command::Vm(args)) => vm::run(args),
        Some(Command::Inspect(args)) => image::inspect_files(args, reporter),
        Some(Command::Diff(args)) => image::diff_files(args, reporter),
        Some(Command::Verify(args)) => image::verify_files(args, reporter),
        Some(Command::Keys(args)) => repo::keys(args),
        Some(Command::Publish(args)) => repo::publish(args, reporter),
        Some(Command::Repo(args)) => match &args.command {
            RepoCommand::Check(args) => repo::check(args, reporter),
            RepoCommand::Withdraw(args) => repo::withdraw(args, reporter),
        },
    }
}
