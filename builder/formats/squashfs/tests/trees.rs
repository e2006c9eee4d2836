//! Trees of images that foreign tools made, against the folder that they were made of.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::collections::BTreeMap;
use std::fs;
use std::ops::ControlFlow;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::Command;

use anklume_squashfs::{Compression, Contents, Inode, Kind, Superblock, TableError, Tree};

/// Runs a tool; a missing one fails the test and says what to install.
fn run(program: &str, package: &str, args: &[&str]) {
    let output = Command::new(program)
        .args(args)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install the package {package}"));
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{program} {args:?}: {text}");
}

fn noise(seed: u32, length: u32) -> Vec<u8> {
    (0..length).map(|i| ((i ^ seed).wrapping_mul(0x9e37_79b1) >> 13) as u8).collect()
}

/// Small files, files of several blocks, holes, links, a directory with an index, a pipe.
fn make_tree(root: &Path) {
    for folder in ["a/b/c", "empty", "many"] {
        fs::create_dir_all(root.join(folder)).unwrap();
    }
    for size in [0, 1, 4095, 4096, 4097, 131_072, 131_073, 400_000] {
        fs::write(root.join(format!("a/noise-{size}")), noise(size, size)).unwrap();
        fs::write(root.join(format!("a/text-{size}")), "text ".repeat(size as usize / 5)).unwrap();
    }
    fs::File::create(root.join("a/hole")).unwrap().set_len(3 << 20).unwrap();
    fs::write(root.join("a/b/c/hole"), [vec![0; 300_000], noise(7, 99)].concat()).unwrap();
    for number in 0..1500 {
        let name = format!("{number:04}-{}", "n".repeat(number % 120));
        fs::write(root.join("many").join(name), number.to_string()).unwrap();
    }
    fs::hard_link(root.join("a/noise-4097"), root.join("a/b/linked")).unwrap();
    symlink("../a/nowhere", root.join("a/b/link")).unwrap();
    fs::set_permissions(root.join("a/text-1"), fs::Permissions::from_mode(0o4751)).unwrap();
    let fifo = root.join("fifo");
    run("mkfifo", "coreutils", &["-m", "0640", fifo.to_str().unwrap()]);
}

/// Compares an inode with the file that it was made of.
fn compare(inode: &Inode, path: &Path, contents: &mut Contents<'_, Vec<u8>>) {
    let name = path.display();
    let data = fs::symlink_metadata(path).unwrap();
    assert_eq!(u32::from(inode.mode), data.mode() & 0o7777, "{name}");
    assert_eq!((inode.uid, inode.gid), (data.uid(), data.gid()), "{name}");
    assert_eq!(i64::from(inode.mtime), data.mtime(), "{name}");
    match &inode.kind {
        Kind::Directory(_) => assert!(data.is_dir(), "{name}"),
        Kind::Symlink { target } => {
            assert_eq!(fs::read_link(path).unwrap().as_os_str().as_bytes(), target);
        }
        Kind::Fifo => assert!(data.file_type().is_fifo(), "{name}"),
        Kind::File(file) => {
            let mut content = Vec::new();
            let mut take = |piece: &[u8]| {
                content.extend_from_slice(piece);
                ControlFlow::Continue(())
            };
            contents.read(file, &mut take).unwrap();
            assert_eq!(file.size, data.len(), "{name}");
            assert!(content == fs::read(path).unwrap(), "{name}");
        }
        other => panic!("{name}: {other:?}"),
    }
}

/// Compares the whole image with the folder that it was made of.
fn assert_same(image: &Path, root: &Path) -> (Superblock, Tree) {
    let bytes = fs::read(image).unwrap();
    let superblock = Superblock::read(&bytes).unwrap();
    let tree = Tree::read(&bytes, &superblock).unwrap();
    let mut contents = Contents::new(&bytes, &superblock, &tree);
    let mut names = BTreeMap::new();
    for entry in &tree.entries {
        let path = std::ffi::OsStr::from_bytes(&entry.path);
        compare(tree.inode(entry).unwrap(), &root.join(path), &mut contents);
        assert!(names.insert(entry.path.clone(), entry.inode).is_none(), "{path:?}");
    }
    assert_eq!(names.get(b"a/noise-4097".as_slice()), names.get(b"a/b/linked".as_slice()));
    assert_eq!(names.len(), files(root), "some names are missing");
    assert_eq!(tree.pieces().first_fault(superblock.bytes_used), None);
    (superblock, tree)
}

/// How many files of any kind there are, with the folder itself.
fn files(folder: &Path) -> usize {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap());
    let below = |entry: fs::DirEntry| match entry.file_type().unwrap().is_dir() {
        true => files(&entry.path()),
        false => 1,
    };
    entries.map(below).sum::<usize>() + 1
}

