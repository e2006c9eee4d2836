//! Entries of the allocation table and chains of clusters.

use anklume_bytes::{ReadAt, le_u16, le_u32};

use crate::read::areas::Areas;
use crate::read::{Entry, Extent, FileSystem};
use crate::{Error, FatType};

/// Bytes of the table that are held at a time.
const WINDOW_BYTES: u64 = 1 << 16;

/// What a table entry says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Link {
    /// The cluster is free.
    Free,
    /// The chain goes on there.
    Next(u32),
    /// The chain ends here.
    End,
    /// The cluster is marked bad.
    Bad,
    /// A value that no entry may have.
    Invalid(u32),
}

/// The table in use, read through a window.
pub(crate) struct Table<'a, R: ?Sized> {
    disk: &'a R,
    areas: &'a Areas,
    window: Vec<u8>,
    window_start: u64,
}

impl<'a, R: ReadAt + ?Sized> Table<'a, R> {
    pub(crate) fn new(disk: &'a R, areas: &'a Areas) -> Self {
        Self { disk, areas, window: Vec::new(), window_start: 0 }
    }

    /// The raw entry of `cluster`, which is below the number of entries.
    pub(crate) fn raw(&mut self, cluster: u32) -> Result<u32, Error> {
        let index = u64::from(cluster);
        let (offset, width) = match self.areas.fat_type {
            FatType::Fat12 => (index.saturating_mul(3) / 2, 2),
            FatType::Fat16 => (index.saturating_mul(2), 2),
            FatType::Fat32 => (index.saturating_mul(4), 4),
        };
        let bytes = self.bytes(offset, width)?;
        let value = if width == 4 {
            le_u32(bytes, 0).unwrap_or(0)
        } else {
            le_u16(bytes, 0).map_or(0, u32::from)
        };
        Ok(match self.areas.fat_type {
            FatType::Fat12 if cluster % 2 == 1 => value >> 4,
            fat_type => value & fat_type.mask(),
        })
    }

    /// What the entry of `cluster` says.
    pub(crate) fn link(&mut self, cluster: u32) -> Result<Link, Error> {
        let value = self.raw(cluster)?;
        // The last eight values end a chain, the one before marks a bad cluster.
        let first_end = self.areas.fat_type.mask() & !7;
        Ok(match value {
            0 => Link::Free,
            value if value >= first_end => Link::End,
            value if value == first_end.saturating_sub(1) => Link::Bad,
            value if self.areas.offset(value).is_some() => Link::Next(value),
            value => Link::Invalid(value),
        })
    }

    /// `width` bytes at `offset` of the table.
    fn bytes(&mut self, offset: u64, width: u64) -> Result<&[u8], Error> {
        let held = u64::try_from(self.window.len()).unwrap_or(0);
        let window_end = self.window_start.saturating_add(held);
        if offset < self.window_start || offset.saturating_add(width) > window_end {
            // A FAT12 entry may straddle two windows: the window starts where it is needed.
            self.window_start = offset;
            let length = self.areas.table_bytes.saturating_sub(offset).min(WINDOW_BYTES);
            let start = self.areas.table_start.saturating_add(offset);
            self.window = self
                .disk
                .read_vec(start, length, WINDOW_BYTES)
                .map_err(Error::io("the allocation table"))?;
        }
        let start = usize::try_from(offset.saturating_sub(self.window_start)).unwrap_or(usize::MAX);
        Ok(self.window.get(start..).unwrap_or_default())
    }
}

impl<R: ReadAt + ?Sized> FileSystem<'_, R> {
    /// The clusters of `file`, and their number, which is `limit + 1` for all longer chains.
    pub(crate) fn chain(&self, file: &Entry, limit: u64) -> Result<(Vec<Extent>, u64), Error> {
        let mut table = Table::new(self.disk, &self.areas);
        let mut extents: Vec<Extent> = Vec::new();
        let mut count = 0_u64;
        let mut next = Some(file.first_cluster).filter(|cluster| *cluster != 0);
        while let Some(cluster) = next {
            count = count.saturating_add(1);
            if count > limit {
                break;
            }
            let offset =
                self.areas.offset(cluster).ok_or_else(|| self.bad_link(file, cluster, "none"))?;
            let length = self.areas.cluster_bytes;
            match extents.last_mut() {
                Some(last) if last.offset.saturating_add(last.length) == offset => {
                    last.length = last.length.saturating_add(length);
                }
                _ => extents.push(Extent { offset, length }),
            }
            next = match table.link(cluster)? {
                Link::Next(next) => Some(next),
                Link::End => None,
                Link::Free => return Err(self.bad_link(file, cluster, "a free one")),
                Link::Bad => return Err(self.bad_link(file, cluster, "a bad one")),
                Link::Invalid(_) => return Err(self.bad_link(file, cluster, "one without next")),
            };
        }
        Ok((extents, count))
    }

    fn bad_link(&self, file: &Entry, cluster: u32, found: &str) -> Error {
        let object = format!("cluster {cluster} of `{}`", file.path);
        Error::corrupt(object, self.areas.table_start, "a cluster in use", found)
    }
}
