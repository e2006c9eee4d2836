//! The squashfs superblock.
