//! The command line: what was typed, nothing more.

mod repository;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::{Arg, ArgGroup, Args, Parser, Subcommand, ValueEnum};

use repository::PUBLISH_EXAMPLES;
pub(crate) use repository::{
    KeysArgs, KeysCommand, NewKeysArgs, PublishArgs, RepoArgs, RepoCheckArgs, RepoCommand, RoleArg,
    RotateArgs, SigningArgs, WithdrawArgs,
};

const EXAMPLES: &str = "\
Examples:
  anklume-build --base debian
      build images/debian.toml into anklume-debian-<version>.iso
  anklume-build --base debian --dev -o try.iso --package htop
      build fast, less compressed, with one more package
  anklume-build --base debian --without zfs
      leave out an optional group of packages, and the kernel modules that are built for it
  anklume-build --image images/debian-test.toml --format raw -o test.raw
      build the test image as a disk with both slots
  anklume-build lock --base debian
      write down every package of the image in images/debian.lock; builds then take exactly those
  anklume-build inspect anklume-debian-13.20261114.iso
      show what is in an image
  anklume-build vm anklume-debian-13.20261114.iso --firmware uefi --attach usb
      boot an image in QEMU
  anklume-build keys new keys
      make the keys that sign updates
  anklume-build publish anklume-debian-13.20261114.iso --repo www --channel stable
      make an image the newest release of a channel

Exit codes:
  0  done
  1  failed; nothing was left under the final name
  2  wrong usage
  3  refused: the definition, an option or an existing file stands in the way
  4  a program that is needed is not installed
  5  the image is damaged or is not an anklume image, or the repository is
  6  the image is not what its definition builds (verify --rebuild)
  130  interrupted";

const VERIFY_EXAMPLES: &str = "\
Examples:
  anklume-build verify anklume-debian-13.20261114.iso
  anklume-build verify --rebuild anklume-debian-13.20261114.iso
      build images/debian.toml again and compare the bytes
  anklume-build verify --rebuild --image images/debian.toml --overlay extra --keep mine.iso x.iso
      as it was built, with one more folder; keep the second image

A rebuild takes name, version, format and compression from the image, and packages from the lock
beside the definition. Without a lock it takes the newest packages, and a difference proves nothing.
Only downloaded packages come from the cache, checked against the lock or the signed index; trees,
initramfs, boot loader and compressed blocks are made anew in a folder of the cache that is removed
afterwards. With --offline and without a lock, the cache's copy of the list that the archive signed is
trusted. The image is never written.

Exit codes: 0 the same bytes, 6 other bytes, 5 not a readable image; 1, 3 or 4 no rebuild.";

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
#[command(group(ArgGroup::new("definition").args(["base", "image", "install_deps"]).multiple(true).required(true)))]
pub(crate) struct BuildArgs {
    #[command(flatten)]
    pub(crate) source: SourceArgs,
    /// What the file holds: one slot and no empty space, or the whole layout of a medium
    #[arg(long, value_enum, default_value = "iso")]
    pub(crate) format: FormatArg,
    /// Where the image goes [default: anklume-<NAME>-<VERSION>.<FORMAT> in this folder]
    #[arg(short, long, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
    /// Replace the output file if it exists and is not what would be built
    #[arg(long)]
    pub(crate) force: bool,
    /// Version of the image [default: the distribution's version and the date of its packages]
    #[arg(long, value_name = "VERSION")]
    pub(crate) image_version: Option<String>,
    /// Write a page about the build: where the room and the time went; replaces an older page
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Show what would be done and stop
    #[arg(long)]
    pub(crate) dry_run: bool,
    /// Report progress and result as JSON lines on standard output
    #[arg(long)]
    pub(crate) json: bool,
    /// First install the programs that building needs (asks before it does)
    #[arg(long)]
    pub(crate) install_deps: bool,
}

