//! The command line: what was typed, nothing more.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

const EXAMPLES: &str = "\
Examples:
  anklume-build --base debian
      build images/debian.toml into anklume-debian-<version>.iso
  anklume-build --base debian --dev -o try.iso --package htop
      build fast, less compressed, with one more package
  anklume-build --image images/debian-test.toml --format raw -o test.raw
      build the test image as a disk with both slots
  anklume-build lock --base debian
      write down every package of the image in images/debian.lock; builds then take exactly those
  anklume-build inspect anklume-debian-13.20261114.iso
      show what is in an image
  anklume-build vm anklume-debian-13.20261114.iso --firmware uefi --attach usb
      boot an image in QEMU

Exit codes:
  0  done
  1  failed; nothing was left under the final name
  2  wrong usage
  3  refused: the definition, an option or an existing file stands in the way
  4  a program that is needed is not installed
  5  the image is damaged or is not an anklume image
  130  interrupted";

/// Turns a package list into one bootable, verified image file.
#[derive(Debug, Parser)]
#[command(name = "anklume-build", version, about, after_help = EXAMPLES)]
#[command(args_conflicts_with_subcommands = true, max_term_width = 100)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
    #[command(flatten)]
    pub(crate) build: BuildArgs,
}

/// Options of a build.
#[derive(Debug, Args)]
pub(crate) struct BuildArgs {
    /// Distribution to build from: takes images/BASE.toml
    #[arg(long, value_name = "BASE", required_unless_present_any = ["image", "install_deps"])]
    pub(crate) base: Option<String>,
    /// Image definition to build
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) image: Option<PathBuf>,
    /// What the file holds: one slot and no empty space, or the whole layout of a medium
    #[arg(long, value_enum, default_value = "iso")]
    pub(crate) format: FormatArg,
    /// Where the image goes [default: anklume-<NAME>-<VERSION>.<FORMAT> in this folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output file if it exists and is not what would be built
    #[arg(long)]
    pub(crate) force: bool,
    /// Compress fast, for trying things out
    #[arg(long, conflicts_with = "release")]
    pub(crate) dev: bool,
    /// Compress well, for an image that is given away (the default)
    #[arg(long)]
    pub(crate) release: bool,
    /// Version of the image [default: the distribution's version and the date of its packages]
    #[arg(long, value_name = "VERSION")]
    pub(crate) image_version: Option<String>,
    /// Install one more package (repeatable)
    #[arg(long = "package", value_name = "PACKAGE")]
    pub(crate) packages: Vec<String>,
    /// Copy one more folder over the root tree (repeatable)
    #[arg(long = "overlay", value_name = "DIR")]
    pub(crate) overlays: Vec<PathBuf>,
    /// Mirror of the distribution [default: the one this machine's apt uses, if any]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// Where packages and trees are kept between builds [default: ~/.cache/anklume-build]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Room that compressed blocks may take in the cache; 0 compresses everything anew
    #[arg(long, value_name = "SIZE", default_value = "4G")]
    pub(crate) block_cache: String,
    /// Share compressed blocks with other machines, which this program must have been built for:
    /// s3://, gs://, az://, https:// or file:///
    #[arg(long, value_name = "URL", requires = "shared_blocks_key")]
    pub(crate) shared_blocks: Option<String>,
    /// The secret that these machines share: a file of at least 32 bytes that only you can read
    #[arg(long, value_name = "FILE", requires = "shared_blocks")]
    pub(crate) shared_blocks_key: Option<PathBuf>,
    /// Use nothing but the cache
    #[arg(long)]
    pub(crate) offline: bool,
    /// Write a page about the build: where the room and the time went
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Ignore the lock file beside the definition and take the newest packages
    #[arg(long)]
    pub(crate) no_lock: bool,
    /// Where locked packages are that the mirror has no more; `{timestamp}` in it becomes the time of
    /// the lock, `{archive}` becomes debian or debian-security
    #[arg(long, value_name = "URL", conflicts_with = "no_lock")]
    pub(crate) snapshot: Option<String>,
    /// Show what would be done and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Report progress and result as JSON lines on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// First install the programs that building needs (asks before it does)
    #[arg(long)]
    pub(crate) install_deps: bool,
    /// The anklume-init program to put into the image [default: the one beside this program]
    #[arg(long, value_name = "FILE")]
    pub(crate) init: Option<PathBuf>,
}

