//! Contents of many files, on all cores.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use anklume_squashfs::{Contents, File, Kind};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::System;
use crate::image::fault::Fault;

/// How many files a thread reads with one reader: enough to share fragment blocks, and little enough
/// for the threads to end together.
const FILES_AT_ONCE: usize = 64;

impl System<'_> {
    /// Bytes of all regular files, decompressed; names of one file count once.
    pub(crate) fn content_bytes(&self) -> u64 {
        self.regular().map(|(_, file)| file.size).fold(0, u64::saturating_add)
    }

    /// Decompresses every file; `progress` gets the bytes so far. Returns the bytes of all files.
    pub(crate) fn read_all(&self, progress: &(dyn Fn(u64) + Sync)) -> Result<u64, Fault> {
        let add = |sum: &mut u64, piece: &[u8]| {
            *sum = sum.saturating_add(u64::try_from(piece.len()).unwrap_or(u64::MAX));
        };
        let read = self.read_files(self.regular().collect(), progress, add)?;
        Ok(read.into_iter().map(|(_, bytes)| bytes).fold(0, u64::saturating_add))
    }

    /// SHA-256 of the contents of files, by indexes of their inodes; `progress` gets the bytes so
    /// far.
    pub(super) fn digests(
        &self,
        wanted: Vec<(usize, &File)>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<BTreeMap<usize, [u8; 32]>, Fault> {
        let hash = |hash: &mut Sha256, piece: &[u8]| hash.update(piece);
        let read = self.read_files(wanted, progress, hash)?;
        Ok(read.into_iter().map(|(inode, hash)| (inode, hash.finalize().into())).collect())
    }

    /// The regular files, with the indexes of their inodes.
    pub(super) fn regular(&self) -> impl Iterator<Item = (usize, &File)> {
        self.tree.inodes.iter().enumerate().filter_map(|(index, inode)| match &inode.kind {
            Kind::File(file) => Some((index, file)),
            _ => None,
        })
    }

    /// Gives the content of every file to `take`, beside what it made of the content so far.
    fn read_files<T: Default + Send>(
        &self,
        mut files: Vec<(usize, &File)>,
        progress: &(dyn Fn(u64) + Sync),
        take: impl Fn(&mut T, &[u8]) + Sync,
    ) -> Result<Vec<(usize, T)>, Fault> {
        // Those whose ends lie in one fragment block come together, so that it is decompressed once.
        files.sort_by_key(|(index, file)| (file.tail.map(|tail| tail.fragment), *index));
        let done = AtomicU64::new(0);
        let read = |files: &[(usize, &File)]| {
            let mut contents = Contents::new(&self.image, self.superblock, &self.tree);
            let mut taken = Vec::with_capacity(files.len());
            for (index, file) in files {
                let mut value = T::default();
                self.read(&mut contents, file, &mut |piece| take(&mut value, piece))?;
                taken.push((*index, value));
                let before = done.fetch_add(file.size, Ordering::Relaxed);
                progress(before.saturating_add(file.size));
            }
            Ok(taken)
        };
        let taken: Vec<Vec<_>> =
            files.par_chunks(FILES_AT_ONCE).map(read).collect::<Result<_, Fault>>()?;
        Ok(taken.into_iter().flatten().collect())
    }
}
