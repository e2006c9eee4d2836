//! Sources on this machine.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]
#![allow(clippy::single_range_in_vec_init, reason = "one range is a list of ranges")]

mod common;

use std::fs;
use std::ops::ControlFlow;
use std::path::Path;

use anklume_fetch::{BundleFault, Error, Fetched, Location, Settings, Source};
use anklume_web::Content;
use tempfile::TempDir;

use common::{NAME, SEED, fetch};

const LENGTH: u64 = 600_000;

fn image() -> Vec<u8> {
    (0..LENGTH).map(|at| Content::pattern_byte(SEED, at)).collect()
}

fn open(path: &Path) -> Result<Source, Error> {
    Source::open(&Location::parse(path.to_str().unwrap()).unwrap(), Settings::default())
}

/// A folder with an image and one small file.
fn folder() -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    for (name, content) in [(NAME, image()), ("metadata/timestamp.json", b"{}".to_vec())] {
        let path = dir.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }
    dir
}

/// A tar archive of POSIX ustar headers.
fn tar(files: &[(&str, u8, &[u8])]) -> Vec<u8> {
    let mut archive = Vec::new();
    for (name, kind, content) in files {
        let mut header = [0; 512];
        header[..name.len()].copy_from_slice(name.as_bytes());
        header[124..136].copy_from_slice(format!("{:011o}\0", content.len()).as_bytes());
        header[156] = *kind;
        header[257..263].copy_from_slice(b"ustar\0");
        header[148..156].fill(b' ');
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..156].copy_from_slice(format!("{sum:06o}\0 ").as_bytes());
        archive.extend(header);
        archive.extend(*content);
        archive.resize(archive.len().next_multiple_of(512), 0);
    }
    archive.extend([0; 1024]);
    archive
}

/// A folder with an image file `stick.iso` and this bundle.
fn stick(bundle: &[u8]) -> TempDir {
    let dir = tempfile::tempdir().unwrap();
    fs::write(dir.path().join("stick.iso"), image()).unwrap();
    fs::write(dir.path().join("stick.iso.update"), bundle).unwrap();
    dir
}

#[test]
fn folders() {
    let dir = folder();
    let source = open(dir.path()).unwrap();
    assert!(source.is_local());
    assert_eq!(source.file("metadata/timestamp.json", 2).unwrap(), Some(b"{}".to_vec()));
    assert_eq!(source.file("metadata/2.root.json", 2).unwrap(), None);
    assert_eq!(source.file("metadata/timestamp.json/x", 2).unwrap(), None);
    assert!(matches!(source.file("metadata/timestamp.json", 1), Err(Error::TooLong { .. })));
    assert!(matches!(source.file("metadata", 9), Err(Error::NotRegular { .. })));
    let fetched = fetch(&source, LENGTH, &[0..1, 5..400_000, LENGTH - 1..LENGTH]).unwrap();
    assert_eq!(fetched, Fetched { bytes: 399_997, requests: 0, retries: 0 });
    let url = format!("file://{}", dir.path().display());
    let source = Source::open(&Location::parse(&url).unwrap(), Settings::default()).unwrap();
    fetch(&source, LENGTH, &[0..LENGTH]).unwrap();
}

#[test]
fn files_that_are_not_as_they_were_signed() {
    let dir = folder();
    let source = open(dir.path()).unwrap();
    let error = fetch(&source, LENGTH + 1, &[0..1]).unwrap_err();
    assert!(matches!(error, Error::Truncated { found: LENGTH, .. }), "{error:?}");
    assert!(error.hint().unwrap().contains("copy it again"));
    let error = fetch(&source, LENGTH - 1, &[0..1]).unwrap_err();
    assert!(matches!(error, Error::TooLong { found: Some(LENGTH), .. }), "{error:?}");
    // Cut off, or written to, while it is read.
    for (change, expected) in [(100_u64, true), (LENGTH, false)] {
        let path = dir.path().join(NAME);
        let result = source.ranges(NAME, LENGTH, &[0..10, 500_000..LENGTH], &mut |offset, _| {
            if offset == 0 {
                fs::write(&path, &image()[..usize::try_from(change).unwrap()]).unwrap();
            }
            ControlFlow::Continue(())
        });
        match result {
            Err(Error::Truncated { .. }) => assert!(expected),
            Err(Error::Changed { .. }) => assert!(!expected),
            other => panic!("{other:?}"),
        }
        fs::write(&path, image()).unwrap();
    }
}

#[test]
fn what_is_no_file_is_not_waited_for() {
    let dir = folder();
    let pipe = dir.path().join("metadata/pipe");
    nix::unistd::mkfifo(&pipe, nix::sys::stat::Mode::S_IRWXU).unwrap();
    std::os::unix::fs::symlink("/dev/zero", dir.path().join("metadata/zero")).unwrap();
    std::os::unix::fs::symlink("loop", dir.path().join("metadata/loop")).unwrap();
    let source = open(dir.path()).unwrap();
    for name in ["metadata/pipe", "metadata/zero"] {
        assert!(matches!(source.file(name, 10), Err(Error::NotRegular { .. })), "{name}");
        let ranges = source.ranges(name, 10, &[0..1], &mut |_, _| ControlFlow::Continue(()));
        assert!(matches!(ranges, Err(Error::NotRegular { .. })), "{name}");
    }
    assert!(matches!(source.file("metadata/loop", 10), Err(Error::Local { .. })));
    assert!(matches!(open(&pipe), Err(Error::NoSource { .. })));
    assert!(matches!(open(&dir.path().join("none")), Err(Error::NotFound { .. })));
    assert!(matches!(
        open(&dir.path().join("metadata/timestamp.json")),
        Err(Error::NoSource { .. })
    ));
}

