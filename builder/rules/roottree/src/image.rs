//! What turns a tree of packages into the tree of an image.

use anklume_bytes::ReadAt;

use crate::index::{Entry, Index, Kind, read_file};
use crate::tree::{Change, Content, Node, NodeKind, Tree};
use crate::{Error, path};

/// Longest file that moves with its folder, in bytes: it is held in memory.
const MAX_MOVED_BYTES: u64 = 8 << 20;
/// Folders whose content belongs to a running system.
const EMPTIED: [&str; 7] = ["boot", "dev", "proc", "run", "sys", "tmp", "var/tmp"];
/// What the package manager leaves that is of the building machine or of one machine only.
const DROPPED: [&str; 5] = [
    "etc/apt/sources.list",
    "etc/apt/sources.list.d",
    "etc/hostname",
    "etc/resolv.conf",
    "var/lib/dbus/machine-id",
];

/// Directories that a boot needs under their own names: the initramfs mounts on some, systemd on
/// others, and a link would lead somewhere else before the root file system is complete.
const DIRECTORIES: [&str; 8] = ["dev", "etc", "proc", "run", "sys", "tmp", "usr", "var"];
/// Files that a boot needs, through whatever links.
const FILES: [&str; 2] = ["sbin/init", "usr/lib/os-release"];

/// Something that a boot needs and that a tree does not have.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lack {
    /// What is needed, an absolute path.
    pub needed: String,
    /// What is there instead.
    pub found: Found,
}

/// What is where a [`Lack`] is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// Nothing at this absolute path, which the needed one leads to.
    Nothing(String),
    /// A symbolic link with this target, where a directory must be.
    Link(String),
    /// Something of another kind, with its article.
    Kind(&'static str),
    /// Links that lead nowhere.
    Links(String),
}

impl std::fmt::Display for Lack {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { needed, found } = self;
        match found {
            Found::Nothing(path) if path == needed => write!(f, "there is no {needed}"),
            Found::Nothing(path) => write!(f, "{needed} leads to {path}, which is not there"),
            Found::Link(target) => write!(f, "{needed} is a symbolic link to {target}"),
            Found::Kind(kind) => write!(f, "{needed} is {kind}"),
            Found::Links(error) => write!(f, "{needed}: {error}"),
        }
    }
}

/// What `tree` lacks to boot; nothing for a tree that can. Without any of these, the initramfs or
/// the first program of the OS would stop at a machine that nobody can use.
#[must_use]
pub fn lacks(tree: &Tree<'_>) -> Vec<Lack> {
    let directories = DIRECTORIES.iter().filter_map(|path| Some((path, directory(tree, path)?)));
    let files = FILES.iter().filter_map(|path| Some((path, file(tree, path)?)));
    let lack = |(path, found)| Lack { needed: format!("/{path}"), found };
    directories.chain(files).map(lack).collect()
}

/// What is at `path` instead of a directory.
fn directory(tree: &Tree<'_>, path: &str) -> Option<Found> {
    let Some(view) = tree.view(path) else { return Some(Found::Nothing(format!("/{path}"))) };
    match view.symlink() {
        Some(target) => Some(Found::Link(target.to_owned())),
        None => (!view.is_directory()).then(|| Found::Kind(view.kind_name())),
    }
}

/// What `path` leads to instead of a file.
fn file(tree: &Tree<'_>, path: &str) -> Option<Found> {
    let end = match tree.walk(path, true) {
        Ok(end) => end,
        Err(error) => return Some(Found::Links(error.to_string())),
    };
    let Some(view) = tree.view(&end) else { return Some(Found::Nothing(format!("/{end}"))) };
    view.file_size().is_none().then(|| Found::Kind(view.kind_name()))
}

