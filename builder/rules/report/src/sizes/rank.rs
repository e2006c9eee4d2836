//! The largest packages and directories.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use super::{NO_PACKAGE, Size, Tree};
use crate::input::{File, Package};

/// A package with what its files take.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PackageSize<'a> {
    /// Its name; [`NO_PACKAGE`] for the files without one.
    pub(crate) name: &'a str,
    /// Its version; empty if it is not known.
    pub(crate) version: &'a str,
    /// Its section; empty if it is not known.
    pub(crate) section: &'a str,
    /// Of its files.
    pub(crate) size: Size,
}

/// All packages, also those without files and those that only files name; the largest first, equal
/// ones by name.
pub(crate) fn packages<'a>(packages: &'a [Package], files: &'a [File]) -> Vec<PackageSize<'a>> {
    let mut found: BTreeMap<Option<&str>, PackageSize<'_>> = BTreeMap::new();
    for Package { name, version, section } in packages {
        let package = PackageSize { name, version, section, size: Size::default() };
        found.entry(Some(name)).or_insert(package);
    }
    for file in files {
        let owner = file.package.as_deref();
        let name = owner.unwrap_or(NO_PACKAGE);
        let unknown = PackageSize { name, version: "", section: "", size: Size::default() };
        let package = found.entry(owner).or_insert(unknown);
        package.size = package.size.plus(Size::of(file));
    }
    let mut packages: Vec<_> = found.into_values().collect();
    packages.sort_by_key(|package| (Reverse(package.size), package.name));
    packages
}

/// The largest directories with all that is below them, at most `most`: path and size, the largest
/// first. A directory of which one child is more than nine tenths is left out, for the child says
/// more; so is the root.
pub(crate) fn directories(tree: &Tree, most: usize) -> Vec<(String, Size)> {
    let mut found = Vec::new();
    let mut level = vec![(String::new(), Tree::ROOT)];
    while !level.is_empty() {
        let mut next = Vec::new();
        for (path, node) in level {
            let children = tree.children(node);
            if children.is_empty() {
                continue;
            }
            next.extend(children.iter().map(|&child| (joined(&path, tree.name(child)), child)));
            if node != Tree::ROOT && !told_by_child(tree, node) {
                found.push((path, tree.size(node)));
            }
        }
        // What is smaller than all that is found already cannot come into the list.
        found.sort_by(|a, b| (Reverse(a.1), &a.0).cmp(&(Reverse(b.1), &b.0)));
        found.truncate(most);
        level = next;
    }
    found
}

fn joined(path: &str, name: &str) -> String {
    format!("{path}/{name}")
}

fn told_by_child(tree: &Tree, node: usize) -> bool {
    let size = |node| u128::from(tree.size(node).compressed).saturating_mul(10);
    let most = size(node).saturating_mul(9) / 10;
    tree.children(node).iter().any(|&child| size(child) > most && !tree.children(child).is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sizes::by_directory;

    fn file(path: &str, bytes: u64, package: Option<&str>) -> File {
        File { path: path.into(), bytes, compressed_bytes: bytes, package: package.map(Into::into) }
    }

    #[test]
    fn packages_fall_in_size_and_none_is_missing() {
        let list = [Package { name: "empty".into(), version: "2".into(), ..Package::default() }];
        let files = [file("x", 1, None), file("y", 3, Some("p")), file("z", 4, Some("p"))];
        let found = packages(&list, &files);
        let short: Vec<_> = found.iter().map(|p| (p.name, p.size.compressed)).collect();
        assert_eq!(short, [("p", 7), (NO_PACKAGE, 1), ("empty", 0)]);
        assert_eq!(found[2].version, "2");
        let sum: Size = found.iter().map(|package| package.size).sum();
        assert_eq!(sum, files.iter().map(Size::of).sum());
    }

    #[test]
    fn directories_that_are_one_child_are_left_out() {
        let files = [
            file("usr/lib/a/1", 60, None),
            file("usr/lib/a/2", 35, None),
            file("usr/lib/b/1", 55, None),
            file("usr/lib/b/2", 45, None),
            file("usr/share", 3, None),
            file("etc/passwd", 1, None),
            file("etc/group", 1, None),
        ];
        let tree = by_directory(&files);
        let names = |most| {
            directories(&tree, most).into_iter().map(|(path, s)| (path, s.compressed)).collect()
        };
        let all: Vec<(String, u64)> = names(9);
        assert_eq!(
            all,
            [
                ("/usr/lib".into(), 195),
                ("/usr/lib/b".into(), 100),
                ("/usr/lib/a".into(), 95),
                ("/etc".into(), 2)
            ]
        );
        assert_eq!(names(2), all[..2]);
    }
}
