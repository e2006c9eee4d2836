//! Checking an image: every checksum, and everything that is said twice.

mod boot;
mod compare;
mod digests;
mod esp;
mod iso;
mod os;
mod slot;
mod table;
mod uki;

use anklume_layout::{Role, Slot};

use super::fault::{self, Fault};
use super::read::disk::{Disk, name};
use super::read::slot::{Persist, SlotParts};
use super::report::{Checks, Report};
use super::source::Bytes;
use iso::Expected;

/// How thorough a verification is, and what it is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Options {
    /// Decompress every file of the OS. The hash tree covers the same bytes, so this says only
    /// whether the builder packed them well.
    pub deep: bool,
    /// The image lies on a medium, which may be longer than the image.
    pub medium: bool,
}

/// Told what is being done, bytes done and bytes in all; by any thread, by one at a time.
pub type Progress<'p> = dyn FnMut(&str, u64, u64) + Send + 'p;

/// Checks `image`: all of it, whatever is wrong with the first parts.
///
/// Never panics, and what it allocates is bounded, whatever the bytes are.
pub fn verify(image: &Bytes<'_>, options: Options, progress: &mut Progress<'_>) -> Report {
    let mut verifier = Verifier { checks: Checks::default(), test: false, options, progress };
    match Disk::open(image) {
        Ok(disk) => verifier.disk(&disk),
        Err(fault) => verifier.checks.bad(fault),
    }
    verifier.checks.finish(image.size(), verifier.test)
}

struct Verifier<'p, 'q> {
    checks: Checks,
    /// Whether an OS says that it is a test image.
    test: bool,
    options: Options,
    progress: &'p mut Progress<'q>,
}

impl Verifier<'_, '_> {
    fn disk(&mut self, disk: &Disk<'_>) {
        self.table(disk);
        self.boot_record(disk);
        self.core_image(disk);
        let mut expected = Expected::default();
        self.esp(disk, &mut expected);
        self.slot(disk, Slot::A, &mut expected);
        self.iso(disk, &expected);
        if disk.partition(Role::Boot(Slot::B)).is_some() {
            // Files of the other slot are not part of the ISO 9660 view.
            self.slot(disk, Slot::B, &mut Expected::default());
        }
        self.persist(disk);
    }

    /// A slot: empty, or an OS with all that belongs to it.
    fn slot(&mut self, disk: &Disk<'_>, slot: Slot, expected: &mut Expected) {
        let Some(parts) = self.checks.take(SlotParts::open(disk, slot)) else { return };
        let Some(parts) = parts else {
            // What the table lacks was reported.
            return;
        };
        match (parts.is_empty, slot) {
            (false, Slot::A) => {
                // The slot that the image fills, and so the one that knows its boot loader.
                let claims = self.filled_slot(&parts, expected);
                if let Some((manifest, at)) = &claims.manifest {
                    self.loader_digests(disk, manifest, *at);
                }
            }
            (false, Slot::B) => {
                self.filled_slot(&parts, expected);
            }
            (true, Slot::B) => self.checks.ok("slot b: empty"),
            (true, Slot::A) => self.checks.bad(Fault::new(
                name(Role::Boot(slot)),
                parts.boot_base,
                "the slot that the image fills",
                "zeros",
            )),
        }
    }

    fn persist(&mut self, disk: &Disk<'_>) {
        let object = name(Role::Persist);
        let part = self.checks.take(disk.part(Role::Persist)).flatten();
        let (Some(part), Some(place)) = (part, disk.place(Role::Persist)) else { return };
        let found = Persist::read(&part);
        let found = found.map_err(|error| fault::read(&object, place.offset, &error));
        match self.checks.take(found) {
            None => {}
            Some(Persist::Empty) => self.checks.ok(format!("{object}: empty")),
            Some(Persist::Ext4) => self.checks.ok(format!("{object}: ext4, not looked into")),
            Some(Persist::Other) => self.checks.bad(Fault::new(
                object,
                place.offset,
                "zeros or an ext4 file system",
                "something else",
            )),
        }
    }
}
