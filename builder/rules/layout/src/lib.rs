//! What an anklume image is: partitions, labels, sizes, paths, command line, boot report.
//!
//! Every name that two programs must agree on is spelled here and nowhere else.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

pub mod cmdline;
pub mod container;
pub mod disk;
pub mod files;
pub mod grub;
pub mod grub_bytes;
pub mod initconf;
pub mod initramfs;
pub mod manifest;
mod partition;
pub mod report;
pub mod sizes;
pub mod text;

pub use partition::{
    ALIGNMENT_BYTES, BIOS_BOOT_BYTES, ESP_BYTES, Role, SECTOR_BYTES, SYSTEM_AREA_BYTES, Slot,
};
