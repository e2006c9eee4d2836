//! What other programs read in an image.

use std::collections::BTreeMap;
use std::ffi::OsStr;
use std::fs;
use std::io::{self, Cursor};
use std::os::unix::ffi::OsStrExt;
use std::process::Command;

use anklume_squashfs_writer::order;

use crate::node::{Node, What};

/// Runs a tool on an image; a missing one fails the test and says what to install.
pub(crate) fn run(program: &str, package: &str, before: &[&str], image: &[u8]) -> Vec<u8> {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("image");
    fs::write(&path, image).unwrap();
    let output = Command::new(program)
        .args(before)
        .arg(&path)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install the package {package}"));
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{program} {before:?}: {text}");
    // What tar has no place for; the caller knows.
    let quiet =
        |line: &&str| !line.contains("cannot pack socket") && !line.starts_with("Skipping ./");
    assert_eq!(text.lines().find(quiet), None, "{program} {before:?}");
    output.stdout
}

/// A line of `unsquashfs -lln`: type and mode, owner and group, size or device, path, target.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Listed {
    pub(crate) mode: String,
    pub(crate) owner: String,
    /// Decimal size, or `major,minor`.
    pub(crate) size: String,
    /// Minute, as `2023-11-14 22:13`.
    pub(crate) time: String,
    /// What follows: the path, and the target of a symbolic link.
    pub(crate) rest: Vec<u8>,
}

/// What `unsquashfs -lln` (squashfs-tools) lists, in its own order, which is that of the writer.
pub(crate) fn unsquashfs_list(image: &[u8]) -> Vec<Listed> {
    let text = run("unsquashfs", "squashfs-tools", &["-d", "R", "-lln"], image);
    let lines = text.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    lines.map(listed).collect()
}

fn listed(line: &[u8]) -> Listed {
    let mut rest = line;
    let mut field = || {
        let start = rest.iter().position(|byte| *byte != b' ').unwrap();
        let trimmed = &rest[start..];
        let end = trimmed.iter().position(|byte| *byte == b' ').unwrap();
        rest = &trimmed[end..];
        String::from_utf8(trimmed[..end].to_vec()).unwrap()
    };
    let (mode, owner, mut size) = (field(), field(), field());
    if size.ends_with(',') {
        size.push_str(&field());
    }
    let time = format!("{} {}", field(), field());
    Listed { mode, owner, size, time, rest: rest[1..].to_vec() }
}

/// Extracts with `unsquashfs` and returns the content of every regular file, holes included.
pub(crate) fn unsquashfs_contents(image: &[u8]) -> BTreeMap<Vec<u8>, Vec<u8>> {
    let folder = tempfile::tempdir().unwrap();
    let target = folder.path().join("tree");
    let target_text = target.to_str().unwrap();
    // Attributes are compared elsewhere; without them, any user can extract.
    run(
        "unsquashfs",
        "squashfs-tools",
        &["-no-xattrs", "-quiet", "-no-progress", "-d", target_text],
        image,
    );
    let mut contents = BTreeMap::new();
    let mut folders = vec![target.clone()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().map(|entry| entry.unwrap()) {
            let kind = entry.file_type().unwrap();
            if kind.is_dir() {
                folders.push(entry.path());
            } else if kind.is_file() {
                let path = entry.path();
                let relative = path.strip_prefix(&target).unwrap().as_os_str().as_bytes().to_vec();
                contents.insert(relative, fs::read(path).unwrap());
            }
        }
    }
    contents
}

/// What `backhand` reads: paths, attributes but for the extended ones, contents. It knows no hard
/// links: each name is a file.
pub(crate) fn backhand(image: &[u8]) -> Vec<Node> {
    let reader = backhand::FilesystemReader::from_reader(Cursor::new(image.to_vec())).unwrap();
    let mut nodes: Vec<Node> = reader.files().map(|node| from_backhand(&reader, node)).collect();
    nodes.sort_by(|a, b| order(&a.path, &b.path));
    nodes
}

/// Bytes of the holes of every file, as the inodes count them.
pub(crate) fn backhand_holes(image: &[u8]) -> BTreeMap<Vec<u8>, u64> {
    let reader = backhand::FilesystemReader::from_reader(Cursor::new(image.to_vec())).unwrap();
    let holes = reader.files().filter_map(|node| match &node.inner {
        backhand::InnerNode::File(file) => {
            Some((node.fullpath.as_os_str().as_bytes()[1..].to_vec(), file.sparse()))
        }
        _ => None,
    });
    holes.collect()
}

fn from_backhand(
    reader: &backhand::FilesystemReader<'_>,
    node: &backhand::Node<backhand::SquashfsFileReader>,
) -> Node {
    let bytes = |path: &OsStr| path.as_bytes().to_vec();
    let device =
        |number: u32| ((number >> 8) & 0xfff, (number & 0xff) | ((number >> 12) & 0xf_ff00));
    let what = match &node.inner {
        backhand::InnerNode::File(file) => {
            let mut content = Vec::new();
            let mut source = reader.file(file).reader();
            assert_eq!(io::copy(&mut source, &mut content).unwrap(), content.len() as u64);
            What::File(content)
        }
        backhand::InnerNode::Symlink(link) => What::Symlink(bytes(link.link.as_os_str())),
        backhand::InnerNode::Dir(_) => What::Directory,
        backhand::InnerNode::CharacterDevice(inner) => {
            let (major, minor) = device(inner.device_number);
            What::Char(major, minor)
        }
        backhand::InnerNode::BlockDevice(inner) => {
            let (major, minor) = device(inner.device_number);
            What::Block(major, minor)
        }
        backhand::InnerNode::NamedPipe => What::Fifo,
        backhand::InnerNode::Socket => What::Socket,
    };
    let header = node.header;
    let path = bytes(node.fullpath.as_os_str());
    Node {
        path: path.strip_prefix(b"/").unwrap_or(&path).to_vec(),
        mode: header.permissions,
        uid: header.uid,
        gid: header.gid,
        mtime: header.mtime,
        xattrs: Vec::new(),
        what,
    }
}

/// The nodes as a reader without hard links and extended attributes must see them.
pub(crate) fn without_links(nodes: &[Node]) -> Vec<Node> {
    let find = |path: &[u8]| nodes.iter().find(|node| node.path == path).unwrap();
    let resolve = |node: &Node| {
        let mut target = node;
        while let What::Link(to) = &target.what {
            target = find(to);
        }
        Node { path: node.path.clone(), xattrs: Vec::new(), ..target.clone() }
    };
    nodes.iter().map(resolve).collect()
}
