//! Changes of a tree, read back with the index and with the squashfs tools.
#![expect(clippy::unwrap_used, reason = "a failed step of a test fails the test")]

mod support;

use anklume_roottree::{
    Attribute, Change, Content, Error, Glob, Index, Kind, Node, NodeKind, OverlayEntry,
    OverlayKind, Special, Tree, overlay, plan, read_file, write,
};
use std::fs;
use std::io;
use support::{archive, no_sources, run, sample_tree, text};

const EPOCH: u64 = 1_600_000_000;

/// The sample tree as an archive.
fn sample() -> Vec<u8> {
    let root = tempfile::tempdir().unwrap();
    sample_tree(root.path());
    archive(root.path(), "posix", &[])
}

fn index(tar: &[u8]) -> Index {
    Index::read(tar, &mut |_| ()).unwrap()
}

fn compose(tar: &[u8], changes: &[Change]) -> Vec<u8> {
    let pieces = plan(&index(tar), changes, EPOCH).unwrap();
    let mut out = Vec::new();
    write(&pieces, tar, &no_sources, &mut out, &mut |_| ()).unwrap();
    out
}

fn put(path: &str, bytes: &str) -> Change {
    Change::Put(Node::file(path, 0o644, bytes))
}

fn drop(path: &str) -> Change {
    Change::Drop(path.to_owned())
}

fn content(tar: &[u8], path: &str) -> Vec<u8> {
    read_file(tar, &index(tar), path, 10_000_000).unwrap()
}

#[test]
fn a_hard_link_whose_target_goes_becomes_the_file() {
    let tar = sample();
    let original = content(&tar, "usr/bin/b-tool");
    let links = |tar: &[u8]| {
        let index = index(tar);
        let links = index.entries().iter().filter_map(|entry| match &entry.kind {
            Kind::HardLink(target) => Some((entry.path.to_string(), target.to_string())),
            _ => None,
        });
        links.collect::<Vec<_>>()
    };
    let pair = |from: &str, to: &str| (from.to_owned(), to.to_owned());

    // The archive has the content at a-link, which comes first.
    assert_eq!(links(&tar)[0], pair("usr/bin/b-tool", "usr/bin/a-link"));
    for change in [drop("usr/bin/a-link"), put("usr/bin/a-link", "new")] {
        let composed = compose(&tar, &[change]);
        assert_eq!(links(&composed), [pair("usr-old/z-link", "usr/bin/b-tool")]);
        assert_eq!(content(&composed, "usr/bin/b-tool"), original);
        assert_eq!(content(&composed, "usr-old/z-link"), original);
        let entry = index(&composed).find("usr/bin/b-tool").unwrap().clone();
        assert_eq!((entry.mode, entry.gid, entry.kind), (0o4755, 42, Kind::File));
    }
    let composed = compose(&tar, &[Change::Empty("usr/bin".to_owned())]);
    assert_eq!(links(&composed), []);
    assert_eq!(content(&composed, "usr-old/z-link"), original);
    // A replaced link leaves the others alone.
    let composed = compose(&tar, &[put("usr/bin/b-tool", "new")]);
    assert_eq!(links(&composed), [pair("usr-old/z-link", "usr/bin/a-link")]);
    assert_eq!(content(&composed, "usr/bin/b-tool"), b"new");
}

#[test]
fn later_changes_win_and_links_on_the_way_are_followed() {
    let tar = sample();
    let composed = compose(
        &tar,
        &[
            put("/etc/a/b/c", "1"),
            put("etc/a/b/c", "2"),
            put("lib/systemd/system/y.service", "unit"),
            put("bin/empty", "full"),
            drop("lib/systemd/system/x.service"),
            put("srv/gone", "x"),
            drop("srv"),
            drop("etc/never-there"),
        ],
    );
    let index = index(&composed);
    assert_eq!(content(&composed, "etc/a/b/c"), b"2");
    assert_eq!(content(&composed, "usr/lib/systemd/system/y.service"), b"unit");
    assert_eq!(content(&composed, "usr/bin/empty"), b"full");
    assert!(index.find("lib/systemd").is_none(), "written through a link");
    assert!(index.find("usr/lib/systemd/system/x.service").is_none());
    assert!(index.find("srv").is_none() && index.find("srv/gone").is_none());
    let parent = index.find("etc/a/b").unwrap();
    assert_eq!((parent.mode, parent.uid, parent.mtime), (0o755, 0, EPOCH));
}

