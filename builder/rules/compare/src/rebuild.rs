//! Two images that ought to be the same.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::difference::{
    Change, FileChange, FileEntry, PackageState, SizeChange, changes, comparable, pairs,
    size_changes,
};
use crate::image::{Blob, Block, File, Frame, Identity, Image, Partition, Squashfs};
use crate::shown::{hex, shown_path};

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
    /// Everything that differs: identity, partitions, sizes, boot files, boot loader, initramfs,
    /// packages by name, files by path, blocks, the squashfs as a whole.
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
    /// A partition: its place or size, or only one image has it.
    Partition {
        /// Its label.
        label: String,
        /// In the first image.
        before: Option<Partition>,
        /// In the second image.
        after: Option<Partition>,
    },
    /// The size of a partition or file system.
    Size(SizeChange),
    /// A boot file of the slot.
    BootFile {
        /// Its path.
        name: String,
        /// In the first image.
        before: Option<Blob>,
        /// In the second image.
        after: Option<Blob>,
    },
    /// A part of the boot loader.
    Loader {
        /// Its name.
        name: String,
        /// In the first image.
        before: Option<Blob>,
        /// In the second image.
        after: Option<Blob>,
    },
    /// Something in the initramfs.
    Initramfs {
        /// Path as text, with a leading slash.
        path: String,
        /// The image that has it; `None` where both do and it differs.
        only: Option<Side>,
        /// What differs where both have it.
        changes: Vec<Change>,
    },
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
    /// The squashfs as a whole: it was made with other settings, or it holds the same packages and
    /// files in other bytes.
    Squashfs {
        /// In the first image.
        before: Squashfs,
        /// In the second image.
        after: Squashfs,
    },
}

/// One of two images.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Side {
    /// The first.
    Before,
    /// The second.
    After,
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
    rebuild.deviations.extend(partitions(before, after));
    rebuild.deviations.extend(sizes);
    rebuild.deviations.extend(frame(&before.frame, &after.frame));
    let others = rebuild.deviations.len();
    rebuild.deviations.extend(packages(before, after));
    for (path, before, after) in pairs(&before.files, &after.files) {
        rebuild.paths = rebuild.paths.saturating_add(1);
        rebuild.file(path, before, after);
    }
    let same_tree = rebuild.deviations.len() == others && rebuild.not_compared == 0;
    rebuild.deviations.extend(blocks(&before.blocks, &after.blocks));
    rebuild.deviations.extend(squashfs(&before.frame, &after.frame, same_tree));
    rebuild
}

impl Rebuild {
    fn file(&mut self, path: &[u8], before: Option<&File>, after: Option<&File>) {
        let deviation = match (before, after) {
            (Some(before), Some(after)) => {
                if !comparable(before, after) {
                    self.not_compared = self.not_compared.saturating_add(1);
                }
                let changes = all_changes(before, after);
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

fn partitions<'a>(before: &'a Image, after: &'a Image) -> impl Iterator<Item = Deviation> + 'a {
    let pairs = pairs(&before.frame.partitions, &after.frame.partitions);
    pairs.filter(|(_, before, after)| before != after).map(|(label, before, after)| {
        Deviation::Partition {
            label: label.clone(),
            before: before.copied(),
            after: after.copied(),
        }
    })
}

/// Boot files, boot loader, initramfs.
fn frame(before: &Frame, after: &Frame) -> Vec<Deviation> {
    let boot_files = blobs(&before.boot_files, &after.boot_files);
    let boot_files =
        boot_files.map(|(name, before, after)| Deviation::BootFile { name, before, after });
    let loader = blobs(&before.loader, &after.loader);
    let loader = loader.map(|(name, before, after)| Deviation::Loader { name, before, after });
    let initramfs = pairs(&before.initramfs, &after.initramfs);
    let initramfs = initramfs.filter_map(|(path, before, after)| {
        let path = shown_path(path);
        let (only, changes) = match (before, after) {
            (Some(before), Some(after)) => (None, all_changes(before, after)),
            (Some(_), None) => (Some(Side::Before), Vec::new()),
            _ => (Some(Side::After), Vec::new()),
        };
        let differs = only.is_some() || !changes.is_empty();
        differs.then_some(Deviation::Initramfs { path, only, changes })
    });
    boot_files.chain(loader).chain(initramfs).collect()
}

/// A name, and what each image has under it.
type BlobPair = (String, Option<Blob>, Option<Blob>);

/// Those that differ.
fn blobs<'a>(
    before: &'a BTreeMap<String, Blob>,
    after: &'a BTreeMap<String, Blob>,
) -> impl Iterator<Item = BlobPair> + 'a {
    let pairs = pairs(before, after).filter(|(_, before, after)| before != after);
    pairs.map(|(name, before, after)| (name.clone(), before.cloned(), after.cloned()))
}

/// The file systems, unless their trees differ and explain it.
fn squashfs(before: &Frame, after: &Frame, same_tree: bool) -> Option<Deviation> {
    let (before, after) = before.squashfs.as_ref().zip(after.squashfs.as_ref())?;
    let settings =
        |system: &Squashfs| (system.compression.clone(), system.level, system.block_bytes);
    let differs = settings(before) != settings(after) || same_tree && before != after;
    differs.then(|| Deviation::Squashfs { before: before.clone(), after: after.clone() })
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

/// In what two files differ, be it in their times.
fn all_changes(before: &File, after: &File) -> Vec<Change> {
    let mut changes = changes(before, after);
    changes.extend(mtime(before, after));
    changes
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