/// What else can be done with images.
#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Show what is in an image: table, slots, root hash, sizes, packages, kernel, space
    #[command(
        after_help = "Example:\n  anklume-build inspect anklume-debian-13.20261114.iso --json"
    )]
    Inspect(InspectArgs),
    /// Write down every package of an image, to the byte, beside its definition
    #[command(after_help = "Examples:\n  \
        anklume-build lock --base debian\n  \
        anklume-build lock --base debian --update --dry-run\n\n\
        A build that finds a lock takes exactly these packages: from the cache, from the mirror, or\n\
        from an archive of old packages (--snapshot). --no-lock builds with the newest ones.")]
    Lock(LockArgs),
    /// Check an image: every checksum, both GPTs, El Torito, FAT, squashfs, the whole hash tree
    #[command(after_help = "Example:\n  anklume-build verify anklume-debian-13.20261114.iso")]
    Verify(VerifyArgs),
    /// Show what two images differ in: packages, files, sizes, bytes that an update fetches
    #[command(after_help = "Examples:\n  \
        anklume-build diff old.iso new.iso --all\n  \
        anklume-build diff old.iso new.iso --json | jq .update.missing.bytes\n\n\
        An update fetches the stored blocks that the old image has nowhere, the tables of the file\n\
        system, and the boot files. The hash tree is computed on the machine.")]
    Diff(DiffArgs),
    /// Boot an image in QEMU; the image file is never written
    #[command(after_help = "Examples:\n  \
        anklume-build vm x.iso --firmware bios --attach cdrom\n  \
        anklume-build vm x.iso --firmware uefi --data-disk 20G -- -display gtk\n\n\
        The console is this terminal; Ctrl-A X ends the machine.")]
    Vm(VmArgs),
}

/// Options of `inspect`.
#[derive(Debug, Args)]
pub(crate) struct InspectArgs {
    /// Image files, or media that one was written to
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
    /// Print JSON, packages and all: one object for each image
    #[arg(long)]
    pub(crate) json: bool,
    /// List every package
    #[arg(long)]
    pub(crate) packages: bool,
}

/// Options of `lock`.
#[derive(Debug, Args)]
pub(crate) struct LockArgs {
    /// Distribution of the image: takes images/BASE.toml
    #[arg(long, value_name = "BASE", required_unless_present = "image")]
    pub(crate) base: Option<String>,
    /// Image definition to lock
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) image: Option<PathBuf>,
    /// Replace the lock by one of the newest packages, and show what changes
    #[arg(long)]
    pub(crate) update: bool,
    /// Show what would be written and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Report progress and result as JSON lines on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// Mirror of the distribution [default: the one this machine's apt uses, if any]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// Where packages and trees are kept between builds [default: ~/.cache/anklume-build]
    #[arg(long, value_name = "DIR")]
    pub(crate) cache: Option<PathBuf>,
    /// Use nothing but the cache: the packages of the last build without a lock
    #[arg(long)]
    pub(crate) offline: bool,
}

/// Options of `verify`.
#[derive(Debug, Args)]
pub(crate) struct VerifyArgs {
    /// Image files, or media that one was written to
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
    /// Print JSON: one object for each image
    #[arg(long)]
    pub(crate) json: bool,
    /// Decompress every file of the OS, too (slow; the hash tree covers the same bytes)
    #[arg(long)]
    pub(crate) deep: bool,
}

/// Options of `diff`.
#[derive(Debug, Args)]
pub(crate) struct DiffArgs {
    /// The older image
    pub(crate) before: PathBuf,
    /// The newer image
    pub(crate) after: PathBuf,
    /// List everything, not only the biggest
    #[arg(long)]
    pub(crate) all: bool,
    /// Print one JSON object
    #[arg(long)]
    pub(crate) json: bool,
}

/// Options of `vm`.
#[derive(Debug, Args)]
pub(crate) struct VmArgs {
    /// Image file
    // Several are taken so that a pattern which fits several files gets a better answer than usage.
    #[arg(required = true, value_name = "IMAGE")]
    pub(crate) images: Vec<PathBuf>,
    /// Firmware of the machine
    #[arg(long, value_enum, default_value = "uefi")]
    pub(crate) firmware: FirmwareArg,
    /// How the image is attached
    #[arg(long, value_enum, default_value = "usb")]
    pub(crate) attach: AttachArg,
    /// Add an empty disk of this size, such as 20G (repeatable)
    #[arg(long = "data-disk", value_name = "SIZE")]
    pub(crate) data_disks: Vec<String>,
    /// Memory of the machine
    #[arg(long, value_name = "SIZE", default_value = "2G")]
    pub(crate) memory: String,
    /// Use KVM instead of software emulation
    #[arg(long)]
    pub(crate) kvm: bool,
    /// Print the QEMU command and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// More arguments for QEMU
    #[arg(last = true, value_name = "QEMU ARGS")]
    pub(crate) qemu: Vec<OsString>,
}

/// `--format`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FormatArg {
    /// Hybrid ISO: slot A only
    Iso,
    /// Disk image: both slots and the persistent partition (sparse)
    Raw,
}

/// `--firmware`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum FirmwareArg {
    /// SeaBIOS
    Bios,
    /// OVMF
    Uefi,
}

/// `--attach`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum AttachArg {
    /// USB stick
    Usb,
    /// CD-ROM
    Cdrom,
    /// virtio disk
    Disk,
    /// NVMe disk
    Nvme,
    /// SD card
    Sd,
}
