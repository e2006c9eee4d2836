//! A publisher that is killed at any call that changes the folder: readers find the old release or the
//! new one, and a second run finishes the work.

use std::fs;
use std::io::Write;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::Command;

use crate::scene::{DAY, START, Scene, machine, machine_or_error, meant, run_in, versions};

/// Calls before which the program is killed.
const CALLS: &str = "fsync,rename,mkdir,unlink";
const SIGKILL: i32 = 9;

fn copy(from: &Path, to: &Path) {
    let copied = Command::new("cp").arg("-a").arg(from).arg(to).status().unwrap();
    assert!(copied.success());
}

/// Whether the kernel lets a program trace its child: containers and policies may forbid it.
fn may_trace() -> bool {
    let probe = Command::new("strace").args(["-f", "-o", "/dev/null", "true"]).output();
    let probe = probe.expect("strace cannot be started: install strace");
    probe.status.success()
}

/// Runs the program, killed before the `nth` of its calls in a thread; whether it was.
fn killed(folder: &Path, words: &str, nth: usize) -> bool {
    let output = Command::new("strace")
        .args(["-f", "-qq", "-o", "/dev/null", "-e", &format!("trace={CALLS}")])
        .args(["-e", &format!("inject={CALLS}:signal=KILL:when={nth}")])
        .arg(env!("CARGO_BIN_EXE_anklume-build"))
        .args(meant(words).split_whitespace())
        .current_dir(folder)
        .env("SOURCE_DATE_EPOCH", (START + DAY).to_string())
        .output()
        .unwrap();
    match output.status.signal() {
        Some(SIGKILL) => true,
        _ if output.status.success() => false,
        _ => panic!("{words}, call {nth}: {output:?}"),
    }
}

/// What a reader may find between two calls, besides the old release and the new one.
#[derive(PartialEq)]
enum Between {
    Nothing,
    /// A new root, and files that its keys have not signed yet.
    NewRoot,
}

/// Kills the program at every call; `expected` says what a reader may find.
fn every_cut(scene: &Scene, words: &str, expected: [&[&str]; 2], root: u64, between: &Between) {
    let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
    let before = machine(&scene.path("www"), &anchor, 0, None).stored().clone();
    let (mut seen, mut refused) = ([0; 2], 0);
    for nth in 1.. {
        let place = tempfile::tempdir().unwrap();
        for name in ["keys", "www"] {
            copy(&scene.path(name), &place.path().join(name));
        }
        let folder = place.path();
        let words = words.replace("IMAGES", scene.folder.path().to_str().unwrap());
        if !killed(folder, &words, nth) {
            assert!(nth > 5 && seen.iter().all(|count| *count > 0), "{nth} calls: {seen:?}");
            assert_eq!(refused > 0, *between == Between::NewRoot, "{refused} times refused");
            return;
        }
        let www = folder.join("www");
        let checked = run_in(folder, 1, "repo check www --root keys/1.root.json");
        match machine_or_error(&www, &anchor, 1, Some(before.clone())) {
            Ok(client) => {
                let found = versions(&client);
                let which = expected.iter().position(|versions| found == **versions);
                seen[which.unwrap_or_else(|| panic!("call {nth}: {found:?}"))] += 1;
                assert_eq!(checked.code, Some(0), "call {nth}: {checked:?}");
            }
            Err(error) => {
                assert!(matches!(error, anklume_trust::Error::Threshold { .. }), "{error}");
                assert_eq!(checked.code, Some(5), "call {nth}: {checked:?}");
                refused += 1;
            }
        }
        let again = run_in(folder, 1, &words);
        assert_eq!(again.code, Some(0), "call {nth}: {again:?}");
        let client = machine(&www, &anchor, 1, Some(before.clone()));
        assert_eq!((versions(&client), client.root().header.version), (own(expected[1]), root));
        let checked = run_in(folder, 1, "repo check www --root keys/1.root.json");
        assert_eq!(checked.code, Some(0), "call {nth}: {checked:?}");
        assert!(!checked.output.contains("note: "), "call {nth}: {checked:?}");
    }
}

