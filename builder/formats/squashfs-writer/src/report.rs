//! What the writer tells about an image.

/// Where a block lies in the image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Extent {
    /// First byte, counted from the start of the image; 0 for a hole.
    pub start: u64,
    /// Bytes in the image; 0 for a hole, which has none.
    pub stored: u32,
    /// Whether the bytes are compressed or the content itself.
    pub compressed: bool,
}

/// A piece of content that has found its place. Every file is reported by its blocks and its tail,
/// in the order of the entries and of the file's bytes; a file whose blocks are those of an earlier
/// one is reported with the earlier one's extents. Hard links and empty files are not reported.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Report<'a> {
    /// A data block.
    Block {
        /// Path of the file.
        path: &'a [u8],
        /// First byte in the file.
        offset: u64,
        /// Bytes of content.
        length: u32,
        /// SHA-256 of the content.
        hash: [u8; 32],
        /// Where it is stored.
        extent: Extent,
    },
    /// The end of a file, in a fragment block that is reported before or after it.
    Tail {
        /// Path of the file.
        path: &'a [u8],
        /// First byte in the file.
        offset: u64,
        /// Bytes of content.
        length: u32,
        /// SHA-256 of the content.
        hash: [u8; 32],
        /// Number of the fragment block.
        fragment: u32,
        /// First byte in the fragment block's content.
        at: u32,
    },
    /// A fragment block.
    Fragment {
        /// Its number, counted from 0.
        index: u32,
        /// Bytes of content.
        length: u32,
        /// SHA-256 of the content.
        hash: [u8; 32],
        /// Where it is stored.
        extent: Extent,
    },
}

/// What was written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Summary {
    /// Bytes of the image with the zeros that pad it to a multiple of 4096. Behind them nothing was
    /// written but zeros, so the file can be cut here.
    pub bytes: u64,
    /// Bytes of the image without padding, as the superblock has it.
    pub bytes_used: u64,
    /// Inodes; hard links share one.
    pub inodes: u32,
    /// Fragment blocks.
    pub fragments: u32,
    /// Different user and group IDs.
    pub ids: u16,
    /// Different sets of extended attributes.
    pub xattr_sets: u32,
    /// Stored bytes of data blocks that were there already and were not written again.
    pub shared_block_bytes: u64,
    /// Bytes of tails that were there already, before compression.
    pub shared_tail_bytes: u64,
}
