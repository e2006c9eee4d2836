//! Sections of PE32+ images, and unified kernel images made of them.
//!
//! A unified kernel image (UAPI.5) is systemd's EFI stub with kernel, initramfs, command line and
//! os-release as further sections. [`Image`] reads the headers of any PE32+ image (Microsoft PE
//! Format), [`plan_sections`] says what the headers of a stub with more sections are and where
//! their data goes, [`add_sections`] puts them together in memory.
//!
//! Not supported: PE32, images with symbols, and stubs that are already signed. Relocations and
//! resources are left as they are; nothing is ever moved.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod checksum;
mod error;
mod layout;
mod read;
#[cfg(test)]
#[path = "../tests/sample/mod.rs"]
mod sample;
mod write;

pub use checksum::checksum;
pub use error::{Error, NameProblem};
pub use layout::{MACHINE_X86_64, SUBSYSTEM_EFI_APPLICATION};
pub use read::{Image, Section};
pub use write::{KERNEL, Layout, PROFILE, add_sections, plan_sections};
