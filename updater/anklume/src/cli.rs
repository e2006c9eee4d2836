//! The command line: what was typed, nothing more.

use std::ffi::OsString;

use clap::{Args, Parser, Subcommand};

const EXAMPLES: &str = "\
Examples:
  anklume status
      which version runs, from what, and whether it is well
  anklume status --json | jq .slots
  anklume update --check
      whether there is a newer version, and what it would take
  sudo anklume update --reboot
      install it into the other slot, and restart
  anklume rollback --reboot
      go back to the other slot, now
  anklume boot history
      the last boots, and how they ended

Exit codes:
  0  done
  1  failed
  2  wrong usage
  3  refused: the state of the machine stands in the way
  4  root is needed
  5  a file that is needed is damaged, or not signed as it must be";

const BOOT_UNITS: &str = "\
Commands of the boot's own units; by hand they do the same:
  anklume boot started    note this boot, and boots that did not reach the OS;
                          mend the boot record
  anklume boot check      ask the health checks until all are healthy, or the
                          deadline is over
  anklume boot persist    the health check of the persistent partition
  anklume boot ended      an orderly end without a verdict does not count
  anklume boot deadline   wait for the verdict; restart without one
  anklume boot fall-back  if the verdict asks for it, say so and restart

On a medium without a boot record (a CD, copied files, write-protected) they do
nothing.";

const STATUS_EXAMPLES: &str = "\
Examples:
  anklume status
  sudo anklume status
      with the boot record and the other slot, which only root can read
  anklume status --json | jq -r '.slots[] | select(.running) | .version'";

const CHECK_HELP: &str = "\
Checks are executable files in /usr/lib/anklume/health.d and
/etc/anklume/health.d. Exit code 0 is healthy, 75 is not yet, everything else
is failed. The deadline is 300 s after the start of the OS, or
anklume.health-deadline=SECONDS of the kernel command line, or
`deadline = SECONDS` in /etc/anklume/health.conf.

Exit codes: 0 healthy, 1 not healthy. Then the verdict says whether the machine
is to restart (another slot can boot) or to run on (none can).
`anklume boot fall-back` carries it out.

Example:
  systemctl start anklume-health.service";

const UPDATE_EXAMPLES: &str = "\
Examples:
  anklume update --check
      what is newer, how much would be fetched, and which packages change
  anklume update --reboot
      install it, and restart; after three boots that fail the machine is back
      at the version that runs now
  anklume update --from /media/stick/anklume-debian-13.20261121.iso
      from an image on a stick, with its .iso.update beside it
  anklume update prepare && anklume update activate
      step by step: write and read back; make it the one that boots

Where updates come from, and whether they come by themselves, is set in
/etc/anklume/update.conf:
  source = \"https://updates.example/\"
  channel = \"stable\"
  automatic = true
  window = \"Mon..Fri 22:00-05:00\"
  limit-rate = \"2M\"
  proxy = \"http://proxy.example:3128\"
  no-proxy = \"localhost,.example\"
With `automatic = true` a timer looks every day; it does nothing without.

Only the slot that does not run is written. A version is trusted if it is signed
with the keys that the running OS names; see docs/updates.md.";

/// Shows and changes what the OS on this machine boots
#[derive(Debug, Parser)]
#[command(name = "anklume", version, after_help = EXAMPLES, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show the OS, its slots, its medium, and whether it is well
    #[command(after_help = STATUS_EXAMPLES)]
    Status(StatusArgs),
    /// What the machine keeps between boots: its identity and its settings
    #[command(after_help = "Examples:\n  anklume persist list\n  sudo anklume persist save")]
    Persist {
        #[command(subcommand)]
        command: PersistCommand,
    },
    /// Install the newest version into the slot that does not run, or a part of that
    #[command(after_help = UPDATE_EXAMPLES, args_conflicts_with_subcommands = true)]
    Update(UpdateArgs),
    /// Boot the other slot from now on, if it was good once
    #[command(after_help = "Examples:\n  anklume rollback\n  anklume rollback --reboot\n\n\
        A version on trial that is left like this counts as bad, and is not started\n\
        again by itself.")]
    Rollback(RollbackArgs),
    /// Show how boots ended, or say how this one goes
    #[command(after_help = BOOT_UNITS)]
    Boot {
        #[command(subcommand)]
        command: BootCommand,
    },
    /// Ask what this machine is for, and make it so
    #[command(disable_help_flag = true, after_help = "Example:\n  anklume setup --dry-run")]
    Setup(Words),
    /// Unlock the data disk, lock it, or say how it is
    #[command(disable_help_flag = true, after_help = "Example:\n  anklume data open")]
    Data(Words),
    /// Check an answer file, or say which disk it would take
    #[command(
        disable_help_flag = true,
        after_help = "Example:\n  anklume answers validate answers.toml"
    )]
    Answers(Words),
    /// Show the disks of this machine, and which may be taken
    #[command(disable_help_flag = true, after_help = "Example:\n  anklume inventory --json")]
    Inventory(Words),
}

