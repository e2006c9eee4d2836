//! Superblocks of images that foreign tools made, against what `unsquashfs -s` says of them.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anklume_squashfs::{Error, Superblock};

/// Runs a tool; a missing one fails the test and says what to install.
fn run(program: &str, package: &str, args: &[&str]) -> String {
    let output = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install the package {package}"));
    let text = [output.stdout, output.stderr].concat();
    let text = String::from_utf8_lossy(&text).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}");
    text
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).into_os_string().into_string().unwrap()
}

/// A tree with small files, a large one and folders.
fn tree(folder: &Path) -> String {
    let root = folder.join("tree");
    fs::create_dir_all(root.join("a/b")).unwrap();
    for number in 0..40_u8 {
        fs::write(root.join(format!("a/{number}")), vec![number; 300]).unwrap();
    }
    let large: Vec<u8> = (0..400_000_u32).map(|i| (i.wrapping_mul(i) / 77) as u8).collect();
    fs::write(root.join("a/b/large"), large).unwrap();
    path(folder, "tree")
}

/// Compares ours with `unsquashfs -s`.
fn compare(image: &str) -> Superblock {
    let bytes = fs::read(image).unwrap();
    let superblock = Superblock::read(&bytes).unwrap();
    let text = run("unsquashfs", "squashfs-tools", &["-s", image]);
    let has = |line: String| assert!(text.lines().any(|l| l.trim() == line), "{line}: {text}");
    assert!(text.contains("SQUASHFS 4:0 superblock"), "{text}");
    has(format!("Compression {}", superblock.compression));
    has(format!("Block size {}", superblock.block_bytes));
    has(format!("Number of fragments {}", superblock.fragments));
    has(format!("Number of inodes {}", superblock.inodes));
    has(format!("Number of ids {}", superblock.ids));
    assert!(text.contains(&format!("Filesystem size {} bytes", superblock.bytes_used)), "{text}");
    let exportable = text.contains("Filesystem is exportable via NFS");
    assert_eq!(exportable, superblock.tables.lookup.is_some(), "{text}");
    assert_eq!(superblock.padded_bytes(4096).unwrap(), bytes.len() as u64, "padded by the tool");
    superblock
}

fn mksquashfs(folder: &Path, tree: &str, more: &[&str]) -> Superblock {
    let image = path(folder, "image.squashfs");
    let _ = fs::remove_file(&image);
    let mut args = vec![tree, image.as_str(), "-quiet", "-no-progress", "-processors", "1"];
    args.extend(["-mkfs-time", "1700000000"]);
    args.extend(more);
    run("mksquashfs", "squashfs-tools", &args);
    let superblock = compare(&image);
    assert_eq!(superblock.mkfs_time, 1_700_000_000);
    superblock
}

#[test]
fn mksquashfs_images_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let tree = tree(folder.path());
    for compression in ["gzip", "lzo", "xz", "lz4", "zstd"] {
        let superblock = mksquashfs(folder.path(), &tree, &["-comp", compression]);
        assert_eq!(superblock.compression.to_string(), compression);
    }
    for level in [1, 15, 19] {
        let (image, text) = (path(folder.path(), "image.squashfs"), level.to_string());
        let more = ["-comp", "zstd", "-Xcompression-level", &text];
        let superblock = mksquashfs(folder.path(), &tree, &more);
        assert_eq!(superblock.zstd_level(&fs::read(image).unwrap()).unwrap(), Some(level));
    }
    for block in ["4096", "131072", "1048576"] {
        let superblock = mksquashfs(folder.path(), &tree, &["-b", block]);
        assert_eq!(superblock.block_bytes.to_string(), block);
    }
    assert!(mksquashfs(folder.path(), &tree, &["-no-fragments"]).fragments == 0);
    assert!(mksquashfs(folder.path(), &tree, &["-no-exports"]).tables.lookup.is_none());
    assert!(mksquashfs(folder.path(), &tree, &["-no-xattrs"]).tables.xattr.is_none());
    mksquashfs(folder.path(), &tree, &["-noI", "-noD", "-noF", "-noX"]);
}

#[test]
fn an_empty_image_is_read() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("empty")).unwrap();
    let superblock = mksquashfs(folder.path(), &path(folder.path(), "empty"), &[]);
    assert_eq!((superblock.inodes, superblock.fragments), (1, 0));
}

#[test]
fn tar2sqfs_images_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let tree = tree(folder.path());
    let (tar, image) = (path(folder.path(), "tree.tar"), path(folder.path(), "image.squashfs"));
    run("tar", "tar", &["-C", &tree, "-cf", &tar, "."]);
    for more in [&["-c", "zstd"][..], &["-c", "xz", "-e"], &["-c", "gzip", "-b", "64K"]] {
        let script = format!("exec tar2sqfs -q -f -j 1 {} {image} < {tar}", more.join(" "));
        run("tar2sqfs", "squashfs-tools-ng", &["--version"]);
        run("sh", "dash", &["-c", &script]);
        let superblock = compare(&image);
        assert_eq!(superblock.compression.to_string(), more[1]);
        assert_eq!(superblock.tables.lookup.is_some(), more.contains(&"-e"));
    }
}

#[test]
fn a_truncated_image_is_noticed() {
    let folder = tempfile::tempdir().unwrap();
    let tree = tree(folder.path());
    let superblock = mksquashfs(folder.path(), &tree, &["-no-exports"]);
    let mut bytes = fs::read(folder.path().join("image.squashfs")).unwrap();
    bytes.truncate(superblock.bytes_used as usize);
    assert_eq!(Superblock::read(&bytes).unwrap(), superblock);
    bytes.pop();
    assert!(matches!(Superblock::read(&bytes), Err(Error::Field { field: "bytes_used", .. })));
    bytes.truncate(95);
    assert!(matches!(Superblock::read(&bytes), Err(Error::Read(_))));
}