/// What an image is made from and how: the options that a build and a rebuild share.
#[derive(Debug, Args)]
#[group(id = "source")]
pub(crate) struct SourceArgs {
    /// Distribution to build from: takes images/BASE.toml
    #[arg(long, value_name = "BASE")]
    pub(crate) base: Option<String>,
    /// Image definition to build
    #[arg(long, value_name = "FILE.toml")]
    pub(crate) image: Option<PathBuf>,
    /// Compress fast, for trying things out
    #[arg(long, conflicts_with = "release")]
    pub(crate) dev: bool,
    /// Compress well, for an image that is given away (the default)
    #[arg(long)]
    pub(crate) release: bool,
    /// Install one more package (repeatable)
    #[arg(long = "package", value_name = "PACKAGE")]
    pub(crate) packages: Vec<String>,
    /// Take an optional group of packages that the definition leaves out (repeatable)
    #[arg(long, value_name = "GROUP")]
    pub(crate) with: Vec<String>,
    /// Leave out an optional group of packages that the definition takes (repeatable)
    #[arg(long, value_name = "GROUP")]
    pub(crate) without: Vec<String>,
    /// Copy one more folder over the root tree (repeatable). All of it belongs to root; files get mode
    /// 0755 if their owner may execute them, or 0644; links are kept
    #[arg(long = "overlay", value_name = "DIR")]
    pub(crate) overlays: Vec<PathBuf>,
    /// Have the kernel encrypt RAM with AMD SME, where the firmware enabled it (mem_encrypt=on). NVIDIA's
    /// drivers fail on such a machine: their DMA does not start. TSME, in the firmware's setup, needs
    /// no option and breaks nothing
    #[arg(long)]
    pub(crate) ram_encryption: bool,
    /// The root file whose updates machines take, as `keys new` made it [default: that of the definition]
    #[arg(long, value_name = "FILE")]
    pub(crate) update_root: Option<PathBuf>,
    /// Address or absolute path that machines take updates from [default: that of the definition]
    #[arg(long, value_name = "URL")]
    pub(crate) update_source: Option<String>,
    /// Ignore the lock file beside the definition and take the newest packages
    #[arg(long)]
    pub(crate) no_lock: bool,
    /// Where locked packages are that the mirror has no more; `{timestamp}` in it becomes the time of
    /// the lock, `{archive}` becomes debian or debian-security
    #[arg(long, value_name = "URL", conflicts_with = "no_lock")]
    pub(crate) snapshot: Option<String>,
    /// Mirror of the distribution [default: the one this machine's apt uses, if any]
    #[arg(long, value_name = "URL")]
    pub(crate) mirror: Option<String>,
    /// Use nothing but the cache
    #[arg(long)]
    pub(crate) offline: bool,
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
    /// The anklume-init program to put into the image, with the anklume program beside it [default:
    /// those beside this program]
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
    /// Check an image: every checksum, both GPTs, El Torito, FAT, squashfs, the whole hash tree; or,
    /// with --rebuild, that it is what its definition builds
    #[command(after_help = VERIFY_EXAMPLES)]
    #[command(mut_group("source", |group| group.requires("rebuild")))]
    #[command(mut_args(rebuild_option))]
    Verify(Box<VerifyArgs>),
    /// Show what two images differ in: packages, files, sizes, bytes that an update fetches
    #[command(after_help = "Examples:\n  \
        anklume-build diff old.iso new.iso --all\n  \
        anklume-build diff old.iso new.iso --json | jq .update.missing.bytes\n\n\
        An update fetches the stored blocks that the old image has nowhere, the tables of the file\n\
        system, and the boot files. The hash tree is computed on the machine. What is damaged is a\n\
        difference like any other: `verify` looks for damage.")]
    Diff(DiffArgs),
    /// Boot an image in QEMU; the image file is never written
    #[command(after_help = "Examples:\n  \
        anklume-build vm x.iso --firmware bios --attach cdrom\n  \
        anklume-build vm x.iso --firmware uefi --data-disk 20G -- -display gtk\n\n\
        The console is this terminal; Ctrl-A X ends the machine.")]
    Vm(VmArgs),
    /// Make or replace the keys that sign updates
    #[command(after_help = "Examples:\n  \
        anklume-build keys new keys --threshold 2\n  \
        anklume-build keys rotate keys --role timestamp")]
    Keys(KeysArgs),
    /// Make an image the newest release of a channel, in a folder that any web server can serve
    #[command(after_help = PUBLISH_EXAMPLES)]
    Publish(PublishArgs),
    /// Look at repositories of updates, or take a release out of one
    Repo(RepoArgs),
}

