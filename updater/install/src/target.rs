//! What is written, and what is copied from.

use anklume_bytes::ReadAt;
use anklume_chunks::{ChunkList, Part};

/// A partition of the target.
#[derive(Debug)]
pub struct Partition<'a, W: ?Sized, R: ?Sized> {
    /// Writes it. It is given pieces of [`crate::WRITE_BYTES`] bytes that begin at multiples of that,
    /// where not less is to be written, and always multiples of 4096 bytes but for the end of the part. It
    /// may queue them; what it reads is what was written.
    pub writer: &'a mut W,
    /// Reads what is on the disk, past every cache.
    pub reader: &'a R,
}

/// The slot that is written.
#[derive(Debug)]
pub struct Target<'a, W: ?Sized, R: ?Sized> {
    /// Its boot partition.
    pub boot: Partition<'a, W, R>,
    /// Its OS partition.
    pub os: Partition<'a, W, R>,
    /// The version that somebody began to write here, if that is known: mostly the one that is written
    /// now. Its chunks are looked for at their places, and those that are there are used.
    pub holds: Option<&'a ChunkList>,
}

impl<'a, W: ?Sized, R: ?Sized> Target<'a, W, R> {
    /// What reads a part.
    pub(crate) fn reader(&self, part: Part) -> &'a R {
        match part {
            Part::Boot => self.boot.reader,
            Part::Os => self.os.reader,
        }
    }

    /// What writes a part, and what writes the other one.
    pub(crate) fn writers(&mut self, part: Part) -> (&mut W, &W) {
        match part {
            Part::Boot => (self.boot.writer, self.os.writer),
            Part::Os => (self.os.writer, self.boot.writer),
        }
    }
}

/// Something that holds a version and is only read: the slot that runs.
#[derive(Clone, Copy)]
pub struct Seed<'a> {
    /// Its boot partition.
    pub boot: &'a (dyn ReadAt + Sync),
    /// Its OS partition.
    pub os: &'a (dyn ReadAt + Sync),
    /// What is in it, as [`crate::survey`] says or as it was signed. It need not be true.
    pub list: &'a ChunkList,
}

impl std::fmt::Debug for Seed<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Seed").finish_non_exhaustive()
    }
}

impl<'a> Seed<'a> {
    pub(crate) fn reader(&self, part: Part) -> &'a (dyn ReadAt + Sync) {
        match part {
            Part::Boot => self.boot,
            Part::Os => self.os,
        }
    }
}
