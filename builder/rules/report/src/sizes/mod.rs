//! Files added up, by directory and by package.

mod prune;
mod rank;
mod tree;

pub(crate) use prune::{Kind, Shown, shown};
pub(crate) use rank::{directories, packages};
pub(crate) use tree::{NO_PACKAGE, Tree, by_directory, by_package};

use crate::input::File;

/// What files take together.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Size {
    /// Bytes in the image. Compared first: sizes are ordered by what they take there.
    pub(crate) compressed: u64,
    /// Bytes of content.
    pub(crate) content: u64,
    /// Number of files.
    pub(crate) files: u64,
}

impl Size {
    /// Of one file.
    pub(crate) fn of(file: &File) -> Self {
        Self { compressed: file.compressed_bytes, content: file.bytes, files: 1 }
    }

    /// Both together; stops at the largest number.
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            compressed: self.compressed.saturating_add(other.compressed),
            content: self.content.saturating_add(other.content),
            files: self.files.saturating_add(other.files),
        }
    }

    /// What is left without a part of it.
    pub(crate) fn minus(self, part: Self) -> Self {
        Self {
            compressed: self.compressed.saturating_sub(part.compressed),
            content: self.content.saturating_sub(part.content),
            files: self.files.saturating_sub(part.files),
        }
    }
}

impl std::iter::Sum for Size {
    fn sum<I: Iterator<Item = Self>>(sizes: I) -> Self {
        sizes.fold(Self::default(), Self::plus)
    }
}
