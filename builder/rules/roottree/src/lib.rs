//! The root tree as a tar stream: index, overlays, enabled units, package list.
//!
//! A distribution's package manager leaves the tree of an OS as one tar archive. It is never
//! extracted: an [`Index`] finds files in it, a [`Tree`] is that index with changes on top, and the
//! [`Piece`]s of a tree are a new archive, written by [`write`] while the old one is read. Owners,
//! modes and extended attributes therefore stay data, and no step needs root.
//!
//! One tree and one list of changes give one archive, byte for byte: members are sorted by path,
//! headers are made anew, and no time stamp is later than the epoch of the build.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

pub mod apt;
pub mod container;
mod deb822;
mod error;
mod glob;
pub mod image;
mod index;
mod overlay;
mod owners;
mod packages;
pub mod path;
mod special;
mod tar;
mod tree;
pub mod units;

pub use error::{Corruption, Error};
pub use glob::Glob;
pub use index::{Entry, Index, Kind, read_file};
pub use overlay::{OverlayEntry, OverlayKind, overlay};
pub use owners::{LISTS, Owners};
pub use packages::{Package, packages};
pub use special::Special;
pub use tar::Attribute;
pub use tree::{
    Change, Content, Data, Member, MemberKind, Node, NodeKind, Piece, Sources, Tree, archive_bytes,
    plan, write,
};
