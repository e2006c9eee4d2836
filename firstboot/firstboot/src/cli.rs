//! The command line: what was typed, nothing more.

use std::ffi::OsString;
use std::path::PathBuf;

use anklume_setup::DomainName;
use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  anklume setup
      ask what this machine is for, and make it so
  anklume setup --dry-run
      ask, show the plan, change nothing
  anklume data open
      unlock the data disk, and start Incus on it
  anklume answers match answers.toml --inventory saved.json
      which disk an answer file would take on the machine of that inventory

Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  refused: the state of the machine stands in the way
  4  root is needed
  5  a file that is needed is damaged or not as it must be";

const SETUP_EXAMPLES: &str = "\
Examples:
  anklume setup
  anklume setup --line
      numbered questions, for a screen reader or a serial console
  anklume setup --dry-run --export-answers answers.toml
      show what would be done, and write the file that does it unattended
  anklume setup --save-log /media/stick
      what the last setup did and where it failed, for somebody who helps: no passphrase,
      password or key is in it, serial numbers of disks are";

const DATA_EXAMPLES: &str = "\
Examples:
  anklume data open
  anklume data open --key-file /run/key
      without a question; the file has the passphrase and nothing else
  anklume data status
  anklume data recovery-key
      make another recovery key, as text and as a QR code
  anklume data passphrase
      take another passphrase
  anklume data domain add work
      a group of containers that is kept apart, with a key of its own where ZFS encrypts
  anklume data close
      stop every container, and lock the disk";

const DOMAIN_EXAMPLES: &str = "\
Examples:
  sudo anklume data domain add work
  incus launch debian c1 --profile work
      a container in it
  sudo anklume data domain list

A domain has a storage pool and a profile of its name, and a bridge ank-NAME that no other
domain reaches. What keeps the data is a dataset or subvolume of its own.";

const ANSWERS_EXAMPLES: &str = "\
Examples:
  anklume inventory --json > saved.json
      on the machine that is to be set up
  anklume answers validate answers.toml
  anklume answers match answers.toml --inventory saved.json
      anywhere

An answer file:
  version = 1
  language = \"en\"
  [data]
  what = \"new\"
  passphrase = { credential = \"anklume.passphrase\" }
  domains = [\"work\", \"home\"]
  [[data.disks]]
  serial = \"S5Y1NX0R123456\"
  [machine]
  hostname = \"lab\"
  timezone = \"Europe/Paris\"
  [machine.admin]
  name = \"ada\"
  ssh-keys = [\"ssh-ed25519 AAAA... ada@laptop\"]

It is found at the first start as /anklume/answers.toml on a file system with the label
ANKLUME-SEED, or as the systemd credential anklume.answers. Files that it names lie beside it.";

/// Sets a machine up: an encrypted pool on a data disk, and Incus on it
#[derive(Debug, Parser)]
#[command(name = "anklume-firstboot", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Ask what this machine is for, and make it so; every step can be done again
    #[command(after_help = SETUP_EXAMPLES)]
    Setup(SetupArgs),
    /// Unlock the data disk, lock it, or say how it is
    #[command(after_help = DATA_EXAMPLES)]
    Data {
        #[command(subcommand)]
        command: DataCommand,
    },
    /// Check an answer file, or say which disk it would take
    #[command(after_help = ANSWERS_EXAMPLES)]
    Answers {
        #[command(subcommand)]
        command: AnswersCommand,
    },
    /// Show the disks of this machine, and which may be taken
    #[command(
        after_help = "Examples:\n  anklume inventory\n  sudo anklume inventory --json > saved.json"
    )]
    Inventory(InventoryArgs),
    /// Carry out an answer file that was found
    #[command(hide = true)]
    Unattended,
    /// Make the accounts of this machine
    #[command(hide = true)]
    Accounts,
    /// What a person at a console sees before the login prompt
    #[command(hide = true)]
    Console(ConsoleArgs),
}

