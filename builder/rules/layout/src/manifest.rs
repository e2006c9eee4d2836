//! `MANIFEST.JSN`: what a slot holds, beside its boot files.
//!
//! What is trusted by what:
//!
//! - The root hash covers every block of the OS partition.
//! - The digests of the boot files cover kernel, initrd, unified kernel image and boot entry, which
//!   carry the root hash.
//! - The digests of the loader's parts cover what firmware runs before that, and the ISO 9660 view
//!   as a whole. They are those of the image that the slot came in: on a medium, slot A's count.
//! - Nothing covers the manifest itself: it is not signed yet. Until a later version signs it, the
//!   digests find damage, and not whoever writes a manifest to match.
//!
//! No digest can cover the manifest, so nothing that it covers may hold the manifest's digits: the
//! ISO 9660 view names only its place and its length.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::files;

/// Version of this structure.
pub const VERSION: u32 = 2;

/// Loader's part: boot code of the MBR, bytes 0 to 439 of the image.
pub const BOOT_CODE: &str = "boot-code";
/// Loader's part: GRUB's core image in the BIOS boot partition, as long as its block list says.
pub const CORE_IMAGE: &str = "core-image";
/// Loader's part: El Torito's boot image for BIOS, as long as its boot information says.
pub const CD_IMAGE: &str = "cd-image";
/// Loader's part: the ISO 9660 view, from its first descriptor to the first partition.
pub const ISO_VIEW: &str = "iso-view";
/// All parts of the loader. Those that are files are named by their paths.
pub const LOADER_PARTS: [&str; 7] = [
    BOOT_CODE,
    CORE_IMAGE,
    files::EFI_LOADER,
    CD_IMAGE,
    files::TREE_CONFIG,
    files::LOOPBACK_CONFIG,
    ISO_VIEW,
];
/// The boot files of a slot that have a digest: all but the manifest.
pub const BOOT_FILES: [&str; 4] = [files::UKI, files::KERNEL, files::INITRD, files::BOOT_ENTRY];

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
    /// The oldest updater that can install it (`anklume_release::UPDATER_PROTOCOL`); 1 where it is
    /// not said.
    #[serde(default = "first")]
    pub minimum_updater: u32,
    /// Version of what the OS keeps on the persistent partition (`anklume_release::STATE_SCHEMA`); 1
    /// where it is not said.
    #[serde(default = "first")]
    pub state_schema: u32,
    /// Kernel command line.
    pub command_line: String,
    /// The boot files of the slot: [`BOOT_FILES`].
    pub boot_files: BTreeMap<String, Digest>,
    /// The boot loader of the image: [`LOADER_PARTS`].
    pub loader: BTreeMap<String, Digest>,
    /// Every package of the OS.
    pub packages: Vec<Package>,
}

fn first() -> u32 {
    1
}

/// What some bytes must be.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub struct Digest {
    /// How many they are.
    pub bytes: u64,
    /// SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

impl Digest {
    /// A place for the digest of `bytes` bytes that are not known yet: it takes as much room.
    #[must_use]
    pub fn unknown(bytes: u64) -> Self {
        Self { bytes, sha256: "0".repeat(64) }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "sha-256 {} of {} bytes", self.sha256, self.bytes)
    }
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
