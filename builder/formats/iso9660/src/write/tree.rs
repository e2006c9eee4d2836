//! The directories and files of a volume, in the order that ECMA-119 asks for.

use std::collections::BTreeMap;

use super::Entry;
use crate::error::PlanError;
use crate::names::{identifier, split};

/// What a file holds.
#[derive(Debug, Clone, Copy)]
pub(super) enum Content<'a> {
    /// Bytes elsewhere in the image: offset and length in bytes.
    Alias(u64, u64),
    /// Bytes that the volume's own area holds.
    Stored(&'a [u8]),
}

/// A file.
#[derive(Debug)]
pub(super) struct File<'a> {
    pub(super) path: &'a str,
    /// In capitals.
    pub(super) name: String,
    /// As it was spelled.
    pub(super) shown: String,
    pub(super) content: Content<'a>,
}

/// A directory; the root is its own parent.
#[derive(Debug)]
pub(super) struct Directory {
    /// In capitals; empty for the root.
    pub(super) name: String,
    /// As the first path with it spelled it.
    pub(super) shown: String,
    /// Index of the parent in [`Tree::directories`].
    pub(super) parent: usize,
    /// What it holds, sorted by name.
    pub(super) children: BTreeMap<String, Child>,
}

/// An index into one of the lists of a [`Tree`].
#[derive(Debug, Clone, Copy)]
pub(super) enum Child {
    Directory(usize),
    File(usize),
}

/// All directories and files.
#[derive(Debug)]
pub(super) struct Tree<'a> {
    /// In the order of path tables: by level, then by the parent's number, then by name (ECMA-119
    /// section 6.9.1). The root is the first.
    pub(super) directories: Vec<Directory>,
    /// By directory, then by name.
    pub(super) files: Vec<File<'a>>,
}

impl<'a> Tree<'a> {
    /// Sorts `entries` into directories.
    ///
    /// Names have only characters that sort behind the full stop, so comparing their bytes is the
    /// same as comparing padded names and then padded extensions (ECMA-119 section 9.3).
    pub(super) fn new(entries: &'a [Entry]) -> Result<Self, PlanError> {
        let mut sorted = BTreeMap::new();
        let mut folders = BTreeMap::from([((0, Vec::new()), String::new())]);
        for entry in entries {
            let (path, content) = match entry {
                Entry::Alias(file) => (&file.path, Content::Alias(file.offset_bytes, file.size)),
                Entry::Inline { path, content } => (path, Content::Stored(content)),
            };
            let (spelled, shown) = split(path)?;
            let mut directory = Vec::new();
            for folder in spelled {
                directory.push(identifier(&folder));
                folders.entry((directory.len(), directory.clone())).or_insert(folder);
            }
            let key = (directory.len(), directory, identifier(&shown));
            if sorted.insert(key, (path.as_str(), shown, content)).is_some() {
                return Err(PlanError::Duplicate { path: path.clone() });
            }
        }
        let (directories, numbers) = connect(folders);
        let mut tree = Self { directories, files: Vec::new() };
        for ((_, folder, name), (path, shown, content)) in sorted {
            let parent = numbers.get(&folder).copied().unwrap_or_default();
            tree.add(parent, File { path, name, shown, content })?;
        }
        Ok(tree)
    }

    fn add(&mut self, parent: usize, file: File<'a>) -> Result<(), PlanError> {
        let child = Child::File(self.files.len());
        let directory = self.directories.get_mut(parent);
        let children = directory.map(|directory| &mut directory.children);
        if children.is_some_and(|all| all.insert(file.name.clone(), child).is_some()) {
            return Err(PlanError::Duplicate { path: file.path.to_owned() });
        }
        self.files.push(file);
        Ok(())
    }
}

type Numbers = BTreeMap<Vec<String>, usize>;

/// Gives directories, sorted by level and path, their numbers, parents and subdirectories.
fn connect(folders: BTreeMap<(usize, Vec<String>), String>) -> (Vec<Directory>, Numbers) {
    let mut numbers = Numbers::new();
    let mut directories: Vec<Directory> = Vec::new();
    for (number, ((_, folder), shown)) in folders.into_iter().enumerate() {
        let name = folder.last().cloned().unwrap_or_default();
        let above = folder.split_last().map_or(&[][..], |(_, above)| above);
        let parent = numbers.get(above).copied().unwrap_or_default();
        if let Some(above) = directories.get_mut(parent) {
            above.children.insert(name.clone(), Child::Directory(number));
        }
        directories.push(Directory { name, shown, parent, children: BTreeMap::new() });
        numbers.insert(folder, number);
    }
    (directories, numbers)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn inline(path: &str) -> Entry {
        Entry::Inline { path: path.into(), content: Vec::new() }
    }

    #[test]
    fn directories_are_numbered_by_level_parent_and_name() {
        let entries = ["B/A/F", "A/Z/F", "A/B/F", "TOP"].map(inline);
        let tree = Tree::new(&entries).unwrap();
        let numbered: Vec<_> =
            tree.directories.iter().map(|one| (one.name.as_str(), one.parent)).collect();
        assert_eq!(numbered, [("", 0), ("A", 0), ("B", 0), ("B", 1), ("Z", 1), ("A", 2)]);
        let files: Vec<_> = tree.files.iter().map(|one| one.path).collect();
        assert_eq!(files, ["TOP", "A/B/F", "A/Z/F", "B/A/F"]);
    }

    #[test]
    fn names_sort_as_padded_stems_then_padded_extensions() {
        let entries = ["A_.A", "A1.A", "A.Z", "A", "A.Z1"].map(inline);
        let tree = Tree::new(&entries).unwrap();
        let names: Vec<_> = tree.directories[0].children.keys().collect();
        assert_eq!(names, ["A", "A.Z", "A.Z1", "A1.A", "A_.A"]);
    }

    #[test]
    fn spelling_does_not_change_the_order() {
        let entries = ["boot/b", "A/c", "C"].map(inline);
        let tree = Tree::new(&entries).unwrap();
        let names: Vec<_> = tree.directories[0].children.keys().collect();
        assert_eq!(names, ["A", "BOOT", "C"]);
        assert_eq!(tree.directories[2].shown, "boot");
        let shown: Vec<_> = tree.files.iter().map(|one| one.shown.as_str()).collect();
        assert_eq!(shown, ["C", "c", "b"]);
    }

    #[test]
    fn one_path_is_one_thing() {
        for pair in [["A/B", "A/B"], ["A", "A/B"], ["A/B", "A"], ["a/B", "A/b"]] {
            let entries = pair.map(inline);
            assert!(matches!(Tree::new(&entries), Err(PlanError::Duplicate { .. })), "{pair:?}");
        }
    }
}
