//! The largest packages and directories as data.

use serde::Serialize;

use crate::input::{File, Package};
use crate::sizes::{Size, by_directory, directories, packages};

/// Where the room went, in short.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Largest {
    /// How many packages there are; files without one count as one.
    pub package_count: usize,
    /// The largest packages, the largest first.
    pub packages: Vec<Room>,
    /// The largest directories with all that is below them, the largest first. One of which a single
    /// subdirectory is more than nine tenths is left out.
    pub directories: Vec<Room>,
    /// All files.
    pub all: Room,
}

/// What something takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Room {
    /// Name of the package, or path of the directory.
    pub name: String,
    /// Bytes in the image.
    pub stored_bytes: u64,
    /// Bytes of content.
    pub bytes: u64,
    /// Number of files.
    pub files: u64,
}

impl Room {
    fn of(name: &str, size: Size) -> Self {
        let Size { compressed: stored_bytes, content: bytes, files } = size;
        Self { name: name.to_owned(), stored_bytes, bytes, files }
    }
}

/// The `most` largest packages and directories.
#[must_use]
pub fn largest(packages_list: &[Package], files: &[File], most: usize) -> Largest {
    let all = packages(packages_list, files);
    let largest = all.iter().take(most).map(|package| Room::of(package.name, package.size));
    let tree = by_directory(files);
    let directories = directories(&tree, most).into_iter();
    Largest {
        package_count: all.len(),
        packages: largest.collect(),
        directories: directories.map(|(path, size)| Room::of(&path, size)).collect(),
        all: Room::of("all files", files.iter().map(Size::of).sum()),
    }
}
