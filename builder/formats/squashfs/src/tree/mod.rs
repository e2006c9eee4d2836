//! The tree of an image: inodes, names, and where every block lies.

mod codec;
mod content;
mod cursor;
mod directory;
mod error;
mod inode;
mod metadata;
mod pieces;
mod read;
mod stored;

pub use content::Contents;
pub use error::{Place, TableError};
pub use inode::{Directory, File, Inode, Kind, Tail};
pub use metadata::TABLE_BYTES_MAX;
pub use pieces::Pieces;
pub use read::{ENTRIES_MAX, Entry, INODES_MAX, PATHS_BYTES_MAX, Tree};
pub use stored::{Blocks, Stored};
