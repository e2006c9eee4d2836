//! Locks to test with.
#![allow(dead_code, reason = "every test program takes what it needs")]

use std::collections::BTreeSet;

use anklume_lock::{Archive, Lock, Package, Requested, Sha256};
use proptest::collection::{btree_map, btree_set};
use proptest::prelude::*;
use proptest::sample::subsequence;

pub(crate) fn package(name: &str, version: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: version.to_owned(),
        architecture: "amd64".to_owned(),
        size: 7,
        sha256: Sha256::new([7; 32]),
        path: format!("pool/main/{name}/{name}_{version}_amd64.deb"),
        archive: Archive::Main,
    }
}

pub(crate) fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

pub(crate) fn lock(root: &[Package], tools: &[Package]) -> Lock {
    Lock {
        suite: "trixie".into(),
        components: names(&["main"]),
        architecture: "amd64".into(),
        epoch: 1_794_648_103,
        requested: Requested {
            root: root.iter().map(|package| package.name.clone()).collect(),
            tools: tools.iter().map(|package| package.name.clone()).collect(),
            container: BTreeSet::new(),
            modules: BTreeSet::new(),
        },
        root: root.to_vec(),
        tools: tools.to_vec(),
        container: Vec::new(),
        modules: Vec::new(),
    }
}

pub(crate) fn any_version() -> impl Strategy<Value = String> {
    "([0-9]{1,2}:)?[0-9][0-9a-zA-Z.+~]{0,6}(-[0-9a-zA-Z.+~]{1,4})?"
}

fn any_package() -> impl Strategy<Value = Package> {
    let archive = prop_oneof![Just(Archive::Main), Just(Archive::Security)];
    let path = "pool/[a-zA-Z0-9+~:_-]{1,8}/[a-z0-9+~:_-][a-z0-9.+~:_-]{0,8}\\.deb";
    let size = 0..=i64::MAX.unsigned_abs();
    (any_version(), "amd64|all", size, any::<[u8; 32]>(), path, archive).prop_map(
        |(version, architecture, size, digest, path, archive)| Package {
            name: String::new(),
            version,
            architecture,
            size,
            sha256: Sha256::new(digest),
            path,
            archive,
        },
    )
}

fn any_list() -> impl Strategy<Value = (Vec<Package>, BTreeSet<String>)> {
    let list = btree_map("[a-z0-9][a-z0-9+.-]{1,6}", any_package(), 0..6).prop_map(|map| {
        let named = map.into_iter().map(|(name, package)| Package { name, ..package });
        named.collect::<Vec<_>>()
    });
    list.prop_flat_map(|list| {
        let names: Vec<String> = list.iter().map(|package| package.name.clone()).collect();
        let some = subsequence(names.clone(), 0..=names.len());
        (Just(list), some.prop_map(|names| names.into_iter().collect()))
    })
}

prop_compose! {
    pub(crate) fn any_lock()(
        suite in "[a-z]{1,9}(-[a-z]{1,4})?",
        components in btree_set("[a-z]{1,8}(-[a-z]{1,3})?", 1..4),
        epoch in 0..=u64::from(u32::MAX),
        (root, root_names) in any_list(),
        (tools, tool_names) in any_list(),
        (container, inner_names) in any_list(),
        (modules, module_names) in any_list(),
    ) -> Lock {
        let requested = Requested {
            root: root_names,
            tools: tool_names,
            container: inner_names,
            modules: module_names,
        };
        let architecture = "amd64".into();
        Lock { suite, components, architecture, epoch, requested, root, tools, container, modules }
    }
}
