//! The bytes of a squashfs as blocks that an update may re-use.

use std::sync::atomic::{AtomicU64, Ordering};

use anklume_chunks::{Cut, Digest as Content, Kind, cut_squashfs};
use anklume_compare::Block;
use anklume_squashfs::{File, Stored};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

use super::System;
use crate::image::fault::{self, Fault};

/// A squashfs whose stored bytes were hashed.
pub(crate) struct Hashed {
    /// The chunks of the OS partition in the order of the image.
    chunks: Vec<(Cut, Content)>,
}

impl Hashed {
    /// What an update fetches or finds of the OS: of one kind, in the order of the image.
    pub(crate) fn blocks(&self, kind: Kind) -> Vec<Block> {
        let chunks = self.chunks.iter().filter(|(cut, _)| cut.kind == kind);
        chunks.filter_map(|(cut, content)| block(cut, content)).collect()
    }

    /// The hash of a block of a file; none for a hole.
    fn hash(&self, block: Stored) -> Option<&[u8; 32]> {
        let key = (block.start, block.bytes);
        let found =
            self.chunks.binary_search_by_key(&key, |(cut, _)| (cut.start, cut.bytes)).ok()?;
        self.chunks.get(found).map(|(_, content)| &content.0)
    }
}

/// A chunk as a block; none for zeros, which no update fetches.
pub(crate) fn block(cut: &Cut, content: &Content) -> Option<Block> {
    let Content(hash) = *content;
    (!content.is_zeros()).then_some(Block { hash, stored: cut.bytes })
}

impl System<'_> {
    /// Hashes the stored bytes of everything, and `tail`, which lies behind that in the partition;
    /// `progress` gets the bytes so far.
    pub(crate) fn hash(
        &self,
        tail: Vec<Cut>,
        progress: &(dyn Fn(u64) + Sync),
    ) -> Result<Hashed, Fault> {
        let mut cuts = cut_squashfs(&self.tree.pieces());
        cuts.extend(tail);
        let done = AtomicU64::new(0);
        let hash = |cut: Cut| {
            let content = cut.digest(self.part);
            let content = content.map_err(|error| fault::read(&self.object, self.base, &error))?;
            let before = done.fetch_add(cut.bytes.into(), Ordering::Relaxed);
            progress(before.saturating_add(cut.bytes.into()));
            Ok((cut, content))
        };
        let chunks: Result<_, Fault> = cuts.into_par_iter().map(hash).collect();
        Ok(Hashed { chunks: chunks? })
    }

    /// Digest of all that decides about a file's content: compression, size, and of each block the
    /// bytes and whether they are compressed.
    pub(super) fn stored_form(&self, file: &File, hashed: &Hashed) -> [u8; 32] {
        let mut form = Sha256::new();
        form.update(self.superblock.compression.id().to_le_bytes());
        form.update(self.superblock.block_bytes.to_le_bytes());
        form.update(file.size.to_le_bytes());
        let mut add = |block: Stored| {
            form.update([u8::from(block.compressed)]);
            form.update(hashed.hash(block).unwrap_or(&[0; 32]));
        };
        file.blocks().for_each(&mut add);
        if let Some(tail) = file.tail {
            let number = usize::try_from(tail.fragment).unwrap_or(usize::MAX);
            self.tree.fragments.get(number).copied().into_iter().for_each(&mut add);
            form.update(tail.at.to_le_bytes());
        }
        form.finalize().into()
    }
}
