//! What the tests of this crate share.
#![expect(clippy::disallowed_methods, reason = "tests run themselves in more processes")]
#![allow(dead_code, reason = "no test file uses all of it")]

use std::path::{Path, PathBuf};
use std::process::Command;

use anklume_blockstore::{BlockKey, Settings, Store};

/// Names the folder to the processes that a test starts.
const FOLDER: &str = "ANKLUME_BLOCKSTORE_TEST_FOLDER";

pub(crate) fn key(number: u8) -> BlockKey {
    BlockKey([number; 32])
}

/// Content that only the key decides, of a length that differs.
pub(crate) fn block(number: u8) -> Vec<u8> {
    (0..4000 + usize::from(number)).map(|i| (i * usize::from(number) % 251) as u8).collect()
}

pub(crate) fn settings(folder: &Path, limit_bytes: u64) -> Settings {
    Settings { folder: folder.to_owned(), limit_bytes, shared: None }
}

/// A store that opens without warnings.
pub(crate) fn store(folder: &Path, limit_bytes: u64) -> Store {
    let (store, warnings) = Store::open(settings(folder, limit_bytes));
    assert!(warnings.is_empty(), "{warnings:?}");
    store
}

/// A command that runs only the test `name` of this test program, as a child with `folder`, after
/// the shell commands `before`.
pub(crate) fn child(name: &str, folder: &Path, before: &str) -> Command {
    let mut command = Command::new("sh");
    let program = std::env::current_exe().unwrap();
    command
        .arg("-c")
        .arg(format!("{before}\nexec \"$0\" --exact {name} --nocapture --test-threads 1"))
        .arg(program)
        .env(FOLDER, folder);
    command
}

/// Runs a child to its end; its output.
pub(crate) fn rerun(name: &str, folder: &Path, before: &str) -> String {
    let output = child(name, folder, before).output().unwrap();
    let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
    assert!(output.status.success(), "{text}");
    text
}

/// The folder that a child is to work in; `None` in the process that the test runner started.
pub(crate) fn child_folder() -> Option<PathBuf> {
    std::env::var_os(FOLDER).map(PathBuf::from)
}

/// A folder that belongs to somebody else. Root makes one inside `folder`; every other user finds
/// root's.
pub(crate) fn folder_of_another_user(folder: &Path) -> PathBuf {
    if !nix::unistd::geteuid().is_root() {
        return PathBuf::from("/usr");
    }
    let theirs = folder.join("theirs");
    std::fs::create_dir(&theirs).unwrap();
    std::os::unix::fs::chown(&theirs, Some(12345), None).unwrap();
    theirs
}
