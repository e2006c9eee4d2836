//! Two images that ought to be the same.

use serde::Serialize;

use crate::difference::{
    Change, FileChange, FileEntry, PackageState, SizeChange, changes, comparable, pairs,
    size_changes,
};
use crate::image::{Block, File, Identity, Image};
use crate::shown::hex;

/// What differs between two images that ought to be the same.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Rebuild {
    /// The first image.
    pub before: Identity,
    /// The second image.
    pub after: Identity,
    /// How many paths the images have, counting those that both have once.
    pub paths: u64,
    /// How many regular files of equal size have neither hashes nor the same stored form, so that
    /// their contents are not compared.
    pub not_compared: u64,
    /// Everything that differs: identity, sizes, packages by name, files by path, blocks.
    pub deviations: Vec<Deviation>,
}

impl Rebuild {
    /// Whether nothing was found to differ. What could not be compared is in
    /// [`Rebuild::not_compared`].
    #[must_use]
    pub fn is_identical(&self) -> bool {
        self.deviations.is_empty()
    }
}

/// A difference between two builds. Serialised as an object whose `subject` is the name in
/// kebab-case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "subject", rename_all = "kebab-case")]
pub enum Deviation {
    /// What the image says about itself: `name`, `version`, `architecture` or `root-hash`.
    Identity {
        /// The field.
        field: &'static str,
        /// In the first image; empty where it has none.
        before: String,
        /// In the second image; empty where it has none.
        after: String,
    },
    /// The size of a partition or file system.
    Size(SizeChange),
    /// A package: version or size, or only one image has it.
    Package {
        /// Its name.
        name: String,
        /// In the first image.
        before: Option<PackageState>,
        /// In the second image.
        after: Option<PackageState>,
    },
    /// A file that only the first image has.
    OnlyBefore(FileEntry),
    /// A file that only the second image has.
    OnlyAfter(FileEntry),
    /// A file that differs, be it in its time.
    File(FileChange),
    /// The data blocks of the squashfs: other contents, sizes, numbers or another order.
    Blocks {
        /// Index of the first block that differs, from 0.
        first: u64,
        /// Number of blocks in the first image.
        before: u64,
        /// Number of blocks in the second image.
        after: u64,
    },
}

/// What differs between two images that ought to be the same.
#[must_use]
pub fn rebuild(before: &Image, after: &Image) -> Rebuild {
    let mut rebuild = Rebuild {
        before: before.identity.clone(),
        after: after.identity.clone(),
        paths: 0,
        not_compared: 0,
        deviations: identity(&before.identity, &after.identity),
    };
    let sizes = size_changes(before, after).into_iter();
    let sizes = sizes.filter(|size| size.before != size.after).map(Deviation::Size);
    rebuild.deviations.extend(sizes);
    rebuild.deviations.extend(packages(before, after));
    for (path, before, after) in pairs(&before.files, &after.files) {
        rebuild.paths = rebuild.paths.saturating_add(1);
        rebuild.file(path, before, after);
    }
    rebuild.deviations.extend(blocks(&before.blocks, &after.blocks));
    rebuild
}

impl Rebuild {
    fn file(&mut self, path: &[u8], before: Option<&File>, after: Option<&File>) {
        let deviation = match (before, after) {
            (Some(before), Some(after)) => {
                if !comparable(before, after) {
                    self.not_compared = self.not_compared.saturating_add(1);
                }
                let mut changes = changes(before, after);
                changes.extend(mtime(before, after));
                let changed = !changes.is_empty();
                changed.then(|| Deviation::File(FileChange::of(path, before, after, changes)))
            }
            (Some(before), None) => Some(Deviation::OnlyBefore(FileEntry::of(path, before))),
            (None, Some(after)) => Some(Deviation::OnlyAfter(FileEntry::of(path, after))),
            (None, None) => None,
        };
        self.deviations.extend(deviation);
    }
}

fn identity(before: &Identity, after: &Identity) -> Vec<Deviation> {
    let hash = |identity: &Identity| identity.root_hash.map(|hash| hex(&hash)).unwrap_or_default();
    let fields = [
        ("name", before.name.clone(), after.name.clone()),
        ("version", before.version.clone(), after.version.clone()),
        ("architecture", before.architecture.clone(), after.architecture.clone()),
        ("root-hash", hash(before), hash(after)),
    ];
    let differ = fields.into_iter().filter(|(_, before, after)| before != after);
    differ.map(|(field, before, after)| Deviation::Identity { field, before, after }).collect()
}

fn packages<'a>(before: &'a Image, after: &'a Image) -> impl Iterator<Item = Deviation> + 'a {
    pairs(&before.packages, &after.packages).filter(|(_, before, after)| before != after).map(
        |(name, before, after)| Deviation::Package {
            name: name.clone(),
            before: before.map(PackageState::from),
            after: after.map(PackageState::from),
        },
    )
}

fn mtime(before: &File, after: &File) -> Option<Change> {
    let (before, after) = before.mtime.zip(after.mtime)?;
    (before != after).then_some(Change::Mtime { before, after })
}

fn blocks(before: &[Block], after: &[Block]) -> Option<Deviation> {
    let same = before.iter().zip(after).take_while(|(before, after)| before == after).count();
    let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
    (before != after).then(|| Deviation::Blocks {
        first: count(same),
        before: count(before.len()),
        after: count(after.len()),
    })
}
