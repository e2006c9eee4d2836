//! A container image inside the tree of an OS.
//!
//! A second tree of packages becomes the root directory of a container: [`guest`] changes what a
//! container has in another way than a machine, [`Metadata`] is what Incus wants to know, and
//! [`Nested`] puts the one tree into the other. The files of the two are mostly the same bytes, which
//! a file system that stores equal files once keeps once.

mod guest;
mod metadata;
mod nested;

pub use guest::{AptSources, guest};
pub use metadata::{Metadata, Parts};
pub use nested::Nested;
