//! Reads squashfs images: the superblock, and the tree with the place of every block.
//!
//! The structures are those of the kernel's `fs/squashfs/squashfs_fs.h`, version 4.0, little-endian;
//! where the header is silent, `fs/squashfs/*.c` of Linux decide. [`Superblock`] is enough to
//! recognise an image and to know where it ends. [`Tree`] is every inode and every name, with the
//! stored blocks of each file; [`Contents`] decompresses files.
//!
//! Decompression needs the crate's features `zstd` and `xz`; an image whose tables and blocks are
//! not compressed needs none. Not supported: other compressions, and the values of extended
//! attributes, of which an inode tells whether it has any.
//!
//! Nothing is trusted: what a tree may hold is bounded (at most [`TABLE_BYTES_MAX`] bytes for each
//! table, [`INODES_MAX`] inodes, [`ENTRIES_MAX`] names), and every place lies inside the image.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod compression;
mod error;
mod layout;
mod options;
mod read;
mod tree;

pub use compression::Compression;
pub use error::Error;
pub use layout::SUPERBLOCK_BYTES;
pub use read::{Superblock, Tables};
pub use tree::{
    Blocks, Contents, Directory, ENTRIES_MAX, Entry, File, INODES_MAX, Inode, Kind,
    PATHS_BYTES_MAX, Pieces, Place, Stored, TABLE_BYTES_MAX, TableError, Tail, Tree,
};
