//! Directories as bytes.

use anklume_bytes::{align_up, put, put_le_u16, put_le_u32};

use crate::layout::{SECTOR_BYTES, entry};
use crate::name::ShortName;
use crate::plan::FileSpec;
use crate::plan::geometry::Geometry;
use crate::plan::tree::{Node, Tree};
use crate::time::Stamp;
use crate::{FatType, Label};

/// A directory entry to be.
struct Entry {
    name: ShortName,
    attributes: u8,
    cluster: u32,
    size: u32,
}

impl Entry {
    fn directory(name: ShortName, cluster: u32) -> Self {
        Self { name, attributes: entry::DIRECTORY, cluster, size: 0 }
    }

    fn encode(&self, stamp: Stamp) -> Option<[u8; entry::BYTES]> {
        let mut bytes = [0; entry::BYTES];
        put(&mut bytes, entry::NAME, &self.name)?;
        put(&mut bytes, entry::ATTRIBUTES, &[self.attributes])?;
        for (time, date) in
            [(entry::CREATED_TIME, entry::CREATED_DATE), (entry::CHANGED_TIME, entry::CHANGED_DATE)]
        {
            put_le_u16(&mut bytes, time, stamp.time)?;
            put_le_u16(&mut bytes, date, stamp.date)?;
        }
        put_le_u16(&mut bytes, entry::ACCESSED_DATE, stamp.date)?;
        let high = u16::try_from(self.cluster >> 16).ok()?;
        put_le_u16(&mut bytes, entry::CLUSTER_HIGH, high)?;
        let low = u16::try_from(self.cluster & 0xffff).ok()?;
        put_le_u16(&mut bytes, entry::CLUSTER_LOW, low)?;
        put_le_u32(&mut bytes, entry::SIZE, self.size)?;
        Some(bytes)
    }
}

/// All directories: byte offset and bytes. `starts` are the first clusters of the directories, then
/// of the files.
pub(crate) fn encode(
    label: Label,
    stamp: Stamp,
    tree: &Tree,
    files: &[FileSpec],
    geometry: &Geometry,
    starts: &[u32],
) -> Option<Vec<(u64, Vec<u8>)>> {
    let mut pieces = Vec::new();
    for (index, directory) in tree.directories.iter().enumerate() {
        let cluster = *starts.get(index)?;
        let mut entries = if index == 0 {
            let attributes = entry::LABEL;
            vec![Entry { name: label.bytes(), attributes, cluster: 0, size: 0 }]
        } else {
            // The root is cluster 0 here, also on FAT32.
            let parent = if directory.parent == 0 { 0 } else { *starts.get(directory.parent)? };
            vec![
                Entry::directory(*b".          ", cluster),
                Entry::directory(*b"..         ", parent),
            ]
        };
        for (name, node) in &directory.children {
            entries.push(match *node {
                Node::Directory(index) => Entry::directory(*name, *starts.get(index)?),
                Node::File(index) => Entry {
                    name: *name,
                    attributes: entry::ARCHIVE,
                    cluster: *tree.file_starts(starts).get(index)?,
                    size: u32::try_from(files.get(index)?.size).ok()?,
                },
            });
        }
        let mut bytes = Vec::new();
        for entry in entries {
            bytes.extend(entry.encode(stamp)?);
        }
        let is_fixed_root = index == 0 && geometry.fat_type != FatType::Fat32;
        let (offset, unit) = if is_fixed_root {
            (geometry.root_offset()?, SECTOR_BYTES)
        } else {
            (geometry.offset(cluster)?, geometry.cluster_bytes)
        };
        let length = align_up(u64::try_from(bytes.len()).ok()?, unit)?;
        bytes.resize(usize::try_from(length).ok()?, 0);
        pieces.push((offset, bytes));
    }
    Some(pieces)
}