#[test]
fn an_image_and_its_bundle_are_a_source() {
    let dir = stick(&tar(&[
        ("metadata/", b'5', b""),
        ("./metadata/timestamp.json", b'0', b"{\"a\"}"),
        ("debian/1.0/chunks", b'0', &[7; 1000]),
    ]));
    let source = open(&dir.path().join("stick.iso")).unwrap();
    assert_eq!(source.file("metadata/timestamp.json", 5).unwrap(), Some(b"{\"a\"}".to_vec()));
    assert_eq!(source.file("debian/1.0/chunks", 5000).unwrap(), Some(vec![7; 1000]));
    assert!(matches!(source.file("debian/1.0/chunks", 999), Err(Error::TooLong { .. })));
    assert_eq!(source.file("metadata/1.root.json", 5).unwrap(), None);
    assert_eq!(source.file(NAME, 5).unwrap(), None);
    // Whatever it was published as.
    fetch(&source, LENGTH, &[17..LENGTH]).unwrap();
    let mut chunks = Vec::new();
    let result = source.ranges("debian/1.0/chunks", 1000, &[990..1000], &mut |offset, bytes| {
        chunks.push((offset, bytes.to_vec()));
        ControlFlow::Break(())
    });
    assert_eq!(result.unwrap().bytes, 10);
    assert_eq!(chunks, [(990, vec![7; 10])]);
    let missing = source.ranges("debian/1.0/x", 1, &[0..1], &mut |_, _| ControlFlow::Continue(()));
    assert!(matches!(missing, Err(Error::NotFound { .. })));
}

#[test]
fn an_image_without_its_bundle_says_what_is_missing() {
    let dir = stick(b"");
    let image = dir.path().join("stick.iso");
    let error = open(&image).unwrap_err();
    assert!(
        matches!(error, Error::Bundle { fault: BundleFault::Unfinished { offset: 0 }, .. }),
        "{error:?}"
    );
    fs::remove_file(dir.path().join("stick.iso.update")).unwrap();
    let error = open(&image).unwrap_err();
    assert!(error.to_string().ends_with("stick.iso: there is no stick.iso.update beside it"));
    assert!(error.hint().unwrap().contains("anklume-build publish"));
}

#[test]
fn bundles_that_are_none() {
    let good = tar(&[("a", b'0', b"x"), ("b", b'0', b"y")]);
    let fault = |bundle: &[u8]| {
        let dir = stick(bundle);
        match open(&dir.path().join("stick.iso")) {
            Err(Error::Bundle { fault, .. }) => fault,
            other => panic!("{other:?}"),
        }
    };
    let changed = |at: usize| {
        let mut bundle = good.clone();
        bundle[at] ^= 1;
        bundle
    };
    assert!(matches!(fault(&changed(0)), BundleFault::Checksum { offset: 0, .. }));
    assert!(matches!(fault(&changed(1024 + 200)), BundleFault::Checksum { offset: 1024, .. }));
    assert!(matches!(fault(&good[..2000]), BundleFault::Unfinished { offset: 2048 }));
    assert!(matches!(
        fault(&good[..1536]),
        BundleFault::Content { offset: 1024, bytes: Some(1), .. }
    ));
    assert!(matches!(fault(&good[..1024]), BundleFault::Unfinished { offset: 1024 }));
    let link = tar(&[("a", b'2', b"")]);
    assert!(matches!(fault(&link), BundleFault::Kind { offset: 0, kind: '2' }));
    let twice = tar(&[("a", b'0', b""), ("./a", b'0', b"")]);
    assert!(matches!(fault(&twice), BundleFault::Twice { offset: 512, name } if name == "a"));
    let many: Vec<_> = (0..10_001).map(|n| format!("{n}")).collect();
    let many: Vec<_> = many.iter().map(|name| (name.as_str(), b'0', &b""[..])).collect();
    assert!(matches!(fault(&tar(&many)), BundleFault::Entries));
    let long = tar(&[("x", b'L', &[b'a'; 17 << 10])]);
    assert!(matches!(fault(&long), BundleFault::Read(_)));
    let named = |bytes: usize| tar(&[("x", b'L', &vec![b'a'; bytes]), ("x", b'0', b"")]);
    assert!(matches!(fault(&named(1025)), BundleFault::LongName { offset: 2048, bytes: 1025 }));
    open(&stick(&named(1024)).path().join("stick.iso")).unwrap();
}

#[test]
fn bundles_of_tar_programs_are_read() {
    // Names of 130 and 300 characters, in each format that `tar` knows for them.
    let dir = tempfile::tempdir().unwrap();
    let names = ["short".to_owned(), ["d".repeat(64), "f".repeat(65)].join("/"), {
        ["a".repeat(99), "b".repeat(99), "c".repeat(99)].join("/")
    }];
    for name in &names {
        let path = dir.path().join("in").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, name).unwrap();
    }
    for (format, count) in [("ustar", 2), ("gnu", 3), ("pax", 3)] {
        let bundle = dir.path().join("stick.iso.update");
        let mut arguments = vec!["-C".into(), dir.path().join("in").into_os_string()];
        arguments.extend(["--format".into(), format.into(), "-cf".into(), bundle.into_os_string()]);
        arguments.extend(names.iter().take(count).map(Into::into));
        anklume_host::process::Cmd::new("tar").args(arguments).output().unwrap();
        fs::write(dir.path().join("stick.iso"), b"").unwrap();
        let source = open(&dir.path().join("stick.iso")).unwrap();
        for name in names.iter().take(count) {
            let content = source.file(name, 1000).unwrap();
            assert_eq!(content.as_deref(), Some(name.as_bytes()), "{format} {name}");
        }
    }
}
