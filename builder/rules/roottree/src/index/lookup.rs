//! Entries by path, by directory and by pattern.

use super::{Entry, Index, Kind};
use crate::error::Error;
use crate::glob::Glob;
use crate::path::{self, Step, WalkError};
use anklume_bytes::ReadAt;
use std::cmp::Ordering;

impl Index {
    /// All entries in the order of [`path::order`], the root first.
    #[must_use]
    pub fn entries(&self) -> &[Entry] {
        &self.entries
    }

    /// The entry of exactly this path, no link followed.
    #[must_use]
    pub fn find(&self, path: &str) -> Option<&Entry> {
        self.position(path).and_then(|position| self.entries.get(position))
    }

    pub(crate) fn position(&self, path: &str) -> Option<usize> {
        self.entries.binary_search_by(|entry| path::order(&entry.path, path)).ok()
    }

    /// The entry that `path` leads to, through symbolic links, as if the tree were the root file
    /// system. A leading slash may be there.
    ///
    /// # Errors
    /// [`Error::NotFound`], [`Error::LinkLoop`] or [`Error::WrongKind`] with the path.
    pub fn resolve(&self, path: &str) -> Result<&Entry, Error> {
        let walked = path::walk(path, true, |path| self.find(path).map(|entry| self.step(entry)));
        let end = walked.map_err(|error| error.at(path))?;
        self.find(&end).ok_or_else(|| Error::NotFound { path: path.to_owned() })
    }

    /// The entry that has the content of `entry`: itself, unless it is a hard link.
    #[must_use]
    pub fn content<'a>(&'a self, entry: &'a Entry) -> &'a Entry {
        match &entry.kind {
            Kind::HardLink(target) => self.find(target).unwrap_or(entry),
            _ => entry,
        }
    }

    /// What a path does that comes to `entry`; a symbolic link may have hard links too.
    pub(crate) fn step<'a>(&'a self, entry: &'a Entry) -> Step<'a> {
        match &self.content(entry).kind {
            Kind::Directory => Step::Directory,
            Kind::Symlink(target) => Step::Link(target),
            _ => Step::Other,
        }
    }

    /// Everything in `directory` at any depth, no link followed, the directory itself excepted.
    #[must_use]
    pub fn below(&self, directory: &str) -> &[Entry] {
        self.entries.get(self.below_range(directory)).unwrap_or_default()
    }

    pub(crate) fn below_range(&self, directory: &str) -> std::ops::Range<usize> {
        let start = self
            .entries
            .partition_point(|entry| path::order(&entry.path, directory) != Ordering::Greater);
        let rest = self.entries.get(start..).unwrap_or_default();
        let length = rest.partition_point(|entry| path::is_below(&entry.path, directory));
        start..start.saturating_add(length)
    }

    /// What lies directly in `directory`, no link followed. Empty for what is no directory.
    pub fn children<'a>(&'a self, directory: &'a str) -> impl Iterator<Item = &'a Entry> {
        let below = self.below(directory).iter();
        below.filter(move |entry| path::parent(&entry.path) == Some(directory))
    }

    /// The entries whose path, no link followed, fits `glob`.
    pub fn matching<'a>(&'a self, glob: &'a Glob) -> impl Iterator<Item = &'a Entry> {
        let prefix = glob.fixed_prefix();
        let itself = self.find(&prefix).into_iter();
        itself.chain(self.below(&prefix)).filter(move |entry| glob.matches(&entry.path))
    }
}

impl WalkError {
    pub(crate) fn at(self, path: &str) -> Error {
        let path = path.to_owned();
        match self {
            Self::Loop => Error::LinkLoop { path, limit: path::MAX_LINKS },
            Self::TooLong => Error::Path { path, reason: path::PathError::TooLong },
            Self::NotADirectory(path) => {
                Error::WrongKind { path, expected: "a directory", found: "something else" }
            }
        }
    }
}

/// Reads the file that `path` leads to, through symbolic and hard links, but no more than `limit`
/// bytes.
///
/// # Errors
/// As [`Index::resolve`]; [`Error::WrongKind`] for what is no file, [`Error::TooLarge`] above
/// `limit`, [`Error::Read`] when the archive cannot be read.
pub fn read_file<R: ReadAt + ?Sized>(
    tar: &R,
    index: &Index,
    path: &str,
    limit: u64,
) -> Result<Vec<u8>, Error> {
    let entry = index.content(index.resolve(path)?);
    if entry.kind != Kind::File {
        let (path, found) = (path.to_owned(), entry.kind.name());
        return Err(Error::WrongKind { path, expected: "a file", found });
    }
    if entry.size > limit {
        return Err(Error::TooLarge { path: path.to_owned(), size: entry.size, limit });
    }
    Ok(tar.read_vec(entry.data, entry.size, limit)?)
}