#[test]
fn directories_are_emptied_replaced_and_kept() {
    let tar = sample();
    let overlay = overlay(&[
        OverlayEntry {
            path: "var/tmp".to_owned(),
            kind: OverlayKind::Directory,
            executable: false,
        },
        OverlayEntry { path: "lib".to_owned(), kind: OverlayKind::Directory, executable: false },
        OverlayEntry { path: "opt".to_owned(), kind: OverlayKind::Directory, executable: false },
    ]);
    let mut changes = vec![
        put("usr-old/added", "x"),
        Change::Empty("usr-old".to_owned()),
        put("etc/more/x", "x"),
        Change::Replace(Node::symlink("etc", "usr/share/etc")),
        Change::DropMatching(Glob::new("usr/share/**/deep")),
        Change::Put(Node { uid: 5, ..Node::new("usr/lib", 0o700, NodeKind::Directory) }),
        Change::Empty("nowhere".to_owned()),
    ];
    changes.extend(overlay.unwrap());
    let composed = compose(&tar, &changes);
    let index = index(&composed);
    assert_eq!(index.below("usr-old").len(), 0);
    assert_eq!(index.find("usr-old").unwrap().kind, Kind::Directory);
    assert_eq!(index.find("etc").unwrap().kind, Kind::Symlink("usr/share/etc".into()));
    assert_eq!(index.below("etc").len(), 0);
    assert!(!index.entries().iter().any(|entry| entry.path.ends_with("/deep")));
    let lib = index.find("usr/lib").unwrap();
    assert_eq!((lib.mode, lib.uid), (0o700, 5));
    assert!(index.find("usr/lib/systemd/system/x.service").is_some());
    assert_eq!(index.find("var/tmp").unwrap().mode, 0o1777);
    assert_eq!(index.find("lib").unwrap().kind, Kind::Symlink("/usr/lib".into()));
    assert_eq!(index.find("opt").unwrap().mode, 0o755);
}

#[test]
fn impossible_changes_are_refused() {
    let tar = sample();
    let index = index(&tar);
    let error = |change: Change| plan(&index, &[change], EPOCH).unwrap_err();
    assert!(matches!(error(put("usr/bin", "x")), Error::WrongKind { .. }));
    assert!(matches!(error(put("etc/shadow/x", "x")), Error::WrongKind { .. }));
    assert!(matches!(error(put("../x", "x")), Error::Path { .. }));
    assert!(matches!(error(drop("/")), Error::Path { .. }));
    assert!(matches!(error(Change::Put(Node::symlink("a", ""))), Error::Path { .. }));
    assert!(matches!(error(Change::Put(Node::directory("bin"))), Error::WrongKind { .. }));
    assert!(matches!(error(Change::Empty("etc/shadow".to_owned())), Error::WrongKind { .. }));
    let file = Change::EnsureDirectory(Node::directory("etc/shadow"));
    assert!(matches!(error(file), Error::WrongKind { .. }));
}

#[test]
fn sources_are_read_and_must_keep_their_length() {
    let tar = sample();
    let index = index(&tar);
    let source = |size| {
        let content = Content::Source { key: "big".to_owned(), size };
        Change::Put(Node::new("srv/big", 0o644, NodeKind::File(content)))
    };
    let sources = |key: &str| -> io::Result<Box<dyn io::Read>> {
        assert_eq!(key, "big");
        Ok(Box::new(io::Cursor::new(vec![7; 2_500_001])))
    };
    let attempt = |size| {
        let pieces = plan(&index, &[source(size)], EPOCH).unwrap();
        let mut out = Vec::new();
        write(&pieces, &tar, &sources, &mut out, &mut |_| ()).map(|_| out)
    };
    assert_eq!(content(&attempt(2_500_001).unwrap(), "srv/big"), vec![7; 2_500_001]);
    for size in [2_500_000, 2_500_002, 0] {
        assert!(matches!(attempt(size), Err(Error::SourceLength { .. })), "{size}");
    }
    let mut tree = Tree::new(&index);
    tree.apply(&source(2_500_001)).unwrap();
    let read = |limit| tree.read_file(&tar, &sources, "/srv/big", limit);
    assert_eq!(read(u64::MAX).unwrap().len(), 2_500_001);
    assert!(matches!(read(100), Err(Error::TooLarge { .. })));
    assert_eq!(tree.read_file(&tar, &sources, "bin/a-link", 5000).unwrap().len(), 5000);
    assert_eq!(tree.names("srv").into_iter().collect::<Vec<_>>(), ["big"]);
}

