//! `anklume-firstboot`: sets a machine up, and opens its data at every start.
//!
//! Facts, a request, a plan, its execution: the wizard ([`wizard`]) and the answer file ([`answers`]) make
//! requests; what they ask for is decided in `anklume_setup` and done in `anklume_storage`. [`data`] opens and
//! closes the pool, [`domains`] makes the groups of containers on it,
//! [`containers`] brings Incus to what is wanted, [`console`] is what a person at a console sees
//! before the login prompt.

mod accounts;
mod answers;
mod cli;
mod console;
mod container_image;
mod containers;
mod data;
mod domains;
mod inventory;
mod log;
mod record;
mod rekey;
mod seeds;
mod unattended;
mod units;
mod users;
mod wizard;

use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::sync::OnceLock;

use anklume_host::{interrupt, process};
use anklume_setup::rekey::KeySlot;
use clap::Parser;

use crate::accounts::Accounts;
use crate::cli::{AnswersCommand, Cli, Command, DataCommand, DomainCommand};
use anklume_failure::{Context, Failure};

fn main() -> ExitCode {
    let cli = Cli::parse();
    process::keep_others_from_writing();
    let done =
        interrupt::install().context("preparing for signals").and_then(|()| run(cli.command));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            let _ = writeln!(std::io::stderr(), "{failure}");
            failure.exit_code()
        }
    }
}

fn run(command: Command) -> Result<(), Failure> {
    match command {
        Command::Setup(args) => wizard::run(&args),
        Command::Console(args) => console::run(&args),
        Command::Unattended => unattended::run(),
        Command::Accounts => Accounts::here()?.apply(),
        Command::Inventory(args) => inventory::run(&args),
        Command::Data { command } => match command {
            DataCommand::Open(args) => data::open(&args),
            DataCommand::Close(args) => data::close(&args),
            DataCommand::Status => data::status(),
            DataCommand::RecoveryKey => rekey::run(KeySlot::Recovery),
            DataCommand::Passphrase => rekey::run(KeySlot::Passphrase),
            DataCommand::Domain { command } => match command {
                DomainCommand::Add(args) => domains::add(&args),
                DomainCommand::List => domains::list(),
            },
        },
        Command::Answers { command } => match command {
            AnswersCommand::Validate { file } => answers::validate(&file),
            AnswersCommand::Match { file, inventory } => answers::matches(&file, &inventory),
        },
    }
}

/// Where lines for the user go, too: what the consoles show while they wait.
static SHOWN: OnceLock<File> = OnceLock::new();

/// Prints a line for the user.
fn say(line: impl std::fmt::Display) {
    // Names of disks come from disks, and from files that anybody may have written.
    let line = line.to_string();
    let shown =
        line.chars().map(|c| if c.is_control() && c != '\n' && c != '\t' { '?' } else { c });
    let text = shown.chain(['\n']).collect::<String>();
    let _ = std::io::stdout().write_all(text.as_bytes());
    if let Some(mut shown) = SHOWN.get() {
        let _ = shown.write_all(text.as_bytes());
    }
}
