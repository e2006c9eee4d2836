//! What is kept in memory until the image ends, in little room.

mod index;
mod log;
mod segments;

pub(crate) use index::{Index, key_of};
pub(crate) use log::{Head, Log, LogReader};
pub(crate) use segments::Segments;