/// What another program of ours is given, word for word.
#[derive(Debug, Args)]
pub(crate) struct Words {
    /// Its own options and arguments
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub(crate) words: Vec<OsString>,
}

#[derive(Debug, Args)]
pub(crate) struct StatusArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct RollbackArgs {
    /// Restart at once
    #[arg(long)]
    pub(crate) reboot: bool,
}

#[derive(Debug, Args)]
pub(crate) struct UpdateArgs {
    #[command(subcommand)]
    pub(crate) command: Option<UpdateCommand>,
    #[command(flatten)]
    pub(crate) what: UpdateOptions,
    /// Only say what there is, and what it would take
    #[arg(long, conflicts_with_all = ["reboot", "limit_rate"])]
    pub(crate) check: bool,
    /// Restart when it is done
    #[arg(long)]
    pub(crate) reboot: bool,
    /// For the timer: only if the settings say so, at the time that they say
    #[arg(long, hide = true, conflicts_with_all = ["check", "reboot", "version"])]
    pub(crate) automatic: bool,
}

/// What all ways of updating understand.
#[derive(Debug, Clone, Default, Args)]
pub(crate) struct UpdateOptions {
    /// Repository to update from (address or folder), or an image file with its .iso.update
    #[arg(long, value_name = "SOURCE")]
    pub(crate) from: Option<String>,
    /// Channel, in place of the one in the settings
    #[arg(long, value_name = "NAME")]
    pub(crate) channel: Option<String>,
    /// This version and no other; never one that is older than what runs
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: Option<String>,
    /// Fetch at most so many bytes in a second, such as 2M
    #[arg(long, value_name = "RATE")]
    pub(crate) limit_rate: Option<String>,
    /// Take a local source although its signatures have expired
    #[arg(long)]
    pub(crate) accept_stale: bool,
    /// Also a version that failed here before, if it is named
    #[arg(long, requires = "version")]
    pub(crate) retry: bool,
    /// Print progress and result as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum UpdateCommand {
    /// Fetch the signed list of versions, and remember it
    #[command(after_help = "Example:\n  anklume update refresh")]
    Refresh(UpdateOptions),
    /// Write the version into the other slot, and read it back; it does not boot yet
    #[command(after_help = "Example:\n  anklume update prepare --limit-rate 2M")]
    Prepare(UpdateOptions),
    /// Make the prepared version the one that boots
    #[command(after_help = "Example:\n  anklume update activate --reboot")]
    Activate(ActivateArgs),
    /// Never install this version
    #[command(after_help = "Example:\n  anklume update hold 13.20261121")]
    Hold(HoldArgs),
    /// Allow a version again that was held
    #[command(after_help = "Example:\n  anklume update unhold 13.20261121")]
    Unhold(HoldArgs),
    /// Show the updates of this machine and what became of them
    #[command(after_help = "Example:\n  anklume update history --limit 5")]
    History(HistoryArgs),
    /// Ask the update that runs to end, whoever began it; what was written is used the next time
    #[command(after_help = "Example:\n  anklume update cancel")]
    Cancel,
    /// For anklume-update.service: the D-Bus service
    #[command(
        hide = true,
        after_help = "Example:\n  busctl introspect org.anklume.Update1 /org/anklume/Update1"
    )]
    Serve,
}

