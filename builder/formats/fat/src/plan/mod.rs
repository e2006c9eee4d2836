//! Where everything lies in a new file system, and its metadata.

mod boot;
mod directory;
mod geometry;
mod table;
mod tree;

use crate::plan::geometry::Geometry;
use crate::plan::tree::Tree;
use crate::{Error, FatType, Label, time};

/// What the file system is to be.
#[derive(Debug, Clone)]
pub struct Params {
    /// Bytes of the file system, a multiple of 512.
    pub total_bytes: u64,
    /// Volume label, in the boot sector and in the root directory.
    pub label: Label,
    /// Serial number, by which Linux knows the file system (`UUID=1234-ABCD`).
    pub serial: u32,
    /// Sectors of 512 bytes before the file system on the disk: the first LBA of the partition.
    pub hidden_sectors: u32,
    /// All time stamps, in seconds since 1970, clamped to 1980 to 2107.
    pub timestamp: u64,
    /// Start of the data area and size of a cluster are multiples of this many bytes: a power of
    /// two from 512 to 32768.
    pub align_bytes: u32,
}

/// A file to be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Path from the root, `/` between upper-case 8.3 names: `EFI/BOOT/BOOTX64.EFI`.
    pub path: String,
    /// Bytes, less than 4 GiB.
    pub size: u64,
}

/// Where a file's content belongs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Path as it was given.
    pub path: String,
    /// First byte in the file system; 0 for an empty file, which has no place.
    pub offset: u64,
    /// Bytes.
    pub size: u64,
}

/// A planned file system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    /// Boot sectors, tables, directories: byte offset and bytes, in order of offsets. Bytes that
    /// belong neither to these nor to a file **must be zero**: of a table only the part in use is
    /// given.
    pub metadata: Vec<(u64, Vec<u8>)>,
    /// Where the content of each file belongs, in the order they were given.
    pub files: Vec<Placement>,
    /// Type that was chosen.
    pub fat_type: FatType,
    /// Bytes of a cluster.
    pub cluster_bytes: u32,
    /// Clusters of the data area.
    pub cluster_count: u32,
    /// First byte of the data area.
    pub data_start: u64,
    /// Serial number.
    pub serial: u32,
    /// Bytes of the file system.
    pub total_bytes: u64,
}

/// Plans a file system with `files`, contiguous and in the order given.
///
/// Each file and directory starts at a multiple of 4096 bytes (or of `align_bytes`, if more) of the
/// file system and shares no such block with another one. Same arguments, same layout.
///
/// The cluster size is 4 KiB and the type follows from it: FAT16 below 256 MiB, FAT32 above. Numbers
/// of clusters within 16 of where the type changes are avoided, as the specification advises
/// ("FAT Volume Initialization"), by another cluster size: 16 MiB have 2 KiB clusters. Below 8 MiB
/// it is FAT12.
///
/// # Errors
/// [`Error::Refused`] when a path is not made of upper-case 8.3 names, is given twice or is a
/// directory of another one, a file has 4 GiB or more, there are too many files for the root
/// directory, or all this does not fit.
pub fn plan(params: &Params, files: &[FileSpec]) -> Result<Layout, Error> {
    check_align(params.align_bytes)?;
    let tree = Tree::new(files)?;
    let full = || Error::refused("total bytes", "room for all files", params.total_bytes);
    let geometry = Geometry::choose(params.total_bytes, params.align_bytes).ok_or_else(full)?;
    tree.check_root(&geometry)?;
    let starts = geometry.allocate(&tree.lengths(&geometry)).ok_or_else(full)?;
    assemble(params, files, &tree, &geometry, &starts).ok_or_else(full)
}

/// The smallest [`Params::total_bytes`], a multiple of 4096, with which [`plan()`] accepts `files`.
///
/// # Errors
/// As [`plan()`].
pub fn minimum_bytes(files: &[FileSpec], align_bytes: u32) -> Result<u64, Error> {
    const STEP: u64 = 4096;
    check_align(align_bytes)?;
    let tree = Tree::new(files)?;
    let large = || Error::refused("files", "at most 1 tib in all", "more");
    let content: Option<u64> = files.iter().try_fold(0_u64, |sum, file| sum.checked_add(file.size));
    let content = content.filter(|sum| *sum <= 1 << 40).ok_or_else(large)?;
    let mut total = anklume_bytes::align_up(content, STEP).ok_or_else(large)?;
    // What comes on top is tables and alignment: far less than the content and a constant.
    let end = content.saturating_mul(2).saturating_add(tree.overhead_max()).max(1 << 26);
    let mut refusal = large();
    while total <= end {
        if let Some(geometry) = Geometry::choose(total, align_bytes) {
            match tree.check_root(&geometry) {
                Ok(()) if geometry.allocate(&tree.lengths(&geometry)).is_some() => {
                    return Ok(total);
                }
                Ok(()) => {}
                Err(error) => refusal = error,
            }
        }
        total = total.checked_add(STEP).ok_or_else(large)?;
    }
    Err(refusal)
}

fn check_align(align_bytes: u32) -> Result<(), Error> {
    if align_bytes.is_power_of_two() && (512..=32768).contains(&align_bytes) {
        return Ok(());
    }
    Err(Error::refused("alignment", "a power of two from 512 to 32768", align_bytes))
}

/// Puts the parts together, `None` if a number does not fit its field.
fn assemble(
    params: &Params,
    files: &[FileSpec],
    tree: &Tree,
    geometry: &Geometry,
    starts: &[u32],
) -> Option<Layout> {
    let stamp = time::Stamp::new(params.timestamp);
    let runs = geometry.runs(starts, &tree.lengths(geometry))?;
    let mut metadata = boot::encode(params, geometry, &runs)?;
    let table = table::encode(geometry.fat_type, &runs)?;
    for offset in geometry.table_offsets() {
        metadata.push((offset, table.clone()));
    }
    metadata.extend(directory::encode(params.label, stamp, tree, files, geometry, starts)?);
    metadata.sort_by_key(|(offset, _)| *offset);
    let mut placements = Vec::new();
    for (file, start) in files.iter().zip(tree.file_starts(starts)) {
        let offset = if file.size == 0 { 0 } else { geometry.offset(*start)? };
        placements.push(Placement { path: file.path.clone(), offset, size: file.size });
    }
    Some(Layout {
        metadata,
        files: placements,
        fat_type: geometry.fat_type,
        cluster_bytes: u32::try_from(geometry.cluster_bytes).ok()?,
        cluster_count: geometry.cluster_count,
        data_start: geometry.data_start,
        serial: params.serial,
        total_bytes: params.total_bytes,
    })
}
