//! The bytes that tamper tests change are what they claim to be, as `veritysetup` sees it.
#![expect(clippy::unwrap_used, reason = "a failure ends the test")]

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_vm_tests::image::OsPartition;
use anklume_vm_tests::{Failure, Workdir, tool};

const PARTITION_BYTE: usize = 1 << 20;
const IMAGE_BYTES: usize = 4 << 20;

/// An image with slot A's OS partition, and its root hash; made by foreign tools alone.
fn made(workdir: &Workdir) -> (PathBuf, String) {
    let source = workdir.unique("noise");
    // Bytes that do not compress, for a tree of several blocks.
    let mut state = 1_u32;
    let noise = std::iter::repeat_with(|| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    });
    fs::write(&source, noise.take(1_000_000).collect::<Vec<_>>()).unwrap();
    let (data, tree) = (workdir.unique("os"), workdir.unique("tree"));
    let options = ["-quiet", "-no-progress"].map(OsStr::new);
    let squashfs = [source.as_os_str(), data.as_os_str()].into_iter().chain(options);
    tool::run("mksquashfs", "squashfs-tools", squashfs).unwrap();
    let format = ["format".as_ref(), data.as_os_str(), tree.as_os_str()];
    let printed = tool::run("veritysetup", "cryptsetup-bin", format).unwrap();
    let printed = String::from_utf8(printed).unwrap();
    let root_hash = printed.lines().find_map(|line| line.strip_prefix("Root hash:")).unwrap();

    let mut os = fs::read(&data).unwrap();
    // mksquashfs pads to this size already.
    assert_eq!(os.len() % 4096, 0);
    os.extend(fs::read(&tree).unwrap());
    let mut bytes = vec![0; IMAGE_BYTES];
    bytes[PARTITION_BYTE..PARTITION_BYTE + os.len()].copy_from_slice(&os);
    let image = workdir.unique("image");
    fs::write(&image, bytes).unwrap();
    let table = ["-n", "4:2048:0", "-c", "4:anklume-os-a"].map(OsStr::new);
    let table = table.into_iter().chain([image.as_os_str()]);
    tool::run("sgdisk", "gdisk", table).unwrap();
    (image, root_hash.trim().to_owned())
}

/// What `veritysetup` says about the OS partition of `bytes`.
fn verify(workdir: &Workdir, bytes: &[u8], hash_byte: u64, root_hash: &str) -> Result<(), String> {
    let partition = workdir.unique("partition");
    fs::write(&partition, &bytes[PARTITION_BYTE..]).unwrap();
    let offset = format!("--hash-offset={hash_byte}");
    let file = partition.as_os_str();
    let arguments = ["verify".as_ref(), file, file, root_hash.as_ref(), offset.as_ref()];
    tool::run("veritysetup", "cryptsetup-bin", arguments).map(drop).map_err(|error| match error {
        Failure::Tool { stderr, .. } => stderr,
        other => panic!("{other}"),
    })
}

#[test]
fn changed_bytes_are_file_data_and_the_top_of_the_tree() {
    let workdir = Workdir::new("tamper").unwrap();
    let (image, root_hash) = made(&workdir);
    let os = OsPartition::find(&image).unwrap();
    assert_eq!(os.offset_bytes, PARTITION_BYTE as u64);
    // Behind the superblock's 96 bytes lie the file's, which were not worth compressing.
    assert_eq!(os.data_end_bytes, 96 + 1_000_000);
    let bytes = fs::read(&image).unwrap();
    let verify_with = |changed: Option<u64>| {
        let mut bytes = bytes.clone();
        if let Some(byte) = changed {
            bytes[usize::try_from(byte).unwrap()] ^= 1;
        }
        verify(&workdir, &bytes, os.hash_offset_bytes, &root_hash)
    };
    verify_with(None).unwrap();
    for tenths in [1, 5, 9] {
        let block = (os.data_byte(tenths) - os.offset_bytes) / 4096;
        let error = verify_with(Some(os.data_byte(tenths))).unwrap_err();
        assert!(error.contains(&format!("position {}", block * 4096)), "{block}: {error}");
    }
    let error = verify_with(Some(os.top_hash_byte())).unwrap_err();
    // veritysetup goes up from the leaves: it finds that the first block below does not match its
    // hash in the top block.
    let below = os.top_hash_byte() - os.offset_bytes + 4096;
    assert!(error.contains(&format!("position {below}")), "{error}");
}

#[test]
fn other_images_are_told_apart() {
    let workdir = Workdir::new("tamper").unwrap();
    let (image, _) = made(&workdir);
    let find = |path: &Path| OsPartition::find(path).unwrap_err().to_string();
    let mut bytes = fs::read(&image).unwrap();
    bytes[PARTITION_BYTE] = 0;
    let no_squashfs = workdir.unique("no-squashfs");
    fs::write(&no_squashfs, &bytes).unwrap();
    assert!(find(&no_squashfs).contains("a squashfs superblock"));
    let options = ["-c", "4:other"].map(OsStr::new).into_iter().chain([image.as_os_str()]);
    tool::run("sgdisk", "gdisk", options).unwrap();
    assert!(find(&image).contains("expected anklume-os-a"));
}
