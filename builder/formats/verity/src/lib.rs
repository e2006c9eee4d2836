//! dm-verity hash trees: hash type 1, SHA-256, 4096-byte data and hash blocks.
//!
//! The tree is what the kernel reads (`Documentation/admin-guide/device-mapper/verity.rst`), the
//! superblock in front of it is cryptsetup's (`lib/verity/verity.c`, `struct verity_sb`), and both
//! are byte for byte what `veritysetup format` writes. In an image they follow their data:
//!
//! ```text
//! 0                 data_bytes             data_bytes + 4096
//! | data blocks ... | superblock | zeros   | top hash block | ... | leaf hash blocks |
//! ```
//!
//! A digest is SHA-256 over the salt and then the block. A hash block holds the digests of 128
//! blocks of the level below, padded with zeros; the root hash is the digest of the single top
//! block. Data of one block has no hash block at all: its own digest is the root hash.
//!
//! Other hash types, algorithms and block sizes are reported as unsupported.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod build;
mod error;
mod hash;
mod layout;
mod root_hash;
mod superblock;
mod table;
mod tree;
mod verify;

pub use build::{Builder, Params, Tree};
pub use error::{BadBlock, Error, Mismatch};
pub use hash::root_hash_of;
pub use layout::{
    BLOCK_BYTES, DIGEST_BYTES, Level, MAX_DATA_BLOCKS, TreeLayout, hash_offset_layout,
};
pub use root_hash::RootHash;
pub use superblock::{MAX_SALT_BYTES, Superblock};
pub use table::device_mapper_table;
pub use tree::CheckedTree;
pub use verify::verify;
