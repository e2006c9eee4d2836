//! Looking at a tree as it is after its changes.

use super::{Key, Node, NodeKind, Tree};
use crate::error::Error;
use crate::index::{Entry, Kind};
use crate::path::{self, Step};
use std::collections::BTreeSet;
use std::ops::Bound;

/// Something in a tree: from the archive, or added.
#[derive(Debug, Clone, Copy)]
pub(crate) enum View<'a> {
    /// The entry that has the content, never a hard link.
    Old(&'a Entry),
    Added(&'a Node),
}

impl<'a> View<'a> {
    pub(crate) fn is_directory(self) -> bool {
        match self {
            Self::Old(entry) => entry.kind == Kind::Directory,
            Self::Added(node) => node.kind == NodeKind::Directory,
        }
    }

    pub(crate) fn symlink(self) -> Option<&'a str> {
        match self {
            Self::Old(Entry { kind: Kind::Symlink(target), .. }) => Some(target),
            Self::Added(Node { kind: NodeKind::Symlink(target), .. }) => Some(target),
            _ => None,
        }
    }

    /// Bytes of content; `None` for what is no regular file.
    pub(crate) fn file_size(self) -> Option<u64> {
        match self {
            Self::Old(Entry { kind: Kind::File, size, .. }) => Some(*size),
            Self::Added(Node { kind: NodeKind::File(content), .. }) => Some(content.size()),
            _ => None,
        }
    }

    pub(crate) fn kind_name(self) -> &'static str {
        match self {
            Self::Old(entry) => entry.kind.name(),
            Self::Added(node) => node.kind.name(),
        }
    }
}

impl Tree<'_> {
    /// Whether something has exactly this path, no link followed.
    #[must_use]
    pub fn has(&self, path: &str) -> bool {
        self.view(path).is_some()
    }

    /// The path that `path` leads to through symbolic links, `None` when nothing is there. A
    /// leading slash may be there.
    ///
    /// # Errors
    /// [`Error::LinkLoop`] and [`Error::WrongKind`], the latter for a way through something that
    /// is no directory.
    pub fn resolve(&self, path: &str) -> Result<Option<String>, Error> {
        let end = self.walk(path, true)?;
        Ok(self.has(&end).then_some(end))
    }

    /// The target of the symbolic link of exactly this path.
    #[must_use]
    pub fn symlink(&self, path: &str) -> Option<&str> {
        self.view(path).and_then(View::symlink)
    }

    /// Names in the directory of exactly this path, sorted by bytes.
    #[must_use]
    pub fn names(&self, directory: &str) -> BTreeSet<String> {
        let mut names = BTreeSet::new();
        let range = self.index.below_range(directory);
        let entries = self.index.entries().get(range.clone()).unwrap_or_default();
        let kept = self.kept.get(range).unwrap_or_default();
        let old =
            entries.iter().zip(kept).filter(|(_, kept)| **kept).map(|(entry, _)| &*entry.path);
        let key = Key(directory.to_owned());
        let after = self.added.range((Bound::Excluded(&key), Bound::Unbounded));
        let added = after.map(|(key, _)| key.0.as_str());
        let added = added.take_while(|path| path::is_below(path, directory));
        for path in old.chain(added) {
            if path::parent(path) == Some(directory) {
                names.insert(path::name(path).to_owned());
            }
        }
        names
    }

    pub(crate) fn view(&self, path: &str) -> Option<View<'_>> {
        if let Some(node) = self.added.get(&Key(path.to_owned())) {
            return Some(View::Added(node));
        }
        let position = self.index.position(path)?;
        let kept = self.kept.get(position).copied().unwrap_or(false);
        let entry = self.index.entries().get(position).filter(|_| kept)?;
        Some(View::Old(self.index.content(entry)))
    }

    pub(crate) fn walk(&self, path: &str, follow_last: bool) -> Result<String, Error> {
        let view = |path: &str| {
            let view = self.view(path)?;
            Some(match view.symlink() {
                Some(target) => Step::Link(target),
                None if view.is_directory() => Step::Directory,
                None => Step::Other,
            })
        };
        path::walk(path, follow_last, view).map_err(|error| error.at(path))
    }
}