/// Everything that a squashfs keeps arrives in one: modes, owners, links, devices, attributes.
#[test]
fn the_squashfs_tools_see_the_same_tree() {
    let tar = sample();
    let capability = Attribute {
        name: "security.capability".into(),
        value: [1, 0, 0, 2, b'\n', 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0].into(),
    };
    let user = Attribute { name: "user.colour".into(), value: (*b"red").into() };
    let null = NodeKind::Special(Special::CharacterDevice { major: 1, minor: 3 });
    let disk = NodeKind::Special(Special::BlockDevice { major: 8, minor: 16 });
    let composed = compose(
        &tar,
        &[
            Change::Put(Node {
                attributes: vec![capability, user],
                ..Node::file("usr/bin/ping", 0o755, *b"ping")
            }),
            Change::Put(Node { gid: 5, ..Node::new("dev/null", 0o666, null) }),
            Change::Put(Node::new("dev/disk", 0o660, disk)),
            Change::Put(Node { uid: 3_000_000, ..Node::file("srv/id", 0o600, *b"") }),
            drop("usr/bin/a-link"),
        ],
    );
    let folder = tempfile::tempdir().unwrap();
    let (file, image) = (folder.path().join("t.tar"), folder.path().join("t.sqfs"));
    fs::write(&file, &composed).unwrap();
    let script = format!("tar2sqfs -q {} < {}", text(&image), text(&file));
    run("squashfs-tools-ng", "sh", &["-ec", &script]);
    let listing = run("squashfs-tools", "unsquashfs", &["-lln", text(&image)]);
    let line = |name: &str| {
        let found = listing.lines().find(|line| line.contains(&format!(" squashfs-root/{name}")));
        found.unwrap_or_else(|| panic!("no {name}: {listing}")).to_owned()
    };
    for (name, start, rest) in [
        ("bin ", "lrwxrwxrwx 0/42", "-> usr/bin"),
        ("usr/bin/b-tool", "-rwsr-xr-x 0/42", " 5000 2020-09-13"),
        ("usr/bin/ping", "-rwxr-xr-x 0/0", " 4 2020-09-13"),
        ("etc/shadow", "-r-------- 0/42", " 100 2001-02-03"),
        ("etc/pipe", "prw------- 0/42", ""),
        ("var/tmp", "drwxrwxrwt 0/42", ""),
        ("dev/null", "crw-rw-rw- 0/5", " 1,  3 "),
        ("dev/disk", "brw-rw---- 0/0", "  8, 16 "),
        ("srv/id", "-rw------- 3000000/0", ""),
        ("etc/Főtanúsítvány.crt", "-rw-r----- 0/42", " 13 "),
    ] {
        let line = line(name);
        assert!(line.starts_with(start) && line.contains(rest), "{line}");
    }
    let paths = listing.lines().filter(|line| line.contains("squashfs-root")).count();
    assert_eq!(paths, index(&composed).entries().len());
    let dump = |path: &str| run("squashfs-tools-ng", "rdsquashfs", &["-x", path, text(&image)]);
    assert!(dump("usr/bin/ping").contains("user.colour=red"), "{}", dump("usr/bin/ping"));
    assert!(
        dump("usr/bin/ping").contains("security.capability=0x010000020A2000"),
        "{}",
        dump("usr/bin/ping")
    );
    let inode = |path: &str| {
        let stat = run("squashfs-tools-ng", "rdsquashfs", &["-s", path, text(&image)]);
        let line = stat.lines().find(|line| line.to_lowercase().contains("inode number"));
        line.unwrap_or_else(|| panic!("{stat}")).to_owned()
    };
    assert_eq!(inode("usr/bin/b-tool"), inode("usr-old/z-link"));
    assert_ne!(inode("usr/bin/b-tool"), inode("usr/bin/ping"));
}
