//! Image definitions: images/*.toml, strictly parsed.
//!
//! A definition says what an image holds: packages in named groups, folders copied over the tree,
//! units, what is left out, how it is compressed. One file is one image; there are no includes, so
//! the file that a reviewer reads is the whole truth. An unknown key, a name that the distribution
//! would refuse and a package listed twice are errors with line, column and key, before anything is
//! downloaded.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod check;
mod error;
mod locate;
mod model;
mod pattern;
mod read;
mod schema;
mod select;
mod size;
mod text;

pub use error::{Error, Problem};
pub use model::{
    Architecture, Base, Compression, Container, Definition, Initramfs, Kernel, Modules, Optional,
    Os, Overlays, PackageGroup, Paths, Profile, Sizes, Units, Update,
};
pub use pattern::{Pattern, PatternError};
pub use read::{MAX_BYTES, fuzz};
pub use schema::json_schema;
pub use select::SelectError;
pub use size::{ByteSize, SizeError};
