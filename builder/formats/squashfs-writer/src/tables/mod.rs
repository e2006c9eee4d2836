//! Everything behind the data blocks.

mod assemble;
mod directory;
mod ids;
mod inode;
mod metadata;
mod superblock;
mod xattr;

pub(crate) use assemble::{Parts, Placed, assemble, directory_record, note_child, symlink_record};
pub(crate) use ids::Ids;
pub(crate) use inode::device;
pub(crate) use superblock::Superblock;
pub(crate) use xattr::Xattrs;
