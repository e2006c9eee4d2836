//! Writes squashfs 4.0 images in one pass from a sorted stream of entries.
#![forbid(unsafe_code)]
#![cfg_attr(
    not(test),
    deny(clippy::as_conversions, clippy::arithmetic_side_effects, clippy::indexing_slicing)
)]

mod cache;

pub use cache::{BlockCache, BlockKey};
