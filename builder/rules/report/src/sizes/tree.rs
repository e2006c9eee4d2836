//! Files as trees.

use std::collections::BTreeMap;

use super::Size;
use crate::input::{File, Package};
use crate::text::{readable, readable_bytes};

/// The name under which files are shown that belong to no package.
pub(crate) const NO_PACKAGE: &str = "(no package)";
/// The name under which packages are shown that have no section.
pub(crate) const NO_SECTION: &str = "(no section)";

/// The most levels of a tree; what lies deeper is named by the rest of its path.
const MAX_LEVELS: usize = 40;

/// A tree of names with sizes.
#[derive(Debug)]
pub(crate) struct Tree {
    nodes: Vec<Node>,
}

/// A node: a directory, package, section or file.
#[derive(Debug, Default)]
struct Node {
    /// Readable name; the joined names of directories of which each holds only the next.
    name: String,
    /// Of all that is below.
    size: Size,
    /// Of files that bear this very path.
    own: Size,
    /// Indices of the children by name as in the path; sorted by [`Tree::sort`].
    children: Vec<usize>,
}

/// The files by directory.
pub(crate) fn by_directory(files: &[File]) -> Tree {
    let mut tree = Builder::new("/");
    for file in files {
        tree.add(&[], &file.path, Size::of(file));
    }
    tree.finish(1)
}

/// The files by section, package and directory.
pub(crate) fn by_package(packages: &[Package], files: &[File]) -> Tree {
    let sections = sections(packages);
    let mut tree = Builder::new("all packages");
    for file in files {
        let size = Size::of(file);
        let Some(package) = file.package.as_deref() else {
            tree.add(&[NO_PACKAGE], &file.path, size);
            continue;
        };
        let section = sections.get(package).copied().unwrap_or(NO_SECTION);
        tree.add(&[section, package], &file.path, size);
    }
    tree.finish(3)
}

fn sections(packages: &[Package]) -> BTreeMap<&str, &str> {
    let mut sections = BTreeMap::new();
    for package in packages {
        let section = match package.section.as_str() {
            "" => NO_SECTION,
            section => section,
        };
        sections.entry(package.name.as_str()).or_insert(section);
    }
    sections
}

/// Collects files under their names.
struct Builder<'a> {
    nodes: Vec<Node>,
    found: BTreeMap<(usize, &'a [u8]), usize>,
}

impl<'a> Builder<'a> {
    fn new(root: &str) -> Self {
        let root = Node { name: root.to_owned(), ..Node::default() };
        Self { nodes: vec![root], found: BTreeMap::new() }
    }

    fn add(&mut self, groups: &[&'a str], path: &'a [u8], size: Size) {
        let mut at = 0;
        self.grow(at, size);
        for group in groups {
            at = self.child(at, group.as_bytes());
            self.grow(at, size);
        }
        for component in components(path) {
            at = self.child(at, component);
            self.grow(at, size);
        }
        if let Some(node) = self.nodes.get_mut(at) {
            node.own = node.own.plus(size);
        }
    }

    fn grow(&mut self, at: usize, size: Size) {
        if let Some(node) = self.nodes.get_mut(at) {
            node.size = node.size.plus(size);
        }
    }

    fn child(&mut self, parent: usize, name: &'a [u8]) -> usize {
        let next = self.nodes.len();
        let index = *self.found.entry((parent, name)).or_insert(next);
        if index == next {
            self.nodes.push(Node { name: readable_bytes(name), ..Node::default() });
            if let Some(parent) = self.nodes.get_mut(parent) {
                parent.children.push(index);
            }
        }
        index
    }

    /// The tree; below the first `fixed` levels, a directory that holds only another directory is
    /// joined with it.
    fn finish(self, fixed: usize) -> Tree {
        let mut tree = Tree { nodes: self.nodes };
        tree.split_own();
        tree.join_chains(fixed);
        tree.sort();
        tree
    }
}

/// The names in a path, without empty ones and `.`.
fn components(path: &[u8]) -> impl Iterator<Item = &[u8]> {
    let mut rest = path;
    let mut level = 0_usize;
    std::iter::from_fn(move || {
        loop {
            if rest.is_empty() {
                return None;
            }
            level = level.saturating_add(1);
            let end = match level < MAX_LEVELS {
                true => rest.iter().position(|&byte| byte == b'/').unwrap_or(rest.len()),
                false => rest.len(),
            };
            let (name, after) = rest.split_at_checked(end)?;
            rest = after.strip_prefix(b"/").unwrap_or(after);
            match name {
                b"" | b"." => level = level.saturating_sub(1),
                name => return Some(name),
            }
        }
    })
}

impl Tree {
    /// The root.
    pub(crate) const ROOT: usize = 0;

