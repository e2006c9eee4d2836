//! Overlay folders: files of the image definition that go over the tree.

use crate::error::Error;
use crate::path;
use crate::tree::{Change, Content, Node, NodeKind};

/// Something that an overlay folder holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverlayEntry {
    /// Path relative to the folder, which stands for the root of the tree.
    pub path: String,
    /// What it is.
    pub kind: OverlayKind,
    /// Whether the owner may execute the file; of no meaning for anything else.
    pub executable: bool,
}

/// What an [`OverlayEntry`] is. A folder under version control holds nothing else.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OverlayKind {
    /// A regular file.
    File(Content),
    /// A directory.
    Directory,
    /// A symbolic link to this target.
    Symlink(String),
}

/// The changes that lay `entries` over a tree. Everything belongs to root and is as old as the
/// epoch; files have mode 0755 or 0644. A directory that the tree has keeps its owner and mode: a
/// folder cannot say that `root` is 0700 or `tmp` is 1777.
///
/// # Errors
/// [`Error::Path`] for a path that is absolute, empty, or leaves the folder.
pub fn overlay(entries: &[OverlayEntry]) -> Result<Vec<Change>, Error> {
    entries.iter().map(change).collect()
}

fn change(entry: &OverlayEntry) -> Result<Change, Error> {
    let wrong = |reason| Error::Path { path: entry.path.clone(), reason };
    let path = path::normalise(&entry.path).map_err(wrong)?;
    if path.is_empty() {
        return Err(wrong(path::PathError::Empty));
    }
    Ok(match &entry.kind {
        OverlayKind::Directory => Change::EnsureDirectory(Node::directory(path)),
        OverlayKind::Symlink(target) => Change::Put(Node::symlink(path, target)),
        OverlayKind::File(content) => {
            let mode = if entry.executable { 0o755 } else { 0o644 };
            Change::Put(Node::new(path, mode, NodeKind::File(content.clone())))
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, executable: bool) -> OverlayEntry {
        let kind = OverlayKind::File(Content::Bytes(b"x".to_vec()));
        OverlayEntry { path: path.to_owned(), kind, executable }
    }

    #[test]
    fn files_get_one_of_two_modes() {
        let changes = overlay(&[file("./etc/x", false), file("usr/bin/y", true)]).unwrap();
        assert_eq!(
            changes,
            [
                Change::Put(Node::file("etc/x", 0o644, *b"x")),
                Change::Put(Node::file("usr/bin/y", 0o755, *b"x")),
            ]
        );
    }

    #[test]
    fn nothing_lands_outside_the_tree() {
        for path in ["/etc/x", "../x", "etc/../../x", "", "."] {
            assert!(matches!(overlay(&[file(path, false)]), Err(Error::Path { .. })), "{path}");
        }
    }
}
