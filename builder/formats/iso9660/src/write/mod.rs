//! Laying out a volume whose files lie elsewhere.

mod descriptor;
mod directory;
mod eltorito;
mod path_table;
mod place;
mod rock_ridge;
mod tree;
mod validate;

use anklume_bytes::put;

use crate::date::Date;
use crate::error::PlanError;
use crate::extent::Extent;
use crate::layout::{AREA_OFFSET, SECTOR_BYTES};
use place::Places;
use tree::Tree;

/// What a volume says about itself, and how large it is.
#[derive(Debug, Clone)]
pub struct Params {
    /// Volume identifier, at most 32 d-characters. The Joliet descriptor holds its first 16.
    pub volume_id: String,
    /// System identifier, at most 32 a-characters. The Joliet descriptor holds its first 16.
    pub system_id: String,
    /// Publisher identifier, at most 128 a-characters; as the next two, 64 of them for Joliet.
    pub publisher: String,
    /// Data preparer identifier, at most 128 a-characters.
    pub preparer: String,
    /// Application identifier, at most 128 a-characters.
    pub application: String,
    /// Date of the volume and of every file, in seconds since 1970 UTC.
    pub timestamp: u64,
    /// Length of the whole image in bytes, a multiple of 2048.
    pub volume_bytes: u64,
    /// Byte of the image before which the volume's own structures must end: where the first
    /// partition begins. A multiple of 2048.
    pub limit_bytes: u64,
    /// Boot image for the PC BIOS, loaded by El Torito without emulation: GRUB's `cdboot.img` and
    /// core. It is stored in the area, and its boot information table is filled in.
    pub bios_core: Option<Vec<u8>>,
    /// Boot image for UEFI: a FAT file system somewhere in the image.
    pub efi_image: Option<EfiImage>,
}

/// The FAT file system that El Torito hands to UEFI (UEFI 2.10 section 13.3.2.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EfiImage {
    /// First byte, a multiple of 2048, not before [`Params::limit_bytes`].
    pub offset_bytes: u64,
    /// Length in sectors of 512 bytes: El Torito has 16 bits for it.
    pub sectors_512: u16,
}

/// A file whose content lies elsewhere in the image, as part of a partition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileSpec {
    /// Path without leading slash, 8.3 components. Rock Ridge names are as spelled here, plain and
    /// Joliet names in capitals.
    pub path: String,
    /// First byte, a multiple of 2048, not before [`Params::limit_bytes`].
    pub offset_bytes: u64,
    /// Length in bytes, at most 4 GiB - 1.
    pub size: u64,
}

/// A file of the volume. Its directories are made as needed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// A file whose content lies elsewhere.
    Alias(FileSpec),
    /// A small file that is stored in the volume's own area.
    Inline {
        /// Path without leading slash, as in [`FileSpec::path`].
        path: String,
        /// What the file holds.
        content: Vec<u8>,
    },
}

/// Where a file of the volume lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// Path as given in the [`Entry`].
    pub path: String,
    /// Its content. A file without content lies at byte 0.
    pub extent: Extent,
}

/// The volume's own structures, ready to be written into the image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Area {
    /// Byte of the image where [`Area::bytes`] begin: 32768.
    pub offset_bytes: u64,
    /// The structures, a multiple of 2048 bytes.
    pub bytes: Vec<u8>,
    /// All files, in the order of their directories' path table numbers and names.
    pub files: Vec<Placement>,
    /// Where the BIOS boot image lies, when there is one.
    pub bios_image: Option<Extent>,
}

/// Lays out a volume with the files `entries`.
///
/// Order of the area: primary descriptor, El Torito boot record (only with a boot image), Joliet
/// descriptor, terminator, path tables, directories, the extension record of Rock Ridge, boot
/// catalog, BIOS boot image, stored files. Same arguments, same bytes; the order of `entries` does
/// not matter.
///
/// # Errors
/// [`PlanError`]: names, offsets, sizes or identifiers outside what the format or an anklume image
/// allows, or an area that does not end before [`Params::limit_bytes`].
pub fn plan(params: &Params, entries: &[Entry]) -> Result<Area, PlanError> {
    validate::params(params)?;
    for entry in entries {
        validate::entry(params, entry)?;
    }
    let date = Date::from_unix(params.timestamp)?;
    let tree = Tree::new(entries)?;
    let places = Places::new(params, &tree, date)?;
    let mut pieces = descriptor::all(params, &places, date)?;
    pieces.extend(path_table::all(&tree, &places)?);
    pieces.extend(directory::all(&tree, &places, date)?);
    pieces.push((places.extension, rock_ridge::extension_record()));
    pieces.extend(eltorito::all(params, &places)?);
    for (file, extent) in tree.files.iter().zip(&places.files) {
        if let tree::Content::Stored(content) = file.content {
            pieces.push((extent.0, content.to_vec()));
        }
    }
    Ok(Area {
        offset_bytes: AREA_OFFSET,
        bytes: assemble(pieces, places.end_bytes)?,
        files: placements(&tree, &places),
        bios_image: places.bios.map(|(lba, size)| Extent::of_sector(lba, size)),
    })
}

fn placements(tree: &Tree<'_>, places: &Places) -> Vec<Placement> {
    let place = |(file, extent): (&tree::File<'_>, &(u32, u32))| Placement {
        path: file.path.to_owned(),
        extent: Extent::of_sector(extent.0, extent.1),
    };
    tree.files.iter().zip(&places.files).map(place).collect()
}

/// Puts every piece at its sector; what lies between them is zero.
fn assemble(pieces: Vec<(u32, Vec<u8>)>, end_bytes: u64) -> Result<Vec<u8>, PlanError> {
    let misfit = PlanError::DoesNotFit { object: "volume area" };
    let length = end_bytes.checked_sub(AREA_OFFSET).and_then(|length| usize::try_from(length).ok());
    let mut bytes = vec![0; length.ok_or_else(|| misfit.clone())?];
    for (lba, piece) in pieces {
        if piece.is_empty() {
            continue;
        }
        let offset = u64::from(lba).saturating_mul(SECTOR_BYTES).checked_sub(AREA_OFFSET);
        offset
            .and_then(|offset| usize::try_from(offset).ok())
            .and_then(|offset| put(&mut bytes, offset, &piece))
            .ok_or_else(|| misfit.clone())?;
    }
    Ok(bytes)
}
