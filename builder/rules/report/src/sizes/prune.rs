//! A tree as far as it fits on the page.

use std::collections::BinaryHeap;

use super::{Size, Tree};

/// What a shown node is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A file, or whatever else has nothing below it.
    Leaf,
    /// A node with children.
    Group,
    /// Several small children of a group, together.
    Rest,
}

/// A node that is shown.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Shown {
    /// What it is.
    pub(crate) kind: Kind,
    /// Its name; of [`Kind::Rest`], how many files it stands for.
    pub(crate) name: String,
    /// Its size with all that is below.
    pub(crate) size: Size,
    /// What is shown of its children, the largest first, the rest last. Their sizes sum up to its
    /// size.
    pub(crate) children: Vec<Shown>,
}

impl Shown {
    /// Several small nodes of that size together.
    pub(crate) fn rest(size: Size) -> Self {
        let name = match size.files {
            1 => "1 small file".to_owned(),
            files => format!("{files} small files"),
        };
        Self { kind: Kind::Rest, name, size, children: Vec::new() }
    }
}

/// The nodes that take most, as many as their names and numbers fit in `budget` bytes of text;
/// what is left out is added up. A node is shown only if its parent is. The tree is at most as
/// deep as trees get, so that it can be walked by recursion.
pub(crate) fn shown(tree: &Tree, budget: usize) -> Shown {
    let mut keep = vec![false; tree.len()];
    let mut left = budget;
    // The largest first, then the one that was found first: the same nodes on every run.
    let mut heap = BinaryHeap::from([(tree.size(Tree::ROOT), std::cmp::Reverse(Tree::ROOT))]);
    while let Some((_, std::cmp::Reverse(node))) = heap.pop() {
        let Some(after) = left.checked_sub(cost(tree.name(node), tree.size(node))) else { break };
        left = after;
        if let Some(keep) = keep.get_mut(node) {
            *keep = true;
        }
        let children = tree.children(node).iter();
        heap.extend(children.map(|&child| (tree.size(child), std::cmp::Reverse(child))));
    }
    kept(tree, Tree::ROOT, &keep)
}

/// Bytes that a node and the rest below it may take in the page's data.
fn cost(name: &str, size: Size) -> usize {
    let character = |c: char| if "<>&\"'\\".contains(c) { 6 } else { c.len_utf8() };
    let numbers = [size.compressed, size.content, size.files];
    let digits: usize = numbers.iter().map(|number| number.to_string().len()).sum();
    // Level, kind, quotes and commas; of a rest also its name.
    let fixed = digits.saturating_mul(2).saturating_add(48);
    name.chars().map(character).sum::<usize>().saturating_add(fixed)
}

fn kept(tree: &Tree, node: usize, keep: &[bool]) -> Shown {
    let is_kept = |child: &&usize| keep.get(**child).copied().unwrap_or(false);
    let all = tree.children(node);
    let mut children: Vec<_> =
        all.iter().filter(is_kept).map(|&child| kept(tree, child, keep)).collect();
    let missing = all.len().saturating_sub(children.len());
    let size = tree.size(node);
    if missing > 0 && !children.is_empty() {
        let known = children.iter().map(|child| child.size).sum();
        children.push(Shown::rest(size.minus(known)));
    }
    let kind = if children.is_empty() { Kind::Leaf } else { Kind::Group };
    Shown { kind, name: tree.name(node).to_owned(), size, children }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::input::File;
    use crate::sizes::by_directory;

    fn sums_up(node: &Shown) -> bool {
        node.children.is_empty()
            || (node.children.iter().map(|child| child.size).sum::<Size>() == node.size
                && node.children.iter().all(sums_up))
    }

    fn count(node: &Shown) -> usize {
        1 + node.children.iter().map(count).sum::<usize>()
    }

    proptest! {
        #[test]
        fn what_is_shown_sums_up(
            files in prop::collection::vec(("[ab]/([ab]/){0,4}[a-z]", 0_u64..1000), 0..50),
            budget in 0_usize..4000,
        ) {
            let files: Vec<_> = files
                .into_iter()
                .map(|(path, bytes)| File {
                    path: path.into(),
                    bytes: bytes * 2,
                    compressed_bytes: bytes,
                    package: None,
                })
                .collect();
            let tree = by_directory(&files);
            let shown = shown(&tree, budget);
            prop_assert!(sums_up(&shown));
            prop_assert_eq!(shown.size, files.iter().map(Size::of).sum());
            prop_assert!(count(&shown) <= 2 * (budget / 48) + 1);
        }
    }

    #[test]
    fn the_small_ones_are_shown_together() {
        let file = |path: &str, bytes| File {
            path: path.into(),
            compressed_bytes: bytes,
            ..File::default()
        };
        let tree = by_directory(&[file("a", 50), file("b", 9), file("c", 4), file("d", 2)]);
        let names = |budget| {
            let children = shown(&tree, budget).children;
            children.iter().map(|c| (c.name.clone(), c.size.compressed)).collect::<Vec<_>>()
        };
        assert_eq!(names(180), [("a".into(), 50), ("b".into(), 9), ("2 small files".into(), 6)]);
        assert_eq!(names(1000).len(), 4);
        assert!(names(60).is_empty());
    }
}
