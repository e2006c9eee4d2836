//! A tree with everything that a file system may hold, as one table.

use std::collections::BTreeMap;

use anklume_squashfs_writer::{Compressor, Options, Tails, order};

use crate::from_tar::{as_tar, sqfs2tar};
use crate::image::{BLOCK, options, pack};
use crate::node::{Node, What, noise, words};
use crate::readers::{Listed, backhand, unsquashfs_contents, unsquashfs_list, without_links};

/// Sizes around those of blocks, with content that compresses and content that does not.
fn sizes() -> Vec<Node> {
    let mut nodes = vec![Node::directory("size")];
    for size in [0, 1, BLOCK - 1, BLOCK, BLOCK + 1, 3 * BLOCK, 5 * BLOCK + 77] {
        nodes.push(Node::file(format!("size/noise-{size:05}"), noise(size as u64, size)));
        nodes.push(Node::file(format!("size/words-{size:05}"), words(size as u64, size)));
    }
    nodes
}

fn holes() -> Vec<Node> {
    let zeros = |blocks: usize| vec![0; blocks * BLOCK];
    vec![
        Node::directory("hole"),
        Node::file("hole/all", zeros(40)),
        Node::file("hole/all-and-more", [zeros(3), vec![0; 5]].concat()),
        Node::file("hole/end", [noise(1, BLOCK), zeros(30)].concat()),
        Node::file("hole/middle", [words(2, BLOCK), zeros(50), words(3, 100)].concat()),
        Node::file("hole/small", vec![0; 10]),
        Node::file("hole/start", [zeros(2), noise(4, BLOCK)].concat()),
    ]
}

fn owners() -> Vec<Node> {
    let mut nodes = vec![Node::directory("owner")];
    for (number, id) in
        [0, 65_535, 65_536, 100_000, 2_097_152, 4_294_967_294].into_iter().enumerate()
    {
        let node = Node::file(format!("owner/{number}"), format!("{id}"));
        nodes.push(Node { uid: id, gid: id / 2, ..node });
    }
    // More than a metadata block of the ID table holds.
    for number in 0..2100 {
        let node = Node::new(format!("owner/many-{number:04}"), What::Fifo);
        nodes.push(Node { uid: 1_000_000 + number, ..node });
    }
    nodes
}

fn modes_and_times() -> Vec<Node> {
    let mut nodes = vec![Node::directory("time")];
    for mtime in [0, 1, 2_147_483_648, u32::MAX] {
        nodes.push(Node { mtime, ..Node::file(format!("time/{mtime:010}"), "") });
    }
    let modes = [0, 0o1777, 0o2755, 0o4755, 0o7777];
    nodes.extend(modes.map(|mode| Node { mode, ..Node::file(format!("time/m{mode:04o}"), "m") }));
    nodes.extend(modes.map(|mode| Node { mode, ..Node::directory(format!("time/o{mode:04o}")) }));
    nodes
}

fn names() -> Vec<Node> {
    let mut nodes = vec![Node::directory("name"), Node::directory("name/ deep")];
    let mut deep = b"name/ deep".to_vec();
    for _ in 0..200 {
        deep.extend(b"/d");
        nodes.push(Node::directory(&deep));
    }
    nodes.push(Node::file([deep.as_slice(), b"/leaf"].concat(), "leaf"));
    let odd: Vec<Vec<u8>> = vec![
        b"a".to_vec(),
        b"a-b".to_vec(),
        b"\x01\x02".to_vec(),
        b"\xff\xfe".to_vec(),
        "gr\u{fc}n".as_bytes().to_vec(),
        b"back\\slash 'quote\"".to_vec(),
        vec![b'x'; 255],
        vec![b'y'; 256],
    ];
    // A directory whose content sorts behind that of its sibling if the slash were a byte like
    // others.
    for name in odd {
        let path = [b"name/".as_slice(), &name].concat();
        if name == b"a" {
            nodes.push(Node::directory(&path));
            nodes.push(Node::file([path.as_slice(), b"/z"].concat(), "z"));
        } else {
            nodes.push(Node::file(&path, name));
        }
    }
    nodes
}

