//! Chunks.

use sha2::{Digest as _, Sha256};

/// The most bytes of a chunk, 1 MiB: the largest data block of a squashfs.
pub const CHUNK_BYTES_MAX: u32 = 1 << 20;

/// What a chunk contains: SHA-256 of its bytes, or [`Digest::ZEROS`] where they are all zero, so that
/// zeros need no source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(pub [u8; 32]);

impl Digest {
    /// Of bytes that are all zero.
    pub const ZEROS: Self = Self([0; 32]);

    /// Of `bytes`.
    #[must_use]
    pub fn of(bytes: &[u8]) -> Self {
        match bytes.iter().all(|byte| *byte == 0) {
            true => Self::ZEROS,
            false => Self(Sha256::digest(bytes).into()),
        }
    }

    /// Whether it stands for zeros.
    #[must_use]
    pub fn is_zeros(&self) -> bool {
        *self == Self::ZEROS
    }
}

impl std::fmt::Display for Digest {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// Consecutive bytes of a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chunk {
    /// First byte in its part.
    pub offset: u64,
    /// Number of bytes, 1 to [`CHUNK_BYTES_MAX`].
    pub bytes: u32,
    /// What they are.
    pub digest: Digest,
}

impl Chunk {
    /// First byte of the part behind the chunk.
    #[must_use]
    pub fn end(&self) -> u64 {
        self.offset.saturating_add(self.bytes.into())
    }

    /// Whether `bytes` are those of the chunk.
    #[must_use]
    pub fn matches(&self, bytes: &[u8]) -> bool {
        crate::wide(bytes.len()) == u64::from(self.bytes) && Digest::of(bytes) == self.digest
    }
}
