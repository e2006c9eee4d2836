//! The options of `keys`, `publish` and `repo`.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

pub(super) const PUBLISH_EXAMPLES: &str = "\
Examples:
  anklume-build publish anklume-debian-13.20261114.iso --repo www --channel stable
  anklume-build publish x.iso --repo www --channel stable --rollout 48
      machines that update by themselves join in over two days
  anklume-build publish x.iso --repo www --channel beta
      the same image again moves to another channel
  anklume-build publish --refresh --repo www
      sign anew, so that the repository counts for longer

Readers see the old release or the new one: timestamp.json is replaced last, by a rename. After an
interruption the same command finishes the work. The times in signed files are those of the clock, or
SOURCE_DATE_EPOCH; what would be over already is refused.

Exit codes: 0 published, 3 refused, 5 the image or the repository is damaged; 1 failed, and readers see
the repository as it was.";

const WITHDRAW_EXAMPLES: &str = "\
Examples:
  anklume-build repo withdraw www --version 13.20261114 --keys keys
      take it off the list; its files stay
  anklume-build repo withdraw www --version 13.20261114 --image debian --delete
      remove its files, too

Machines that run the release keep it, and none goes back by itself; they take the next version that is
newer. One that has begun to fetch it gives up. After an interruption the same command, with --image and
--delete, finishes the work. Never publish another image under a version that was withdrawn: machines that
have the first one would not see it.

Exit codes: 0 withdrawn, 3 refused, 5 the repository is damaged; 1 failed, and readers see the repository
as it was.";

/// Options of `keys`.
#[derive(Debug, Args)]
pub(crate) struct KeysArgs {
    #[command(subcommand)]
    pub(crate) command: KeysCommand,
}

/// What can be done with keys.
#[derive(Debug, Subcommand)]
pub(crate) enum KeysCommand {
    /// Make all keys and the first root file, in a new folder with a README
    New(NewKeysArgs),
    /// Replace the keys of a role, signed by the root keys
    Rotate(RotateArgs),
}

/// Options of `keys new`.
#[derive(Debug, Args)]
pub(crate) struct NewKeysArgs {
    /// Folder for the keys; nothing is overwritten
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// For how long the root file counts
    #[arg(long, value_name = "TIME", default_value = "10y")]
    pub(crate) expires: String,
    /// How many root keys must sign to replace a key; one more is made, so that one may be lost
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub(crate) threshold: u32,
}

/// Options of `keys rotate`.
#[derive(Debug, Args)]
pub(crate) struct RotateArgs {
    /// Folder of the keys, with the root keys in it
    #[arg(value_name = "DIR")]
    pub(crate) folder: PathBuf,
    /// Whose keys are replaced
    #[arg(long, value_enum)]
    pub(crate) role: RoleArg,
    /// For how long the new root file counts [default: as long as the one before]
    #[arg(long, value_name = "TIME")]
    pub(crate) expires: Option<String>,
}

/// `--role`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum RoleArg {
    /// Which keys count
    Root,
    /// The list of release files
    Targets,
    /// Which list is the newest
    Snapshot,
    /// That there is nothing newer
    Timestamp,
}

/// What signs, and for how long.
#[derive(Debug, Args)]
pub(crate) struct SigningArgs {
    /// Folder of the keys
    #[arg(long, value_name = "DIR", default_value = "keys")]
    pub(crate) keys: PathBuf,
    /// For how long the signatures count; machines refuse them afterwards
    #[arg(long, value_name = "TIME", default_value = "90d")]
    pub(crate) expires: String,
    /// Sign at the time of SOURCE_DATE_EPOCH even if machines refuse it by now, to make an old repository
    /// again
    #[arg(long)]
    pub(crate) past: bool,
}

/// Options of `publish`.
#[derive(Debug, Args)]
pub(crate) struct PublishArgs {
    /// The ISO
    #[arg(value_name = "ISO", required_unless_present = "refresh", requires = "channel")]
    pub(crate) image: Option<PathBuf>,
    /// Folder of the repository; the first release makes it
    #[arg(long, value_name = "DIR")]
    pub(crate) repo: PathBuf,
    /// Channel that the release is for: stable, beta, test*, or one that there is
    #[arg(long, value_name = "CHANNEL")]
    pub(crate) channel: Option<String>,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
    /// Let machines that update by themselves join in over this time [default: as it is signed; 0 for
    /// what is new on the channel]
    #[arg(long, value_name = "HOURS")]
    pub(crate) rollout: Option<u32>,
    /// Publish a version although the channel has a newer one
    #[arg(long)]
    pub(crate) allow_older: bool,
    /// Begin a channel, or publish an image of another name, that the repository does not have yet
    #[arg(long)]
    pub(crate) new: bool,
    /// Sign anew without a new release
    #[arg(long, conflicts_with_all = ["image", "channel", "rollout", "allow_older", "new"])]
    pub(crate) refresh: bool,
    /// Report progress and result as JSON lines on standard output
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `repo`.
#[derive(Debug, Args)]
pub(crate) struct RepoArgs {
    #[command(subcommand)]
    pub(crate) command: RepoCommand,
}

/// What can be done with repositories.
#[derive(Debug, Subcommand)]
pub(crate) enum RepoCommand {
    /// Check all of a repository: signatures, expiry, every byte of every file, and that each release
    /// describes its image
    #[command(after_help = "Examples:\n  \
        anklume-build repo check www\n  \
        anklume-build repo check www --root keys/1.root.json --json\n\n\
        Without --root, the repository's own first root file is trusted: that tells whether it is in\n\
        itself right, not whose it is.\n\n\
        Exit codes: 0 everything is right, 5 something is damaged or over.")]
    Check(RepoCheckArgs),
    /// Take a release off the signed list: machines do not see it any more
    #[command(after_help = WITHDRAW_EXAMPLES)]
    Withdraw(WithdrawArgs),
}

/// Options of `repo withdraw`.
#[derive(Debug, Args)]
pub(crate) struct WithdrawArgs {
    /// Folder of the repository
    #[arg(value_name = "DIR")]
    pub(crate) repo: PathBuf,
    /// Version of the release
    #[arg(long, value_name = "VERSION")]
    pub(crate) version: String,
    /// Name of its image, where several have that version
    #[arg(long, value_name = "NAME")]
    pub(crate) image: Option<String>,
    #[command(flatten)]
    pub(crate) signing: SigningArgs,
    /// Remove its files, too
    #[arg(long)]
    pub(crate) delete: bool,
}

/// Options of `repo check`.
#[derive(Debug, Args)]
pub(crate) struct RepoCheckArgs {
    /// Folder of the repository
    #[arg(value_name = "DIR")]
    pub(crate) repo: PathBuf,
    /// The root file that machines trust [default: the first one in the repository]
    #[arg(long, value_name = "FILE")]
    pub(crate) root: Option<PathBuf>,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}