fn specials() -> Vec<Node> {
    let symlink = |path: &str, target: &[u8]| {
        let node = Node::new(path, What::Symlink(target.to_vec()));
        Node { mode: 0o777, ..node }
    };
    vec![
        Node::directory("special"),
        Node::new("special/block", What::Block(8, 1)),
        Node::new("special/block-max", What::Block(4095, 1_048_575)).xattr("trusted.b", b"1"),
        Node::new("special/char", What::Char(1, 3)),
        Node::new("special/char-large", What::Char(259, 300)).xattr("trusted.c", b"2"),
        Node::new("special/fifo", What::Fifo),
        Node::new("special/fifo-x", What::Fifo).xattr("security.f", b"3"),
        Node::new("special/socket", What::Socket),
        Node::new("special/socket-x", What::Socket).xattr("security.s", b"4"),
        symlink("special/symlink", b"../a\xff/ b"),
        symlink("special/symlink-long", &[b'l'; 4095]),
        symlink("special/symlink-x", b"x").xattr("trusted.l", b"5"),
    ]
}

fn attributes() -> Vec<Node> {
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    let name = format!("user.{}", "n".repeat(250));
    let mut nodes = vec![
        Node::directory("x").xattr("user.directory", b"yes"),
        Node::file("x/capability", "ping").xattr("security.capability", capability),
        Node::file("x/empty", "").xattr("user.empty", b""),
        Node::file("x/many", "m")
            .xattr("trusted.overlay.opaque", b"y")
            .xattr("user.a", b"\0\xff\n=")
            .xattr("user.b", &noise(5, 300)),
        Node::file("x/name", "n").xattr(&name, b"long"),
        Node::file("x/same", "other").xattr("security.capability", capability),
    ];
    for size in [8192 - 10, 65_535, 65_536] {
        nodes.push(Node::file(format!("x/value-{size:05}"), "v").xattr("user.v", &noise(6, size)));
    }
    // More sets than a metadata block of the table holds.
    for number in 0..600 {
        let value = format!("{number}");
        let node = Node::new(format!("x/z{number:03}"), What::Fifo);
        nodes.push(node.xattr("trusted.number", value.as_bytes()));
    }
    nodes
}

fn links() -> Vec<Node> {
    let target = Node::file("link/a", words(9, 2 * BLOCK + 9)).xattr("user.linked", b"1");
    vec![
        Node::directory("link"),
        Node { mode: 0o4711, uid: 7, ..target },
        Node::link("link/b", "link/a"),
        Node::directory("link/c"),
        Node::link("link/c/d", "link/a"),
        Node::new("link/e", What::Char(5, 1)),
        Node::link("link/f", "link/e"),
        Node::file("link/small", "tail"),
        Node::link("link/tail", "link/small"),
    ]
}

/// The tree, in the order of the writer.
pub(crate) fn odd_tree() -> Vec<Node> {
    let root = Node::directory("").xattr("user.root", b"r");
    let mut nodes = vec![Node { mode: 0o1711, uid: 3, gid: 4, mtime: 5, ..root }];
    nodes.push(Node::directory("empty"));
    for part in
        [holes(), links(), names(), owners(), sizes(), specials(), modes_and_times(), attributes()]
    {
        nodes.extend(part);
    }
    nodes.sort_by(|a, b| order(&a.path, &b.path));
    nodes
}

/// Compares, and shows the first difference instead of all nodes.
pub(crate) fn assert_same(found: &[Node], expected: &[Node]) {
    for (found, expected) in found.iter().zip(expected) {
        if found != expected {
            let show = |node: &Node| {
                let text = format!("{node:?}");
                format!(
                    "{} {}",
                    node.path.escape_ascii(),
                    text.chars().take(2000).collect::<String>()
                )
            };
            panic!("found    {}\nexpected {}", show(found), show(expected));
        }
    }
    assert_eq!(found.len(), expected.len());
}

pub(crate) fn settings() -> [Options; 3] {
    let small = options(2);
    [
        small,
        Options { tails: Tails::SmallFiles, compressor: Compressor::Zstd { level: 15 }, ..small },
        Options { block_bytes: 1 << 20, compressor: Compressor::Zstd { level: 1 }, ..small },
    ]
}

#[test]
fn sqfs2tar_sees_every_attribute() {
    let mut tree = odd_tree();
    // It skips sockets, but gives their extended attributes to what follows.
    tree.retain(|node| node.what != What::Socket || node.xattrs.is_empty());
    for options in settings() {
        assert_same(&sqfs2tar(&pack(&tree, &options).bytes), &as_tar(&tree));
    }
}

#[test]
fn backhand_sees_every_attribute_that_it_knows() {
    let mut tree = odd_tree();
    // It takes longer targets for damage, and reads the first 2048 IDs only.
    tree.retain(|node| match &node.what {
        What::Symlink(target) => target.len() < 256,
        _ => !node.path.starts_with(b"owner/many-1"),
    });
    for options in settings() {
        assert_same(&backhand(&pack(&tree, &options).bytes), &without_links(&tree));
    }
}

