//! What is wanted, and whether it can be.

use std::ops::Range;

use anklume_bytes::ReadAt;
use anklume_chunks::{ChunkList, Options, Part};
use anklume_layout::{SECTOR_BYTES, Slot};
use anklume_verity::{
    BLOCK_BYTES, Builder, MAX_SALT_BYTES, Params, RootHash, Superblock, hash_offset_layout,
};

use crate::{Fault, Refused, Target};

/// A version, as it was signed, and where it goes.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The slot that is written. Not the one that runs: the boot record refuses the good one only, and a
    /// slot that is on trial while it runs is for the caller to know.
    pub slot: Slot,
    /// What the version consists of.
    pub list: &'a ChunkList,
    /// Where the content of the boot partition lies in the image file. Nothing else is fetched or
    /// written, whatever the list says.
    pub boot: Range<u64>,
    /// Where squashfs, verity superblock and hash tree lie in the image file.
    pub os: Range<u64>,
    /// Root hash of the OS.
    pub root_hash: RootHash,
    /// Salt of its hash tree.
    pub salt: &'a [u8],
    /// What decides between sources.
    pub options: Options,
}

/// A request that is possible.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Checked<'a> {
    pub(crate) list: &'a ChunkList,
    pub(crate) root_hash: RootHash,
    pub(crate) salt: &'a [u8],
    pub(crate) options: Options,
    /// Bytes that the hash tree is about: a multiple of its blocks. The mark follows.
    pub(crate) data_bytes: u64,
}

impl<'a> Request<'a> {
    /// Compares the request with itself.
    fn check(&self) -> Result<Checked<'a>, Refused> {
        for (part, signed) in [(Part::Boot, &self.boot), (Part::Os, &self.os)] {
            let listed = self.list.part(part);
            let start = listed.image_range().start;
            let found = start..start.saturating_add(listed.total_bytes());
            if found.start < signed.start || found.end > signed.end {
                return Err(Refused::Outside { part, expected: signed.clone(), found });
            }
            if !listed.total_bytes().is_multiple_of(SECTOR_BYTES) {
                let found = listed.total_bytes();
                return Err(Refused::Unaligned { part, expected: SECTOR_BYTES, found });
            }
        }
        let data_bytes = self.data_bytes()?;
        let (expected, found) = (MAX_SALT_BYTES, self.salt.len());
        if found > expected {
            return Err(Refused::Salt { expected, found });
        }
        let Self { list, root_hash, salt, options, .. } = *self;
        Ok(Checked { list, root_hash, salt, options, data_bytes })
    }

    /// Bytes that the hash tree is about; the tree must be as long as such a tree is.
    fn data_bytes(&self) -> Result<u64, Refused> {
        let listed = self.list.part(Part::Os);
        let (part, found) = (Part::Os, listed.chunk_bytes());
        let data_bytes = found.checked_sub(BLOCK_BYTES).filter(|b| b.is_multiple_of(BLOCK_BYTES));
        let unaligned = Refused::Unaligned { part, expected: BLOCK_BYTES, found };
        let data_bytes = data_bytes.ok_or(unaligned)?;
        let tree = hash_offset_layout(data_bytes.div_euclid(BLOCK_BYTES)).map_err(Refused::Tree)?;
        let (expected, found) = (tree.bytes.saturating_sub(BLOCK_BYTES), listed.derived_bytes());
        if expected == found { Ok(data_bytes) } else { Err(Refused::TreeBytes { expected, found }) }
    }

    /// Compares the request with the sizes of what it is to be read from.
    pub(crate) fn check_readers<R: ReadAt + ?Sized>(
        &self,
        boot: &R,
        os: &R,
    ) -> Result<Checked<'a>, Refused> {
        let checked = self.check()?;
        for (part, disk) in [(Part::Boot, boot), (Part::Os, os)] {
            room(part, self.list, disk.size())?;
        }
        Ok(checked)
    }

    /// Compares the request with the target.
    pub(crate) fn check_target<W: ReadAt + ?Sized, R: ReadAt + ?Sized>(
        &self,
        target: &Target<'_, W, R>,
    ) -> Result<Checked<'a>, Refused> {
        let checked = self.check_readers(target.boot.reader, target.os.reader)?;
        room(Part::Boot, self.list, target.boot.writer.size())?;
        room(Part::Os, self.list, target.os.writer.size())?;
        Ok(checked)
    }
}

fn room(part: Part, list: &ChunkList, found: u64) -> Result<(), Refused> {
    let expected = list.part(part).total_bytes();
    if expected <= found { Ok(()) } else { Err(Refused::Room { part, expected, found }) }
}

impl Checked<'_> {
    /// Bytes of both parts.
    pub(crate) fn total_bytes(&self) -> u64 {
        let bytes = Part::ALL.map(|part| self.list.part(part).total_bytes());
        bytes.into_iter().fold(0, u64::saturating_add)
    }

    /// The block of the OS part without which it is no OS.
    pub(crate) fn mark(&self) -> Range<u64> {
        self.data_bytes..self.data_bytes.saturating_add(BLOCK_BYTES)
    }

    /// Computes the hash tree. The superblock that it puts before the tree is not used: the version
    /// has its own.
    pub(crate) fn builder(&self) -> Result<Builder, anklume_verity::Error> {
        let params = Params { salt: self.salt.to_vec(), uuid: [0; 16] };
        Builder::new(params, self.data_bytes)
    }

    /// Compares the mark with what was signed.
    pub(crate) fn check_mark(&self, mark: &[u8]) -> Result<(), Fault> {
        let found = Superblock::parse(mark).map_err(Fault::Tree)?;
        let wrong = |field, expected, found| {
            Err(Fault::Superblock { offset: self.data_bytes, field, expected, found })
        };
        let blocks = self.data_bytes.div_euclid(BLOCK_BYTES);
        if found.data_blocks != blocks {
            return wrong("data blocks", blocks.to_string(), found.data_blocks.to_string());
        }
        if found.salt != self.salt {
            return wrong("salt", hexadecimal(self.salt), hexadecimal(&found.salt));
        }
        Ok(())
    }
}

fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
