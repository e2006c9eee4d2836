//! The index that `depmod` writes beside a kernel's modules: `modules.dep`, `modules.alias`,
//! `modules.softdep` and `modules.builtin`.
//!
//! All four are lines of text (depmod(8), modules.dep(5)); no parser of this crate opens a file.
//! The builder reads the index of a whole kernel, selects what the initramfs needs and writes the
//! smaller index; the initramfs reads that one and asks it what to load for a device.
//!
//! Not read: the `.bin` twins (a trie of the same content), `modules.symbols`,
//! `modules.builtin.modinfo` and `modules.weakdep` (hints for generators of initramfs images).
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod error;
mod index;
mod name;
mod options;
mod order;
mod pattern;
mod read;
mod select;
mod write;

pub use error::Error;
pub use index::{Alias, Index, Module, SoftDependencies};
pub use name::{ModuleName, base_name, without_compression};
pub use options::Options;
pub use pattern::matches;
pub use read::Texts;
pub use select::{Selected, Wanted};
pub use write::Encoded;
