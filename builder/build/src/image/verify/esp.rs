//! The EFI system partition.

use anklume_bytes::ReadAt;
use anklume_fat::Problem;
use anklume_layout::{Role, files};
use anklume_slots::{Record, SECTOR_BYTES};
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
        let Some(folder) = self.checks.take(folder) else { return expected.give_up(Role::Esp) };
        self.file_system(&folder);
        self.loader(&folder);
        self.record(&folder);
        let added =
            expected.add_some(&folder, |path| (path == files::EFI_LOADER).then(|| path.to_owned()));
        if self.checks.take(added).is_none() {
            expected.give_up(Role::Esp);
        }
    }

    /// Both copies of the boot record.
    fn record(&mut self, folder: &Folder<'_>) {
        for path in files::BOOT_RECORDS {
            let object = folder.file_name(path);
            let Some(file) = self.checks.take(folder.file(path)) else { continue };
            let base = folder.offset(&file);
            let limit = u64::try_from(SECTOR_BYTES).unwrap_or(u64::MAX);
            let bytes = file.read_vec(0, file.size(), limit);
            let bytes = bytes.map_err(|error| fault::read(&object, base, &error));
            let Some(bytes) = self.checks.take(bytes) else { continue };
            let fault = || Fault::new(&object, base, "a valid record", "something else");
            let faults = if Record::parse(&bytes).is_none() { vec![fault()] } else { Vec::new() };
            self.checks.all(format!("{object}: boot record"), faults);
        }
    }

    /// The structures of a FAT file system.
    pub(super) fn file_system(&mut self, folder: &Folder<'_>) {
        let Folder { object, base, system, .. } = folder;
        let problems = system.check().map_err(|error| fault::fat(object, *base, &error));
        let Some(problems) = self.checks.take(problems) else { return };
        let fault = |problem: &Problem| Fault::told(object, *base, in_words(problem));
        let text = format!("{object}: {} file system", system.fat_type());
        self.checks.all(text, problems.iter().map(fault).collect());
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

/// A problem of a FAT file system as a sentence.
fn in_words(problem: &Problem) -> String {
    match problem {
        Problem::TablesDiffer { offset } => {
            format!("its two allocation tables differ at their byte {offset}")
        }
        Problem::Media { expected, found } => {
            format!("media byte of the allocation table: expected {expected:#x}, found {found:#x}")
        }
        Problem::BackupBootSector { offset } => {
            format!("the copy of the boot sector differs at its byte {offset}")
        }
        Problem::FreeCount { expected, found } => {
            format!("number of free clusters: expected {expected}, found {found}")
        }
        Problem::Directory { path, error } => format!("directory `{path}`: {error}"),
        Problem::ChainLength { path, expected, found } => {
            format!("clusters of `{path}`: expected {expected}, found {found}")
        }
        Problem::BadLink { path, cluster } => {
            format!("cluster {cluster} of `{path}` leads nowhere")
        }
        Problem::CrossLinked { path, cluster } => {
            format!("cluster {cluster} of `{path}` belongs to something else, too")
        }
        Problem::LostClusters { count } => format!("{count} clusters belong to no file"),
    }
}
