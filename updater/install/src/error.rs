//! What can go wrong.

use std::ops::Range;

use anklume_bytes::{ReadError, WriteError};
use anklume_chunks::{CutError, Digest, ListError, Part};
use anklume_layout::Slot;
use anklume_slots::State;
use anklume_verity::RootHash;

use crate::Phase;

/// Why the version is not in the slot. `S` is what the source says, `B` what the boot record says.
#[derive(Debug, thiserror::Error)]
pub enum Error<S, B> {
    /// It cannot be. Nothing was written.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The source gave up. What arrived is in the target, for the next time.
    #[error("image file: {0}")]
    Source(#[source] S),
    /// The boot record was not changed, or not for certain. The slot that ran boots as before.
    #[error("boot record: {0}")]
    Record(#[source] B),
    /// Something else. The target does not boot, and the next time finishes it.
    #[error(transparent)]
    Fault(#[from] Fault),
}

/// A request that cannot be.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The list reaches outside of what was signed.
    #[error(
        "chunk list: {part}: expected a place within bytes {} to {} of the image file, found {} to {}",
        expected.start, expected.end, found.start, found.end
    )]
    Outside {
        /// The part.
        part: Part,
        /// What was signed.
        expected: Range<u64>,
        /// What the list says, with the hash tree.
        found: Range<u64>,
    },
    /// The part does not end where a disk is written.
    #[error("chunk list: {part}: expected a multiple of {expected} bytes, found {found}")]
    Unaligned {
        /// The part.
        part: Part,
        /// Bytes that it must be a multiple of.
        expected: u64,
        /// Its bytes.
        found: u64,
    },
    /// There is no hash tree over so much data.
    #[error("chunk list: os part: {0}")]
    Tree(#[source] anklume_verity::Error),
    /// The hash tree has another length than one over this data.
    #[error("chunk list: os part: expected a hash tree of {expected} bytes, found {found}")]
    TreeBytes {
        /// Bytes of a hash tree over the data, without its superblock.
        expected: u64,
        /// Bytes that the list computes.
        found: u64,
    },
    /// The salt is longer than any.
    #[error("salt: expected at most {expected} bytes, found {found}")]
    Salt {
        /// The most.
        expected: usize,
        /// Its bytes.
        found: usize,
    },
    /// The slot is too small.
    #[error("{part}: expected a partition of at least {expected} bytes, found {found}")]
    Room {
        /// The part.
        part: Part,
        /// Its bytes.
        expected: u64,
        /// Bytes of the partition.
        found: u64,
    },
}

/// A chunk that is another one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error(
    "{part}: chunk of {bytes} bytes at byte {offset}: expected digest {expected}, found {found}"
)]
pub struct Mismatch {
    /// Its part.
    pub part: Part,
    /// First byte in the part.
    pub offset: u64,
    /// Its bytes.
    pub bytes: u32,
    /// What the list says.
    pub expected: Digest,
    /// What is there.
    pub found: Digest,
}

/// What went wrong while the target was written or read back.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A partition of the target could not be written, or not for certain.
    #[error("target: {part}: {source}")]
    Write {
        /// What is in the partition.
        part: Part,
        /// What the disk says.
        source: WriteError,
    },
    /// A partition of the target could not be read.
    #[error("target: {part}: {source}")]
    Read {
        /// What is in the partition.
        part: Part,
        /// What the disk says.
        source: ReadError,
    },
    /// The source holds another chunk than the one that was signed, also when it was asked again.
    #[error("image file: byte {image_offset}: {mismatch}")]
    Fetched {
        /// First byte of the chunk in the image file.
        image_offset: u64,
        /// The chunk.
        mismatch: Mismatch,
    },
    /// The source says that it is done, and is not.
    #[error("image file: ends before byte {expected}")]
    Ended {
        /// The next byte that is needed.
        expected: u64,
    },
    /// The source sends what nobody asked for.
    #[error("image file: expected byte {expected}, found byte {found}")]
    Unasked {
        /// The next byte of the image file that was asked for.
        expected: u64,
        /// What was sent.
        found: u64,
    },
    /// The target does not hold what was written.
    #[error("read back: {0}")]
    ReadBack(Mismatch),
    /// The target does not hold the bytes that were written.
    #[error("read back: {part}: other bytes than were written from byte {offset} on")]
    Differs {
        /// The part.
        part: Part,
        /// First byte that differs.
        offset: u64,
    },
    /// The OS has another root hash than the signed one.
    #[error("os part: expected root hash {expected}, found {found}")]
    RootHash {
        /// What was signed.
        expected: RootHash,
        /// That of what is there.
        found: RootHash,
    },
    /// The verity superblock is about another tree.
    #[error(
        "os part: verity superblock at byte {offset}: {field}: expected {expected}, found {found}"
    )]
    Superblock {
        /// First byte in the part.
        offset: u64,
        /// What differs.
        field: &'static str,
        /// What was signed.
        expected: String,
        /// What is there.
        found: String,
    },
    /// The hash tree cannot be computed.
    #[error("os part: hash tree: {0}")]
    Tree(#[source] anklume_verity::Error),
    /// The boot record was changed, and says something else.
    #[error("boot record: slot {slot}: expected {expected:?}, found {found:?}")]
    Record {
        /// The slot.
        slot: Slot,
        /// What it was changed to.
        expected: State,
        /// What it says.
        found: State,
    },
    /// Somebody did not want to go on.
    #[error("cancelled while {phase}")]
    Cancelled {
        /// What was being done.
        phase: Phase,
    },
}

impl Fault {
    pub(crate) fn write(part: Part) -> impl FnOnce(WriteError) -> Self {
        move |source| Self::Write { part, source }
    }

    pub(crate) fn read(part: Part) -> impl FnOnce(ReadError) -> Self {
        move |source| Self::Read { part, source }
    }
}

/// Why a slot is no seed.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// There is no version in it, or a damaged one.
    #[error(transparent)]
    Cut(#[from] CutError),
    /// It has no list.
    #[error(transparent)]
    List(#[from] ListError),
    /// It could not be read.
    #[error("{part}: {source}")]
    Read {
        /// What could not be read.
        part: Part,
        /// What the disk says.
        source: ReadError,
    },
    /// Somebody did not want to go on.
    #[error("cancelled while scanning")]
    Cancelled,
}
