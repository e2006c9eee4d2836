//! What is booted, against the digests of the manifest.

use std::collections::BTreeMap;

use anklume_layout::manifest::{self, Digest, Manifest};
use anklume_layout::{cmdline, files};

use super::Verifier;
use crate::image::fault::Fault;
use crate::image::read::digests::{self, Found};
use crate::image::read::disk::Disk;
use crate::image::read::folder::Folder;
use crate::image::read::iso::Iso;

impl Verifier<'_, '_> {
    /// The boot files of a slot, but for the manifest, which lies at byte `at` of the image.
    pub(super) fn boot_digests(&mut self, folder: &Folder<'_>, manifest: &Manifest, at: u64) {
        let found = digests::boot_files(folder);
        let text = format!("{}: boot files have the digests of the manifest", folder.object);
        let wanted = (&manifest.boot_files, &manifest::BOOT_FILES[..]);
        self.digests(text, wanted, found, at);
    }

    /// The parts of the boot loader.
    ///
    /// Updates write slots only: on a medium whose slot A was updated, the loader is that of a version
    /// of which no manifest is left.
    pub(super) fn loader_digests(&mut self, disk: &Disk<'_>, manifest: &Manifest, at: u64) {
        if disk.is_grown() && flashed_another(disk, &manifest.root_hash) {
            let text = "boot loader: of the version that was flashed, before slot a was updated";
            return self.checks.ok(text);
        }
        let found = digests::loader(disk);
        let text = "boot loader: every part has the digest of the manifest".to_owned();
        self.digests(text, (&manifest.loader, &manifest::LOADER_PARTS), found, at);
    }

    fn digests(
        &mut self,
        text: String,
        (wanted, keys): (&BTreeMap<String, Digest>, &[&str]),
        found: Vec<Result<Found, Fault>>,
        at: u64,
    ) {
        let mut faults = Vec::new();
        for key in keys.iter().filter(|key| !wanted.contains_key(**key)) {
            faults.push(Fault::new("manifest", at, format!("a digest of {key}"), "none"));
        }
        for key in wanted.keys().filter(|key| !keys.contains(&key.as_str())) {
            let found = format!("a digest of {key}");
            faults.push(Fault::new("manifest", at, "no other digest", found));
        }
        for found in found {
            match found {
                Err(fault) => faults.push(fault),
                Ok(Found { key, object, offset, digest }) => {
                    let wanted = wanted.get(key).filter(|wanted| **wanted != digest);
                    faults.extend(wanted.map(|wanted| Fault::new(object, offset, wanted, digest)));
                }
            }
        }
        self.checks.all(text, faults);
    }
}

/// Whether the ISO 9660 view is that of a version with another root hash.
fn flashed_another(disk: &Disk<'_>, root_hash: &str) -> bool {
    let Ok(volume) = Iso::open(disk.image) else { return false };
    let mut nodes = volume.files();
    let Some(node) = nodes.find(|node| node.path == files::LOOPBACK_CONFIG) else { return false };
    // What cannot be read is damage, which the digests find.
    volume
        .text(node)
        .is_ok_and(|text| text.contains(cmdline::ROOT_HASH) && !text.contains(root_hash))
}
