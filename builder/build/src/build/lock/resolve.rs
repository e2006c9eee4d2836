//! Which packages the trees of an image are made from, with the checksums of the signed index.

use std::path::Path;

use anklume_host::file::FileReader;
use anklume_lock::{Lock, Package, TreeName, mismatches};
use anklume_roottree::Index;

use super::super::Build;
use super::super::packages::{Apt, NEWEST, Place, Sources};
use super::super::trees::TreeRequest;
use super::{content, wanted};
use crate::failure::{Context, Failure};

/// Longest database of dpkg in bytes.
const STATUS_BYTES: u64 = 64 << 20;

/// Makes the trees of an unlocked build, or takes them from the cache, and finds every package of
/// theirs in the index that apt verified.
pub(super) fn resolve(build: &Build<'_>) -> Result<Lock, Failure> {
    let request = build.request;
    let (archive, _) = build.archive()?;
    let trees = build.trees(archive)?;
    let step = build.reporter.step("package files");
    let apt = build.apt(&trees.archive)?;
    let wanted = wanted(&request.definition);
    let lock = Lock {
        suite: wanted.suite,
        components: wanted.components,
        architecture: wanted.architecture,
        epoch: trees.archive.epoch,
        root: installed_packages(TreeName::Root, apt, &trees.root)?,
        container: match &trees.container {
            Some((tar, _)) => installed_packages(TreeName::Container, apt, tar)?,
            None => Vec::new(),
        },
        tools: apt.files("install", &wanted.requested.tools)?,
        modules: match TreeRequest::modules(&request.definition) {
            tree if tree.packages.is_empty() => Vec::new(),
            tree => apt.files("install", tree.words())?,
        },
        requested: wanted.requested,
    };
    let debs = request.cache.join("debs");
    let sources = Sources {
        debs: &debs,
        place: if request.offline { Place::Cache } else { Place::Mirrors(apt.bases.clone()) },
        config: &apt.config,
    };
    let files = lock.files();
    sources.fetch(&files.into_iter().collect::<Vec<_>>(), NEWEST, build.reporter)?;
    // The tree that was only unpacked has no list of its packages.
    content::check(&debs, &lock.tools, &trees.tools_tar)?;
    step.finish(&format!(
        "{} of the root tree, {} of the tools, {} of the container, {} for kernel modules",
        lock.root.len(),
        lock.tools.len(),
        lock.container.len(),
        lock.modules.len()
    ));
    Ok(lock)
}

/// What is installed in a tree, as the index describes it.
fn installed_packages(tree: TreeName, apt: &Apt, tar: &Path) -> Result<Vec<Package>, Failure> {
    let installed = installed(tar)?;
    let words: Vec<String> = installed
        .iter()
        .map(|package| match package.architecture.as_str() {
            "all" => format!("{}={}", package.name, package.version),
            other => format!("{}:{other}={}", package.name, package.version),
        })
        .collect();
    let packages = apt.files("download", &words)?;
    check_installed(tree, &packages, &installed)?;
    Ok(packages)
}

/// The packages in the database of the tree in `tar`.
pub(super) fn installed(tar: &Path) -> Result<Vec<anklume_roottree::Package>, Failure> {
    let tar = FileReader::open(tar).context("the tree")?;
    let index = Index::read(&tar, &mut |_| {}).context("the tree")?;
    let status = anklume_roottree::read_file(&tar, &index, "var/lib/dpkg/status", STATUS_BYTES);
    Ok(anklume_roottree::packages(&status.context("the package database")?))
}

/// Refuses a tree that holds other packages than `locked`.
pub(in super::super) fn check_installed(
    tree: TreeName,
    locked: &[Package],
    installed: &[anklume_roottree::Package],
) -> Result<(), Failure> {
    let installed: Vec<(&str, &str, &str)> = installed
        .iter()
        .map(|p| (p.name.as_str(), p.version.as_str(), p.architecture.as_str()))
        .collect();
    let wrong: Vec<String> =
        mismatches(locked, &installed).iter().map(ToString::to_string).collect();
    if wrong.is_empty() {
        return Ok(());
    }
    Err(Failure::failed(format!("the {tree} tree is not what was locked: {}", wrong.join("; "))))
}
