//! Two small images.

use std::collections::BTreeMap;

use anklume_compare::{Block, File, Identity, Image, Kind, Package};

pub(crate) fn file(bytes: u64, content: u8) -> File {
    let kind = Kind::Regular { bytes, sha256: Some([content; 32]), stored: None };
    File { package: Some("base".into()), ..special(kind) }
}

pub(crate) fn special(kind: Kind) -> File {
    let attributes = BTreeMap::new();
    File { kind, mode: 0o644, uid: 0, gid: 0, mtime: Some(1), attributes, package: None }
}

pub(crate) fn symlink(target: &str) -> File {
    special(Kind::Symlink { target: target.into() })
}

fn package(version: &str, installed_bytes: u64) -> Package {
    Package { version: version.into(), installed_bytes }
}

pub(crate) fn block(hash: u8, stored: u32) -> Block {
    Block { hash: [hash; 32], stored }
}

fn image(version: &str, root_hash: u8) -> Image {
    let identity = Identity {
        name: "debian".into(),
        version: version.into(),
        architecture: "amd64".into(),
        root_hash: Some([root_hash; 32]),
    };
    Image { identity, ..Image::default() }
}

/// An image of October.
pub(crate) fn before() -> Image {
    let mut image = image("2025.10", 0xaa);
    image.packages = [
        ("bash", package("5.2-1", 1000)),
        ("gone", package("1", 10)),
        ("libc6", package("2.41-12+deb13u1", 5000)),
        ("mixed", package("1:0.5", 30)),
        ("same", package("1", 1)),
    ]
    .map(|(name, package)| (name.to_owned(), package))
    .into();
    image.files = [
        ("", special(Kind::Directory)),
        ("bin", symlink("usr/bin")),
        ("dev/x", special(Kind::CharacterDevice { major: 1, minor: 3 })),
        ("etc/passwd", file(100, 1)),
        ("usr/bin/bash", file(1000, 2)),
        ("usr/bin/gone", file(10, 3)),
        ("usr/lib/x", file(7, 4)),
    ]
    .map(|(path, file)| (path.as_bytes().to_vec(), file))
    .into();
    image.sizes = BTreeMap::from([("boot".into(), 4096), ("os".into(), 1 << 20)]);
    image.blocks = vec![block(1, 100), block(2, 200), block(2, 200), block(3, 300)];
    image.boot_files = vec![block(5, 6)];
    image
}

/// The same image a month later.
pub(crate) fn after() -> Image {
    let mut image =
        Image { packages: before().packages, files: before().files, ..image("2025.11", 0xbb) };
    image.packages.remove("gone");
    image.packages.insert("new".into(), package("2", 20));
    image.packages.insert("bash".into(), package("5.10-1", 1100));
    image.packages.insert("libc6".into(), package("2.41-12+deb13u1~rc", 9000));
    image.packages.insert("mixed".into(), package("1:0.5", 31));
    let mut insert = |path: &str, file: File| image.files.insert(path.as_bytes().to_vec(), file);
    insert("bin", symlink("usr/\x1bbin"));
    insert("dev/x", special(Kind::CharacterDevice { major: 1, minor: 5 }));
    insert("etc/passwd", File { mode: 0o4600, uid: 5, gid: 6, mtime: Some(2), ..file(100, 9) });
    insert("usr/bin/bash", file(3000, 8));
    insert("usr/lib/x", special(Kind::Fifo));
    let capability = (b"security.capability".to_vec(), b"x".to_vec());
    insert("", File { attributes: BTreeMap::from([capability]), ..special(Kind::Directory) });
    image.files.remove(&b"usr/bin/gone"[..]);
    image.files.insert(b"usr/bin/new\xff".to_vec(), file(20, 7));
    image.sizes = BTreeMap::from([("data".into(), 1), ("os".into(), 3 << 20)]);
    image.blocks = vec![block(3, 300), block(2, 201), block(4, 400), block(4, 400), block(1, 100)];
    image.metadata = vec![block(5, 6), block(6, 10)];
    image.boot_files = vec![block(6, 10)];
    image.hash_tree_bytes = 77;
    image
}
