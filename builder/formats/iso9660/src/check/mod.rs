//! Looking for what does not fit together in a volume that can be read.

mod boot;
mod path_table;
mod problem;

use anklume_bytes::ReadAt;

use crate::error::Error;
use crate::extent::Extent;
use crate::names::shown;
use crate::read::Volume;
use crate::read::descriptor::{Both, Descriptor};
use crate::read::walk::{self, Descend, Step};
use path_table::Folder;
pub use problem::Problem;

/// The volume that is checked and what was found so far.
struct Checker<'a, R: ?Sized> {
    image: &'a R,
    /// Length of the volume in bytes, or of the image when that is shorter.
    end: u64,
    problems: Vec<Problem>,
}

/// Checks the volume in `image`: numbers that are stored twice, path tables against directories,
/// extents against the length of the volume, the boot catalog, and the boot information table of
/// a BIOS boot image without emulation.
///
/// A BIOS boot image that has no boot information table is reported, too: that of an anklume image
/// cannot boot without it.
///
/// # Errors
/// As [`Volume::open`] and [`Volume::list_as`]: a volume that cannot be read at all.
pub fn check<R: ReadAt + ?Sized>(image: &R) -> Result<Vec<Problem>, Error> {
    let volume = Volume::open(image)?;
    let end = volume.size().min(image.size());
    let mut checker = Checker { image, end, problems: Vec::new() };
    if volume.size() > image.size() {
        let (volume, image) = (volume.size(), image.size());
        checker.problems.push(Problem::Truncated { volume, image });
    }
    checker.tree(&volume.descriptors.primary, "primary tree", false)?;
    if let Some(joliet) = &volume.descriptors.joliet {
        checker.tree(joliet, "joliet tree", true)?;
    }
    if let Some(catalog) = volume.boot_catalog()? {
        checker.boot(&catalog)?;
    }
    Ok(checker.problems)
}

impl<R: ReadAt + ?Sized> Checker<'_, R> {
    fn tree(
        &mut self,
        descriptor: &Descriptor,
        tree: &'static str,
        joliet: bool,
    ) -> Result<(), Error> {
        let numbers = descriptor.numbers.iter().chain(&descriptor.root.numbers);
        self.both_endian("volume descriptor", descriptor.offset, numbers);
        let root = descriptor.root.extent;
        if !self.inside(tree, root) {
            return Ok(());
        }
        let mut folders = vec![Folder { extent: root, parent: root, identifier: vec![0] }];
        let image = self.image;
        walk::walk(image, root, &mut |step, _| {
            let descend = self.record(step, joliet)?;
            if let Descend::Into(_) = descend {
                folders.push(Folder::of(step));
            }
            Ok(descend)
        })?;
        self.path_tables(descriptor, tree, &folders)
    }

    fn record(&mut self, step: &Step<'_>, joliet: bool) -> Result<Descend, Error> {
        let record = &step.record;
        self.both_endian("directory record", step.offset, &record.numbers);
        let name = match joliet {
            true => record.joliet_name(step.offset)?,
            false => shown(&String::from_utf8_lossy(record.identifier)).to_owned(),
        };
        let path = if step.path.is_empty() { name } else { format!("{}/{name}", step.path) };
        let inside = self.inside(&path, record.extent);
        let descend = inside && record.is_directory();
        Ok(if descend { Descend::Into(path) } else { Descend::Over })
    }

    fn both_endian<'b>(
        &mut self,
        object: &'static str,
        offset: u64,
        numbers: impl IntoIterator<Item = &'b Both>,
    ) {
        for both in numbers {
            if both.little != both.big {
                let at = u64::try_from(both.at).unwrap_or(u64::MAX);
                self.problems.push(Problem::BothEndian {
                    object,
                    offset: offset.saturating_add(at),
                    little: both.little,
                    big: both.big,
                });
            }
        }
    }

    /// Whether `extent` lies within the volume; reported when it does not.
    fn inside(&mut self, object: &str, extent: Extent) -> bool {
        let inside = extent.size == 0 || extent.ends_within(self.end);
        if !inside {
            let (object, end) = (object.to_owned(), self.end);
            self.problems.push(Problem::Outside { object, extent, end });
        }
        inside
    }
}
