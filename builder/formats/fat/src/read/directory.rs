//! Entries of directories.

use anklume_bytes::{ReadAt, le_u16, le_u32};

use crate::layout::entry;
use crate::name::{self, ShortName};
use crate::read::{Entry, Extent, join};
use crate::{Error, FatType};

/// Reads the entries of `directory`, which lie in `extents`.
pub(crate) fn read<R: ReadAt + ?Sized>(
    disk: &R,
    directory: &Entry,
    extents: &[Extent],
    fat_type: FatType,
) -> Result<Vec<Entry>, Error> {
    let mut entries = Vec::new();
    for extent in extents {
        let limit = entry::DIRECTORY_BYTES_MAX.max(extent.length);
        let bytes = disk
            .read_vec(extent.offset, extent.length, limit)
            .map_err(Error::io(format!("directory `{}`", directory.path)))?;
        let (slots, _) = bytes.as_chunks::<{ entry::BYTES }>();
        let mut offset = extent.offset;
        for slot in slots {
            if slot.first() == Some(&0) {
                // All that follow are free.
                return Ok(entries);
            }
            entries.extend(parse(slot, directory, offset, fat_type)?);
            offset = offset.saturating_add(u64::try_from(entry::BYTES).unwrap_or(0));
        }
    }
    Ok(entries)
}

/// The file or directory in `slot` at byte `offset`; `None` for labels, long names, deleted entries
/// and the two links of each directory.
fn parse(
    slot: &[u8; entry::BYTES],
    directory: &Entry,
    offset: u64,
    fat_type: FatType,
) -> Result<Option<Entry>, Error> {
    let mut short: ShortName = [b' '; 11];
    for (to, from) in short.iter_mut().zip(slot) {
        *to = *from;
    }
    let attributes = slot.get(entry::ATTRIBUTES).copied().unwrap_or(0);
    let is_long_name = attributes & entry::LONG_NAME_MASK == entry::LONG_NAME;
    let is_link = matches!(&short, b".          " | b"..         ");
    let is_deleted = short.first() == Some(&0xe5);
    if is_deleted || is_long_name || is_link || attributes & entry::LABEL != 0 {
        return Ok(None);
    }
    // A name that begins with the mark of a deleted entry has another byte instead.
    if let Some(first) = short.first_mut().filter(|first| **first == 0x05) {
        *first = 0xe5;
    }
    let name = name::decode(short);
    if name.bytes().any(|byte| byte < b' ' || byte == b'/' || byte == 0x7f) || name.is_empty() {
        let object = format!("entry in directory `{}`", directory.path);
        let found = format!("`{}`", short.escape_ascii());
        return Err(Error::corrupt(object, offset, "a short name", found));
    }
    let half = |field| le_u16(slot, field).map_or(0, u32::from);
    let high = if fat_type == FatType::Fat32 { half(entry::CLUSTER_HIGH) } else { 0 };
    let is_directory = attributes & entry::DIRECTORY != 0;
    let size = le_u32(slot, entry::SIZE).map_or(0, u64::from);
    Ok(Some(Entry {
        path: join(&directory.path, &name),
        size: if is_directory { 0 } else { size },
        is_directory,
        attributes,
        first_cluster: (high << 16) | half(entry::CLUSTER_LOW),
        depth: directory.depth.saturating_add(1),
    }))
}
