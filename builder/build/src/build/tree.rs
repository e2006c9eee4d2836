//! The root tree as it goes into the image: packages, overlays, units, identity.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use anklume_definition::Definition;
use anklume_roottree::units::{Action, enable};
use anklume_roottree::{
    Change, Content, Index, Kind, Node, NodeKind, OverlayEntry, OverlayKind, Tree, overlay,
    read_file,
};

use super::request::Request;
use crate::failure::{Context, Failure};

/// Longest file of a tree that is held in memory.
const SMALL_FILE_BYTES: u64 = 8 << 20;
/// Deepest folder of an overlay.
const MAX_OVERLAY_DEPTH: usize = 64;

/// Folders whose content belongs to a running system.
const EMPTIED: [&str; 7] = ["boot", "dev", "proc", "run", "sys", "tmp", "var/tmp"];
/// What mmdebstrap and the packages leave that is of the building machine or of one machine only.
const DROPPED: [&str; 5] = [
    "etc/apt/sources.list",
    "etc/apt/sources.list.d",
    "etc/hostname",
    "etc/resolv.conf",
    "var/lib/dbus/machine-id",
];

/// Opens a file of this machine that a tree takes content from.
pub(super) fn open_source(key: &str) -> std::io::Result<Box<dyn Read>> {
    Ok(Box::new(fs::File::open(key)?))
}

/// Makes the tree that `request` asks for out of the packages' tree.
pub(super) fn compose<'a>(
    index: &'a Index,
    tar: &anklume_host::file::FileReader,
    request: &Request,
    version: &str,
) -> Result<Tree<'a>, Failure> {
    let definition = &request.definition;
    let mut tree = Tree::new(index);
    apply(&mut tree, &identity())?;
    let moved = links(index, tar, definition)?;
    apply(&mut tree, &moved)?;
    leave_out(&mut tree, index, definition)?;
    for folder in &request.overlays {
        let entries = read_overlay(folder)?;
        let changes = overlay(&entries).context(format!("the overlay {}", folder.display()))?;
        apply(&mut tree, &changes)?;
    }
    let os_release = tree
        .read_file(tar, &open_source, "usr/lib/os-release", SMALL_FILE_BYTES)
        .context("the root tree")?;
    let os_release = os_release_of_image(&os_release, definition, version);
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

/// What no two machines may share.
fn identity() -> Vec<Change> {
    let emptied = EMPTIED.iter().map(|path| Change::Empty((*path).to_owned()));
    let dropped = DROPPED.iter().map(|path| Change::Drop((*path).to_owned()));
    // `uninitialized` lets systemd make one in memory and treat this as a first boot, which an empty
    // file would not (machine-id(5)).
    let machine_id = Change::Put(Node::file("etc/machine-id", 0o444, "uninitialized\n"));
    emptied.chain(dropped).chain([machine_id]).collect()
}

/// Folders that must be writable although `/` is not become links to where they are; what they hold
/// moves along.
fn links(
    index: &Index,
    tar: &anklume_host::file::FileReader,
    definition: &Definition,
) -> Result<Vec<Change>, Failure> {
    let mut changes = Vec::new();
    for (path, target) in &definition.links {
        let path = path.trim_start_matches('/');
        let folder = path.rsplit_once('/').map(|(folder, _)| folder);
        let moved = folder.map_or_else(|| target.clone(), |folder| format!("{folder}/{target}"));
        for entry in index.find(path).into_iter().chain(index.below(path)) {
            let inside = entry.path.strip_prefix(path).unwrap_or_default();
            let kind = match &entry.kind {
                Kind::Directory => NodeKind::Directory,
                Kind::Symlink(target) => NodeKind::Symlink(target.to_string()),
                Kind::File => NodeKind::File(Content::Bytes(
                    read_file(tar, index, &entry.path, SMALL_FILE_BYTES)
                        .context("the root tree")?,
                )),
                other => {
                    return Err(Failure::refused(format!(
                        "{} cannot move to {moved}: it is {}",
                        entry.path,
                        other.name()
                    )));
                }
            };
            let mut node = Node::new(format!("{moved}{inside}"), entry.mode, kind);
            (node.uid, node.gid, node.mtime) = (entry.uid, entry.gid, Some(entry.mtime));
            changes.push(Change::Put(node));
        }
        changes.push(Change::Replace(Node::symlink(path, target)));
    }
    Ok(changes)
}

