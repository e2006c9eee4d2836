//! Archives against GNU tar and the `tar` crate, both ways.
#![expect(clippy::unwrap_used, reason = "a failed step of a test fails the test")]

mod support;

use anklume_roottree::{
    Change, Corruption, Error, Glob, Index, Kind, Node, plan, read_file, write,
};
use std::fs;
use std::os::unix::fs::MetadataExt;
use support::{archive, no_sources, run, sample_tree, text};

const EPOCH: u64 = 1_600_000_000;

fn index(tar: &[u8]) -> Index {
    Index::read(tar, &mut |_| ()).unwrap()
}

fn compose(tar: &[u8], changes: &[Change]) -> Vec<u8> {
    let pieces = plan(&index(tar), changes, EPOCH).unwrap();
    let mut out = Vec::new();
    let length = write(&pieces, tar, &no_sources, &mut out, &mut |_| ()).unwrap();
    assert_eq!(length, out.len() as u64);
    assert_eq!(length, anklume_roottree::archive_bytes(&pieces));
    out
}

/// What must not depend on the format of an archive.
fn facts(tar: &[u8]) -> Vec<String> {
    let index = index(tar);
    let line = |entry: &anklume_roottree::Entry| {
        let (path, kind) = (&entry.path, &entry.kind);
        let numbers = (entry.mode, entry.uid, entry.gid, entry.mtime, entry.size);
        format!("{path} {kind:?} {numbers:?} {:?}", entry.attributes)
    };
    index.entries().iter().map(line).collect()
}

#[test]
fn every_format_of_gnu_tar_gives_one_index() {
    let root = tempfile::tempdir().unwrap();
    sample_tree(root.path());
    let posix = archive(root.path(), "posix", &[]);
    let gnu = archive(root.path(), "gnu", &[]);
    assert_eq!(facts(&posix), facts(&gnu));
    assert_eq!(facts(&posix).len(), 27);
    assert!(facts(&posix).iter().any(|fact| fact.starts_with("usr/bin/b-tool HardLink")));
    // A name of more than 255 bytes does not fit this format, so leave the long ones out.
    let ustar = archive(root.path(), "ustar", &["--exclude=long-*", "--exclude=far"]);
    let short = facts(&posix).into_iter().filter(|fact| !fact.contains("long-"));
    assert_eq!(facts(&ustar), short.collect::<Vec<_>>());
}

#[test]
fn offsets_agree_with_the_tar_crate() {
    let root = tempfile::tempdir().unwrap();
    sample_tree(root.path());
    for format in ["posix", "gnu"] {
        let bytes = archive(root.path(), format, &[]);
        let index = index(&bytes);
        let mut archive = tar::Archive::new(&bytes[..]);
        let mut ends = 0;
        for entry in archive.entries().unwrap() {
            let entry = entry.unwrap();
            let path = String::from_utf8(entry.path_bytes().into_owned()).unwrap();
            let found = index.find(path.trim_start_matches("./").trim_end_matches('/')).unwrap();
            assert_eq!(found.data, entry.raw_file_position(), "{path}");
            assert_eq!(found.size, entry.size(), "{path}");
            // Members follow each other without a gap, extended headers included.
            assert_eq!(found.start, ends, "{path}");
            ends = found.range().end;
        }
        assert_eq!(bytes[ends as usize..][..1024], [0; 1024]);
    }
}

#[test]
fn gnu_tar_extracts_what_went_in() {
    let (root, out) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    sample_tree(root.path());
    let composed = compose(&archive(root.path(), "posix", &[]), &[]);
    let file = out.path().join("composed.tar");
    fs::write(&file, &composed).unwrap();
    let tree = out.path().join("tree");
    fs::create_dir(&tree).unwrap();
    run("tar", "tar", &["-xpf", text(&file), "--no-same-owner", "-C", text(&tree)]);
    // diff would read the pipe.
    fs::remove_file(tree.join("etc/pipe")).unwrap();
    fs::remove_file(root.path().join("etc/pipe")).unwrap();
    run("diffutils", "diff", &["-r", "--no-dereference", text(root.path()), text(&tree)]);
    let meta = |path: &str| fs::symlink_metadata(tree.join(path)).unwrap();
    assert_eq!(meta("usr/bin/a-link").ino(), meta("usr-old/z-link").ino());
    assert_eq!(meta("usr/bin/a-link").ino(), meta("usr/bin/b-tool").ino());
    assert_eq!(meta("usr/bin/a-link").mode() & 0o7777, 0o4755);
    assert_eq!(meta("var/tmp").mode() & 0o7777, 0o1777);
    // Older than the epoch: kept, without the fraction. Younger: the epoch.
    assert_eq!(meta("etc/shadow").mtime(), 981_173_106);
    assert_eq!(meta("bin").mtime(), 981_173_106);
    assert_eq!(meta("usr/bin/empty").mtime(), EPOCH as i64);
}

