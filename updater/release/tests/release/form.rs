//! One form, strictly read.

use std::path::{Path, PathBuf};

use anklume_chunks::{ChunkList, Digest as ChunkDigest, PartSpec};
use anklume_release::{MAX_RELEASE_BYTES, Release, ReleaseError};

use crate::sample::release;

fn field(bytes: &[u8]) -> &'static str {
    match Release::parse(bytes).unwrap_err() {
        ReleaseError::Field { field, .. } => field,
        other => panic!("{other}"),
    }
}

fn changed(change: impl FnOnce(&mut Release)) -> Vec<u8> {
    let mut release = release("13.1");
    change(&mut release);
    release.encode()
}

#[test]
fn what_is_written_is_read() {
    let release = release("13.1");
    let bytes = release.encode();
    assert_eq!(Release::parse(&bytes), Ok(release));
    let text = String::from_utf8(bytes).unwrap();
    let begin =
        r#"{"release-version":1,"compatible":"debian","version":"13.1","architecture":"amd64","#;
    assert!(text.starts_with(begin) && text.ends_with("]}\n"), "{text}");
    assert!(text.contains(r#""salt":"0102fe","minimum-updater":1,"state-schema":1,"#), "{text}");
}

#[test]
fn there_is_one_encoding() {
    let text = String::from_utf8(release("13.1").encode()).unwrap();
    for (from, to) in [
        ("\n", ""),
        ("\n", " \n"),
        (":1,\"comp", ": 1,\"comp"),
        ("debian\"", "d\\u0065bian\""),
        ("abab", "ABab"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text);
        let error = Release::parse(other.as_bytes()).unwrap_err();
        assert!(matches!(error, ReleaseError::Encoding { .. }), "{other}: {error}");
    }
    for (from, to) in [
        ("}\n", ",\"more\":1}\n"),
        ("\"version\"", "\"compatible\""),
        ("\"architecture\":\"amd64\",\"source", "\"source"),
        ("13.1\"", "13.1\u{0}\""),
        ("131072", "131072.0"),
        ("0102fe", "0102f"),
        ("0102fe", "0102FE"),
    ] {
        let other = text.replacen(from, to, 1);
        assert_ne!(other, text);
        let error = Release::parse(other.as_bytes()).unwrap_err();
        assert!(matches!(error, ReleaseError::Json { .. }), "{other}: {error}");
    }
}

#[test]
fn a_later_form_is_refused_by_its_number() {
    let text = r#"{"release-version":2,"whatever":[]}"#;
    let error = Release::parse(text.as_bytes()).unwrap_err();
    assert_eq!(error, ReleaseError::Version { expected: 1, found: 2 });
    assert!(error.hint().contains("newer updater"));
}

#[test]
fn what_no_release_has_is_refused() {
    let cases: [(&str, Vec<u8>); 16] = [
        ("compatible", changed(|r| r.compatible = "../a".into())),
        ("version", changed(|r| r.version = "..".into())),
        ("architecture", changed(|r| r.architecture = String::new())),
        ("image.name", changed(|r| r.image.name = "a/b".into())),
        ("chunks.name", changed(|r| r.chunks.name.clone_from(&r.image.name))),
        ("image.bytes", changed(|r| r.image.bytes = (1 << 40) + 1)),
        ("chunks.bytes", changed(|r| r.chunks.bytes = 0)),
        ("os-bytes", changed(|r| r.os_bytes += 1)),
        ("hash-bytes", changed(|r| r.hash_bytes = 0)),
        ("os", changed(|r| r.os.bytes += 4096)),
        ("boot", changed(|r| r.boot.offset = u64::MAX)),
        ("boot", changed(|r| r.boot.bytes = 1 << 20)),
        ("os", changed(|r| r.os.offset = 70_000)),
        ("packages", changed(|r| r.packages.reverse())),
        ("packages", changed(|r| r.packages[1] = r.packages[0].clone())),
        ("a field of packages", changed(|r| r.packages[0].name = "a\u{1b}[1m".into())),
    ];
    for (expected, bytes) in cases {
        assert_eq!(field(&bytes), expected, "{}", String::from_utf8_lossy(&bytes));
    }
    assert_eq!(field(&changed(|r| r.minimum_updater = 0)), "minimum-updater");
    let long = vec![b' '; MAX_RELEASE_BYTES as usize + 1];
    assert!(matches!(Release::parse(&long), Err(ReleaseError::TooLong { .. })));
    // Nothing of it reaches a terminal.
    let error = Release::parse(&changed(|r| r.version = "\u{1b}[2J".into())).unwrap_err();
    assert!(!error.to_string().contains('\u{1b}'), "{error}");
}

#[test]
fn the_chunk_list_must_be_about_the_same_parts() {
    let release = release("13.1");
    let chunk = |bytes| vec![(bytes, ChunkDigest::of(b"x"))];
    let list = |boot: u32, os: u32, derived_bytes, offset| {
        let boot = PartSpec { image_offset: 4096, chunks: chunk(boot), derived_bytes: 0 };
        let os = PartSpec { image_offset: offset, chunks: chunk(os), derived_bytes };
        ChunkList::new(boot, os).unwrap()
    };
    assert_eq!(release.check_chunks(&list(70_000, 45_056, 4096, 131_072)), Ok(()));
    for (list, expected) in [
        (list(70_001, 45_056, 4096, 131_072), "boot"),
        (list(70_000, 45_056, 8192, 131_072), "os"),
        (list(70_000, 45_056, 4096, 131_073), "os"),
        (list(70_000, 40_960, 8192, 131_072), "hash-bytes"),
    ] {
        let error = release.check_chunks(&list).unwrap_err();
        assert!(
            matches!(&error, ReleaseError::Field { field, .. } if *field == expected),
            "{error}"
        );
    }
}

fn seeds() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/corpus/release")
}

/// `ANKLUME_WRITE_SEEDS=1` writes them, after a change of the form.
#[test]
fn the_fuzz_seeds_are_releases() {
    let mut small = release("1");
    small.packages.clear();
    small.salt.0.clear();
    for (name, release) in [("small", small), ("packages", release("13.20261114"))] {
        let path = seeds().join(name);
        if std::env::var_os("ANKLUME_WRITE_SEEDS").is_some() {
            std::fs::create_dir_all(seeds()).unwrap();
            std::fs::write(&path, release.encode()).unwrap();
        }
        let bytes = std::fs::read(&path).unwrap();
        assert_eq!(Release::parse(&bytes), Ok(release), "{name}");
        for at in 0..bytes.len() {
            let mut bytes = bytes.clone();
            bytes[at] ^= 1;
            if let Ok(other) = Release::parse(&bytes) {
                assert_eq!(other.encode(), bytes);
            }
        }
    }
}
