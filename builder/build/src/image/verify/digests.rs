//! What is booted, against the digests of the manifest.

use std::collections::BTreeMap;

use anklume_layout::manifest::{self, Digest, Manifest};

use super::Verifier;
use crate::image::fault::Fault;
use crate::image::read::digests::{self, Found};
use crate::image::read::disk::Disk;
use crate::image::read::folder::Folder;

impl Verifier<'_, '_> {
    /// The boot files of a slot, but for the manifest, which lies at byte `at` of the image.
    pub(super) fn boot_digests(&mut self, folder: &Folder<'_>, manifest: &Manifest, at: u64) {
        let found = digests::boot_files(folder);
        let text = format!("{}: boot files have the digests of the manifest", folder.object);
        let wanted = (&manifest.boot_files, &manifest::BOOT_FILES[..]);
        self.digests(text, wanted, found, at);
    }

    /// The parts of the boot loader.
    pub(super) fn loader_digests(&mut self, disk: &Disk<'_>, manifest: &Manifest, at: u64) {
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
