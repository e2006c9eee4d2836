//! What two images hold that differ.

use std::collections::BTreeMap;
use std::path::Path;

use anklume_bytes::Window;
use anklume_compare::{Blob, Frame, Image, Partition, Squashfs};
use anklume_layout::{Slot, files};

use super::initramfs;
use crate::events::Reporter;
use crate::failure::Failure;
use crate::image::diff::{self, identity, packages};
use crate::image::fault::{self, Fault};
use crate::image::read::digests::{self, Found};
use crate::image::read::disk::{Disk, Place};
use crate::image::read::folder::Folder;
use crate::image::read::os::Os;
use crate::image::read::slot::{SlotParts, manifest};
use crate::image::source::Source;

/// Reads both images; the files of their root file systems only if `trees`.
pub(super) fn both(
    images: [(&Source, &Path); 2],
    trees: bool,
    reporter: &Reporter,
) -> Result<[Image; 2], Failure> {
    let [before, after] = match trees {
        true => diff::both(images, reporter)?.map(Some),
        false => [None, None],
    };
    let [first, second] = images;
    Ok([whole(first, before)?, whole(second, after)?])
}

/// What an image holds whose root tree is `tree`, if that was read.
fn whole((source, path): (&Source, &Path), tree: Option<Image>) -> Result<Image, Failure> {
    let image = Disk::open(source).and_then(|disk| {
        let frame = frame(&disk, tree.is_some())?;
        let image = tree.map_or_else(|| without_tree(&disk), Ok)?;
        Ok(Image { frame, ..image })
    });
    source.trouble()?;
    image.map_err(|fault| Failure::damaged(format!("the image {}: {fault}", path.display())))
}

/// An image whose root file system is known to be that of the other one.
fn without_tree(disk: &Disk<'_>) -> Result<Image, Fault> {
    let (manifest, _) = manifest(&parts(disk)?.folder()?)?;
    let (identity, packages) = (identity(&manifest), packages(&manifest));
    Ok(Image { identity, packages, ..Image::default() })
}

fn parts<'a>(disk: &Disk<'a>) -> Result<SlotParts<'a>, Fault> {
    let missing = || Fault::new("partition table", 512, "a slot A", "none");
    SlotParts::open(disk, Slot::A)?.ok_or_else(missing)
}

/// Everything but the root tree.
fn frame(disk: &Disk<'_>, trees: bool) -> Result<Frame, Fault> {
    let parts = parts(disk)?;
    let folder = parts.folder()?;
    // A part that cannot be found is one that only the other image has.
    let loader = digests::loader(disk).into_iter().filter_map(|found| found.ok().map(blob));
    let partitions = disk.table().partitions.iter().map(|partition| {
        let Place { offset, bytes, .. } = Place::of(partition);
        (partition.name.clone(), Partition { offset, bytes })
    });
    Ok(Frame {
        partitions: partitions.collect(),
        boot_files: boot_files(&folder)?,
        loader: loader.collect(),
        initramfs: {
            let bytes = folder.read(files::INITRD, initramfs::BYTES_MAX)?;
            // What is no initramfs differs as a boot file.
            initramfs::files(&bytes).unwrap_or_default()
        },
        squashfs: if trees { Some(squashfs(&parts)?) } else { None },
    })
}

fn blob(found: Found) -> (String, Blob) {
    let Found { key, digest, .. } = found;
    (key.to_owned(), Blob { bytes: digest.bytes, sha256: digest.sha256 })
}

/// Every file of the slot's boot file system.
fn boot_files(folder: &Folder<'_>) -> Result<BTreeMap<String, Blob>, Fault> {
    let blob = |path: &str| {
        let content = folder.file(path)?;
        let digest = digests::digest(&content);
        let explain = |error| fault::read(&folder.file_name(path), folder.base, &error);
        let digest = digest.map_err(explain)?;
        Ok((path.to_owned(), Blob { bytes: digest.bytes, sha256: digest.sha256 }))
    };
    folder.files().map(|entry| blob(&entry.path)).collect()
}

fn squashfs(parts: &SlotParts<'_>) -> Result<Squashfs, Fault> {
    let object = parts.os_name();
    let os = Os::read(&object, parts.os_base, &parts.os)?;
    let superblock = &os.squashfs;
    let level = superblock.zstd_level(&parts.os).unwrap_or_default();
    let window = Window::new(&parts.os, 0, superblock.bytes_used);
    let window = window.map_err(|error| fault::read(&object, parts.os_base, &error))?;
    let digest = digests::digest(&window);
    let digest = digest.map_err(|error| fault::read(&object, parts.os_base, &error))?;
    Ok(Squashfs {
        bytes: superblock.bytes_used,
        sha256: digest.sha256,
        compression: superblock.compression.to_string(),
        level,
        block_bytes: superblock.block_bytes,
    })
}
