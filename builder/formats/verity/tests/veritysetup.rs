//! Trees against cryptsetup's, in both directions.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::path::Path;
use std::process::Command;

use anklume_verity::{
    Builder, Error, Params, RootHash, Superblock, Tree, hash_offset_layout, root_hash_of, verify,
};

const BLOCK: usize = 4096;
const SALT: &str = "8d1c9a3bf02e47565f1d9be0a2c4710e33b0a9f6c7d8e9fa0b1c2d3e4f506172";
const UUID: &str = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709";

/// Runs `program`; a missing one fails the test and says what to install.
fn run(program: &str, package: &str, args: &[&str]) -> (bool, String) {
    // cryptsetup lies in sbin, which ordinary users do not search.
    let path = format!("{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default());
    let output = Command::new(program)
        .args(args)
        .env("PATH", path)
        .env("LC_ALL", "C")
        .output()
        .unwrap_or_else(|error| panic!("{program}: {error}; install the package {package}"));
    let text = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&text).into_owned())
}

fn veritysetup(args: &[&str]) -> (bool, String) {
    run("veritysetup", "cryptsetup-bin", args)
}

fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|&byte| byte != b'-').collect();
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(byte).collect()
}

/// Blocks that all differ.
fn data(blocks: usize) -> Vec<u8> {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    (0..blocks * BLOCK / 8)
        .flat_map(|_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            state.to_le_bytes()
        })
        .collect()
}

fn build(data: &[u8], salt: &str) -> Tree {
    let uuid = unhex(UUID).try_into().unwrap();
    let mut builder = Builder::new(Params { salt: unhex(salt), uuid }, data.len() as u64).unwrap();
    for piece in data.chunks(1 << 20) {
        builder.update(piece).unwrap();
    }
    builder.finish().unwrap()
}

fn path(folder: &Path, name: &str) -> String {
    folder.join(name).into_os_string().into_string().unwrap()
}

/// Line `label` of the tool's listing.
fn listed(text: &str, label: &str) -> String {
    text.lines()
        .find_map(|line| line.strip_prefix(label))
        .unwrap_or_else(|| panic!("no {label:?} in {text}"))
        .trim()
        .to_owned()
}

/// The tree and root hash that `veritysetup format` makes of `data`.
fn format(folder: &Path, data: &[u8], salt: &str) -> (Vec<u8>, RootHash) {
    let (data_path, hash_path) = (path(folder, "data"), path(folder, "hash"));
    fs::write(&data_path, data).unwrap();
    let _ = fs::remove_file(&hash_path);
    let salt = format!("--salt={}", if salt.is_empty() { "-" } else { salt });
    let uuid = format!("--uuid={UUID}");
    let (ok, text) = veritysetup(&["format", &salt, &uuid, &data_path, &hash_path]);
    assert!(ok, "{text}");
    (fs::read(&hash_path).unwrap(), listed(&text, "Root hash:").parse().unwrap())
}

#[test]
fn trees_are_byte_identical_to_veritysetup() {
    let folder = tempfile::tempdir().unwrap();
    for blocks in [1, 2, 127, 128, 129, 128 * 128, 128 * 128 + 1] {
        let data = data(blocks);
        let ours = build(&data, SALT);
        let (bytes, root_hash) = format(folder.path(), &data, SALT);
        assert_eq!(ours.root_hash, root_hash, "{blocks} blocks");
        assert_eq!(ours.bytes.len(), bytes.len(), "{blocks} blocks");
        assert!(ours.bytes == bytes, "{blocks} blocks: the trees differ");
    }
}

#[test]
fn other_salts_are_byte_identical_too() {
    let folder = tempfile::tempdir().unwrap();
    let data = data(130);
    for salt in [String::new(), "ff".to_owned(), "5a".repeat(256)] {
        let ours = build(&data, &salt);
        let (bytes, root_hash) = format(folder.path(), &data, &salt);
        assert_eq!(ours.root_hash, root_hash, "salt {salt:?}");
        assert!(ours.bytes == bytes, "salt {salt:?}: the trees differ");
    }
}

#[test]
fn veritysetup_accepts_ours_behind_the_data() {
    let folder = tempfile::tempdir().unwrap();
    let image_path = path(folder.path(), "image");
    for blocks in [1, 129, 128 * 128 + 1] {
        let mut image = data(blocks);
        let tree = build(&image, SALT);
        image.extend_from_slice(&tree.bytes);
        fs::write(&image_path, &image).unwrap();
        let offset = format!("--hash-offset={}", blocks * BLOCK);
        let root = tree.root_hash.to_string();
        let args = ["verify", &offset, &image_path, &image_path, &root];
        let (ok, text) = veritysetup(&args);
        assert!(ok, "{blocks} blocks: {text}");

        let (ok, text) = veritysetup(&["dump", &offset, &image_path]);
        assert!(ok, "{text}");
        assert_eq!(listed(&text, "UUID:"), UUID);
        assert_eq!(listed(&text, "Salt:"), SALT);
        assert_eq!(listed(&text, "Data blocks:"), blocks.to_string());
        assert_eq!(listed(&text, "Hash type:"), "1");
        assert_eq!(listed(&text, "Hash algorithm:"), "sha256");
        assert_eq!(listed(&text, "Data block size:"), "4096");
        assert_eq!(listed(&text, "Hash block size:"), "4096");

        image[blocks / 2 * BLOCK + 5] ^= 1;
        fs::write(&image_path, &image).unwrap();
        assert!(!veritysetup(&args).0, "the tool looks at the data");
    }
}

