//! Archives against GNU cpio, in both directions.
#![expect(clippy::disallowed_methods, reason = "tests drive foreign tools")]
#![expect(clippy::unwrap_used, reason = "helpers of tests fail as tests do")]

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use std::process::{Command, Stdio};

use anklume_cpio::{Kind, Reader, Writer};

/// Runs cpio in `folder` with `input`; a missing cpio fails the test.
fn cpio(folder: &Path, args: &[&str], input: &[u8]) -> Vec<u8> {
    let mut child = Command::new("cpio")
        .args(args)
        .current_dir(folder)
        .env("LC_ALL", "C")
        .env("TZ", "UTC")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("cpio: {error}; install the package cpio"));
    child.stdin.take().unwrap().write_all(input).unwrap();
    let output = child.wait_with_output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{errors}");
    output.stdout
}

fn sample() -> Writer<Vec<u8>> {
    let mut writer = Writer::new(Vec::new(), 1_700_000_000);
    writer.directory("run", 0o700).unwrap();
    for length in 0..9_usize {
        let name = format!("usr/lib/{}", "n".repeat(length + 1));
        writer.file(&name, 0o640, &vec![b'd'; length]).unwrap();
    }
    writer.file("usr/bin/init", 0o755, &vec![7; 300_000]).unwrap();
    writer.symlink("init", "usr/bin/init").unwrap();
    writer
}

#[test]
fn cpio_lists_ours() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = sample();
    writer.character_device("dev/console", 0o600, 5, 1).unwrap();
    let archive = writer.finish().unwrap();
    assert!(archive.len().is_multiple_of(512));
    let names: Vec<_> = Reader::new(&archive)
        .map(|entry| String::from_utf8(entry.unwrap().name.to_vec()).unwrap())
        .collect();
    let listed = cpio(folder.path(), &["-t", "--quiet"], &archive);
    assert_eq!(String::from_utf8(listed).unwrap().lines().collect::<Vec<_>>(), names);

    let long = cpio(folder.path(), &["-tvn", "--quiet"], &archive);
    let long = String::from_utf8(long).unwrap();
    let line = |name: &str| {
        let line = long.lines().find(|line| line.ends_with(name)).unwrap();
        line.split_whitespace().collect::<Vec<_>>().join(" ")
    };
    assert_eq!(line(" run"), "drwx------ 2 0 0 0 Nov 14 2023 run");
    assert_eq!(line(" usr/lib/n"), "-rw-r----- 1 0 0 0 Nov 14 2023 usr/lib/n");
    assert_eq!(line("-> usr/bin/init"), "lrwxrwxrwx 1 0 0 12 Nov 14 2023 init -> usr/bin/init");
    assert_eq!(line("dev/console"), "crw------- 1 0 0 5, 1 Nov 14 2023 dev/console");
}

#[test]
fn cpio_extracts_ours() {
    let folder = tempfile::tempdir().unwrap();
    let archive = sample().finish().unwrap();
    let args = ["-i", "--quiet", "--preserve-modification-time", "--no-preserve-owner"];
    cpio(folder.path(), &args, &archive);
    for entry in Reader::new(&archive) {
        let entry = entry.unwrap();
        let path = folder.path().join(std::str::from_utf8(entry.name).unwrap());
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!(metadata.mode(), entry.mode, "{}", path.display());
        match entry.kind().unwrap() {
            Kind::File => {
                assert_eq!(fs::read(&path).unwrap(), entry.data);
                assert_eq!(metadata.mtime(), 1_700_000_000);
            }
            Kind::Symlink => {
                assert_eq!(fs::read_link(&path).unwrap(), Path::new("usr/bin/init"));
            }
            kind => assert_eq!(kind, Kind::Directory),
        }
    }
}

#[test]
fn we_read_cpios() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    fs::create_dir(at("d")).unwrap();
    fs::write(at("d/file"), b"content").unwrap();
    fs::set_permissions(at("d/file"), fs::Permissions::from_mode(0o4711)).unwrap();
    fs::write(at("d/empty"), b"").unwrap();
    symlink("file", at("d/link")).unwrap();
    let names = b"d\nd/file\nd/empty\nd/link\n";
    let archive = cpio(folder.path(), &["-o", "-H", "newc", "--quiet"], names);

    let mut reader = Reader::new(&archive);
    let entries: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
    assert_eq!(entries.len(), 4);
    for entry in &entries {
        let path = at(std::str::from_utf8(entry.name).unwrap());
        let metadata = fs::symlink_metadata(&path).unwrap();
        assert_eq!(entry.mode, metadata.mode());
        assert_eq!((entry.user, entry.group), (metadata.uid(), metadata.gid()));
        assert_eq!(i64::from(entry.mtime), metadata.mtime());
    }
    assert_eq!(entries[1].data, b"content");
    assert_eq!(entries[2].data, b"");
    assert_eq!(entries[3].data, b"file");
    assert!(reader.rest().iter().all(|&byte| byte == 0));
}

#[test]
fn checksummed_archives_are_unsupported() {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("f"), b"x").unwrap();
    let archive = cpio(folder.path(), &["-o", "-H", "crc", "--quiet"], b"f\n");
    let first = Reader::new(&archive).next().unwrap();
    assert!(matches!(first, Err(anklume_cpio::Error::Format { .. })));
}

#[test]
fn same_calls_same_bytes() {
    assert_eq!(sample().finish().unwrap(), sample().finish().unwrap());
}
