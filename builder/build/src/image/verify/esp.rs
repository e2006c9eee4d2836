//! The EFI system partition.

use anklume_bytes::ReadAt;
use anklume_layout::{Role, files};
use anklume_uki::{Image, MACHINE_X86_64, SUBSYSTEM_EFI_APPLICATION};

use super::Verifier;
use super::iso::Expected;
use crate::image::fault::{self, Fault};
use crate::image::read::disk::{Disk, name};
use crate::image::read::folder::Folder;

impl Verifier<'_, '_> {
    pub(super) fn esp(&mut self, disk: &Disk<'_>, expected: &mut Expected) {
        let part = self.checks.take(disk.part(Role::Esp)).flatten();
        let (Some(part), Some(place)) = (part, disk.place(Role::Esp)) else { return };
        let folder = Folder::open(name(Role::Esp), place.offset, &part);
        let Some(folder) = self.checks.take(folder) else { return };
        self.file_system(&folder);
        self.loader(&folder);
        let taken = expected.add(&folder, |path| path.to_owned());
        self.checks.take(taken);
    }

    /// The structures of a FAT file system.
    pub(super) fn file_system(&mut self, folder: &Folder<'_>) {
        let Folder { object, base, system, .. } = folder;
        let problems = system.check().map_err(|error| fault::fat(object, *base, &error));
        let Some(problems) = self.checks.take(problems) else { return };
        let fault = |problem| {
            Fault::told(object, *base, format!("{} file system: {problem:?}", system.fat_type()))
        };
        let text = format!("{object}: {} file system", system.fat_type());
        self.checks.all(text, problems.into_iter().map(fault).collect());
    }

    /// The boot loader that the firmware starts.
    fn loader(&mut self, folder: &Folder<'_>) {
        let object = folder.file_name(files::EFI_LOADER);
        let Some(file) = self.checks.take(folder.file(files::EFI_LOADER)) else { return };
        let base = folder.offset(&file);
        let image = Image::read(&file).map_err(|error| fault::pe(&object, base, &error));
        let Some(image) = self.checks.take(image) else { return };
        let faults = program_faults(&object, base, &image);
        let text = format!("{object}: EFI program of {} bytes", file.size());
        self.checks.all(text, faults);
    }
}

/// What keeps firmware from running a program.
pub(super) fn program_faults(object: &str, base: u64, image: &Image) -> Vec<Fault> {
    let mut faults = Vec::new();
    let fields = [
        ("machine", MACHINE_X86_64, image.machine),
        ("subsystem", SUBSYSTEM_EFI_APPLICATION, image.subsystem),
    ];
    for (field, expected, found) in fields {
        if expected != found {
            let (expected, found) = (format!("{expected:#x}"), format!("{found:#x}"));
            faults.push(Fault::new(format!("{object}: {field}"), base, expected, found));
        }
    }
    faults
}
