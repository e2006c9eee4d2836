//! Digests of what is booted, for the manifest.
//!
//! They are taken from the image file, by the reader that a verification uses, when all of it is
//! written but their digits: these have their room in the manifest from the start.

use std::collections::BTreeMap;

use anklume_iso9660::AREA_OFFSET;
use anklume_layout::manifest::{self, Digest, Manifest};
use anklume_layout::{SECTOR_BYTES, SYSTEM_AREA_BYTES, files, grub, grub_bytes};

use super::loader::Loader;
use super::output::ImageFile;
use super::slot::SlotFiles;
use crate::failure::{Context, Failure};

type Digests = BTreeMap<String, Digest>;

/// Makes room for the digests: their lengths are known, and the length of the manifest with them.
pub(super) fn make_room(manifest: &mut Manifest, slot: &SlotFiles, loader: &Loader, title: &str) {
    let line = &manifest.command_line;
    let bytes = |content: &[u8]| u64::try_from(content.len()).unwrap_or(u64::MAX);
    let lengths = [
        (manifest::BOOT_CODE, u64::try_from(grub_bytes::BOOT_CODE_BYTES).unwrap_or(u64::MAX)),
        (manifest::CORE_IMAGE, bytes(&loader.bios_core).next_multiple_of(SECTOR_BYTES)),
        (files::EFI_LOADER, bytes(&loader.efi)),
        (manifest::CD_IMAGE, bytes(&loader.cd_core)),
        (files::TREE_CONFIG, bytes(grub::tree_config(title, line).as_bytes())),
        (files::LOOPBACK_CONFIG, bytes(grub::loopback_config(title, line).as_bytes())),
        (manifest::ISO_VIEW, SYSTEM_AREA_BYTES.saturating_sub(AREA_OFFSET)),
    ];
    manifest.boot_files = unknown(slot.lengths());
    manifest.loader = unknown(lengths.into_iter());
}

fn unknown(lengths: impl Iterator<Item = (&'static str, u64)>) -> Digests {
    lengths.map(|(key, bytes)| (key.to_owned(), Digest::unknown(bytes))).collect()
}

/// Fills in the digests of `image`, whose every other byte is written.
pub(super) fn fill_in(manifest: &mut Manifest, image: &ImageFile) -> Result<(), Failure> {
    let written = image.written()?;
    let (boot_files, loader) = crate::image::digests(&written).context("reading the image back")?;
    let lengths = |digests: &Digests| -> Vec<(String, u64)> {
        digests.iter().map(|(key, digest)| (key.clone(), digest.bytes)).collect()
    };
    for (planned, found) in [(&manifest.boot_files, &boot_files), (&manifest.loader, &loader)] {
        let (planned, found) = (lengths(planned), lengths(found));
        if planned != found {
            let text = format!("the boot files were written as {found:?}, planned as {planned:?}");
            return Err(Failure::failed(text));
        }
    }
    (manifest.boot_files, manifest.loader) = (boot_files, loader);
    Ok(())
}
