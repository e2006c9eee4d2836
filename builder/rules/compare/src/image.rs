//! What is known about an image.

use std::collections::BTreeMap;

use serde::{Serialize, Serializer};

use crate::shown::hex;

/// An image, as far as somebody read it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Image {
    /// Which image it is.
    pub identity: Identity,
    /// Installed packages by name; where a package is installed for several architectures, by
    /// `name:architecture`.
    pub packages: BTreeMap<String, Package>,
    /// Everything in the root tree by path, without a leading slash; empty for the root.
    pub files: BTreeMap<Vec<u8>, File>,
    /// Bytes of partitions and file systems by name.
    pub sizes: BTreeMap<String, u64>,
    /// The data blocks and fragment blocks of the squashfs in the order of the image. Empty where
    /// they are not known. Here and in the two lists below, blocks of zeros are left out: no update
    /// fetches them.
    pub blocks: Vec<Block>,
    /// What else of the OS partition is not computed, in pieces: superblock and tables of the
    /// squashfs, verity superblock.
    pub metadata: Vec<Block>,
    /// The boot partition, in pieces.
    pub boot_files: Vec<Block>,
    /// Bytes of the dm-verity hash blocks, which follow from the squashfs.
    pub hash_tree_bytes: u64,
    /// What only [`crate::rebuild`] looks at.
    pub frame: Frame,
}

/// What is around the root tree.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Frame {
    /// Partitions by label.
    pub partitions: BTreeMap<String, Partition>,
    /// The boot files of the slot by path.
    pub boot_files: BTreeMap<String, Blob>,
    /// The parts of the boot loader by name.
    pub loader: BTreeMap<String, Blob>,
    /// Everything in the initramfs by path, without a leading slash.
    pub initramfs: BTreeMap<Vec<u8>, File>,
    /// The root file system as a whole.
    pub squashfs: Option<Squashfs>,
}

/// Where a partition lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct Partition {
    /// First byte in the image.
    pub offset: u64,
    /// Number of bytes.
    pub bytes: u64,
}

/// Some bytes of an image that have a name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Blob {
    /// How many they are.
    pub bytes: u64,
    /// Their SHA-256, lower-case hexadecimal.
    pub sha256: String,
}

/// A squashfs.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Squashfs {
    /// Number of bytes without padding.
    pub bytes: u64,
    /// SHA-256 of these, lower-case hexadecimal.
    pub sha256: String,
    /// Compression, as the superblock names it: `zstd`.
    pub compression: String,
    /// Level of the compression, where it is written down.
    pub level: Option<u32>,
    /// Bytes of a data block.
    pub block_bytes: u32,
}

/// What an image says about itself.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Identity {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture.
    pub architecture: String,
    /// Root hash of the dm-verity tree, SHA-256; serialised as hexadecimal digits.
    #[serde(serialize_with = "optional_hex")]
    pub root_hash: Option<[u8; 32]>,
}

fn optional_hex<S: Serializer>(hash: &Option<[u8; 32]>, serializer: S) -> Result<S::Ok, S::Error> {
    hash.as_ref().map(|hash| hex(hash)).serialize(serializer)
}

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Package {
    /// Debian version.
    pub version: String,
    /// Bytes it takes when installed, as the package says.
    pub installed_bytes: u64,
}

/// Something in the root tree.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// What it is.
    pub kind: Kind,
    /// Permission bits with set-id and sticky bits, at most `0o7777`.
    pub mode: u32,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of the last change in seconds since 1970, where known. Only [`crate::rebuild`] looks.
    pub mtime: Option<u64>,
    /// Extended attributes.
    pub attributes: BTreeMap<Vec<u8>, Vec<u8>>,
    /// Name of the package that owns it, where known.
    pub package: Option<String>,
}

/// What a [`File`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A regular file.
    Regular {
        /// Bytes of content.
        bytes: u64,
        /// SHA-256 of the content, where known.
        sha256: Option<[u8; 32]>,
        /// Digest of the stored form, where known: files that have the same one have the same
        /// content. The same content may be stored in different ways.
        stored: Option<[u8; 32]>,
    },
    /// A directory.
    Directory,
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: Vec<u8>,
    },
    /// A character device.
    CharacterDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A block device.
    BlockDevice {
        /// Major number.
        major: u32,
        /// Minor number.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// The word for it in results.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::Regular { .. } => "file",
            Self::Directory => "directory",
            Self::Symlink { .. } => "symlink",
            Self::CharacterDevice { .. } => "character-device",
            Self::BlockDevice { .. } => "block-device",
            Self::Fifo => "fifo",
            Self::Socket => "socket",
        }
    }

    /// Bytes of content; only regular files have any.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        match self {
            Self::Regular { bytes, .. } => *bytes,
            _ => 0,
        }
    }
}

/// Bytes that an update fetches, or finds, as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Block {
    /// SHA-256 of the bytes as they are stored. Not of what they decompress to: an update has to
    /// make the very bytes of the new image, and one content has many compressed forms.
    pub hash: [u8; 32],
    /// Bytes that it takes in the image.
    pub stored: u32,
}