/// Takes away what no two machines may share, and what a running system makes itself.
#[must_use]
pub fn impersonal() -> Vec<Change> {
    let emptied = EMPTIED.iter().map(|path| Change::Empty((*path).to_owned()));
    let dropped = DROPPED.iter().map(|path| Change::Drop((*path).to_owned()));
    // `uninitialized` lets systemd make one in memory and treat this as a first boot, which an empty
    // file would not (machine-id(5)).
    let machine_id = Change::Put(Node::file("etc/machine-id", 0o444, "uninitialized\n"));
    emptied.chain(dropped).chain([machine_id]).collect()
}

/// Turns the folder `from` into a symbolic link to `target`, relative to the folder that holds it
/// and without `..`, and moves what it holds to where the link leads: for folders that must be
/// writable although `/` is not.
///
/// # Errors
/// [`Error::WrongKind`] when the folder holds something else than folders, files and symbolic links;
/// [`Error::Path`] for another kind of target, and the errors of [`read_file`].
pub fn relocated<R: ReadAt + ?Sized>(
    index: &Index,
    tar: &R,
    from: &str,
    target: &str,
) -> Result<Vec<Change>, Error> {
    let from = from.trim_start_matches('/');
    let inside = path::normalise(target)
        .map_err(|reason| Error::Path { path: target.to_owned(), reason })?;
    let to = path::join(path::parent(from).unwrap_or_default(), &inside);
    let mut changes = Vec::new();
    for entry in index.find(from).into_iter().chain(index.below(from)) {
        let inside = entry.path.strip_prefix(from).unwrap_or_default();
        changes.push(Change::Put(moved(index, tar, entry, format!("{to}{inside}"))?));
    }
    changes.push(Change::Replace(Node::symlink(from, target)));
    Ok(changes)
}

/// `entry` under another path.
fn moved<R: ReadAt + ?Sized>(
    index: &Index,
    tar: &R,
    entry: &Entry,
    to: String,
) -> Result<Node, Error> {
    let kind = match &entry.kind {
        Kind::Directory => NodeKind::Directory,
        Kind::Symlink(target) => NodeKind::Symlink(target.to_string()),
        Kind::File => {
            let content = read_file(tar, index, &entry.path, MAX_MOVED_BYTES)?;
            NodeKind::File(Content::Bytes(content))
        }
        other => {
            let (path, found) = (entry.path.to_string(), other.name());
            let expected = "a file, a directory or a symbolic link, which can move";
            return Err(Error::WrongKind { path, expected, found });
        }
    };
    let mut node = Node::new(to, entry.mode, kind);
    (node.uid, node.gid, node.mtime) = (entry.uid, entry.gid, Some(entry.mtime));
    node.attributes = entry.attributes.to_vec();
    Ok(node)
}

/// Drops the entries of the packages' tree that `leaves_out` names; it is asked for absolute paths.
/// The root itself always stays.
pub fn without(index: &Index, leaves_out: impl Fn(&[u8]) -> bool) -> Vec<Change> {
    let absolute = |entry: &Entry| format!("/{}", entry.path);
    let entries = index.entries().iter().filter(|entry| !entry.path.is_empty());
    let dropped = entries.filter(|entry| leaves_out(absolute(entry).as_bytes()));
    dropped.map(|entry| Change::Drop(entry.path.to_string())).collect()
}

/// What os-release says of an image.
#[derive(Debug, Clone, Copy)]
pub struct OsRelease<'a> {
    /// Name for people. Like all of these without quotes, backslashes, dollar signs and line
    /// breaks, which image definitions do not allow.
    pub title: &'a str,
    /// Name for machines.
    pub id: &'a str,
    /// Version of the image.
    pub version: &'a str,
    /// Whether it is made for tests.
    pub test: bool,
}