#[test]
fn composing_is_stable() {
    let root = tempfile::tempdir().unwrap();
    sample_tree(root.path());
    let posix = compose(&archive(root.path(), "posix", &[]), &[]);
    let gnu = compose(&archive(root.path(), "gnu", &["--sort=none"]), &[]);
    assert!(posix == gnu, "the new archive depends on the format of the old one");
    assert!(compose(&posix, &[]) == posix, "composing again changes the archive");
}

#[test]
fn the_listing_of_gnu_tar_has_owners_and_order() {
    let root = tempfile::tempdir().unwrap();
    sample_tree(root.path());
    let added = Node { uid: 3_000_000, gid: 7, ..Node::file("srv/a/b", 0o6711, *b"12345") };
    let composed = compose(&archive(root.path(), "gnu", &[]), &[Change::Put(added)]);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), composed).unwrap();
    let listing = run("tar", "tar", &["--numeric-owner", "-tvf", text(file.path())]);
    let lines: Vec<&str> = listing.lines().collect();
    let has =
        |parts: &[&str]| lines.iter().any(|line| parts.iter().all(|part| line.contains(part)));
    assert!(has(&["-rws--s--x 3000000/7", " 5 2020-09-13 12:26 ./srv/a/b"]), "{listing}");
    assert!(has(&["drwxr-xr-x 0/0", " ./srv/a/"]), "{listing}");
    assert!(has(&["-rw-r----- 0/42", " ./etc/"]), "{listing}");
    assert!(
        has(&["hrwsr-xr-x", "./usr/bin/b-tool link to ./usr-old/z-link"])
            || has(&["hrwsr-xr-x", "./usr/bin/b-tool link to ./usr/bin/a-link"]),
        "{listing}"
    );
    let names: Vec<&str> = lines
        .iter()
        .map(|line| line[line.find("./").unwrap()..].split(" -> ").next().unwrap())
        .collect();
    let position = |name: &str| names.iter().position(|found| *found == name).unwrap();
    assert_eq!(position("./"), 0);
    assert!(position("./usr/") < position("./usr/bin/"));
    assert!(position("./usr/bin/empty") < position("./usr-old/"));
}

#[test]
fn paths_lead_through_links_inside_the_tree() {
    let root = tempfile::tempdir().unwrap();
    sample_tree(root.path());
    std::os::unix::fs::symlink("loop-b", root.path().join("loop-a")).unwrap();
    std::os::unix::fs::symlink("loop-a", root.path().join("loop-b")).unwrap();
    std::os::unix::fs::symlink("../../../../etc/shadow", root.path().join("etc/up")).unwrap();
    let tar = archive(root.path(), "posix", &[]);
    let index = index(&tar);
    let read = |path: &str| read_file(&tar[..], &index, path, 10_000);
    assert_eq!(read("/lib/systemd/system/x.service").unwrap().len(), 30);
    assert_eq!(read("bin/b-tool").unwrap(), fs::read(root.path().join("usr/bin/b-tool")).unwrap());
    assert_eq!(read("bin/a-link").unwrap().len(), 5000);
    assert_eq!(read("etc/up").unwrap().len(), 100);
    assert_eq!(read("usr/share/far").unwrap().len(), 700);
    assert!(matches!(read("loop-a"), Err(Error::LinkLoop { .. })));
    assert!(matches!(read("etc/none"), Err(Error::NotFound { .. })));
    assert!(matches!(read("etc/shadow/x"), Err(Error::WrongKind { .. })));
    assert!(matches!(read("etc"), Err(Error::WrongKind { .. })));
    assert!(matches!(read("usr-old/large"), Err(Error::TooLarge { size: 3_000_001, .. })));
    let children: Vec<&str> = index.children("usr/bin").map(|entry| &*entry.path).collect();
    assert_eq!(children, ["usr/bin/[", "usr/bin/a-link", "usr/bin/b-tool", "usr/bin/empty"]);
    let glob = Glob::new("usr/**/*link");
    assert_eq!(index.matching(&glob).count(), 1);
    assert_eq!(index.find("bin").unwrap().kind, Kind::Symlink("usr/bin".into()));
}

