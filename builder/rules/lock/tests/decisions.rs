//! Whether a lock fits, what an update changes, whether a tree is as it should be.

mod support;

use anklume_lock::{ChangeKind, Misfit, Mismatch, TreeName, Wanted, differences, mismatches};
use proptest::prelude::*;
use support::{any_lock, lock, names, package};

#[test]
fn changes_are_named_by_direction() {
    let old = lock(
        &[package("down", "2"), package("gone", "1"), package("same", "1"), package("up", "1~rc1")],
        &[package("grub", "1")],
    );
    let mut rebuilt = package("grub", "1");
    rebuilt.size = 8;
    let new = lock(
        &[package("down", "1:1"), package("new", "1"), package("same", "1"), package("up", "1")],
        &[rebuilt],
    );
    let shown =
        |old, new| differences(old, new).iter().map(ToString::to_string).collect::<Vec<_>>();
    assert_eq!(
        shown(&old, &new),
        [
            "upgraded    root       down 2 -> 1:1",
            "removed     root       gone 1",
            "added       root       new 1",
            "upgraded    root       up 1~rc1 -> 1",
            "replaced    tools      grub 1",
        ]
    );
    assert!(shown(&new, &old).contains(&"downgraded  root       up 1 -> 1~rc1".to_owned()));
}

proptest! {
    #[test]
    fn differences_are_symmetric_and_empty_for_equals(a in any_lock(), b in any_lock()) {
        prop_assert_eq!(differences(&a, &a), []);
        let (there, back) = (differences(&a, &b), differences(&b, &a));
        prop_assert_eq!(there.len(), back.len());
        for (there, back) in there.iter().zip(&back) {
            prop_assert_eq!(&there.name, &back.name);
            prop_assert_eq!(there.kind.from(), back.kind.to());
            let up = matches!(there.kind, ChangeKind::Upgraded { .. } | ChangeKind::Added { .. });
            let down = matches!(back.kind, ChangeKind::Downgraded { .. } | ChangeKind::Removed { .. });
            prop_assert_eq!(up, down);
        }
    }

    #[test]
    fn an_update_takes_exactly_the_differences(a in any_lock(), b in any_lock()) {
        let mut patched: Vec<(TreeName, String, String)> = Vec::new();
        let changes = differences(&a, &b);
        for tree in TreeName::ALL {
            for package in a.packages(tree) {
                if !changes.iter().any(|change| change.tree == tree && change.name == package.name) {
                    patched.push((tree, package.name.clone(), package.version.clone()));
                }
            }
        }
        let taken = changes.iter().filter_map(|c| Some((c.tree, c.name.clone(), c.kind.to()?.to_owned())));
        patched.extend(taken);
        patched.sort();
        let mut expected: Vec<_> = TreeName::ALL.into_iter().flat_map(|tree| {
            b.packages(tree).iter().map(move |p| (tree, p.name.clone(), p.version.clone()))
        }).collect();
        expected.sort();
        prop_assert_eq!(patched, expected);
    }
}

fn wanted() -> Wanted {
    let lock = lock(&[package("aa", "1"), package("bb", "1")], &[package("grub", "1")]);
    Wanted {
        suite: lock.suite,
        components: lock.components,
        architecture: lock.architecture,
        requested: lock.requested,
    }
}

#[test]
fn a_lock_fits_the_definition_that_it_was_made_for_and_no_other() {
    let lock = lock(&[package("aa", "1"), package("bb", "1")], &[package("grub", "1")]);
    assert_eq!(lock.misfits(&wanted()), []);
    let mut other = wanted();
    other.suite = "forky".into();
    other.components.insert("contrib".into());
    other.requested.root = names(&["aa", "cc"]);
    other.requested.tools.clear();
    other.requested.container = names(&["dash"]);
    other.requested.modules = names(&["zfs-dkms"]);
    let shown: Vec<String> = lock.misfits(&other).iter().map(ToString::to_string).collect();
    assert_eq!(
        shown,
        [
            "suite: the lock has trixie, expected forky",
            "components: the lock has main, expected contrib, main",
            "cc was added (root)",
            "bb was removed (root)",
            "grub was removed (tools)",
            "dash was added (container)",
            "zfs-dkms was added (modules)",
        ]
    );
    let removed = Misfit::Removed { tree: TreeName::Root, name: "bb".into() };
    assert!(lock.misfits(&other).contains(&removed));
}

#[test]
fn a_tree_holds_exactly_the_locked_packages() {
    let locked = [package("aa", "1"), package("bb", "1"), package("cc", "1")];
    let good = [("cc", "1", "amd64"), ("aa", "1", "amd64"), ("bb", "1", "amd64")];
    assert_eq!(mismatches(&locked, &good), []);
    let bad = [("aa", "1", "all"), ("bb", "1", "amd64"), ("bb", "1", "i386"), ("dd", "2", "all")];
    let found = mismatches(&locked, &bad);
    let unexpected = |name: &str, version: &str| Mismatch::Unexpected {
        name: name.into(),
        version: version.into(),
    };
    assert_eq!(found.len(), 5, "{found:?}");
    assert!(found.contains(&unexpected("dd", "2")) && found.contains(&unexpected("bb", "1")));
    assert!(found.contains(&Mismatch::Missing { name: "cc".into(), version: "1".into() }));
    let text: Vec<String> = found.iter().map(ToString::to_string).collect();
    assert!(text.contains(&"aa is 1 all, expected 1 amd64".to_owned()), "{text:?}");
}

#[test]
fn a_file_of_several_trees_counts_once() {
    let mut lock =
        lock(&[package("aa", "1"), package("bb", "1")], &[package("bb", "1"), package("cc", "1")]);
    assert_eq!(lock.files().len(), 3);
    lock.container = vec![package("aa", "1"), package("dd", "1")];
    assert_eq!(lock.files().len(), 4);
    lock.modules = vec![package("dd", "1"), package("ee", "1")];
    assert_eq!(lock.files().len(), 5);
    let later = anklume_lock::Lock { epoch: 1, ..lock.clone() };
    assert!(lock.same_packages(&later) && lock != later);
}