impl OsRelease<'_> {
    /// The distribution's os-release with the image's own fields (os-release(5)).
    #[must_use]
    pub fn apply(&self, distribution: &str) -> String {
        const OWN: [&str; 5] =
            ["PRETTY_NAME=", "IMAGE_ID=", "IMAGE_VERSION=", "VARIANT=", "VARIANT_ID="];
        let Self { title, id, version, test } = self;
        let (variant, variant_id) =
            if *test { ("TEST IMAGE, not for use", "test") } else { (*title, "live") };
        let mut out = format!("PRETTY_NAME=\"{title} {version}\"\n");
        let kept = |line: &&str| !OWN.iter().any(|key| line.starts_with(key));
        for line in distribution.lines().filter(kept) {
            out.push_str(line);
            out.push('\n');
        }
        out.push_str(&format!(
            "VARIANT=\"{variant}\"\nVARIANT_ID={variant_id}\nIMAGE_ID={id}\nIMAGE_VERSION={version}\n"
        ));
        out
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Tree;

    fn tar(build: impl FnOnce(&mut tar::Builder<Vec<u8>>)) -> Vec<u8> {
        let mut builder = tar::Builder::new(Vec::new());
        build(&mut builder);
        builder.into_inner().unwrap()
    }

    fn add(builder: &mut tar::Builder<Vec<u8>>, path: &str, kind: tar::EntryType, data: &str) {
        let mut header = tar::Header::new_ustar();
        header.set_entry_type(kind);
        header.set_mode(0o640);
        header.set_uid(7);
        header.set_gid(8);
        header.set_mtime(9);
        match kind {
            tar::EntryType::Symlink => {
                header.set_size(0);
                builder.append_link(&mut header, path, data).unwrap();
            }
            _ => {
                header.set_size(data.len() as u64);
                builder.append_data(&mut header, path, data.as_bytes()).unwrap();
            }
        }
    }

    fn sample() -> Vec<u8> {
        use tar::EntryType as E;
        tar(|builder| {
            add(builder, "etc", E::Directory, "");
            add(builder, "etc/hostname", E::Regular, "builder\n");
            add(builder, "etc/net", E::Directory, "");
            add(builder, "etc/net/a", E::Regular, "text");
            add(builder, "etc/net/b", E::Symlink, "a");
            add(builder, "etc/netx", E::Regular, "");
            add(builder, "tmp", E::Directory, "");
            add(builder, "tmp/left", E::Regular, "");
        })
    }

    fn index(tar: &[u8]) -> Index {
        Index::read(tar, &mut |_| ()).unwrap()
    }

    #[test]
    fn nothing_of_the_building_machine_stays() {
        let tar = sample();
        let index = index(&tar);
        let mut tree = Tree::new(&index);
        impersonal().iter().for_each(|change| tree.apply(change).unwrap());
        assert!(tree.has("tmp") && !tree.has("tmp/left") && !tree.has("etc/hostname"));
        let open = |_: &str| -> std::io::Result<Box<dyn std::io::Read>> { unreachable!() };
        let id = tree.read_file(tar.as_slice(), &open, "etc/machine-id", 100).unwrap();
        assert_eq!(id, b"uninitialized\n");
    }

    #[test]
    fn what_a_folder_holds_moves_with_it() {
        let tar = sample();
        let index = index(&tar);
        let changes = relocated(&index, tar.as_slice(), "/etc/net", "var/net").unwrap();
        let mut tree = Tree::new(&index);
        changes.iter().for_each(|change| tree.apply(change).unwrap());
        assert_eq!(tree.symlink("etc/net"), Some("var/net"));
        assert!(tree.has("etc/var/net/a") && tree.has("etc/netx"));
        assert_eq!(tree.symlink("etc/var/net/b"), Some("a"));
        let Change::Put(file) = &changes[1] else { panic!("{:?}", changes[1]) };
        assert_eq!((file.path.as_str(), file.mode, file.uid), ("etc/var/net/a", 0o640, 7));
        assert_eq!((file.gid, file.mtime), (8, Some(9)));
    }

    #[test]
    fn a_device_does_not_move_and_no_link_leaves_the_tree() {
        let tar = tar(|builder| {
            add(builder, "etc", tar::EntryType::Directory, "");
            add(builder, "etc/pipe", tar::EntryType::Fifo, "");
        });
        let index = index(&tar);
        let refused = relocated(&index, tar.as_slice(), "etc", "var");
        assert!(matches!(&refused, Err(Error::WrongKind { path, .. }) if path == "etc/pipe"));
        for target in ["../x", "/x"] {
            let refused = relocated(&index, tar.as_slice(), "etc", target);
            assert!(matches!(refused, Err(Error::Path { .. })), "{refused:?}");
        }
    }

    fn bootable() -> Vec<u8> {
        use tar::EntryType as E;
        tar(|builder| {
            for path in ["dev", "etc", "proc", "run", "sys", "tmp", "usr", "var"] {
                add(builder, path, E::Directory, "");
            }
            add(builder, "sbin", E::Symlink, "usr/sbin");
            add(builder, "usr/lib", E::Directory, "");
            add(builder, "usr/lib/init", E::Regular, "x");
            add(builder, "usr/lib/os-release", E::Regular, "ID=x");
            add(builder, "usr/sbin", E::Directory, "");
            add(builder, "usr/sbin/init", E::Symlink, "/usr/lib/init");
        })
    }

    #[test]
    fn what_a_boot_needs_is_missed() {
        let tar = bootable();
        let index = index(&tar);
        let with = |changes: &[Change]| {
            let mut tree = Tree::new(&index);
            changes.iter().for_each(|change| tree.apply(change).unwrap());
            lacks(&tree).iter().map(ToString::to_string).collect::<Vec<_>>()
        };
        assert_eq!(with(&[]), [""; 0]);
        let drop = |path: &str| Change::Drop(path.to_owned());
        for path in DIRECTORIES {
            let lacks = with(&[drop(path)]);
            assert_eq!(lacks.first(), Some(&format!("there is no /{path}")));
            let link = Change::Replace(Node::symlink(path, "elsewhere"));
            assert_eq!(with(&[link])[0], format!("/{path} is a symbolic link to elsewhere"));
        }
        assert_eq!(with(&[drop("usr/lib/os-release")]), ["there is no /usr/lib/os-release"]);
        let gone = "/sbin/init leads to /usr/lib/init, which is not there";
        assert_eq!(with(&[drop("usr/lib/init")]), [gone]);
        let folder = Change::Replace(Node::directory("usr/lib/init"));
        assert_eq!(with(&[folder]), ["/sbin/init is a directory"]);
        let file = Change::Replace(Node::file("proc", 0o644, ""));
        assert_eq!(with(&[file]), ["/proc is a file"]);
        let ring = Change::Replace(Node::symlink("usr/lib/init", "init"));
        assert!(with(&[ring])[0].starts_with("/sbin/init: "));
    }

    #[test]
    fn the_root_is_never_left_out() {
        let tar = sample();
        let index = index(&tar);
        let dropped = without(&index, |path| path.starts_with(b"/etc/net"));
        let drop = |path: &str| Change::Drop(path.to_owned());
        let expected = ["etc/net", "etc/net/a", "etc/net/b", "etc/netx"].map(drop);
        assert_eq!(dropped, expected);
        assert!(!without(&index, |_| true).contains(&drop("")));
    }

    #[test]
    fn os_release_keeps_what_is_the_distributions() {
        let text = "PRETTY_NAME=\"Debian\"\nID=debian\nVARIANT_ID=x\nHOME_URL=\"u\"";
        let release = OsRelease { title: "An OS", id: "name", version: "13.1", test: false };
        assert_eq!(
            release.apply(text),
            "PRETTY_NAME=\"An OS 13.1\"\nID=debian\nHOME_URL=\"u\"\nVARIANT=\"An OS\"\n\
             VARIANT_ID=live\nIMAGE_ID=name\nIMAGE_VERSION=13.1\n"
        );
        let test = OsRelease { test: true, ..release }.apply(text);
        assert!(test.contains("VARIANT=\"TEST IMAGE, not for use\"\nVARIANT_ID=test\n"), "{test}");
    }
}
