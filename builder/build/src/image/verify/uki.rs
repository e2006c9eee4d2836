//! The unified kernel image against the slot's other files.

use anklume_bytes::ReadAt;
use anklume_layout::{files, grub};
use anklume_uki::KERNEL;

use super::Verifier;
use super::compare::difference;
use super::esp::program_faults;
use super::slot::Claims;
use crate::image::fault::{self, Fault};
use crate::image::read::folder::Folder;
use crate::image::read::uki::Uki;

impl Verifier<'_, '_> {
    pub(super) fn uki(&mut self, folder: &Folder<'_>, uki: &Uki<'_>, claims: &mut Claims) {
        let faults = program_faults(&uki.object, uki.base, &uki.image);
        let text = format!("{}: {} sections", uki.object, uki.image.sections.len());
        self.checks.all(text, faults);
        for (section, path) in [(KERNEL, files::KERNEL), (".initrd", files::INITRD)] {
            self.same_file(folder, uki, section, path);
        }
        claims.command_line = self.section_text(uki, 0, ".cmdline");
        claims.os_release = self.section_text(uki, 0, ".osrel");
        let release = self.section_text(uki, 0, ".uname");
        let Some((manifest, _)) = &claims.manifest else { return };
        let pairs = [
            (&claims.command_line, &manifest.command_line, ".cmdline"),
            (&release, &manifest.kernel, ".uname"),
        ];
        for (found, expected, section) in pairs {
            let Some((found, at)) = found else { continue };
            let object = format!("{}: {section}", uki.object);
            let text = format!("{object}: as in the manifest");
            self.checks.same(text, object, *at, (expected, found));
        }
        self.profiles(uki, &manifest.command_line.clone());
    }

    /// The text of a section, with the byte of the image where it begins.
    fn section_text(&mut self, uki: &Uki<'_>, profile: usize, name: &str) -> Option<(String, u64)> {
        let section = self.checks.take(uki.section(profile, name))?;
        let text = self.checks.take(uki.text(section))?;
        Some((text, uki.offset(section)))
    }

    /// A section that is a file of the slot, too.
    fn same_file(&mut self, folder: &Folder<'_>, uki: &Uki<'_>, section: &str, path: &str) {
        let Some(section) = self.checks.take(uki.section(0, section)) else { return };
        let Some(data) = self.checks.take(uki.data(section)) else { return };
        let Some(file) = self.checks.take(folder.file(path)) else { return };
        let object = format!("{}: {}", uki.object, Uki::section_name(section));
        let explain = |error| fault::read(&object, uki.offset(section), &error);
        let compared = difference(&data, &file).map_err(explain);
        match self.checks.take(compared) {
            None => {}
            Some(None) => {
                self.checks.ok(format!("{object}: the {} bytes of {path}", file.size()));
            }
            Some(Some(at)) => {
                let other = folder.offset(&file).saturating_add(at);
                self.checks.bad(Fault::new(
                    object,
                    uki.offset(section).saturating_add(at),
                    format!("the byte of {path} at byte {other}"),
                    "another one, or the end",
                ));
            }
        }
    }

    /// The profiles of the other menu entries: the same command line with more behind it.
    fn profiles(&mut self, uki: &Uki<'_>, command_line: &str) {
        for (variant, number) in grub::VARIANTS.iter().zip(1..) {
            let Some((found, at)) = self.section_text(uki, number, ".cmdline") else { continue };
            let object = format!("{}: .cmdline of profile {number}", uki.object);
            let expected = format!("{command_line} {}", variant.parameters);
            let text = format!("{object}: {}", variant.id);
            self.checks.same(text, object, at, (expected, found));
        }
    }
}