fn mksquashfs(folder: &Path, more: &[&str]) -> std::path::PathBuf {
    let (root, image) = (folder.join("tree"), folder.join("image.squashfs"));
    let _ = fs::remove_file(&image);
    let mut args = vec![root.to_str().unwrap(), image.to_str().unwrap()];
    args.extend(["-quiet", "-no-progress", "-no-xattrs"]);
    args.extend(more);
    run("mksquashfs", "squashfs-tools", &args);
    image
}

#[test]
fn mksquashfs_trees_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    make_tree(&root);
    for more in [
        &["-comp", "zstd"][..],
        &["-comp", "xz", "-Xbcj", "x86"],
        &["-comp", "zstd", "-b", "4096", "-always-use-fragments"],
        &["-comp", "zstd", "-b", "1M", "-no-exports"],
        &["-comp", "zstd", "-no-fragments", "-no-sparse"],
        &["-comp", "zstd", "-noI", "-noX"],
        &["-comp", "zstd", "-noD", "-noF"],
        // Nothing is compressed, so nothing is needed to read it.
        &["-comp", "gzip", "-noI", "-noD", "-noF", "-noX"],
        &["-comp", "lzo", "-noI", "-noD", "-noF", "-noX", "-no-exports", "-no-fragments"],
    ] {
        let (superblock, tree) = assert_same(&mksquashfs(folder.path(), more), &root);
        assert_eq!(tree.inodes.len(), superblock.inodes as usize);
        assert_eq!(tree.fragments.is_empty(), more.contains(&"-no-fragments"));
    }
}

#[test]
fn tar2sqfs_trees_are_read() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    make_tree(&root);
    let (tar, image) = (folder.path().join("tree.tar"), folder.path().join("image"));
    let (tar, image) = (tar.to_str().unwrap(), image.to_str().unwrap());
    let parent = folder.path().to_str().unwrap();
    run("tar", "tar", &["-C", parent, "--format=gnu", "-cf", tar, "tree"]);
    run("tar2sqfs", "squashfs-tools-ng", &["--version"]);
    for more in ["-c zstd", "-c zstd -b 4K -e", "-c xz -T", "-c xz -b 1M"] {
        let script = format!("exec tar2sqfs -q -f -r tree {more} {image} < {tar}");
        run("sh", "dash", &["-c", &script]);
        assert_same(Path::new(image), &root);
    }
}

#[test]
fn an_empty_image_has_a_root() {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("tree")).unwrap();
    for more in [&["-comp", "zstd"][..], &["-comp", "zstd", "-no-fragments", "-no-exports"]] {
        let bytes = fs::read(mksquashfs(folder.path(), more)).unwrap();
        let superblock = Superblock::read(&bytes).unwrap();
        let tree = Tree::read(&bytes, &superblock).unwrap();
        assert_eq!((tree.entries.len(), tree.entries[0].path.len()), (1, 0));
        assert_eq!(tree.pieces().first_fault(superblock.bytes_used), None);
    }
}