fn leave_out(tree: &mut Tree<'_>, index: &Index, definition: &Definition) -> Result<(), Failure> {
    let mut path = Vec::new();
    for entry in index.entries() {
        path.clear();
        path.push(b'/');
        path.extend_from_slice(entry.path.as_bytes());
        if !entry.path.is_empty() && definition.paths.leaves_out(&path) {
            tree.apply(&Change::Drop(entry.path.to_string())).context("the root tree")?;
        }
    }
    Ok(())
}

/// Reads a folder in the order of its names: the order of a directory differs between machines.
fn read_overlay(folder: &Path) -> Result<Vec<OverlayEntry>, Failure> {
    let mut entries = Vec::new();
    walk(folder, Path::new(""), 0, &mut entries)?;
    Ok(entries)
}

fn walk(
    root: &Path,
    inside: &Path,
    depth: usize,
    entries: &mut Vec<OverlayEntry>,
) -> Result<(), Failure> {
    use std::os::unix::fs::PermissionsExt;
    let folder = root.join(inside);
    let what = || format!("the overlay {}", folder.display());
    if depth > MAX_OVERLAY_DEPTH {
        return Err(Failure::refused(format!(
            "{}: deeper than {MAX_OVERLAY_DEPTH} folders",
            what()
        )));
    }
    let read = fs::read_dir(&folder).context(what())?;
    let mut names = read
        .map(|entry| Ok(entry?.file_name()))
        .collect::<std::io::Result<Vec<_>>>()
        .context(what())?;
    names.sort();
    for name in names {
        let inside = inside.join(&name);
        let on_disk: PathBuf = root.join(&inside);
        let text = |path: &Path| {
            path.to_str().map(str::to_owned).ok_or_else(|| {
                Failure::refused(format!("{}: the name is not UTF-8", path.display()))
            })
        };
        let metadata = on_disk.symlink_metadata().context(what())?;
        let kind = if metadata.is_dir() {
            OverlayKind::Directory
        } else if metadata.is_symlink() {
            OverlayKind::Symlink(text(&fs::read_link(&on_disk).context(what())?)?)
        } else if metadata.is_file() {
            OverlayKind::File(Content::Source { key: text(&on_disk)?, size: metadata.len() })
        } else {
            return Err(Failure::refused(format!(
                "{} is neither a file, a folder nor a symbolic link",
                on_disk.display()
            )));
        };
        let executable = metadata.permissions().mode() & 0o100 != 0;
        let folder = kind == OverlayKind::Directory;
        entries.push(OverlayEntry { path: text(&inside)?, kind, executable });
        if folder {
            walk(root, &inside, depth + 1, entries)?;
        }
    }
    Ok(())
}

/// The distribution's os-release with the image's own fields (os-release(5)).
fn os_release_of_image(text: &[u8], definition: &Definition, version: &str) -> String {
    let text = String::from_utf8_lossy(text);
    let replaced = ["PRETTY_NAME=", "IMAGE_ID=", "IMAGE_VERSION=", "VARIANT=", "VARIANT_ID="];
    let mut out = format!("PRETTY_NAME=\"{} {version}\"\n", definition.title);
    for line in text.lines().filter(|line| !replaced.iter().any(|key| line.starts_with(key))) {
        out.push_str(line);
        out.push('\n');
    }
    let variant =
        if definition.test { "TEST IMAGE, not for use" } else { definition.title.as_str() };
    let variant_id = if definition.test { "test" } else { "live" };
    out.push_str(&format!(
        "VARIANT=\"{variant}\"\nVARIANT_ID={variant_id}\nIMAGE_ID={}\nIMAGE_VERSION={version}\n",
        definition.name
    ));
    out
}

fn enable_units(
    tree: &mut Tree<'_>,
    tar: &anklume_host::file::FileReader,
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