/// How `unsquashfs` shows a device: of the number as Linux writes it, the last eight bits as the
/// minor number, and what is before them as the major number, with a sign.
fn device(major: u32, minor: u32) -> String {
    let number = (minor & 0xff) | major << 8 | (minor >> 8) << 20;
    format!("{},{}", number.cast_signed() >> 8, number & 0xff)
}

/// The line that `unsquashfs -lln` prints for a node.
fn line(node: &Node) -> Listed {
    let (letter, size) = match &node.what {
        What::Directory => ('d', String::new()),
        What::File(content) => ('-', content.len().to_string()),
        What::Symlink(target) => ('l', target.len().to_string()),
        What::Block(major, minor) => ('b', device(*major, *minor)),
        What::Char(major, minor) => ('c', device(*major, *minor)),
        What::Fifo => ('p', "0".to_owned()),
        What::Socket => ('s', "0".to_owned()),
        What::Link(_) => unreachable!("links are resolved"),
    };
    let bit = |shift: u16, special: u16, letters: [char; 2]| {
        let bits = node.mode >> shift;
        let read = if bits & 4 != 0 { 'r' } else { '-' };
        let write = if bits & 2 != 0 { 'w' } else { '-' };
        let execute = match (node.mode & special != 0, bits & 1 != 0) {
            (false, false) => '-',
            (false, true) => 'x',
            (true, false) => letters[0],
            (true, true) => letters[1],
        };
        format!("{read}{write}{execute}")
    };
    let mode = format!(
        "{letter}{}{}{}",
        bit(6, 0o4000, ['S', 's']),
        bit(3, 0o2000, ['S', 's']),
        bit(0, 0o1000, ['T', 't'])
    );
    let mut rest = b"R".to_vec();
    if !node.path.is_empty() {
        rest.push(b'/');
        rest.extend(&node.path);
    }
    if let What::Symlink(target) = &node.what {
        rest.extend(b" -> ");
        rest.extend(target);
    }
    let time = match node.mtime {
        0 | 1 | 5 => "1970-01-01 00:00",
        1_700_000_000 => "2023-11-14 22:13",
        2_147_483_648 => "2038-01-19 03:14",
        u32::MAX => "2106-02-07 06:28",
        other => panic!("{other}"),
    };
    Listed { mode, owner: format!("{}/{}", node.uid, node.gid), size, time: time.to_owned(), rest }
}

#[test]
fn unsquashfs_lists_every_attribute() {
    let tree = odd_tree();
    for options in settings() {
        let mut listed = unsquashfs_list(&pack(&tree, &options).bytes);
        let expected: Vec<_> = without_links(&tree).iter().map(line).collect();
        // The size of a directory is that of its listing, which depends on the inodes' places.
        let directories = listed.iter_mut().filter(|line| line.mode.starts_with('d'));
        directories.for_each(|line| line.size.clear());
        for (listed, expected) in listed.iter().zip(&expected) {
            assert_eq!(listed, expected, "{}", listed.rest.escape_ascii());
        }
        assert_eq!(listed.len(), expected.len());
    }
}

#[test]
fn unsquashfs_extracts_every_content() {
    let is_plain = |node: &Node| matches!(node.what, What::Directory | What::File(_));
    // Everything that any user can create on any file system: no devices, no other owners, no name
    // of 256 bytes, no directory that cannot be entered, and no file that cannot be read.
    let tree: Vec<_> = odd_tree()
        .into_iter()
        .filter(|node| is_plain(node) && node.path.len() != 256 + 5)
        .map(|node| {
            let mode = if node.what == What::Directory { 0o755 } else { 0o644 };
            Node { mode, uid: 0, gid: 0, ..node }
        })
        .collect();
    for options in settings() {
        let found = unsquashfs_contents(&pack(&tree, &options).bytes);
        let files = tree.iter().filter_map(|node| match &node.what {
            What::File(content) => Some((node.path.clone(), content.clone())),
            _ => None,
        });
        let expected: BTreeMap<_, _> = files.collect();
        assert!(found == expected, "{:?}", found.keys().len());
    }
}

#[test]
fn the_number_of_threads_changes_nothing() {
    let tree = odd_tree();
    let [one, two, seven] = [1, 2, 7].map(|threads| pack(&tree, &options(threads)));
    assert!(one.bytes == two.bytes && one.bytes == seven.bytes);
    assert!(one.reports == two.reports && one.reports == seven.reports);
    assert!(one.summary == two.summary && one.summary == seven.summary);
}
