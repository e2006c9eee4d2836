//! `MANIFEST.JSN`: what a slot holds, beside its boot files.

use serde::{Deserialize, Serialize};

/// Version of this structure.
pub const VERSION: u32 = 1;

/// What a slot holds.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Manifest {
    /// [`VERSION`].
    pub manifest_version: u32,
    /// Name of the image definition: only an image of the same name can replace it.
    pub compatible: String,
    /// Version of the image.
    pub image_version: String,
    /// CPU architecture as Debian spells it.
    pub architecture: String,
    /// Kernel release, as `uname -r` prints it.
    pub kernel: String,
    /// Seconds since 1970 that every time stamp of the image is set to.
    pub source_date_epoch: u64,
    /// Root hash, lower-case hexadecimal.
    pub root_hash: String,
    /// Salt of the hash tree, lower-case hexadecimal.
    pub salt: String,
    /// Bytes of the squashfs, padded to whole verity blocks.
    pub os_bytes: u64,
    /// Bytes of the hash tree with its superblock, behind the squashfs.
    pub hash_bytes: u64,
    /// Kernel command line.
    pub command_line: String,
    /// Every package of the OS.
    pub packages: Vec<Package>,
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// `Installed-Size` in KiB.
    pub installed_kib: u64,
}
