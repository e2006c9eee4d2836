//! The boot partition.

use std::collections::BTreeSet;

use anklume_bytes::{ReadAt, Window, align_up};
use anklume_fat::{Extent, FileSystem};
use anklume_uki::{Image, KERNEL};

use super::{CutError, Cuts, Kind, rolling, steps};

/// Bytes of a piece of a file allocation table.
const TABLE_STEP: u32 = 4096;

/// Cuts the FAT file system at the start of `partition`, up to the end of the last cluster of a file
/// or directory. What lies behind that is not part of a version.
///
/// Each area, each file and each directory begins a chunk, and so does what lies between them. In a
/// unified kernel image so does each section: kernel and initramfs lie in it and beside it, and are
/// the same chunks in both places. The reserved sectors, the tables (which are equal) and a fixed root
/// directory are cut every 4 KiB; everything else where its content says so (on average every 320 KiB,
/// at most after 1 MiB).
///
/// # Errors
/// [`CutError::Fat`] and [`CutError::Read`].
pub fn cut_boot<R: ReadAt + ?Sized>(partition: &R) -> Result<Cuts, CutError> {
    let system = FileSystem::open(partition)?;
    let areas = system.areas();
    let data_start = areas.last().map_or(0, end);
    let mut borders: BTreeSet<u64> =
        areas.iter().flat_map(|area| [area.offset, end(area)]).collect();
    let root = system.find("")?;
    for entry in root.into_iter().chain(system.list()?) {
        let extents = system.extents(&entry)?;
        for extent in &extents {
            // To the end of the cluster: the last border is where the part ends.
            let clusters = align_up(extent.length, system.cluster_bytes());
            let behind = extent.offset.saturating_add(clusters.unwrap_or(extent.length));
            borders.extend([extent.offset, end(extent), behind]);
        }
        if let [extent] = *extents
            && !entry.is_directory
        {
            borders.extend(sections(partition, extent)?);
        }
    }
    let mut cuts = Vec::new();
    for (start, end) in borders.iter().zip(borders.iter().skip(1)) {
        if *end <= data_start {
            cuts.extend(steps(*start..*end, TABLE_STEP, Kind::Boot));
        } else {
            rolling::cut(partition, *start..*end, &mut cuts)?;
        }
    }
    Ok(Cuts { cuts, derived_bytes: 0 })
}

fn end(extent: &Extent) -> u64 {
    extent.offset.saturating_add(extent.length)
}

/// First and last bytes of the sections of a file, if it is a unified kernel image.
fn sections<R: ReadAt + ?Sized>(partition: &R, file: Extent) -> Result<Vec<u64>, CutError> {
    let window = Window::new(partition, file.offset, file.length)?;
    // The kernel is a PE image too; it is cut as in the unified one.
    let image = Image::read(&window).ok().filter(|image| image.section(KERNEL).is_some());
    let ends = |section: &anklume_uki::Section| {
        let start = file.offset.saturating_add(section.raw_offset.into());
        [start, start.saturating_add(section.data_bytes())]
    };
    let sections = image.iter().flat_map(|image| &image.sections);
    let inside = |border: &u64| (file.offset..end(&file)).contains(border);
    Ok(sections.flat_map(ends).filter(inside).collect())
}
