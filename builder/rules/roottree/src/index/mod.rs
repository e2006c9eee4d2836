//! What an archive holds and where.

mod entry;
mod lookup;
mod read;

pub use entry::{Entry, Kind};
pub use lookup::read_file;

/// Everything in one archive, sorted by [`crate::path::order`]. The root is always there.
///
/// Takes about 200 bytes of memory for each entry of a Debian tree.
#[derive(Debug, Clone)]
pub struct Index {
    entries: Vec<Entry>,
}
