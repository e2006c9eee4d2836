//! Lock files: what is written is read back, and what is wrong has a line.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod support;

use anklume_lock::{Lock, Problem};
use proptest::prelude::*;
use support::{any_lock, lock, package};

proptest! {
    #[test]
    fn what_is_written_is_read_back(lock in any_lock()) {
        let text = lock.to_text();
        let read = Lock::parse(&text, "x");
        prop_assert_eq!(read.as_ref(), Ok(&lock), "{}", text);
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in "\\PC{0,200}") {
        let _ = Lock::parse(&text, "x");
    }
}

fn sample() -> String {
    lock(&[package("apt", "3.0"), package("dash", "1:0.5-2")], &[package("grub", "2.12")]).to_text()
}

/// Replaces `from` by `to` and expects an error on the line that then holds `at`.
fn refused(from: &str, to: &str, at: &str, says: &str) {
    let sample = sample();
    assert!(sample.contains(from), "`{from}` is not in: {sample}");
    let text = sample.replacen(from, to, 1);
    let line = text.lines().position(|line| line.contains(at)).unwrap() + 1;
    let error = Lock::parse(&text, "x.lock").unwrap_err();
    assert_eq!(error.line, line, "{error}\n{text}");
    assert!(error.to_string().starts_with(&format!("x.lock:{line}:")), "{error}");
    assert!(error.to_string().contains(says), "`{says}` is not in: {error}");
}

#[test]
fn the_line_of_a_mistake_is_named() {
    refused("sha256 = \"0707", "sha256 = \"07", "sha256 = \"07", "64 lower-case");
    refused("size = 7", "size = -7", "size = -7", "-7");
    refused("size = 7\n", "", "[[root]]", "size");
    refused("size = 7", "sise = 7", "sise", "unknown field `sise`");
    refused("\"1:0.5-2\"", "\"1:x\"", "\"1:x\"", "version is `1:x`");
    refused("path = \"pool", "path = \"../pool", "\"../pool", "a relative path");
    refused("archive = \"main\"", "archive = \"other\"", "\"other\"", "other");

    refused("suite = \"trixie\"", "suite = \"Trixie\"", "Trixie", "suite");
    refused("components = [\"main\"]", "components = []", "components = []", "at least one");
    refused("epoch = 1794648103", "epoch = 999999999999", "epoch = 9", "2106");
    refused("    \"apt\",", "    \"nonesuch\",", "\"nonesuch\"", "was asked for");
    refused("    \"apt\",", "    \"a pt\",", "\"a pt\"", "package name");
    refused("lock-version = 1\n", "", "# The packages", "lock-version");
    refused("[[tools]]", "[[tools]", "[[tools]", "unclosed");
}

#[test]
fn the_second_of_two_is_named() {
    let text = sample().replace("name = \"dash\"", "name = \"apt\"");
    let line =
        text.lines().enumerate().filter(|(_, line)| *line == "name = \"apt\"").nth(1).unwrap().0;
    let error = Lock::parse(&text, "x").unwrap_err();
    assert_eq!(error.line, line + 1);
    assert_eq!(error.problem, Problem::Duplicate { name: "apt".into(), tree: "root" });
}

#[test]
fn only_the_lock_of_an_image_with_kernel_modules_speaks_of_them() {
    assert!(!sample().contains("modules"));
    let mut lock = lock(&[package("apt", "3.0")], &[package("grub", "2.12")]);
    lock.modules = vec![package("gcc", "4:14"), package("zfs-dkms", "2.3")];
    lock.requested.modules = ["zfs-dkms".to_owned()].into();
    let text = lock.to_text();
    assert!(text.contains("\nmodules = [\n    \"zfs-dkms\",\n]\n"), "{text}");
    assert_eq!(Lock::parse(&text, "x").unwrap(), lock);
    let without =
        text.replacen("[[modules]]\nname = \"zfs-dkms\"", "[[modules]]\nname = \"xx\"", 1);
    let problem = Lock::parse(&without, "x").unwrap_err().problem;
    assert_eq!(problem, Problem::Absent { name: "zfs-dkms".into(), tree: "modules" });
}

#[test]
fn only_the_lock_of_an_image_with_a_container_speaks_of_it() {
    assert!(!sample().contains("container"));
    let mut lock = lock(&[package("apt", "3.0")], &[package("grub", "2.12")]);
    lock.container = vec![package("dash", "1")];
    lock.requested.container = ["dash".to_owned()].into();
    let text = lock.to_text();
    assert_eq!(Lock::parse(&text, "x").unwrap(), lock);
    let without =
        text.replacen("[[container]]\nname = \"dash\"", "[[container]]\nname = \"bash\"", 1);
    let problem = Lock::parse(&without, "x").unwrap_err().problem;
    assert_eq!(problem, Problem::Absent { name: "dash".into(), tree: "container" });
}

#[test]
fn another_format_is_named_first_of_all() {
    let text = sample().replace("lock-version = 1", "new = true\nlock-version = 2");
    let error = Lock::parse(&text, "x").unwrap_err();
    assert_eq!(error.problem, Problem::Version { found: 2, expected: 1 });
}

#[test]
fn the_order_in_the_file_does_not_matter() {
    let (a, b) = (package("aa", "1"), package("bb", "2"));
    let sorted = lock(&[a.clone(), b.clone()], &[]);
    let turned = lock(&[b, a], &[]);
    assert_eq!(turned.to_text(), sorted.to_text());
    assert_eq!(Lock::parse(&turned.to_text(), "x").unwrap(), sorted);
}

#[test]
fn one_changed_package_is_one_hunk() {
    let text = sample();
    let mut dash = package("dash", "1:0.5-3");
    dash.path = "pool/main/dash/dash_0.5-3_amd64.deb".into();
    let other = lock(&[package("apt", "3.0"), dash], &[package("grub", "2.12")]).to_text();
    let changed: Vec<usize> = text
        .lines()
        .zip(other.lines())
        .enumerate()
        .filter(|(_, (a, b))| a != b)
        .map(|(index, _)| index)
        .collect();
    assert_eq!(text.lines().count(), other.lines().count());
    assert_eq!(changed.len(), 2, "{changed:?}");
    assert!(changed[1] - changed[0] < 8, "{changed:?}");
}