    /// Name of a node, as it can be shown.
    pub(crate) fn name(&self, node: usize) -> &str {
        self.nodes.get(node).map_or("", |node| &node.name)
    }

    /// Size of a node with all that is below it.
    pub(crate) fn size(&self, node: usize) -> Size {
        self.nodes.get(node).map_or(Size::default(), |node| node.size)
    }

    /// Children of a node, the largest first.
    pub(crate) fn children(&self, node: usize) -> &[usize] {
        self.nodes.get(node).map_or(&[], |node| &node.children)
    }

    /// Number of nodes.
    pub(crate) fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Where a path is both a file and a directory, the file becomes a child of its own.
    fn split_own(&mut self) {
        let mut own = Vec::new();
        let mut next = self.nodes.len();
        for node in &mut self.nodes {
            if !node.children.is_empty() && node.own.files > 0 {
                own.push(Node { name: "(itself)".into(), size: node.own, ..Node::default() });
                node.children.push(next);
                next = next.saturating_add(1);
            }
        }
        self.nodes.append(&mut own);
    }

    fn join_chains(&mut self, fixed: usize) {
        let mut level = vec![Self::ROOT];
        let mut depth = 0;
        while !level.is_empty() {
            if depth >= fixed {
                level.iter().for_each(|&node| self.join(node));
            }
            level = level.iter().flat_map(|&node| self.children(node).to_vec()).collect();
            depth = depth.saturating_add(1);
        }
    }

    fn join(&mut self, node: usize) {
        while let &[only] = self.children(node) {
            let Some(child) = self.nodes.get_mut(only) else { return };
            if child.children.is_empty() {
                return;
            }
            let (name, children) = (child.name.clone(), std::mem::take(&mut child.children));
            let Some(node) = self.nodes.get_mut(node) else { return };
            node.name = readable(&format!("{}/{name}", node.name));
            node.children = children;
        }
    }

    /// Orders all children: the largest first, equal ones by name and then as they came.
    fn sort(&mut self) {
        for index in 0..self.nodes.len() {
            let mut children = self.children(index).to_vec();
            children.sort_by_key(|&child| (std::cmp::Reverse(self.size(child)), self.name(child)));
            if let Some(node) = self.nodes.get_mut(index) {
                node.children = children;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(path: &str, bytes: u64, package: Option<&str>) -> File {
        File {
            path: path.into(),
            bytes: bytes * 3,
            compressed_bytes: bytes,
            package: package.map(Into::into),
        }
    }

    /// `name=size` of the nodes, nested.
    fn drawn(tree: &Tree, node: usize) -> String {
        let size = tree.size(node).compressed;
        let children: Vec<_> = tree.children(node).iter().map(|&n| drawn(tree, n)).collect();
        match children.is_empty() {
            true => format!("{}={size}", tree.name(node)),
            false => format!("{}={size}({})", tree.name(node), children.join(" ")),
        }
    }

    #[test]
    fn directories_add_up_and_chains_are_joined() {
        let files = [
            file("usr/lib/a", 1, None),
            file("/usr/lib/b", 5, None),
            file("./etc//x/y", 2, None),
            file("etc/x/z/w", 2, None),
        ];
        let tree = by_directory(&files);
        assert_eq!(drawn(&tree, 0), "/=10(usr/lib=6(b=5 a=1) etc/x=4(y=2 z=2(w=2)))");
        assert_eq!(tree.size(0), Size { compressed: 10, content: 30, files: 4 });
    }

    #[test]
    fn packages_lie_in_their_sections() {
        let package = |name: &str, section: &str| Package {
            name: name.into(),
            version: "1".into(),
            section: section.into(),
        };
        let packages = [package("a", "libs"), package("b", ""), package("a", "ignored")];
        let files = [
            file("x/y", 4, Some("a")),
            file("x/z", 3, Some("b")),
            file("x/w", 2, Some("unknown")),
            file("x/v", 1, None),
        ];
        assert_eq!(
            drawn(&by_package(&packages, &files), 0),
            "all packages=10((no section)=5(b=3(x=3(z=3)) unknown=2(x=2(w=2))) \
             libs=4(a=4(x=4(y=4))) (no package)=1(x=1(v=1)))"
        );
    }

    #[test]
    fn strange_paths_have_their_place() {
        let files = [file("a", 1, None), file("a/b", 2, None), file("", 3, None)];
        assert_eq!(drawn(&by_directory(&files), 0), "/=6(a=3(b=2 (itself)=1) (itself)=3)");
        assert_eq!(drawn(&by_directory(&[]), 0), "/=0");
        let deep = "d/".repeat(100_000);
        let tree = by_directory(&[file(&deep, 1, None), file("d/x", 1, None)]);
        assert!(tree.len() < 60);
    }
}
