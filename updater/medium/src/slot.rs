//! What a slot holds.

use anklume_bytes::ReadAt;
use anklume_fat::FileSystem;
use anklume_layout::manifest::{self, Manifest};
use anklume_layout::{Role, Slot, files};
use anklume_osimage::{NotOurs, OsImage, os_image};
use anklume_verity::RootHash;

use crate::{Error, Medium};

/// The most bytes of a manifest: a thousand bytes for each of 16 thousand packages.
const MANIFEST_BYTES_MAX: u64 = 16 << 20;
/// How much of a partition must be zero for it to count as empty, in bytes: where superblocks of
/// the file systems that belong there lie.
const EMPTY_BYTES: u64 = 64 << 10;

/// What the two partitions of a slot hold.
#[derive(Debug)]
pub enum SlotContent {
    /// The medium has not both partitions: it did not grow yet, or is too small.
    Absent,
    /// Both begin with zeros: nothing was written to them yet.
    Empty,
    /// What it is cannot be told: an update ended early, or damage.
    Unreadable(Error),
    /// It has a manifest.
    Described {
        /// What it should hold.
        manifest: Box<Manifest>,
        /// Whether the OS partition holds the OS with the manifest's root hash. Only the top of the
        /// hash tree is compared: the kernel checks the rest when it reads it.
        os: Result<OsImage, NotOurs>,
    },
}

impl SlotContent {
    /// The manifest, if there is one and the OS is the one that it describes.
    #[must_use]
    pub fn complete(&self) -> Option<&Manifest> {
        match self {
            Self::Described { manifest, os: Ok(_) } => Some(manifest),
            _ => None,
        }
    }
}

impl Medium {
    /// Looks at a slot.
    #[must_use]
    pub fn slot(&self, slot: Slot) -> SlotContent {
        let roles = [Role::Boot(slot), Role::Os(slot)];
        if roles.iter().any(|role| self.partition(*role).is_none()) {
            return SlotContent::Absent;
        }
        if roles.iter().all(|role| self.starts_empty(*role)) {
            return SlotContent::Empty;
        }
        match self.describe(slot) {
            Ok((manifest, os)) => SlotContent::Described { manifest: Box::new(manifest), os },
            Err(error) => SlotContent::Unreadable(error),
        }
    }

    fn starts_empty(&self, role: Role) -> bool {
        let Ok((window, _)) = self.window(role) else { return false };
        let start = window.read_vec(0, window.size().min(EMPTY_BYTES), EMPTY_BYTES);
        start.is_ok_and(|bytes| bytes.iter().all(|byte| *byte == 0))
    }

    fn describe(&self, slot: Slot) -> Result<(Manifest, Result<OsImage, NotOurs>), Error> {
        let partition = Role::Boot(slot).label();
        let manifest = self.manifest(slot)?;
        let wanted: RootHash = manifest.root_hash.parse().map_err(|_| Error::File {
            partition,
            path: files::MANIFEST,
            expected: "a root hash of 64 hexadecimal digits".to_owned(),
            found: format!("{:?}", manifest.root_hash),
        })?;
        let (window, _) = self.window(Role::Os(slot))?;
        Ok((manifest, os_image(&window, wanted)))
    }

    fn manifest(&self, slot: Slot) -> Result<Manifest, Error> {
        let (partition, path) = (Role::Boot(slot).label(), files::MANIFEST);
        let fault = |source| Error::FileSystem { partition, source };
        let wrong = |expected: String, found| Error::File { partition, path, expected, found };
        let (window, _) = self.window(Role::Boot(slot))?;
        let file_system = FileSystem::open(&window).map_err(fault)?;
        let file = file_system.find(path).map_err(fault)?;
        let file = file.ok_or_else(|| wrong("a manifest".to_owned(), "no file".to_owned()))?;
        let bytes = file_system.read(&file, MANIFEST_BYTES_MAX).map_err(fault)?;
        let manifest: Manifest = serde_json::from_slice(&bytes)
            .map_err(|error| wrong("a manifest".to_owned(), error.to_string()))?;
        if manifest.manifest_version != manifest::VERSION {
            let expected = format!("manifest-version {}", manifest::VERSION);
            return Err(wrong(expected, manifest.manifest_version.to_string()));
        }
        Ok(manifest)
    }
}
