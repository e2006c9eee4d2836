//! Changes applied to a tree.

use super::{Change, Key, Node, NodeKind, Tree};
use crate::error::Error;
use crate::glob::Glob;
use crate::index::Index;
use crate::path::{self, PathError};
use std::ops::Bound;

impl<'a> Tree<'a> {
    /// The tree of `index` without changes.
    #[must_use]
    pub fn new(index: &'a Index) -> Self {
        let kept = vec![true; index.entries().len()];
        Self { index, kept, added: std::collections::BTreeMap::new() }
    }

    /// Makes one change; what it adds wins over what was there.
    ///
    /// # Errors
    /// [`Error::Path`] for a path that no tree can have, [`Error::LinkLoop`], and
    /// [`Error::WrongKind`] where a directory is in the way of something else or the reverse. The
    /// tree is then as it was, save for directories made on the way.
    pub fn apply(&mut self, change: &Change) -> Result<(), Error> {
        match change {
            Change::Put(node) => self.put(node),
            Change::Replace(node) => self.replace(node),
            Change::EnsureDirectory(node) => self.ensure_directory(node),
            Change::Drop(path) => {
                let path = self.located(path, false)?;
                self.not_root(&path)?;
                self.drop_at(&path);
                Ok(())
            }
            Change::DropMatching(glob) => {
                self.drop_matching(glob);
                Ok(())
            }
            Change::Empty(path) => self.empty(path),
        }
    }

    fn put(&mut self, node: &Node) -> Result<(), Error> {
        let path = self.located(&node.path, false)?;
        let directory = node.kind == NodeKind::Directory;
        if let Some(found) = self.view(&path)
            && found.is_directory() != directory
        {
            let (expected, found) = (node.kind.name(), found.kind_name());
            return Err(Error::WrongKind { path, expected, found });
        }
        self.insert(path, node)
    }

    fn replace(&mut self, node: &Node) -> Result<(), Error> {
        let path = self.located(&node.path, false)?;
        self.not_root(&path)?;
        self.drop_at(&path);
        self.insert(path, node)
    }

    fn ensure_directory(&mut self, node: &Node) -> Result<(), Error> {
        let path = self.located(&node.path, true)?;
        match self.view(&path) {
            None => self.insert(path, node),
            Some(found) if found.is_directory() => Ok(()),
            Some(found) => {
                let found = found.kind_name();
                Err(Error::WrongKind { path, expected: "a directory", found })
            }
        }
    }

    fn empty(&mut self, path: &str) -> Result<(), Error> {
        let path = self.located(path, true)?;
        match self.view(&path) {
            None => Ok(()),
            Some(found) if found.is_directory() => {
                self.drop_below(&path);
                Ok(())
            }
            Some(found) => {
                let found = found.kind_name();
                Err(Error::WrongKind { path, expected: "a directory", found })
            }
        }
    }

    /// `raw` with the symbolic links on its way followed.
    fn located(&self, raw: &str, follow_last: bool) -> Result<String, Error> {
        let clean =
            path::in_tree(raw).map_err(|reason| Error::Path { path: raw.to_owned(), reason })?;
        self.walk(&clean, follow_last)
    }

    /// The root is there for good.
    fn not_root(&self, path: &str) -> Result<(), Error> {
        if path.is_empty() {
            return Err(Error::Path { path: "/".to_owned(), reason: PathError::Empty });
        }
        Ok(())
    }

    /// Puts `node` at `path`, whose links have been followed, and makes its directories.
    fn insert(&mut self, path: String, node: &Node) -> Result<(), Error> {
        check(node)?;
        let mut missing = path::parent(&path);
        while let Some(parent) = missing.filter(|parent| self.view(parent).is_none()) {
            self.added.insert(Key(parent.to_owned()), Node::directory(parent));
            missing = path::parent(parent);
        }
        self.forget(&path);
        self.added.insert(Key(path.clone()), Node { path, ..node.clone() });
        Ok(())
    }

    fn drop_matching(&mut self, glob: &Glob) {
        let added = self.added.keys().filter(|key| glob.matches(&key.0)).map(|key| key.0.clone());
        let old = self.index.matching(glob).map(|entry| entry.path.to_string());
        let matching: Vec<String> = added.chain(old).filter(|path| !path.is_empty()).collect();
        for path in matching {
            self.drop_at(&path);
        }
    }

    fn drop_at(&mut self, path: &str) {
        self.drop_below(path);
        self.forget(path);
        self.added.remove(&Key(path.to_owned()));
    }

    fn drop_below(&mut self, path: &str) {
        let range = self.index.below_range(path);
        if let Some(kept) = self.kept.get_mut(range) {
            kept.fill(false);
        }
        let key = Key(path.to_owned());
        let after = self.added.range((Bound::Excluded(&key), Bound::Unbounded));
        let below: Vec<Key> = after
            .map(|(key, _)| key.clone())
            .take_while(|key| path::is_below(&key.0, path))
            .collect();
        for key in below {
            self.added.remove(&key);
        }
    }

    fn forget(&mut self, path: &str) {
        if let Some(kept) = self.index.position(path).and_then(|at| self.kept.get_mut(at)) {
            *kept = false;
        }
    }
}

/// What an archive could not hold.
fn check(node: &Node) -> Result<(), Error> {
    let NodeKind::Symlink(target) = &node.kind else { return Ok(()) };
    let reason = match target.len() {
        0 => PathError::Empty,
        length if length > path::MAX_PATH_BYTES => PathError::TooLong,
        _ if target.contains('\0') => PathError::Zero,
        _ => return Ok(()),
    };
    Err(Error::Path { path: target.clone(), reason })
}
