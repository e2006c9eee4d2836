//! Listings of directories (`struct squashfs_dir_header`, `struct squashfs_dir_entry`).

use super::cursor::Cursor;
use super::error::TableError;
use super::inode::Directory;
use super::metadata::Metadata;
use crate::layout::{DIRECTORY_EXTRA, DIRECTORY_RUN_MAX, NAME_BYTES_MAX};

/// A name in a directory.
pub(super) struct Child<'a> {
    pub(super) name: &'a [u8],
    /// Where its inode lies; see [`super::Inode::reference`].
    pub(super) reference: u64,
    /// Number of its inode.
    pub(super) number: u32,
    /// Basic type of its inode.
    pub(super) kind: u16,
}

/// Gives `take` every name of `directory`. Each comes behind the one before it in the order of
/// bytes: the kernel would not find others (`fs/squashfs/namei.c`).
pub(super) fn read<'a>(
    table: &'a Metadata,
    directory: Directory,
    take: &mut dyn FnMut(&Cursor<'_>, Child<'a>) -> Result<(), TableError>,
) -> Result<(), TableError> {
    let length = directory.size.saturating_sub(DIRECTORY_EXTRA);
    if length == 0 {
        return Ok(());
    }
    let length = usize::try_from(length).unwrap_or(usize::MAX);
    let position = table.position(directory.block.into(), directory.offset);
    let cursor = position.and_then(|position| Cursor::limited(table, position, length));
    let Some(mut cursor) = cursor else {
        let place = table.place(0);
        let found = format!("block {}, offset {}", directory.block, directory.offset);
        let expected = format!("a place with {length} bytes in the directory table");
        return Err(TableError::corrupt("directory listing", place, expected, found));
    };
    let mut last: &[u8] = &[];
    while !cursor.is_at_end() {
        let count = cursor.u32("count")?;
        let block = cursor.u32("start_block")?;
        let first = cursor.u32("inode_number")?;
        if count >= DIRECTORY_RUN_MAX {
            return Err(cursor.corrupt("count", format!("less than {DIRECTORY_RUN_MAX}"), count));
        }
        for _ in 0..=count {
            let child = child(&mut cursor, block, first)?;
            if child.name <= last {
                let name = |name: &[u8]| name.escape_ascii().to_string();
                let expected = format!("a name behind {}", name(last));
                return Err(cursor.corrupt("name", expected, name(child.name)));
            }
            last = child.name;
            take(&cursor, child)?;
        }
    }
    Ok(())
}

fn child<'a>(cursor: &mut Cursor<'a>, block: u32, first: u32) -> Result<Child<'a>, TableError> {
    let offset = cursor.u16("offset")?;
    let difference = i16::from_le_bytes(cursor.u16("inode_number")?.to_le_bytes());
    let kind = cursor.u16("type")?;
    let last = cursor.u16("size")?;
    let length = u64::from(last).saturating_add(1);
    if length > u64::from(NAME_BYTES_MAX) {
        return Err(cursor.corrupt("size", format!("less than {NAME_BYTES_MAX}"), last));
    }
    let name = cursor.bytes("name", length)?;
    if matches!(name, b"." | b"..") || name.contains(&0) || name.contains(&b'/') {
        return Err(cursor.corrupt("name", "a file name", name.escape_ascii()));
    }
    let number = first.wrapping_add_signed(difference.into());
    let reference = u64::from(block) << 16 | u64::from(offset);
    Ok(Child { name, reference, number, kind })
}
