//! The OS partition: superblocks, hash tree, files.

use std::collections::BTreeSet;
use std::sync::Mutex;

use anklume_layout::cmdline;
use anklume_layout::manifest::{Manifest, Package};
use anklume_verity::RootHash;

use super::Verifier;
use super::slot::Claims;
use crate::image::fault::{self, Fault};
use crate::image::read::content::{Content, System};
use crate::image::read::os::Os;
use crate::image::read::slot::SlotParts;

/// The most differences between two lists that are named.
const FAULTS_MAX: usize = 8;

/// A root hash that something asks for.
struct RootClaim {
    /// What asks for it.
    object: String,
    /// Byte of the image where that begins.
    at: u64,
    root: RootHash,
}

impl Verifier<'_, '_> {
    pub(super) fn os(&mut self, parts: &SlotParts<'_>, os: Os, claims: &Claims) {
        let object = parts.os_name();
        let Os { squashfs, data_bytes, verity } = os;
        self.checks.ok(format!(
            "{object}: squashfs superblock, {} inodes, {}",
            squashfs.inodes, squashfs.compression
        ));
        let roots = self.root_hashes(parts, claims);
        let tree = verity.and_then(|_| self.walk(parts, data_bytes, &roots));
        let Some(root) = self.checks.take(tree) else { return };
        self.checks.ok(format!("{object}: every block has the digest of the hash tree"));
        self.compare_roots(parts, root, &roots);
        let system = System::open(&object, parts.os_base, &parts.os, &squashfs);
        let Some(system) = self.checks.take(system) else { return };
        self.content(&object, &system, claims);
    }

    /// The root hashes that the manifest and the UKI ask for, with where they do.
    fn root_hashes(&mut self, parts: &SlotParts<'_>, claims: &Claims) -> Vec<RootClaim> {
        let manifest = claims.manifest.as_ref();
        let manifest = manifest.map(|(manifest, at)| (manifest.root_hash.as_str(), *at));
        let line = claims.command_line.as_ref();
        let line = line
            .map(|(line, at)| (cmdline::value(line, cmdline::ROOT_HASH).unwrap_or_default(), *at));
        let mut roots = Vec::new();
        for (place, claim) in [("manifest", manifest), ("UKI", line)] {
            let Some((text, at)) = claim else { continue };
            let object = format!("root hash in the {place} of slot {}", parts.slot);
            let parsed = text.parse::<RootHash>();
            let parsed = parsed.map_err(|error| Fault::told(&object, at, error));
            roots.extend(self.checks.take(parsed).map(|root| RootClaim { object, at, root }));
        }
        roots
    }

    /// Hashes the whole partition content. With a root hash that is asked for, so that a tree
    /// that belongs to other data ends the walk at once.
    fn walk(
        &mut self,
        parts: &SlotParts<'_>,
        data_bytes: u64,
        roots: &[RootClaim],
    ) -> Result<RootHash, Fault> {
        let step = format!("hash tree of slot {}", parts.slot);
        let progress = &mut *self.progress;
        // Two different claims: the walk cannot please both, and the comparison says which is off.
        let first = roots.first().map(|claim| claim.root);
        let expected = first.filter(|root| roots.iter().all(|claim| claim.root == *root));
        let mut told = |done: u64| progress(&step, done.min(data_bytes), data_bytes);
        anklume_verity::verify(&parts.os, data_bytes, expected, &mut told)
            .map_err(|error| fault::verity(&parts.os_name(), parts.os_base, data_bytes, &error))
    }

    fn compare_roots(&mut self, parts: &SlotParts<'_>, root: RootHash, roots: &[RootClaim]) {
        for RootClaim { object, at, root: claimed } in roots {
            let text = format!("{object}: that of the hash tree, {root}");
            self.checks.same(text, object, *at, (root, *claimed));
        }
        if roots.is_empty() {
            let (object, expected) = (parts.os_name(), "a root hash to compare with");
            self.checks.bad(Fault::new(object, parts.os_base, expected, "none"));
        }
    }

    /// The files of the OS partition `object`.
    fn content(&mut self, object: &str, system: &System<'_>, claims: &Claims) {
        let Some(content) = self.checks.take(system.survey()) else { return };
        self.checks.ok(format!(
            "{object}: {} files, {} directories, {} links, {} special files",
            content.files, content.directories, content.links, content.special
        ));
        if let (Some(found), Some((uki, at))) = (&content.os_release, &claims.os_release) {
            let same = found.trim_end() == uki.trim_end();
            let object = "os-release in the UKI";
            match same {
                true => self.checks.ok(format!("{object}: that of the OS")),
                false => self.checks.bad(Fault::new(object, *at, found.trim_end(), uki)),
            }
        }
        if let Some((manifest, at)) = &claims.manifest {
            self.identity(&content, manifest, *at);
            self.packages(&content, manifest, *at);
        }
        if content.is_test() {
            self.test = true;
            self.checks.ok(format!("{object}: a TEST IMAGE, not for use"));
        }
        if self.options.deep {
            let total = system.content_bytes();
            let progress = Mutex::new(&mut *self.progress);
            let read = system.read_all(&|done| {
                if let Ok(mut progress) = progress.lock() {
                    progress("files of the OS", done, total);
                }
            });
            if let Some(bytes) = self.checks.take(read) {
                self.checks.ok(format!("{object}: {bytes} bytes of files decompressed"));
            }
        }
    }

    /// What the OS calls itself: the manifest, at byte `at`, must say the same.
    fn identity(&mut self, content: &Content, manifest: &Manifest, at: u64) {
        for (key, object, claimed) in [
            ("IMAGE_ID", "compatible", &manifest.compatible),
            ("IMAGE_VERSION", "image version", &manifest.image_version),
        ] {
            let found = content.release(key).unwrap_or("none");
            let text = format!("{object} in the manifest: {key} of the OS");
            self.checks.same(text, object, at, (found, claimed.as_str()));
        }
    }

    /// The list of packages: that of dpkg in the OS.
    fn packages(&mut self, content: &Content, manifest: &Manifest, at: u64) {
        let object = "packages in the manifest";
        let Some(installed) = &content.packages else {
            return self.checks.bad(Fault::new(object, at, "a database of dpkg", "none"));
        };
        let listed: BTreeSet<&Package> = manifest.packages.iter().collect();
        let installed: BTreeSet<&Package> = installed.iter().collect();
        let words = |package: &Package| {
            let Package { name, version, architecture, installed_kib } = package;
            format!("{name} {version} {architecture}, {installed_kib} KiB")
        };
        let mut faults = Vec::new();
        for package in installed.difference(&listed) {
            faults.push(Fault::new(object, at, words(package), "no such package"));
        }
        for package in listed.difference(&installed) {
            faults.push(Fault::new(object, at, "no such package", words(package)));
        }
        // A list that belongs to another OS differs in everything.
        let more = faults.len().saturating_sub(FAULTS_MAX);
        faults.truncate(FAULTS_MAX);
        if more > 0 {
            faults.push(Fault::told(object, at, format!("{more} more differences")));
        }
        if faults.is_empty() && manifest.packages.len() != installed.len() {
            let found = format!("{} lines", manifest.packages.len());
            faults.push(Fault::new(object, at, format!("{} packages", installed.len()), found));
        }
        let text = format!("{object}: the {} that dpkg has in the OS", installed.len());
        self.checks.all(text, faults);
    }
}
