//! What the caller decides about an image.

use std::num::NonZeroUsize;

use crate::Error;
use crate::layout::{BLOCK_LOGS, DEFAULT_ZSTD_LEVEL};

/// How blocks are compressed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compressor {
    /// Zstandard, each block a frame of its own with its content size and without a checksum.
    Zstd {
        /// Level, 1 to 22.
        level: u8,
    },
}

impl Compressor {
    /// Name and settings, as they enter the key of a cached block.
    pub(crate) fn settings(self) -> String {
        match self {
            Self::Zstd { level } => format!("zstd level={level}"),
        }
    }

    /// The compressor options that follow the superblock (`struct zstd_comp_opts` of
    /// `squashfs-tools/zstd_wrapper.h`: `u32` level); nothing for the default level, as there.
    pub(crate) fn stored_options(self) -> Option<[u8; 4]> {
        let Self::Zstd { level } = self;
        (level != DEFAULT_ZSTD_LEVEL).then(|| u32::from(level).to_le_bytes())
    }
}

/// What happens with the end of a file that does not fill a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Tails {
    /// It shares a fragment block with others, whatever the size of the file.
    #[default]
    Packed,
    /// Only files smaller than a block share fragment blocks; the last block of a larger file is
    /// stored on its own. A file is then read with fewer blocks, and the image is larger.
    SmallFiles,
}

/// Settings of an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Options {
    /// Bytes of a data block: a power of two, 4 KiB to 1 MiB.
    pub block_bytes: u32,
    /// Compression of data and metadata.
    pub compressor: Compressor,
    /// When the image was made, in seconds since 1970.
    pub mkfs_time: u32,
    /// Threads that compress, besides the caller's.
    pub threads: NonZeroUsize,
    /// Where the ends of files go.
    pub tails: Tails,
}

impl Options {
    /// Binary logarithm of [`Options::block_bytes`].
    pub(crate) fn block_log(&self) -> Result<u16, Error> {
        let log = u16::try_from(self.block_bytes.trailing_zeros()).unwrap_or(u16::MAX);
        match self.block_bytes.is_power_of_two() && BLOCK_LOGS.contains(&log) {
            true => Ok(log),
            false => Err(Error::BlockBytes { found: self.block_bytes }),
        }
    }

    /// [`Options::block_bytes`] as a length.
    pub(crate) fn block_length(&self) -> Result<usize, Error> {
        self.block_log()?;
        usize::try_from(self.block_bytes).map_err(|_| Error::BlockBytes { found: self.block_bytes })
    }

    /// Checks everything that a caller could get wrong.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.block_log()?;
        let Compressor::Zstd { level } = self.compressor;
        match (1..=22).contains(&level) {
            true => Ok(()),
            false => Err(Error::Level { found: level }),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_and_levels_have_bounds() {
        let options = |block_bytes, level| Options {
            block_bytes,
            compressor: Compressor::Zstd { level },
            mkfs_time: 0,
            threads: NonZeroUsize::MIN,
            tails: Tails::Packed,
        };
        for good in [4096, 131_072, 1 << 20] {
            options(good, 1).check().unwrap();
        }
        for bad in [0, 1, 2048, 4097, 196_608, 1 << 21, u32::MAX] {
            let result = options(bad, 1).check();
            assert!(matches!(result, Err(Error::BlockBytes { found }) if found == bad));
        }
        options(4096, 22).check().unwrap();
        for bad in [0, 23] {
            assert!(
                matches!(options(4096, bad).check(), Err(Error::Level { found }) if found == bad)
            );
        }
    }
}
