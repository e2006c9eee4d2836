//! Reading the parts of an image, for both commands.

pub(crate) mod boot_pieces;
pub(crate) mod content;
pub(crate) mod digests;
pub(crate) mod disk;
pub(crate) mod folder;
pub(crate) mod grub;
pub(crate) mod iso;
pub(crate) mod os;
pub(crate) mod pieces;
pub(crate) mod slot;
pub(crate) mod uki;
