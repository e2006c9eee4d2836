//! What can be wrong in a file system that can be opened.

use anklume_bytes::{ReadAt, le_u32};

use crate::layout::{BOOT_BYTES, info};
use crate::read::chain::{Link, Table};
use crate::read::{Entry, FileSystem, Walk};
use crate::{Error, FatType};

/// Bytes that are compared at a time.
const COMPARE_BYTES: u64 = 1 << 16;

/// Something wrong in a file system.
#[derive(Debug)]
pub enum Problem {
    /// The two tables differ, first at this byte of the table.
    TablesDiffer {
        /// Byte from the start of each table.
        offset: u64,
    },
    /// The first table entry does not repeat the media byte.
    Media {
        /// The boot sector's byte.
        expected: u8,
        /// Low byte of the entry.
        found: u8,
    },
    /// The copy of the FAT32 boot sector differs, first at this byte.
    BackupBootSector {
        /// Byte from the start of the sector.
        offset: u64,
    },
    /// FSInfo counts the free clusters wrongly.
    FreeCount {
        /// Free entries in the table.
        expected: u32,
        /// What FSInfo says.
        found: u32,
    },
    /// A directory cannot be read.
    Directory {
        /// Its path.
        path: String,
        /// Why.
        error: Error,
    },
    /// A chain has another number of clusters than the file's size needs.
    ChainLength {
        /// Path of the file.
        path: String,
        /// Clusters that the size needs.
        expected: u64,
        /// Clusters of the chain.
        found: u64,
    },
    /// A chain leads to a cluster that is free, bad or does not exist.
    BadLink {
        /// Path of the file or directory.
        path: String,
        /// The cluster whose entry is wrong, or the first one if that does not exist.
        cluster: u32,
    },
    /// A cluster belongs to two chains, or twice to one.
    CrossLinked {
        /// Path of the file or directory that reached it second.
        path: String,
        /// The cluster.
        cluster: u32,
    },
    /// Clusters are in use, but no file has them.
    LostClusters {
        /// How many.
        count: u32,
    },
}

/// See [`FileSystem::check`].
pub(crate) fn check<R: ReadAt + ?Sized>(
    file_system: &FileSystem<'_, R>,
) -> Result<Vec<Problem>, Error> {
    let mut problems = copies(file_system)?;
    let mut marks = Marks::new(file_system);
    if file_system.areas.fat_type == FatType::Fat32 {
        marks.mark(&file_system.root(), &mut problems)?;
    }
    let mut walk = Walk::new(file_system);
    while let Some((directory, entries)) = walk.next() {
        match entries {
            Ok(entries) => {
                for entry in &entries {
                    marks.mark(entry, &mut problems)?;
                }
            }
            Err(error @ Error::Corrupt { .. }) => {
                problems.push(Problem::Directory { path: directory.path, error });
            }
            Err(error) => return Err(error),
        }
    }
    marks.count(&mut problems)?;
    Ok(problems)
}

/// Compares what is there twice.
fn copies<R: ReadAt + ?Sized>(file_system: &FileSystem<'_, R>) -> Result<Vec<Problem>, Error> {
    let FileSystem { disk, areas } = file_system;
    let mut problems = Vec::new();
    if areas.tables == 2 && areas.is_mirrored {
        let second = areas.table_start.saturating_add(areas.table_bytes);
        let difference = difference(*disk, areas.table_start, second, areas.table_bytes)?;
        problems.extend(difference.map(|offset| Problem::TablesDiffer { offset }));
    }
    let [found, ..] = Table::new(*disk, areas).raw(0)?.to_le_bytes();
    if found != areas.media {
        problems.push(Problem::Media { expected: areas.media, found });
    }
    if let Some(backup) = areas.backup_sector {
        let length = u64::try_from(BOOT_BYTES).unwrap_or(0);
        let second = backup.saturating_mul(areas.sector_bytes);
        let difference = difference(*disk, 0, second, length)?;
        problems.extend(difference.map(|offset| Problem::BackupBootSector { offset }));
    }
    Ok(problems)
}

/// The first byte at which two ranges of `length` bytes differ.
fn difference<R: ReadAt + ?Sized>(
    disk: &R,
    first: u64,
    second: u64,
    length: u64,
) -> Result<Option<u64>, Error> {
    let mut done = 0_u64;
    while done < length {
        let part = length.saturating_sub(done).min(COMPARE_BYTES);
        let read = |start: u64| {
            disk.read_vec(start.saturating_add(done), part, COMPARE_BYTES)
                .map_err(Error::io("the copies of a structure"))
        };
        let (a, b) = (read(first)?, read(second)?);
        if let Some(index) = a.iter().zip(&b).position(|(a, b)| a != b) {
            return Ok(Some(done.saturating_add(u64::try_from(index).unwrap_or(0))));
        }
        done = done.saturating_add(part);
    }
    Ok(None)
}

