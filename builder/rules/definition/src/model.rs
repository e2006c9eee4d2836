//! The types of a definition, as they are written in TOML.
//!
//! The comments of this file are the descriptions in `images/schema.json`.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::{ByteSize, Pattern};

/// What an image holds.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Definition {
    /// Name of the image: prefix of its files, `IMAGE_ID` of os-release, and the string that an
    /// update must carry to replace it. Lower-case letters, digits and single hyphens, at most 32.
    /// Ends in `-test` if, and only if, `test` is true.
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"))]
    pub name: String,
    /// Name for people, on menus and consoles. Printable ASCII without `"`, `$`, `` ` `` and `\`,
    /// which would need quoting in os-release and in the boot menu; no hyphen first. Contains `TEST`
    /// if, and only if, `test` is true.
    #[schemars(length(min = 1, max = 64), regex(pattern = "^[^-]"))]
    pub title: String,
    /// One line: what the image is for.
    #[schemars(length(min = 1, max = 512))]
    pub description: String,
    /// Test images open shells to whoever holds the console, and say so everywhere: their name ends
    /// in `-test` and their title contains `TEST`.
    #[serde(default)]
    pub test: bool,
    /// The distribution that the tree is made from.
    pub os: Os,
    /// Kernel, command line and initramfs.
    pub kernel: Kernel,
    /// Packages, in groups that say why they are there.
    pub packages: Vec<PackageGroup>,
    /// Folders of `overlays/` that are copied over the tree. All of it belongs to root; files get mode
    /// 0755 if their owner may execute them, or 0644.
    #[serde(default)]
    pub overlays: Overlays,
    /// What systemd starts.
    #[serde(default)]
    pub units: Units,
    /// What is left out of the tree after the packages were installed.
    #[serde(default)]
    pub paths: Paths,
    /// Paths that become symbolic links: absolute path = relative target. What the directory at
    /// the path held moves to the target. For directories that must be writable although the root
    /// file system is not. Only directories at the top, and none that a boot needs: `/dev`, `/etc`,
    /// `/proc`, `/run`, `/sys`, `/tmp`, `/usr`, `/var`.
    #[serde(default)]
    pub links: BTreeMap<String, String>,
    /// A container image that lies in the root file system; none if absent.
    #[serde(default)]
    pub container: Option<Container>,
    /// How the root file system is compressed.
    #[serde(default)]
    pub compression: Compression,
    /// Sizes of partitions.
    #[serde(default)]
    pub sizes: Sizes,
    /// Whose updates machines take, and from where. Without a root file, here or on the command line,
    /// they take none.
    #[serde(default)]
    pub update: Update,
}

/// The distribution that the tree is made from.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Os {
    /// The distribution.
    pub base: Base,
    /// Its release, as the mirrors spell it: `trixie`.
    #[schemars(regex(pattern = "^[a-z]+(-[a-z]+)*$"))]
    pub suite: String,
    /// CPU architecture.
    pub architecture: Architecture,
    /// Archive components; `main` is one of them.
    #[schemars(length(min = 1))]
    pub components: Vec<String>,
}

/// A distribution.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Base {
    /// Debian.
    Debian,
}

/// A CPU architecture, as Debian spells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Architecture {
    /// x86-64.
    Amd64,
}

/// Kernel, command line and initramfs.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Kernel {
    /// Package of the kernel; not listed again in a group.
    pub package: String,
    /// Words of the kernel command line, one per entry: letters, digits and `_.,:/=+@%~-`, since all
    /// else means something to the boot loader. The root hash is added by the builder; what begins
    /// with `anklume.`, `iso-scan/filename=`, `initrd=` or `BOOT_IMAGE=` is not for definitions.
    #[serde(default)]
    #[schemars(inner(regex(pattern = r"^[A-Za-z0-9_.,:/=+@%~-]+$")))]
    pub command_line: Vec<String>,
    /// Whether the CPU microcode of the packages `intel-microcode` and `amd64-microcode` goes in
    /// front of the initramfs.
    #[serde(default)]
    pub microcode: bool,
    /// Which drivers the initramfs carries.
    #[serde(default)]
    pub initramfs: Initramfs,
}

