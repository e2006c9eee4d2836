//! Trees as `sqfs2tar` writes them.

use std::io::Read;

use anklume_squashfs_writer::order;

use crate::node::{Node, What};
use crate::readers::run;

/// What `sqfs2tar` (squashfs-tools-ng) says the nodes are, all attributes included, in the order of
/// the writer. Tar has no sockets.
pub(crate) fn sqfs2tar(image: &[u8]) -> Vec<Node> {
    let archive = run("sqfs2tar", "squashfs-tools-ng", &["--root-becomes", "."], image);
    let mut archive = tar::Archive::new(archive.as_slice());
    let (mut nodes, mut before) = (Vec::new(), Before::default());
    // Raw, since the crate cannot read records whose values have line feeds.
    for mut entry in archive.entries().unwrap().raw(true).map(|entry| entry.unwrap()) {
        let mut content = Vec::new();
        entry.read_to_end(&mut content).unwrap();
        let text = || content.strip_suffix(b"\0").unwrap_or(&content).to_vec();
        match entry.header().entry_type() {
            tar::EntryType::XHeader => before.xattrs = xattrs(&content),
            tar::EntryType::GNULongName => before.path = Some(text()),
            tar::EntryType::GNULongLink => before.link = Some(text()),
            _ => nodes.push(node(entry.header(), content, std::mem::take(&mut before))),
        }
    }
    nodes.sort_by(|a, b| order(&a.path, &b.path));
    nodes
}

/// What the headers before an entry say of it.
#[derive(Default)]
struct Before {
    path: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    xattrs: Vec<(Vec<u8>, Vec<u8>)>,
}

fn node(header: &tar::Header, content: Vec<u8>, before: Before) -> Node {
    let link = || {
        let short = header.link_name_bytes().unwrap_or_default().to_vec();
        before.link.clone().unwrap_or(short)
    };
    let device =
        || (header.device_major().unwrap().unwrap(), header.device_minor().unwrap().unwrap());
    let what = match header.entry_type() {
        tar::EntryType::Directory => What::Directory,
        tar::EntryType::Regular => What::File(content),
        tar::EntryType::Symlink => What::Symlink(link()),
        tar::EntryType::Link => What::Link(clean(&link())),
        tar::EntryType::Block => What::Block(device().0, device().1),
        tar::EntryType::Char => What::Char(device().0, device().1),
        tar::EntryType::Fifo => What::Fifo,
        other => panic!("{other:?}"),
    };
    Node {
        path: clean(&before.path.unwrap_or_else(|| header.path_bytes().to_vec())),
        mode: (header.mode().unwrap() & 0o7777) as u16,
        uid: u32::try_from(header.uid().unwrap()).unwrap(),
        gid: u32::try_from(header.gid().unwrap()).unwrap(),
        mtime: u32::try_from(header.mtime().unwrap()).unwrap(),
        xattrs: before.xattrs,
        what,
    }
}

/// The extended attributes in the records of a PAX header, sorted by name.
fn xattrs(mut records: &[u8]) -> Vec<(Vec<u8>, Vec<u8>)> {
    let mut xattrs = Vec::new();
    while !records.is_empty() {
        let space = records.iter().position(|byte| *byte == b' ').unwrap();
        let length: usize = std::str::from_utf8(&records[..space]).unwrap().parse().unwrap();
        let record = records[space + 1..length].strip_suffix(b"\n").unwrap();
        let equals = record.iter().position(|byte| *byte == b'=').unwrap();
        let name = record[..equals].strip_prefix(b"SCHILY.xattr.").unwrap();
        xattrs.push((name.to_vec(), record[equals + 1..].to_vec()));
        records = &records[length..];
    }
    xattrs.sort();
    xattrs
}

/// `./a/b/` as `a/b`.
fn clean(path: &[u8]) -> Vec<u8> {
    let path = path.strip_prefix(b".").unwrap_or(path);
    let path = path.strip_prefix(b"/").unwrap_or(path);
    path.strip_suffix(b"/").unwrap_or(path).to_vec()
}

/// The nodes as a tar archive has them: no sockets, hard links with the attributes of what they
/// name, but for the extended ones.
pub(crate) fn as_tar(nodes: &[Node]) -> Vec<Node> {
    let plain = nodes.iter().filter(|node| node.what != What::Socket);
    let find = |path: &[u8]| nodes.iter().find(|node| node.path == path).unwrap();
    plain
        .map(|node| match &node.what {
            What::Link(to) => {
                let target = find(to);
                let (path, what) = (node.path.clone(), node.what.clone());
                Node { path, what, xattrs: Vec::new(), ..target.clone() }
            }
            _ => node.clone(),
        })
        .collect()
}