/// The clusters that a chain was seen to have, one bit each.
struct Marks<'a, R: ?Sized> {
    file_system: &'a FileSystem<'a, R>,
    table: Table<'a, R>,
    bits: Vec<u64>,
}

impl<'a, R: ReadAt + ?Sized> Marks<'a, R> {
    fn new(file_system: &'a FileSystem<'a, R>) -> Self {
        let words = file_system.areas.cluster_count.div_ceil(64);
        let table = Table::new(file_system.disk, &file_system.areas);
        Self { file_system, table, bits: vec![0; usize::try_from(words).unwrap_or(0)] }
    }

    /// Word and bit of a data cluster.
    fn position(cluster: u32) -> Option<(usize, u64)> {
        let index = cluster.checked_sub(2)?;
        Some((usize::try_from(index / 64).ok()?, 1_u64.checked_shl(index % 64)?))
    }

    /// Marks `cluster`; false if it was marked before.
    fn set(&mut self, cluster: u32) -> bool {
        let Some((word, bit)) = Self::position(cluster) else { return false };
        let Some(word) = self.bits.get_mut(word) else { return false };
        let is_new = *word & bit == 0;
        *word |= bit;
        is_new
    }

    fn is_set(&self, cluster: u32) -> bool {
        Self::position(cluster)
            .and_then(|(word, bit)| Some(self.bits.get(word)? & bit != 0))
            .unwrap_or(false)
    }

    /// Follows the chain of `entry`. Ends, because each step marks a cluster.
    fn mark(&mut self, entry: &Entry, problems: &mut Vec<Problem>) -> Result<(), Error> {
        let path = || entry.path.clone();
        let mut found = 0_u64;
        let mut next = Some(entry.first_cluster).filter(|cluster| *cluster != 0);
        while let Some(cluster) = next {
            if self.file_system.areas.offset(cluster).is_none() {
                problems.push(Problem::BadLink { path: path(), cluster });
                return Ok(());
            }
            if !self.set(cluster) {
                problems.push(Problem::CrossLinked { path: path(), cluster });
                return Ok(());
            }
            found = found.saturating_add(1);
            next = match self.table.link(cluster)? {
                Link::Next(next) => Some(next),
                Link::End => None,
                Link::Free | Link::Bad | Link::Invalid(_) => {
                    problems.push(Problem::BadLink { path: path(), cluster });
                    return Ok(());
                }
            };
        }
        let cluster_bytes = self.file_system.areas.cluster_bytes.max(1);
        let expected = entry.size.div_ceil(cluster_bytes);
        if !entry.is_directory && found != expected {
            problems.push(Problem::ChainLength { path: path(), expected, found });
        }
        Ok(())
    }

    /// Compares the marks with the table, and the free clusters with FSInfo.
    fn count(&mut self, problems: &mut Vec<Problem>) -> Result<(), Error> {
        let (mut free, mut lost) = (0_u32, 0_u32);
        for index in 0..self.file_system.areas.cluster_count {
            let cluster = index.saturating_add(2);
            match self.table.link(cluster)? {
                Link::Free => free = free.saturating_add(1),
                Link::Bad => {}
                _ if self.is_set(cluster) => {}
                _ => lost = lost.saturating_add(1),
            }
        }
        if lost != 0 {
            problems.push(Problem::LostClusters { count: lost });
        }
        let FileSystem { disk, areas } = self.file_system;
        if let Some(sector) = areas.info_sector {
            let mut bytes = [0; BOOT_BYTES];
            let offset = sector.saturating_mul(areas.sector_bytes);
            disk.read_at(offset, &mut bytes).map_err(Error::io("fsinfo"))?;
            let found = le_u32(&bytes, info::FREE).unwrap_or(u32::MAX);
            let is_there = le_u32(&bytes, info::LEAD) == Some(info::LEAD_VALUE)
                && le_u32(&bytes, info::STRUCTURE) == Some(info::STRUCTURE_VALUE);
            // All ones: the system that wrote last did not count.
            if is_there && found != u32::MAX && found != free {
                problems.push(Problem::FreeCount { expected: free, found });
            }
        }
        Ok(())
    }
}