/// Which drivers the initramfs carries.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Initramfs {
    /// Every bus and controller that a real machine may boot from.
    #[default]
    Product,
    /// What QEMU emulates.
    Test,
}

/// Packages that are there for one reason.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct PackageGroup {
    /// Name of the group: lower-case letters, digits and single hyphens.
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"))]
    pub name: String,
    /// Why the image needs them.
    #[schemars(length(min = 1, max = 512))]
    pub why: String,
    /// Names of packages. Their dependencies come along, what they recommend does not.
    #[schemars(length(min = 1))]
    pub install: Vec<String>,
    /// Whether a build may be told to leave the group out, or to take it. It is always there if absent.
    #[serde(default)]
    pub optional: Option<Optional>,
    /// Components of the archive that the group needs, beside those of `os`.
    #[serde(default)]
    pub components: Vec<String>,
    /// Kernel modules that the packages need and that the distribution has only as source.
    #[serde(default)]
    pub modules: Option<Modules>,
    /// What systemd starts, beside the image's `units`, if the group is there; no `default-target`.
    #[serde(default)]
    pub units: Units,
}

/// Whether a group is there when the build was told nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Optional {
    /// It is; `--without NAME` leaves it out.
    On,
    /// It is not; `--with NAME` takes it.
    Off,
}

/// Kernel modules that the distribution has only as source. They are built once for each kernel and
/// source in a tree that is thrown away, and lie unsigned and uncompressed in
/// `/usr/lib/modules/<release>/updates/dkms`. No compiler comes into the image.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Modules {
    /// Packages with sources for DKMS. What building takes besides comes along. The headers are those
    /// of `kernel.package`, whose name must begin with `linux-image-`.
    #[schemars(length(min = 1))]
    pub sources: Vec<String>,
    /// Names of the modules that come out of them: all of these and no others, or the build fails.
    #[schemars(length(min = 1), inner(regex(pattern = "^[a-z0-9][a-z0-9_-]*$")))]
    pub names: Vec<String>,
}

/// Folders of `overlays/` that are copied over the tree. All of it belongs to root; files get mode
/// 0755 if their owner may execute them, or 0644.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Overlays {
    /// Names of folders, in the order in which they are copied: later ones win.
    #[serde(default, rename = "use")]
    pub folders: Vec<String>,
}

/// What systemd starts.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Units {
    /// Units to enable, as `systemctl enable` does.
    #[serde(default)]
    pub enable: Vec<String>,
    /// Units to disable that a package enabled.
    #[serde(default)]
    pub disable: Vec<String>,
    /// Units that must never start.
    #[serde(default)]
    pub mask: Vec<String>,
    /// The target that is booted; the distribution's own if absent.
    #[serde(default)]
    pub default_target: Option<String>,
}

/// What is left out of the tree after the packages were installed.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Paths {
    /// What is left out. A pattern that matches a directory takes its whole content.
    #[serde(default)]
    pub leave_out: Vec<Pattern>,
    /// What stays nevertheless, with the directories that lead there.
    #[serde(default)]
    pub keep: Vec<Pattern>,
}

/// A container image that lies in the root file system: a minimal system of the same suite, made in
/// the same build, so that the first container starts without a network.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Container {
    /// Why the image brings it.
    #[schemars(length(min = 1, max = 512))]
    pub why: String,
    /// Names of packages besides the essential ones and apt. One of them brings an init. What the OS
    /// has too takes no room in the image.
    #[schemars(length(min = 1))]
    pub install: Vec<String>,
    /// Address of the archive that apt in the container takes packages from; it has no sources if
    /// absent.
    #[serde(default)]
    #[schemars(length(min = 1, max = 512), regex(pattern = "^https?://"))]
    pub mirror: Option<String>,
    /// Address of the archive of security updates, beside `mirror`.
    #[serde(default)]
    #[schemars(length(min = 1, max = 512), regex(pattern = "^https?://"))]
    pub security_mirror: Option<String>,
    /// What systemd starts in the container.
    #[serde(default)]
    pub units: Units,
    /// What is left out of the container. The `paths` of the OS do not count there.
    #[serde(default)]
    pub paths: Paths,
}