#[test]
fn a_compression_without_a_decompressor_is_named() {
    let folder = tempfile::tempdir().unwrap();
    make_tree(&folder.path().join("tree"));
    for compression in ["gzip", "lz4", "lzo"] {
        let bytes = fs::read(mksquashfs(folder.path(), &["-comp", compression])).unwrap();
        let superblock = Superblock::read(&bytes).unwrap();
        let error = Tree::read(&bytes, &superblock).unwrap_err();
        assert!(matches!(error, TableError::Unsupported { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("zstd and xz") && text.ends_with(compression), "{text}");
        // Files need no tables.
        assert_ne!(superblock.compression, Compression::Zstd);
    }
}

/// Reads everything that there is; content in holes only while there is time for it.
fn read_all(bytes: &Vec<u8>) -> Result<(), TableError> {
    let Ok(superblock) = Superblock::read(bytes) else { return Ok(()) };
    let tree = Tree::read(bytes, &superblock)?;
    let mut contents = Contents::new(bytes, &superblock, &tree);
    for inode in &tree.inodes {
        let Kind::File(file) = &inode.kind else { continue };
        let mut left = 8_usize << 20;
        contents.read(file, &mut |piece| match left.checked_sub(piece.len()) {
            Some(rest) => {
                left = rest;
                ControlFlow::Continue(())
            }
            None => ControlFlow::Break(()),
        })?;
    }
    Ok(())
}

#[test]
fn damage_anywhere_is_an_error_or_harmless() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir_all(root.join("a/b")).unwrap();
    for name in ["a/x", "a/b/y", "z"] {
        fs::write(root.join(name), noise(3, 9000)).unwrap();
    }
    symlink("x", root.join("a/link")).unwrap();
    // Metadata as it is, so that every bit of it is met, and compressed, so that frames are.
    for more in [&["-noI", "-noX"][..], &["-noD", "-noF"]] {
        let more = [&["-comp", "zstd", "-b", "4096"], more].concat();
        let sound = fs::read(mksquashfs(folder.path(), &more)).unwrap();
        read_all(&sound).unwrap();
        let used = Superblock::read(&sound).unwrap().bytes_used as usize;
        let tables = Superblock::read(&sound).unwrap().tables.inode as usize;
        let mut errors = 0;
        for at in (0..96).chain(tables..used) {
            for bit in 0..8 {
                let mut damaged = sound.clone();
                damaged[at] ^= 1 << bit;
                errors += u32::from(read_all(&damaged).is_err());
            }
        }
        assert!(errors > 500, "only {errors} flipped bits were noticed");
    }
}

/// The first byte of the image at which `pattern` lies.
fn find(image: &[u8], pattern: &[u8]) -> usize {
    image.windows(pattern.len()).position(|window| window == pattern).unwrap()
}

/// What a damaged image is refused for: object and text.
fn refused(image: &[u8], at: usize, bytes: &[u8]) -> (&'static str, String) {
    let mut image = image.to_vec();
    image[at..at + bytes.len()].copy_from_slice(bytes);
    let error = read_all(&image).unwrap_err();
    let text = error.to_string();
    match error {
        TableError::Corrupt { object, .. } => (object, text),
        other => panic!("{other}"),
    }
}

#[test]
fn what_is_wrong_is_named_with_its_place() {
    let folder = tempfile::tempdir().unwrap();
    let root = folder.path().join("tree");
    fs::create_dir_all(root.join("dir")).unwrap();
    fs::write(root.join("dir/file"), noise(1, 5000)).unwrap();
    fs::write(root.join("other"), noise(2, 5000)).unwrap();
    let stored = ["-noI", "-noX", "-noD", "-noF", "-always-use-fragments"];
    let more = [&["-comp", "zstd", "-b", "4096"], stored.as_slice()].concat();
    let image = fs::read(mksquashfs(folder.path(), &more)).unwrap();
    let superblock = Superblock::read(&image).unwrap();
    let inodes = superblock.tables.inode as usize;
    // The first inode, behind the length of its block: 16 bytes that all have, then those of a file.
    let first = inodes + 2;
    assert_eq!(image[first..first + 2], [2, 0]);
    assert_eq!(refused(&image, inodes, &[0, 0x80]).0, "inode table");
    assert_eq!(refused(&image, first, &[15, 0]).0, "inode_type");
    assert_eq!(refused(&image, first + 4, &[9, 0]).0, "uid");
    assert_eq!(refused(&image, first + 16, &[0; 4]).0, "block_list");
    assert_eq!(refused(&image, first + 20, &[9, 0, 0, 0]).0, "fragment");
    assert_eq!(refused(&image, first + 24, &[0xff, 0x0f, 0, 0]).0, "offset");
    let (object, text) = refused(&image, first + 28, &[0xff; 4]);
    assert_eq!(object, "block_list");
    let place = format!("byte {inodes}, 32 bytes into the metadata block");
    assert!(text.contains(&place) && text.contains("expected 4194300 bytes"), "{text}");
    assert_eq!(refused(&image, first + 32, &[1, 0x20, 0, 1]).0, "block_list");
    let directories = superblock.tables.directory as usize;
    let name = find(&image[directories..], b"file") + directories;
    assert_eq!(refused(&image, name, b"a/b").0, "name");
    assert_eq!(refused(&image, name - 2, &[0xff, 0x01]).0, "size");
    assert_eq!(refused(&image, name - 4, &[1]).0, "directory entry");
    assert_eq!(refused(&image, name - 8 - 12, &[0xff, 1]).0, "count");
    // The number of the inode, whose place is right.
    assert_eq!(refused(&image, name - 8 - 4, &[9]).0, "directory entry");
    // Behind `dir`.
    let other = find(&image[directories..], b"other") + directories;
    assert_eq!(refused(&image, other, b"adder").0, "name");
    let index = superblock.tables.fragment.unwrap() as usize;
    let table = u64::from_le_bytes(image[index..index + 8].try_into().unwrap()) as usize;
    assert_eq!(refused(&image, table + 2, &[0; 8]).0, "fragment entry");
    assert_eq!(refused(&image, index, &[0xff; 2]).0, "fragment table");
}
