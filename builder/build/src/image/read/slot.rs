//! A slot: boot partition and OS partition.

use anklume_bytes::ReadAt;
use anklume_layout::manifest::{self, Manifest};
use anklume_layout::{Role, Slot, files};

use super::disk::{Disk, name, starts_empty};
use super::folder::Folder;
use crate::image::fault::{self, Fault};
use crate::image::source::Part;

/// How much of a partition must be zero for it to count as empty, in bytes: where superblocks of
/// the file systems that belong there lie.
const EMPTY_BYTES: u64 = 64 << 10;
/// The most bytes of a manifest: a thousand bytes for each of 16 thousand packages.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;

/// The two partitions of a slot.
pub(crate) struct SlotParts<'a> {
    pub(crate) slot: Slot,
    pub(crate) boot: Part<'a>,
    pub(crate) boot_base: u64,
    pub(crate) os: Part<'a>,
    pub(crate) os_base: u64,
    /// Whether both begin with zeros: no OS was written to them yet.
    pub(crate) is_empty: bool,
}

impl<'a> SlotParts<'a> {
    /// The partitions of `slot`; none if the table has neither of them.
    pub(crate) fn open(disk: &Disk<'a>, slot: Slot) -> Result<Option<Self>, Fault> {
        let missing = |role| Fault::new("partition table", 512, name(role), "none");
        let (boot_role, os_role) = (Role::Boot(slot), Role::Os(slot));
        let (boot, os) = match (disk.part(boot_role)?, disk.part(os_role)?) {
            (None, None) => return Ok(None),
            (None, Some(_)) => return Err(missing(boot_role)),
            (Some(_), None) => return Err(missing(os_role)),
            (Some(boot), Some(os)) => (boot, os),
        };
        let base = |role| disk.place(role).map_or(0, |place| place.offset);
        let (boot_base, os_base) = (base(boot_role), base(os_role));
        let empty = |part: &Part<'_>, role| {
            let explain = |error| fault::read(&name(role), base(role), &error);
            starts_empty(part, EMPTY_BYTES).map_err(explain)
        };
        let is_empty = empty(&boot, boot_role)? && empty(&os, os_role)?;
        Ok(Some(Self { slot, boot, boot_base, os, os_base, is_empty }))
    }

    /// The boot file system.
    pub(crate) fn folder(&self) -> Result<Folder<'_>, Fault> {
        Folder::open(name(Role::Boot(self.slot)), self.boot_base, &self.boot)
    }

    /// What the OS partition is called in messages.
    pub(crate) fn os_name(&self) -> String {
        name(Role::Os(self.slot))
    }
}

/// The manifest in a slot's boot file system, with the byte of the image where it begins.
pub(crate) fn manifest(folder: &Folder<'_>) -> Result<(Manifest, u64), Fault> {
    let object = folder.file_name(files::MANIFEST);
    let offset = folder.offset(&folder.file(files::MANIFEST)?);
    let bytes = folder.read(files::MANIFEST, MANIFEST_BYTES_MAX)?;
    let manifest: Manifest = serde_json::from_slice(&bytes)
        .map_err(|error| Fault::told(&object, offset, format!("is not a manifest: {error}")))?;
    if manifest.manifest_version != manifest::VERSION {
        let object = format!("{object}: manifest-version");
        let (expected, found) = (manifest::VERSION, manifest.manifest_version);
        return Err(Fault::new(object, offset, expected, found));
    }
    Ok((manifest, offset))
}

/// What the start of the persistent partition looks like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Persist {
    /// Zeros: the OS makes its file system at the first boot.
    Empty,
    /// An ext4 file system.
    Ext4,
    /// Neither.
    Other,
}

impl Persist {
    pub(crate) fn read(part: &dyn ReadAt) -> Result<Self, anklume_bytes::ReadError> {
        /// Magic of ext2 to ext4, u16 LE in the superblock at byte 1024
        /// (Linux, `Documentation/filesystems/ext4/super.rst`).
        const MAGIC: (u64, [u8; 2]) = (1024 + 0x38, [0x53, 0xef]);
        if starts_empty(part, EMPTY_BYTES)? {
            return Ok(Self::Empty);
        }
        let magic = part.read_vec(MAGIC.0, 2, 2)?;
        Ok(if magic == MAGIC.1 { Self::Ext4 } else { Self::Other })
    }
}
