//! The boot files of a slot as blocks that an update may re-use.

use std::ops::Range;

use anklume_compare::Block;
use anklume_layout::files;

use super::content::{cut, piece};
use super::folder::Folder;
use super::uki::Uki;
use crate::image::fault::{self, Fault};

/// Hashes the boot files. The unified kernel image is cut at its sections: kernel and initramfs lie
/// in it and beside it, and most updates change neither.
pub(crate) fn boot_pieces(folder: &Folder<'_>) -> Result<Vec<Block>, Fault> {
    let mut blocks = Vec::new();
    for entry in folder.files() {
        let content = folder.content(entry)?;
        let cuts = match entry.path.eq_ignore_ascii_case(files::UKI) {
            true => sections(&Uki::open(folder)?),
            false => Vec::new(),
        };
        for range in ranges(entry.size, cuts).into_iter().flat_map(cut) {
            let block = piece(&content, range);
            let (object, at) = (folder.file_name(&entry.path), folder.offset(&content));
            blocks.push(block.map_err(|error| fault::read(&object, at, &error))?);
        }
    }
    Ok(blocks)
}

/// First and last bytes of the sections.
fn sections(uki: &Uki<'_>) -> Vec<u64> {
    let ends = |section: &anklume_uki::Section| {
        let start = u64::from(section.raw_offset);
        [start, start.saturating_add(section.data_bytes())]
    };
    uki.image.sections.iter().flat_map(ends).collect()
}

/// A file of `size` bytes, cut at `cuts`.
fn ranges(size: u64, mut cuts: Vec<u64>) -> Vec<Range<u64>> {
    cuts.retain(|cut| (1..size).contains(cut));
    cuts.sort_unstable();
    cuts.dedup();
    let starts = [0].into_iter().chain(cuts.iter().copied());
    let ends = cuts.iter().copied().chain([size]);
    starts.zip(ends).filter(|(start, end)| start < end).map(|(start, end)| start..end).collect()
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn a_file_is_cut_without_a_rest() {
        let ranges = |size, cuts| {
            let ranges = ranges(size, cuts).into_iter();
            ranges.map(|range| (range.start, range.end)).collect::<Vec<_>>()
        };
        assert_eq!(ranges(0, vec![0]), []);
        assert_eq!(ranges(9, Vec::new()), [(0, 9)]);
        assert_eq!(ranges(9, vec![5, 0, 3, 5, 9, 12]), [(0, 3), (3, 5), (5, 9)]);
    }
}
