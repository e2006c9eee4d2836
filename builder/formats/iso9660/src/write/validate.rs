//! What is refused before anything is laid out.

use super::{Entry, Params};
use crate::error::PlanError;
use crate::extent::Extent;
use crate::layout::{BOOT_SECTOR_BYTES, SECTOR_BYTES, boot_info, descriptor};
use crate::names::{is_a, is_d};

/// Longest file: 32 bits of length in one extent, and the longest that FAT32 holds.
const MAX_FILE_BYTES: u64 = 0xffff_ffff;

pub(super) fn params(params: &Params) -> Result<(), PlanError> {
    identifiers(params)?;
    aligned("volume length", params.volume_bytes)?;
    aligned("limit of the volume's own area", params.limit_bytes)?;
    if u32::try_from(params.volume_bytes / SECTOR_BYTES).is_err() {
        return Err(PlanError::DoesNotFit { object: "volume space size" });
    }
    let whole = Extent { offset_bytes: 0, size: params.limit_bytes };
    inside("the volume's own area", whole, params)?;
    boot_images(params)
}

fn identifiers(params: &Params) -> Result<(), PlanError> {
    let short = descriptor::SHORT_ID_BYTES;
    let long = descriptor::LONG_ID_BYTES;
    let fields = [
        ("volume id", &params.volume_id, short, true),
        ("system id", &params.system_id, short, false),
        ("publisher", &params.publisher, long, false),
        ("preparer", &params.preparer, long, false),
        ("application", &params.application, long, false),
    ];
    for (field, text, max, only_d) in fields {
        let allowed = if only_d { is_d(text) } else { is_a(text) };
        if !allowed || text.len() > max {
            let charset = if only_d { "d-characters" } else { "a-characters" };
            return Err(PlanError::Identifier { field, found: text.clone(), max, charset });
        }
    }
    Ok(())
}

fn boot_images(params: &Params) -> Result<(), PlanError> {
    if let Some(core) = &params.bios_core {
        let found = u64::try_from(core.len()).unwrap_or(u64::MAX);
        let min = u64::try_from(boot_info::END).unwrap_or(u64::MAX);
        if found < min {
            return Err(PlanError::BootImage {
                object: "bytes of the bios boot image",
                found,
                min,
            });
        }
    }
    if let Some(efi) = params.efi_image {
        let found = u64::from(efi.sectors_512);
        if found == 0 {
            let object = "sectors of the efi boot image";
            return Err(PlanError::BootImage { object, found, min: 1 });
        }
        let size = found.saturating_mul(BOOT_SECTOR_BYTES);
        alias("efi boot image", Extent { offset_bytes: efi.offset_bytes, size }, params)?;
    }
    Ok(())
}

pub(super) fn entry(params: &Params, entry: &Entry) -> Result<(), PlanError> {
    let (path, size) = match entry {
        Entry::Alias(file) => (&file.path, file.size),
        Entry::Inline { path, content } => (path, u64::try_from(content.len()).unwrap_or(u64::MAX)),
    };
    if size > MAX_FILE_BYTES {
        return Err(PlanError::FileTooLong { path: path.clone(), size, max: MAX_FILE_BYTES });
    }
    match entry {
        Entry::Alias(file) => alias(path, Extent { offset_bytes: file.offset_bytes, size }, params),
        Entry::Inline { .. } => Ok(()),
    }
}

/// An extent that a partition holds.
fn alias(object: &str, extent: Extent, params: &Params) -> Result<(), PlanError> {
    aligned(object, extent.offset_bytes)?;
    inside(object, extent, params)?;
    if extent.offset_bytes < params.limit_bytes {
        return Err(PlanError::InsideArea {
            object: object.to_owned(),
            offset: extent.offset_bytes,
            limit: params.limit_bytes,
        });
    }
    Ok(())
}

fn aligned(object: &str, value: u64) -> Result<(), PlanError> {
    if !value.is_multiple_of(SECTOR_BYTES) {
        let alignment = SECTOR_BYTES;
        return Err(PlanError::Misaligned { object: object.to_owned(), value, alignment });
    }
    Ok(())
}

fn inside(object: &str, extent: Extent, params: &Params) -> Result<(), PlanError> {
    if !extent.ends_within(params.volume_bytes) {
        return Err(PlanError::OutsideVolume {
            object: object.to_owned(),
            offset: extent.offset_bytes,
            size: extent.size,
            volume: params.volume_bytes,
        });
    }
    Ok(())
}