/// How the root file system is compressed: squashfs with zstd.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub struct Compression {
    /// zstd level of everyday builds.
    #[schemars(range(min = 1, max = 22))]
    pub dev: u8,
    /// zstd level of releases.
    #[schemars(range(min = 1, max = 22))]
    pub release: u8,
    /// Bytes of a data block: a power of two from 4 KiB to 1 MiB. Also the unit of an update's
    /// chunks: larger compresses better and is fetched in larger pieces.
    pub block: ByteSize,
}

/// Which of the two compression levels.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Profile {
    /// Everyday builds.
    Dev,
    /// Releases.
    Release,
}

/// Sizes of partitions.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Sizes {
    /// Size of one slot's OS partition in a raw image: whole MiB, at least what the OS with its hash
    /// tree takes, at most 1TiB; twice the OS and at least 4GiB if absent. An ISO's partition is as
    /// large as its content, which must not be more than this.
    #[serde(default)]
    pub slot: Option<ByteSize>,
}

/// Whose updates machines take, and from where.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize, Serialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Update {
    /// The root file that machines trust, which `anklume-build keys new` made: a path from the folder
    /// of the definition.
    #[serde(default)]
    #[schemars(length(min = 1, max = 4096))]
    pub root: Option<String>,
    /// Address or absolute path of the repository. A machine's own settings count before it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 512))]
    pub source: Option<String>,
    /// Channel of the repository; `stable` if absent. A machine's own settings count before it.
    #[serde(default)]
    #[schemars(length(min = 1, max = 32), regex(pattern = "^[a-z][a-z0-9]*(-[a-z0-9]+)*$"))]
    pub channel: Option<String>,
}

impl Default for Compression {
    fn default() -> Self {
        Self { dev: 3, release: 15, block: ByteSize::from_bytes(128 << 10) }
    }
}

impl Compression {
    /// The zstd level for `profile`, 1 to 22.
    #[must_use]
    pub fn level(&self, profile: Profile) -> u8 {
        match profile {
            Profile::Dev => self.dev,
            Profile::Release => self.release,
        }
    }
}

impl Definition {
    /// Every package to install, kernel included, sorted.
    #[must_use]
    pub fn package_names(&self) -> BTreeSet<&str> {
        self.packages
            .iter()
            .flat_map(|group| &group.install)
            .chain([&self.kernel.package])
            .map(String::as_str)
            .collect()
    }

    /// Packages with the sources of kernel modules, sorted; empty without modules.
    #[must_use]
    pub fn module_sources(&self) -> BTreeSet<&str> {
        self.modules().flat_map(|modules| &modules.sources).map(String::as_str).collect()
    }

    /// Names of the kernel modules that are built from source, sorted.
    #[must_use]
    pub fn module_names(&self) -> BTreeSet<&str> {
        self.modules().flat_map(|modules| &modules.names).map(String::as_str).collect()
    }

    fn modules(&self) -> impl Iterator<Item = &Modules> {
        self.packages.iter().filter_map(|group| group.modules.as_ref())
    }
}

impl Kernel {
    /// How the names of kernel packages begin, and those of the packages with their headers.
    const PACKAGES: (&str, &str) = ("linux-image-", "linux-headers-");

    /// The package with the headers of the kernel; `None` where the kernel package's name does not say.
    #[must_use]
    pub fn headers_package(&self) -> Option<String> {
        let (image, headers) = Self::PACKAGES;
        self.package.strip_prefix(image).map(|flavour| format!("{headers}{flavour}"))
    }
}

impl Paths {
    /// Whether the tree's `path` stays out of the image.
    ///
    /// `path` is absolute (`/usr/bin/env`), in the bytes of the file system, without `.`, `..` and
    /// a final slash; the root itself always stays. The answer for one path does not depend on any
    /// other, so a stream of entries can be filtered as it comes: a path is left out when a pattern
    /// of `leave-out` matches it or a directory above it, unless a pattern of `keep` matches it or
    /// a directory above it, or could match something below it.
    #[must_use]
    pub fn leaves_out(&self, path: &[u8]) -> bool {
        self.leave_out.iter().any(|pattern| pattern.covers(path))
            && !self.keep.iter().any(|pattern| pattern.covers(path) || pattern.leads_from(path))
    }
}