fn own(versions: &[&str]) -> Vec<String> {
    versions.iter().map(|version| (*version).to_owned()).collect()
}

/// Whether there is nothing to test with; says so.
fn skipped() -> bool {
    let skipped = !may_trace();
    if skipped {
        let _ = std::io::stderr().write_all(b"skipped: killed publishers: no tracing here\n");
    }
    skipped
}

#[test]
fn a_killed_publisher_leaves_the_old_release_or_the_new_one() {
    if skipped() {
        return;
    }
    let scene = Scene::new();
    let (first, second) = (scene.image("1"), scene.image("2"));
    scene.good(0, &format!("publish {first} --repo www --channel stable"));
    let words = format!("publish IMAGES/{second} --repo www --channel stable");
    every_cut(&scene, &words, [&["1"], &["1", "2"]], 1, &Between::Nothing);
    // With new keys, which readers must not see too early or too late.
    scene.good(1, "keys rotate keys --role timestamp");
    scene.good(1, "keys rotate keys --role targets");
    every_cut(&scene, &words, [&["1"], &["1", "2"]], 3, &Between::Nothing);
    // The old ones are lost: there is no order that all readers can follow.
    for role in ["timestamp", "targets"] {
        fs::remove_file(scene.path(&format!("keys/{role}.pem"))).unwrap();
    }
    every_cut(&scene, &words, [&["1"], &["1", "2"]], 3, &Between::NewRoot);
}

#[test]
fn a_killed_withdrawal_leaves_the_old_list_or_the_new_one() {
    if skipped() {
        return;
    }
    let scene = Scene::new();
    for version in ["1", "2"] {
        scene.good(0, &format!("publish {} --repo www --channel stable", scene.image(version)));
    }
    let words = "repo withdraw www --version 2 --image sample --delete";
    every_cut(&scene, words, [&["1", "2"], &["1"]], 1, &Between::Nothing);
}

#[test]
fn a_killed_first_publisher_is_made_up_for() {
    if skipped() {
        return;
    }
    let scene = Scene::new();
    let image = scene.image("1");
    let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
    let image = scene.path(&image);
    let words = format!("publish {} --repo www --channel stable", image.display());
    for nth in 1.. {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        copy(&scene.path("keys"), &folder.join("keys"));
        if !killed(folder, &words, nth) {
            assert!(nth > 10, "{nth} calls");
            return;
        }
        // And the next one, which may have less or more to do.
        killed(folder, &words, nth);
        let again = run_in(folder, 1, &words);
        assert_eq!(again.code, Some(0), "call {nth}: {again:?}");
        assert_eq!(versions(&machine(&folder.join("www"), &anchor, 1, None)), ["1"]);
        let checked = run_in(folder, 1, "repo check www --root keys/1.root.json");
        assert_eq!(checked.code, Some(0), "call {nth}: {checked:?}");
        assert!(!checked.output.contains("note: "), "call {nth}: {checked:?}");
    }
}

#[test]
fn a_killed_rotation_of_keys_is_made_up_for() {
    if skipped() {
        return;
    }
    let scene = Scene::new();
    scene.good(0, &format!("publish {} --repo www --channel stable", scene.image("1")));
    let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
    for nth in 1.. {
        let place = tempfile::tempdir().unwrap();
        let folder = place.path();
        for name in ["keys", "www"] {
            copy(&scene.path(name), &folder.join(name));
        }
        let words = "keys rotate keys --role root";
        if !killed(folder, words, nth) {
            assert!(nth > 5, "{nth} calls");
            return;
        }
        for words in [words, "keys rotate keys --role timestamp", "publish --refresh --repo www"] {
            let ran = run_in(folder, 1, words);
            assert_eq!(ran.code, Some(0), "call {nth}: {words}: {ran:?}");
        }
        assert_eq!(versions(&machine(&folder.join("www"), &anchor, 1, None)), ["1"]);
    }
}