#[derive(Debug, Args)]
pub(crate) struct ActivateArgs {
    /// Restart when it is done
    #[arg(long)]
    pub(crate) reboot: bool,
    /// Print progress and result as JSON lines
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Args)]
pub(crate) struct HoldArgs {
    /// The version
    #[arg(value_name = "VERSION")]
    pub(crate) version: String,
    /// Print the result as a JSON line
    #[arg(long)]
    pub(crate) json: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum BootCommand {
    /// Show the last boots: when, which slot and version, how they ended and why
    #[command(after_help = "Examples:\n  anklume boot history\n  \
        anklume boot history --limit 100\n  \
        anklume boot history --json | jq -r '.boots[].reason'")]
    History(HistoryArgs),
    /// Say that this boot is well: its slot is the good one from now on
    #[command(after_help = "Examples:\n  anklume boot good\n  anklume boot good --force\n\n\
        The unit anklume-boot-good.service does this when the health checks passed.")]
    Good(GoodArgs),
    /// Say that this boot failed: its try stays spent
    #[command(after_help = "Examples:\n  \
        anklume boot bad --reason 'no sound'\n  \
        anklume boot bad --give-up --reason 'no sound'\n      \
        the slot is not chosen again; the other one boots next")]
    Bad(BadArgs),
    /// For anklume-boot-started.service: note that this boot reached the OS
    #[command(hide = true, after_help = "Example:\n  systemctl start anklume-boot-started.service")]
    Started,
    /// For anklume-health.service: ask the health checks until the verdict
    #[command(hide = true, after_help = CHECK_HELP)]
    Check,
    /// For the health check 20-persist: whether the persistent partition is as it should be
    #[command(hide = true, after_help = "Example:\n  anklume boot persist && echo well")]
    Persist,
    /// For anklume-boot-ended.service: an orderly end without a verdict does not count
    #[command(hide = true, after_help = "Example:\n  systemctl stop anklume-boot-ended.service")]
    Ended,
    /// For anklume-boot-deadline.service: restart if there is no verdict by the deadline
    #[command(
        hide = true,
        after_help = "Example:\n  systemctl start anklume-boot-deadline.service"
    )]
    Deadline,
    /// For anklume-health-failed.service: restart if the verdict asks for it
    #[command(
        hide = true,
        after_help = "Example:\n  systemctl start anklume-health-failed.service"
    )]
    FallBack,
}

#[derive(Debug, Subcommand)]
pub(crate) enum PersistCommand {
    /// List the paths that are kept
    #[command(after_help = "Example:\n  anklume persist list")]
    List,
    /// Copy what changed to the persistent partition
    #[command(after_help = "Example:\n  sudo anklume persist save\n\n\
        anklume-persist.service does this whenever something changes.")]
    Save,
    /// For anklume-persist.service: save, and again whenever something changes
    #[command(hide = true, after_help = "Example:\n  systemctl start anklume-persist.service")]
    Watch,
}

#[derive(Debug, Args)]
pub(crate) struct HistoryArgs {
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
    /// Show the newest so many boots; 0 shows all
    #[arg(long, value_name = "N", default_value = "20")]
    pub(crate) limit: usize,
}

#[derive(Debug, Args)]
pub(crate) struct GoodArgs {
    /// Also if this boot, or its slot, was found bad
    #[arg(long)]
    pub(crate) force: bool,
}

#[derive(Debug, Args)]
pub(crate) struct BadArgs {
    /// Why, for the boot history
    #[arg(long, value_name = "TEXT")]
    pub(crate) reason: Option<String>,
    /// Do not choose this slot again; refused if no other slot was ever good
    #[arg(long)]
    pub(crate) give_up: bool,
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn help_fits_a_screen() {
        fn walk(command: &mut clap::Command, path: &str) {
            let help = command.clone().term_width(80).render_long_help().to_string();
            let wide = help.lines().find(|line| line.chars().count() > 80);
            assert_eq!(wide, None, "{path}");
            // Not broken by clap either.
            let text = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            assert!(text.lines().all(|line| line.chars().count() <= 80), "{path}: {text}");
            for inner in command.get_subcommands_mut() {
                let path = format!("{path} {}", inner.get_name());
                walk(inner, &path);
            }
        }
        walk(&mut Cli::command(), "anklume");
    }

    #[test]
    fn every_command_has_an_example() {
        fn walk(command: &clap::Command) {
            let help = command.get_after_help().map(ToString::to_string).unwrap_or_default();
            let name = command.get_name();
            assert!(help.contains("anklume") || help.contains("systemctl"), "{name}");
            command.get_subcommands().for_each(walk);
        }
        walk(&Cli::command());
    }
}
