//! A slot that holds an OS.

use anklume_bytes::ReadAt;
use anklume_layout::manifest::Manifest;
use anklume_layout::{Role, Slot, cmdline, files, grub};

use super::Verifier;
use super::iso::Expected;
use crate::image::fault::Fault;
use crate::image::read::folder::Folder;
use crate::image::read::os::{Os, hex};
use crate::image::read::slot::{SlotParts, manifest};
use crate::image::read::uki::Uki;

/// The files of a slot's boot file system.
const FILES: [&str; 5] =
    [files::UKI, files::KERNEL, files::INITRD, files::BOOT_ENTRY, files::MANIFEST];

/// What a slot says about itself, and in how many places.
#[derive(Default)]
pub(super) struct Claims {
    /// The manifest, and the byte of the image where it begins.
    pub(super) manifest: Option<(Manifest, u64)>,
    /// The command line of the UKI's base profile, and where it begins.
    pub(super) command_line: Option<(String, u64)>,
    /// The UKI's os-release, and where it begins.
    pub(super) os_release: Option<(String, u64)>,
}

impl Verifier<'_, '_> {
    /// Returns what the slot says about itself.
    pub(super) fn filled_slot(&mut self, parts: &SlotParts<'_>, expected: &mut Expected) -> Claims {
        let mut claims = Claims::default();
        match self.checks.take(parts.folder()) {
            Some(folder) => self.boot_files(&folder, &mut claims, expected, parts.slot),
            None => expected.give_up(Role::Boot(parts.slot)),
        }
        let os = Os::read(&parts.os_name(), parts.os_base, &parts.os);
        let os = self.checks.take(os);
        if let Some((manifest, at)) = &claims.manifest {
            self.manifest(parts, manifest, *at, os.as_ref());
            expected.command_line = Some(manifest.command_line.clone());
        }
        match os.as_ref().and_then(|os| os.data_bytes.checked_add(os.hash_bytes()?)) {
            Some(bytes) => {
                let path = format!("{}/{}", files::ISO_FOLDER, files::OS_IMAGE);
                expected.add_file(path, parts.os_base, bytes);
            }
            None => expected.give_up(Role::Os(parts.slot)),
        }
        if let Some(os) = os {
            self.os(parts, os, &claims);
        }
        claims
    }

    fn boot_files(
        &mut self,
        folder: &Folder<'_>,
        claims: &mut Claims,
        expected: &mut Expected,
        slot: Slot,
    ) {
        self.file_system(folder);
        self.file_list(folder);
        claims.manifest = self.checks.take(manifest(folder));
        self.boot_entry(folder, claims.manifest.as_ref().map(|(manifest, _)| manifest));
        if let Some(uki) = self.checks.take(Uki::open(folder)) {
            self.uki(folder, &uki, claims);
        }
        if let Some((manifest, at)) = &claims.manifest {
            self.boot_digests(folder, manifest, *at);
        }
        let added = expected.add(folder, |path| format!("{}/{path}", files::ISO_FOLDER));
        if self.checks.take(added).is_none() {
            expected.give_up(Role::Boot(slot));
        }
    }

    fn file_list(&mut self, folder: &Folder<'_>) {
        let paths: Vec<&str> = folder.files().map(|entry| entry.path.as_str()).collect();
        let mut faults = Vec::new();
        for name in FILES.iter().filter(|name| !paths.contains(name)) {
            faults.push(Fault::new(&folder.object, folder.base, format!("a file {name}"), "none"));
        }
        for path in paths.iter().filter(|path| !FILES.contains(path)) {
            let found = format!("a file {path}");
            faults.push(Fault::new(&folder.object, folder.base, "no other file", found));
        }
        let text = format!("{}: the {} files of a slot", folder.object, FILES.len());
        self.checks.all(text, faults);
    }

    /// GRUB's entry for BIOS; it follows from the command line.
    fn boot_entry(&mut self, folder: &Folder<'_>, manifest: Option<&Manifest>) {
        let Some(manifest) = manifest else { return };
        let expected = grub::boot_entry(&manifest.command_line);
        let limit = u64::try_from(expected.len()).unwrap_or(u64::MAX).saturating_add(4096);
        let read = folder.read(files::BOOT_ENTRY, limit);
        let Some(found) = self.checks.take(read) else { return };
        let object = folder.file_name(files::BOOT_ENTRY);
        if found == expected.as_bytes() {
            return self.checks.ok(format!("{object}: the command line of the manifest"));
        }
        let at = folder.file(files::BOOT_ENTRY).map_or(folder.base, |file| folder.offset(&file));
        let expected = format!("the boot entry for `{}`", manifest.command_line);
        let found = String::from_utf8_lossy(&found).into_owned();
        self.checks.bad(Fault::new(object, at, expected, found));
    }

    /// The manifest against the superblocks and against itself.
    fn manifest(&mut self, parts: &SlotParts<'_>, manifest: &Manifest, at: u64, os: Option<&Os>) {
        let mut faults = Vec::new();
        let mut expect = |field: &str, expected: String, found: &str| {
            if expected != found {
                let object = format!("manifest of slot {}: {field}", parts.slot);
                faults.push(Fault::new(object, at, expected, found));
            }
        };
        let root_hash = cmdline::value(&manifest.command_line, cmdline::ROOT_HASH);
        let root_hash = root_hash.unwrap_or("none in the command line").to_owned();
        expect("root-hash", root_hash, &manifest.root_hash);
        if let Some(os) = os {
            expect("os-bytes", os.data_bytes.to_string(), &manifest.os_bytes.to_string());
            if let Ok(verity) = &os.verity {
                expect("salt", hex(&verity.salt), &manifest.salt);
            }
            if let Some(bytes) = os.hash_bytes() {
                expect("hash-bytes", bytes.to_string(), &manifest.hash_bytes.to_string());
                let end = os.data_bytes.saturating_add(bytes);
                if end > parts.os.size() {
                    let expected = format!("at most {} bytes", parts.os.size());
                    let object = format!("{}: squashfs and hash tree", parts.os_name());
                    faults.push(Fault::new(object, parts.os_base, expected, end));
                }
            }
        }
        let text = format!(
            "manifest of slot {}: {} {}, {} packages",
            parts.slot,
            manifest.compatible,
            manifest.image_version,
            manifest.packages.len()
        );
        self.checks.all(text, faults);
    }
}