#[derive(Debug, Default, Args)]
pub(crate) struct SetupArgs {
    /// Ask in numbered lines
    #[arg(long)]
    pub(crate) line: bool,
    /// Show the plan and change nothing
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Write the answer file that does the same unattended, without its secrets
    #[arg(long, value_name = "FILE")]
    pub(crate) export_answers: Option<PathBuf>,
    /// Carry this answer file out, without questions
    #[arg(long, value_name = "FILE", conflicts_with_all = ["export_answers", "dry_run"])]
    pub(crate) answers: Option<PathBuf>,
    /// Write what the last setup of this boot did into this folder, without secrets, and the disks
    #[arg(long, value_name = "DIR", conflicts_with_all = ["answers", "export_answers", "dry_run"])]
    pub(crate) save_log: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct InventoryArgs {
    /// Print one JSON object, as `answers match` reads it
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct ConsoleArgs {
    /// Name of the console below /dev
    pub(crate) console: String,
    /// What to become afterwards: the program of the login prompt and its arguments
    #[arg(last = true, required = true)]
    pub(crate) login: Vec<OsString>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum DataCommand {
    /// Unlock the data disk and start Incus on it
    #[command(after_help = "Example:\n  sudo anklume data open\n\n\
        Over SSH, before there are accounts: `ssh root@MACHINE`, with a key that may.")]
    Open(OpenArgs),
    /// Stop Incus and lock the data disk
    #[command(after_help = "Example:\n  sudo anklume data close")]
    Close(CloseArgs),
    /// Say whether the data disk is there and open
    #[command(after_help = "Example:\n  anklume data status")]
    Status,
    /// Make another recovery key; the old one opens the disk until the new one is proven
    #[command(after_help = "Example:\n  sudo anklume data recovery-key\n\n\
        Asks for the passphrase or the old recovery key, and shows the new one as text and as\n\
        a QR code. Two groups of it are typed again; who does not changes nothing.")]
    RecoveryKey,
    /// Take another passphrase; the recovery key stays
    #[command(after_help = "Example:\n  sudo anklume data passphrase\n\n\
        Asks for the old passphrase or the recovery key, and twice for the new one.")]
    Passphrase,
    /// Make a domain, a group of containers that is kept apart, or list them
    #[command(after_help = DOMAIN_EXAMPLES)]
    Domain {
        #[command(subcommand)]
        command: DomainCommand,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DomainCommand {
    /// Make a domain, or finish one whose making was cut off
    #[command(after_help = "Example:\n  sudo anklume data domain add work\n\n\
        The data disk must be open. Where ZFS encrypts, asks for the passphrase or the recovery key.")]
    Add(DomainAddArgs),
    /// List the domains, and what is wrong with them
    #[command(after_help = "Example:\n  sudo anklume data domain list")]
    List,
}

#[derive(Debug, Args)]
pub(crate) struct DomainAddArgs {
    /// Its name: at most 11 letters, digits, '.', '_' and '-'
    pub(crate) name: DomainName,
    /// Take the passphrase or the recovery key from this file, byte for byte, instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
}

#[derive(Debug, Args)]
pub(crate) struct CloseArgs {
    /// What shutdown does, once Incus has stopped: a unit that waits for others to stop, while all do,
    /// would wait for ever
    #[arg(long, hide = true)]
    pub(crate) disk_only: bool,
}

#[derive(Debug, Args)]
pub(crate) struct OpenArgs {
    /// Take the key from this file, byte for byte, instead of asking
    #[arg(long, value_name = "FILE")]
    pub(crate) key_file: Option<PathBuf>,
    /// Open a mirror of BTRFS although a disk of it is missing
    #[arg(long)]
    pub(crate) degraded: bool,
    /// Open a pool of ZFS that another machine used last and did not close: that machine must be off, or no
    /// longer have the disk
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AnswersCommand {
    /// Check a file, on any machine
    #[command(after_help = "Example:\n  anklume answers validate answers.toml")]
    Validate {
        /// The answer file
        file: PathBuf,
    },
    /// Say which disks a file would take on the machine of an inventory
    #[command(after_help = "Example:\n  anklume answers match answers.toml --inventory saved.json")]
    Match {
        /// The answer file
        file: PathBuf,
        /// What `anklume inventory --json` printed there
        #[arg(long, value_name = "FILE")]
        inventory: PathBuf,
    },
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    /// Its help, and that of what is below it.
    fn check(command: &clap::Command) {
        let name = command.get_name();
        if command.is_hide_set() || name == "help" {
            return;
        }
        let help = command.clone().term_width(100).render_long_help().to_string();
        assert_eq!(help.lines().find(|line| line.chars().count() > 100), None, "{name}");
        let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
        assert!(after.contains("Example") && after.contains("anklume "), "{name}: {after}");
        command.get_subcommands().for_each(check);
    }

    #[test]
    fn every_command_that_people_type_has_an_example() {
        check(&Cli::command());
        let add = |name| Cli::try_parse_from(["anklume-firstboot", "data", "domain", "add", name]);
        assert!(add("work").is_ok());
        let why = add("much-too-long").unwrap_err().to_string();
        assert!(why.contains("expected 1 to 11"), "{why}");
        Cli::command().debug_assert();
    }
}