#[test]
fn attributes_are_read_and_written() {
    let root = tempfile::tempdir().unwrap();
    fs::write(root.path().join("f"), b"x").unwrap();
    let more = ["--pax-option=SCHILY.xattr.user.colour:=red=1", "--no-recursion"];
    let tar = archive(root.path(), "posix", &more);
    let attribute = index(&tar).find("").unwrap().attributes[0].clone();
    assert_eq!((&*attribute.name, &*attribute.value), ("user.colour", &b"red=1"[..]));

    // A capability is binary, with zeros and line ends.
    let capability = [1, 0, 0, 2, b'\n', 0x20, b'=', 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let mut builder = tar::Builder::new(Vec::new());
    let records = [("SCHILY.xattr.security.capability", &capability[..])];
    builder.append_pax_extensions(records).unwrap();
    let mut header = tar::Header::new_ustar();
    header.set_size(4);
    header.set_mode(0o755);
    builder.append_data(&mut header, "./ping", &b"ping"[..]).unwrap();
    let composed = compose(&builder.into_inner().unwrap(), &[]);
    // The `tar` crate takes the line end in the value for the end of the record, so ask GNU tar,
    // which lists sizes, and the index.
    let found = index(&composed).find("ping").unwrap().attributes.clone();
    assert_eq!((found.len(), &*found[0].name), (1, "security.capability"));
    assert_eq!(&*found[0].value, capability);
    let file = tempfile::NamedTempFile::new().unwrap();
    fs::write(file.path(), composed).unwrap();
    let listing =
        run("tar", "tar", &["--xattrs", "--xattrs-include=*", "-tvvf", text(file.path())]);
    assert!(listing.contains("x: 20 security.capability"), "{listing}");
}

#[test]
fn damage_is_named_with_its_byte() {
    let root = tempfile::tempdir().unwrap();
    sample_tree(root.path());
    let good = archive(root.path(), "gnu", &[]);
    let third = index(&good).entries().iter().map(|entry| entry.start).nth(3).unwrap();
    let error = |bytes: &[u8]| Index::read(bytes, &mut |_| ()).unwrap_err();

    let mut flipped = good.clone();
    flipped[third as usize + 10] ^= 0x20;
    match error(&flipped) {
        Error::Corrupt { offset, what: Corruption::Checksum { .. } } => assert_eq!(offset, third),
        other => panic!("{other}"),
    }
    let end = index(&good).entries().iter().map(|entry| entry.range().end).max().unwrap() as usize;
    for length in [0, 100, third as usize, third as usize + 1, end, end + 512] {
        let what = match error(&good[..length]) {
            Error::Corrupt { what, .. } => what,
            other => panic!("{other}"),
        };
        assert!(matches!(what, Corruption::EndsEarly { .. }), "{length}: {what}");
    }
    assert!(Index::read(&good[..end + 1024], &mut |_| ()).is_ok());
}

#[test]
fn trees_that_cannot_be_are_refused() {
    let build = |members: &[(&str, char, &str)]| {
        let mut builder = tar::Builder::new(Vec::new());
        for (path, kind, link) in members {
            let mut header = tar::Header::new_ustar();
            header.as_old_mut().name[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(tar::EntryType::new(*kind as u8));
            header.as_old_mut().linkname[..link.len()].copy_from_slice(link.as_bytes());
            header.set_size(0);
            header.set_mode(0o644);
            header.set_cksum();
            builder.append(&header, std::io::empty()).unwrap();
        }
        let tar = builder.into_inner().unwrap();
        Index::read(&tar[..], &mut |_| ())
    };
    let corruption = |members: &[(&str, char, &str)]| match build(members) {
        Err(Error::Corrupt { what, .. }) => what,
        other => panic!("{other:?}"),
    };
    assert!(matches!(corruption(&[("/etc", '5', "")]), Corruption::Path { .. }));
    assert!(matches!(corruption(&[("a/../b", '0', "")]), Corruption::Path { .. }));
    assert!(matches!(
        corruption(&[("a", '0', ""), ("./a", '0', "")]),
        Corruption::Duplicate { .. }
    ));
    assert!(matches!(corruption(&[("a/b", '0', "")]), Corruption::Parent { .. }));
    assert!(matches!(corruption(&[("a", '2', "/x"), ("a/b", '0', "")]), Corruption::Parent { .. }));
    assert!(matches!(corruption(&[("a", '1', "b"), ("b", '0', "")]), Corruption::HardLink { .. }));
    assert!(matches!(corruption(&[("a", '1', "a")]), Corruption::HardLink { .. }));
    assert!(matches!(corruption(&[("d", '5', ""), ("a", '1', "d")]), Corruption::HardLink { .. }));
    assert!(matches!(build(&[("a", 'S', "")]), Err(Error::Unsupported { .. })));
    // Children before parents, directories twice and a link to a link are fine.
    let good = [("d/a", '0', ""), ("d", '5', ""), ("d/b", '1', "d/a"), ("./d/", '5', "")];
    let index = build(&good).unwrap();
    assert_eq!(index.entries().len(), 4);
    let chain = [("a", '0', ""), ("c", '1', "a"), ("b", '1', "c")];
    assert_eq!(build(&chain).unwrap().find("b").unwrap().kind, Kind::HardLink("a".into()));
}
