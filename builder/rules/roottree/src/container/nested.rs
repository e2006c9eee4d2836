//! One tree in a folder of another.

use std::cmp::Ordering;

use crate::path::{join, order};
use crate::tree::{Data, Member, MemberKind, Tree};

/// The members of a tree, for a folder of another tree.
#[derive(Debug)]
pub struct Nested<'t> {
    folder: String,
    /// As in a tree of their own.
    members: Vec<Member<'t>>,
    /// Their paths in the other tree, in the same order.
    paths: Vec<String>,
    offset: u64,
}

impl<'t> Nested<'t> {
    /// `tree` for the folder of this path, with time stamps up to `epoch` in seconds since 1970.
    ///
    /// The two trees have an archive each. `offset` is where that of this one begins when it lies
    /// behind the other's: the length of the other's in bytes.
    #[must_use]
    pub fn new(tree: &'t Tree<'_>, folder: &str, offset: u64, epoch: u64) -> Self {
        let members = tree.members(epoch);
        let path = |member: &Member<'_>| match member.path {
            "" => folder.to_owned(),
            path => join(folder, path),
        };
        let paths = members.iter().map(path).collect();
        Self { folder: folder.to_owned(), members, paths, offset }
    }

    /// Its path in the other tree, of what has `path` in this one.
    #[must_use]
    pub fn path(&self, path: &str) -> Option<&str> {
        let at = self.members.binary_search_by(|member| order(member.path, path)).ok()?;
        self.paths.get(at).map(String::as_str)
    }

    /// The members of the tree `outer` with this one's among them, in the order of
    /// [`crate::path::order`]. What `outer` has at or below the folder is left out; the folder around
    /// it must be there.
    #[must_use]
    pub fn among<'a>(&'a self, outer: Vec<Member<'a>>) -> Vec<Member<'a>> {
        let start =
            outer.partition_point(|member| order(member.path, &self.folder) == Ordering::Less);
        let is_inside = |member: &Member<'_>| {
            member.path == self.folder || crate::path::is_below(member.path, &self.folder)
        };
        let mut outer = outer.into_iter();
        let mut all: Vec<Member<'a>> = outer.by_ref().take(start).collect();
        all.extend(
            self.members.iter().zip(&self.paths).map(|(member, path)| self.moved(member, path)),
        );
        all.extend(outer.skip_while(is_inside));
        all
    }

    fn moved<'a>(&'a self, member: &Member<'a>, path: &'a str) -> Member<'a> {
        let kind = match member.kind {
            MemberKind::File(Data::Archive { start, size }) => {
                MemberKind::File(Data::Archive { start: start.saturating_add(self.offset), size })
            }
            // The member of this path came before, so it is there.
            MemberKind::HardLink(to) => MemberKind::HardLink(self.path(to).unwrap_or(to)),
            kind => kind,
        };
        Member { path, kind, ..*member }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Change, Index, Node};

    fn tar(paths: &[(&str, tar::EntryType, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, data) in paths {
            let mut header = tar::Header::new_ustar();
            header.set_entry_type(*kind);
            header.set_mode(0o750);
            header.set_uid(7);
            header.set_mtime(9);
            header.set_size(0);
            match kind {
                tar::EntryType::Symlink | tar::EntryType::Link => {
                    builder.append_link(&mut header, path, data).unwrap();
                }
                _ => {
                    header.set_size(data.len() as u64);
                    builder.append_data(&mut header, path, data.as_bytes()).unwrap();
                }
            }
        }
        builder.into_inner().unwrap()
    }

    #[test]
    fn a_tree_lies_in_its_folder_with_its_links_and_contents() {
        use tar::EntryType as E;
        let outer_tar = tar(&[
            ("a", E::Directory, ""),
            ("a/in", E::Directory, ""),
            ("a/in/old", E::Regular, "old"),
            ("a/in-x", E::Regular, "beside"),
            ("z", E::Regular, "last"),
        ]);
        let inner_tar = tar(&[
            ("./", E::Directory, ""),
            ("./b", E::Regular, "content"),
            ("./c", E::Link, "./b"),
            ("./d", E::Symlink, "b"),
        ]);
        let outer_index = Index::read(outer_tar.as_slice(), &mut |_| ()).unwrap();
        let inner_index = Index::read(inner_tar.as_slice(), &mut |_| ()).unwrap();
        let outer = Tree::new(&outer_index);
        let mut inner = Tree::new(&inner_index);
        inner.apply(&Change::Put(Node::file("e", 0o600, "added"))).unwrap();
        let offset = outer_tar.len() as u64;
        let nested = Nested::new(&inner, "a/in", offset, 5);
        let members = nested.among(outer.members(5));
        let paths: Vec<&str> = members.iter().map(|member| member.path).collect();
        let expected = ["", "a", "a/in", "a/in/b", "a/in/c", "a/in/d", "a/in/e", "a/in-x", "z"];
        assert_eq!(paths, expected);
        assert!(paths.is_sorted_by(|left, right| order(left, right) == Ordering::Less));
        let both = [outer_tar, inner_tar].concat();
        let at = |path: &str| members.iter().find(|member| member.path == path).unwrap();
        let MemberKind::File(Data::Archive { start, size }) = at("a/in/b").kind else { panic!() };
        assert_eq!(&both[start as usize..][..size as usize], b"content");
        assert_eq!(at("a/in/c").kind, MemberKind::HardLink("a/in/b"));
        assert_eq!(at("a/in/d").kind, MemberKind::Symlink("b"));
        let MemberKind::File(Data::Archive { start, .. }) = at("z").kind else { panic!() };
        assert_eq!(&both[start as usize..][..4], b"last");
        // Owner and mode are those of the inner tree, also of its root; no time is after the epoch.
        assert_eq!((at("a/in").mode, at("a/in").uid, at("a/in").mtime), (0o750, 7, 5));
        assert_eq!((nested.path("b"), nested.path("x")), (Some("a/in/b"), None));
    }
}
