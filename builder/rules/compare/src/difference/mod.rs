//! What changed from one image to the next.

mod change;
mod files;
mod packages;
mod pairs;
mod update;

use serde::Serialize;

use crate::image::{Identity, Image};

pub use change::{Change, Owner};
pub(crate) use change::{changes, comparable};
pub use files::{FileChange, FileEntry, Files};
pub use packages::{Direction, PackageChange, PackageEntry, PackageState, Packages};
pub(crate) use pairs::pairs;
pub use update::{Part, Update};

/// What changed from one image to another. Lists are sorted by name or path.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The first image.
    pub before: Identity,
    /// The second image.
    pub after: Identity,
    /// Partitions and file systems of either image, changed or not.
    pub sizes: Vec<SizeChange>,
    /// Packages.
    pub packages: Packages,
    /// Files.
    pub files: Files,
    /// What a machine with the first image fetches to get the second one; `None` where the blocks
    /// of an image are not known.
    pub update: Option<Update>,
}

/// A partition or file system.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SizeChange {
    /// Its name.
    pub name: String,
    /// Bytes in the first image; `None` where it has no such thing.
    pub before: Option<u64>,
    /// Bytes in the second image; `None` where it has no such thing.
    pub after: Option<u64>,
}

/// A number of things and of their bytes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
pub struct Total {
    /// How many.
    pub count: u64,
    /// Bytes of all of them.
    pub bytes: u64,
}

impl Total {
    fn of(bytes: impl Iterator<Item = u64>) -> Self {
        bytes.fold(Self::default(), |total, bytes| Self {
            count: total.count.saturating_add(1),
            bytes: total.bytes.saturating_add(bytes),
        })
    }
}

/// What `after` has that `before` has not, and the other way round.
#[must_use]
pub fn difference(before: &Image, after: &Image) -> Difference {
    Difference {
        before: before.identity.clone(),
        after: after.identity.clone(),
        sizes: size_changes(before, after),
        packages: packages::compare(&before.packages, &after.packages),
        files: files::compare(&before.files, &after.files),
        update: update::compare(before, after),
    }
}

/// The sizes of everything that either image has.
pub(crate) fn size_changes(before: &Image, after: &Image) -> Vec<SizeChange> {
    pairs(&before.sizes, &after.sizes)
        .map(|(name, before, after)| SizeChange {
            name: name.clone(),
            before: before.copied(),
            after: after.copied(),
        })
        .collect()
}