/// An option of a build, as a rebuild has it.
fn rebuild_option(option: Arg) -> Arg {
    match option.get_id().as_str() {
        "base" => option.help(
            "Definition of the image: takes images/BASE.toml [default: the name in the image]",
        ),
        "image" => option.help("Image definition to rebuild from"),
        "dev" => option.help("The image was built with --dev [default: as its compression says]"),
        "release" => option.help("The image was built without --dev"),
        // A cold rebuild takes no block that it did not compress.
        "block_cache" | "shared_blocks" => option.requires("warm"),
        _ => option,
    }
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
    /// Take an optional group of packages that the definition leaves out (repeatable)
    #[arg(long, value_name = "GROUP")]
    pub(crate) with: Vec<String>,
    /// Leave out an optional group of packages that the definition takes (repeatable)
    #[arg(long, value_name = "GROUP")]
    pub(crate) without: Vec<String>,
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
    /// Build the image again from its definition and lock, compare the bytes, and name what differs
    #[arg(long, conflicts_with = "deep")]
    pub(crate) rebuild: bool,
    /// Keep the rebuilt image, and what lies beside it, under this name
    #[arg(long, value_name = "FILE", requires = "rebuild")]
    pub(crate) keep: Option<PathBuf>,
    /// Rebuild from the trees and compressed blocks of the cache: quicker, and proves no more than
    /// the cache is worth
    #[arg(long, requires = "rebuild")]
    pub(crate) warm: bool,
    #[command(flatten)]
    pub(crate) source: SourceArgs,
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

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use clap::CommandFactory;

    /// Options of a rebuild of `x.iso`.
    pub(crate) fn source_args(words: &[&str]) -> SourceArgs {
        let start = ["anklume-build", "verify", "--rebuild", "x.iso"];
        let cli = Cli::try_parse_from(start.iter().chain(words)).unwrap();
        match cli.command {
            Some(Command::Verify(args)) => args.source,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn options_of_a_rebuild_need_one() {
        let parse = |words: &str| Cli::try_parse_from(words.split(' ')).map(drop);
        for good in [
            "x verify a.iso b.iso",
            "x verify --rebuild a.iso",
            "x verify --rebuild --base debian --overlay o --package p --offline a.iso",
            "x verify --rebuild --ram-encryption a.iso",
            "x --base debian --ram-encryption",
            "x verify --rebuild --warm --block-cache 1G --keep k.iso a.iso",
            "x --base debian --dev",
            "x --install-deps",
        ] {
            parse(good).unwrap_or_else(|error| panic!("{good}: {error}"));
        }
        for bad in [
            "x",
            "x --dev",
            "x verify --base debian a.iso",
            "x verify --overlay o a.iso",
            "x verify --ram-encryption a.iso",
            "x verify --keep k.iso a.iso",
            "x verify --warm a.iso",
            "x verify --rebuild",
            "x verify --rebuild --deep a.iso",
            "x verify --rebuild --dev --release a.iso",
            // What a cold rebuild would not use.
            "x verify --rebuild --block-cache 1G a.iso",
        ] {
            assert!(parse(bad).is_err(), "{bad}");
        }
    }
}
