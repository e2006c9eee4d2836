//! Blocks against GRUB's own tool, both ways.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

use std::path::Path;

use anklume_grubenv::{BLOCK_BYTES, SIGNATURE, encode, parse};
use anklume_host::process::Cmd;
use proptest::prelude::*;

/// What `grub-editenv FILE list` prints.
fn listed(file: &Path) -> String {
    let output = Cmd::new("grub-editenv").arg(file).arg("list").output();
    String::from_utf8_lossy(&output.unwrap().stdout).into_owned()
}

/// What it would print for what is read here.
fn ours(block: &[u8]) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let variables = parse(block).unwrap();
    variables.iter().map(|(name, value)| format!("{}={}\n", text(name), text(value))).collect()
}

#[test]
fn grub_reads_what_is_written() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("env");
    let block = encode(&[("seq", "000000001"), ("odd", "a\\b c=d#")], BLOCK_BYTES).unwrap();
    std::fs::write(&file, block).unwrap();
    assert_eq!(listed(&file), "seq=000000001\nodd=a\\b c=d#\n");
}

#[test]
fn what_grub_writes_is_read() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("env");
    let edit = |arguments: &[&str]| {
        Cmd::new("grub-editenv").arg(&file).args(arguments).output().unwrap();
    };
    edit(&["create"]);
    edit(&["set", "left=3", "path=a\\b", "empty="]);
    edit(&["set", "left=2"]);
    let block = std::fs::read(&file).unwrap();
    assert_eq!(block.len(), BLOCK_BYTES);
    assert_eq!(ours(&block), "left=2\npath=a\\b\nempty=\n");
    // A change of a value of the same length is made in place.
    let mine = encode(&[("left", "3"), ("end", "x")], BLOCK_BYTES).unwrap();
    std::fs::write(&file, &mine).unwrap();
    edit(&["set", "left=2"]);
    let expected = encode(&[("left", "2"), ("end", "x")], BLOCK_BYTES).unwrap();
    assert_eq!(std::fs::read(&file).unwrap(), expected);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..ProptestConfig::default() })]

    /// Damaged blocks mean the same to both.
    #[test]
    fn odd_blocks_are_read_alike(body in "([a-c=#\n\\\\ ]{0,40}|[a-c]{1,2}=[0-9]{1,3}\n){0,6}") {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("env");
        let mut block = [SIGNATURE, body.as_bytes()].concat();
        block.resize(BLOCK_BYTES, b'#');
        std::fs::write(&file, &block).unwrap();
        prop_assert_eq!(listed(&file), ours(&block));
    }
}
