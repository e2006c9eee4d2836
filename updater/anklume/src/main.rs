//! `anklume`: the running OS's state, boots and slots.
//!
//! A command takes what was typed ([`cli`]) and the machine ([`machine`]), decides on data, and then
//! acts. All that touches the boot record goes through [`store`], all that touches the boot history
//! through [`journal`].

mod boot;
mod cli;
mod firstboot;
mod journal;
mod machine;
mod output;
mod paths;
mod persist;
mod ram;
mod rollback;
mod state;
mod status;
mod store;
#[cfg(test)]
mod testing;
mod update;

use std::io::Write;
use std::process::ExitCode;

use anklume_host::{interrupt, process};
use clap::Parser;

use crate::cli::{BootCommand, Cli, Command, PersistCommand};
use crate::machine::Machine;
use crate::output::Output;
use anklume_failure::{Context, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    process::keep_others_from_writing();
    let mut out = Output::standard();
    let done = interrupt::install()
        .context("preparing for signals")
        .and_then(|()| run(cli.command, &Machine::here(), &mut out));
    match done {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

/// Carries out a command; the exit code.
fn run(command: Command, machine: &Machine, out: &mut Output<'_>) -> Result<u8, Failure> {
    match command {
        Command::Status(args) => status::run(machine, args.json, out),
        Command::Update(args) => update::run(machine, args, out),
        Command::Rollback(args) => rollback::run(machine, args.reboot, out),
        Command::Persist { command } => match command {
            PersistCommand::List => persist::list(out),
            PersistCommand::Save => persist::save_now(machine, out),
            PersistCommand::Watch => persist::watch(machine, out),
        },
        Command::Boot { command } => match command {
            BootCommand::History(args) => boot::history::run(machine, &args, out),
            BootCommand::Good(args) => boot::good::run(machine, args.force, out),
            BootCommand::Bad(args) => boot::bad::run(machine, &args, out),
            BootCommand::Started => boot::started::run(machine, out),
            BootCommand::Check => boot::check::run(machine, out),
            BootCommand::Persist => boot::persist::run(machine, out),
            BootCommand::Ended => boot::ended::run(machine, out),
            BootCommand::Deadline => boot::deadline::run(machine, out),
            BootCommand::FallBack => boot::fall_back::run(machine, out),
        },
        Command::Setup(words) => Err(firstboot::become_it("setup", &words)),
        Command::Data(words) => Err(firstboot::become_it("data", &words)),
        Command::Answers(words) => Err(firstboot::become_it("answers", &words)),
        Command::Inventory(words) => Err(firstboot::become_it("inventory", &words)),
    }
}
