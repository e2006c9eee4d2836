//! The root tree as it goes into the image: packages, overlays, units, identity.

use std::fs;
use std::io::Read;

use anklume_definition::Definition;
use anklume_host::file::FileReader;
use anklume_roottree::image::{OsRelease, impersonal, relocated, without};
use anklume_roottree::units::{Action, enable};
use anklume_roottree::{Change, Index, Node, Tree, overlay};

use super::overlay::read_overlay;
use super::request::Request;
use crate::failure::{Context, Failure};

/// Longest file of a tree that is held in memory.
const SMALL_FILE_BYTES: u64 = 8 << 20;

/// Opens a file of this machine that a tree takes content from.
pub(super) fn open_source(key: &str) -> std::io::Result<Box<dyn Read>> {
    Ok(Box::new(fs::File::open(key)?))
}

/// Makes the tree that `request` asks for out of the packages' tree.
pub(super) fn compose<'a>(
    index: &'a Index,
    tar: &FileReader,
    request: &Request,
    version: &str,
) -> Result<Tree<'a>, Failure> {
    let definition = &request.definition;
    let mut tree = Tree::new(index);
    apply(&mut tree, &impersonal())?;
    for (path, target) in &definition.links {
        let changes = relocated(index, tar, path, target).context("the root tree")?;
        apply(&mut tree, &changes)?;
    }
    apply(&mut tree, &without(index, |path| definition.paths.leaves_out(path)))?;
    for folder in &request.overlays {
        let entries = read_overlay(folder)?;
        let changes = overlay(&entries).context(format!("the overlay {}", folder.display()))?;
        apply(&mut tree, &changes)?;
    }
    let os_release = tree
        .read_file(tar, &open_source, "usr/lib/os-release", SMALL_FILE_BYTES)
        .context("the root tree")?;
    let own = OsRelease {
        title: &definition.title,
        id: &definition.name,
        version,
        test: definition.test,
    };
    let os_release = own.apply(&String::from_utf8_lossy(&os_release));
    apply(&mut tree, &[Change::Put(Node::file("usr/lib/os-release", 0o644, os_release))])?;
    enable_units(&mut tree, tar, definition)?;
    Ok(tree)
}

fn apply(tree: &mut Tree<'_>, changes: &[Change]) -> Result<(), Failure> {
    for change in changes {
        tree.apply(change).context("the root tree")?;
    }
    Ok(())
}

fn enable_units(
    tree: &mut Tree<'_>,
    tar: &FileReader,
    definition: &Definition,
) -> Result<(), Failure> {
    let wanted = &definition.units;
    for (names, action) in [
        (&wanted.enable, Action::Enable),
        (&wanted.disable, Action::Disable),
        (&wanted.mask, Action::Mask),
    ] {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        let read = |path: &str| tree.read_file(tar, &open_source, path, SMALL_FILE_BYTES);
        let changes = enable(tree, &read, &names, action).map_err(Failure::refused)?;
        apply(tree, &changes)?;
    }
    if let Some(target) = &wanted.default_target {
        let link = Node::symlink(
            "etc/systemd/system/default.target",
            format!("/usr/lib/systemd/system/{target}"),
        );
        apply(tree, &[Change::Put(link)])?;
    }
    Ok(())
}