#[test]
fn we_accept_veritysetups() {
    let folder = tempfile::tempdir().unwrap();
    for blocks in [1, 2, 129, 128 * 128 + 1] {
        let mut image = data(blocks);
        let (bytes, root_hash) = format(folder.path(), &image, SALT);
        let data_bytes = image.len() as u64;
        image.extend_from_slice(&bytes);

        let superblock = Superblock::parse(&image[blocks * BLOCK..]).unwrap();
        assert_eq!(superblock.data_blocks, blocks as u64);
        assert_eq!((superblock.salt.clone(), superblock.uuid.to_vec()), (unhex(SALT), unhex(UUID)));
        let top = superblock.top_block_offset().unwrap() as usize;
        assert_eq!(root_hash_of(&superblock, &image[top..top + BLOCK]), root_hash);

        let mut seen = Vec::new();
        let mut progress = |bytes| seen.push(bytes);
        let found = verify(&image, data_bytes, Some(root_hash), &mut progress).unwrap();
        assert_eq!(found, root_hash);
        assert!(seen.is_sorted());
        assert_eq!(seen.last(), Some(&data_bytes));
        assert_eq!(verify(&image, data_bytes, None, &mut |_| ()).unwrap(), root_hash);
    }
}

#[test]
fn every_kind_of_damage_is_named() {
    let blocks = 128 * 128 + 200;
    let mut image = data(blocks);
    let tree = build(&image, SALT);
    let data_bytes = image.len() as u64;
    image.extend_from_slice(&tree.bytes);
    let layout = hash_offset_layout(blocks as u64).unwrap();
    let level = |level: usize, block: u64| data_bytes + layout.levels[level].offset + block * 4096;

    let mut check = |offset: u64, expected: Option<RootHash>| {
        image[offset as usize + 17] ^= 4;
        let result = verify(&image, data_bytes, expected, &mut |_| ());
        image[offset as usize + 17] ^= 4;
        match result {
            Err(Error::Blocks { bad }) => {
                bad.iter().map(|bad| (bad.level, bad.offset)).collect::<Vec<_>>()
            }
            Err(Error::RootHash { .. }) => vec![(Some(usize::MAX), offset)],
            other => panic!("byte {offset}: {other:?}"),
        }
    };
    let root = Some(tree.root_hash);
    for block in [0, 1, 127, 128, 1023, 1024, 16383, 16384, blocks as u64 - 1] {
        let offset = block * 4096;
        assert_eq!(check(offset, root), [(None, offset)], "data block {block}");
    }
    for block in [0, 7, 8, 127, 128, 129] {
        let offset = level(0, block);
        assert_eq!(check(offset, root), [(Some(0), offset)], "leaf block {block}");
    }
    for block in [0, 1] {
        let offset = level(1, block);
        assert_eq!(check(offset, root), [(Some(1), offset)]);
    }
    assert_eq!(check(level(2, 0), root), [(Some(usize::MAX), level(2, 0))]);
    assert_eq!(check(level(2, 0), None), [(Some(1), level(1, 0))]);
    // Padding of the last leaf block and of the top block is covered by their digests.
    assert_eq!(check(level(0, 129) + 4000, root), [(Some(0), level(0, 129))]);
}

#[test]
fn only_so_many_bad_blocks_are_listed() {
    let mut image = data(4000);
    let tree = build(&image, SALT);
    let data_bytes = image.len() as u64;
    image.fill(0);
    image.extend_from_slice(&tree.bytes);
    let Err(Error::Blocks { bad }) = verify(&image, data_bytes, None, &mut |_| ()) else {
        panic!("zeros were accepted");
    };
    assert_eq!(bad.len(), 16);
    assert!(bad.iter().enumerate().all(|(i, bad)| bad.offset == i as u64 * 4096));
}

#[test]
fn a_tree_for_other_data_or_cut_short_is_refused() {
    let mut image = data(130);
    let tree = build(&image, SALT);
    let data_bytes = image.len() as u64;
    image.extend_from_slice(&tree.bytes);
    let other = RootHash([0; 32]);
    let refused = verify(&image, data_bytes, Some(other), &mut |_| ());
    assert!(matches!(refused, Err(Error::RootHash { .. })));
    let moved = [&image[..data_bytes as usize], &[0; BLOCK], &tree.bytes].concat();
    let refused = verify(&moved, data_bytes + 4096, None, &mut |_| ());
    assert!(matches!(refused, Err(Error::Superblock { field: "data blocks", .. })), "{refused:?}");
    image.pop();
    assert!(matches!(verify(&image, data_bytes, None, &mut |_| ()), Err(Error::Read(_))));
    assert!(matches!(
        verify(&image, data_bytes + 1, None, &mut |_| ()),
        Err(Error::NotWholeBlocks { .. })
    ));
}
