//! Keys that are lost, half written, or not there for another reason.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use crate::scene::{Scene, machine, versions};

#[test]
fn a_lost_key_can_be_replaced() {
    for role in ["timestamp", "snapshot", "targets"] {
        let scene = Scene::new();
        let image = scene.image("1");
        scene.publish(0, &image, "");
        scene.good(0, &format!("publish {image} --repo second --channel stable"));
        let stored = ["www", "second"].map(|www| scene.machine(www, 0, None).stored().clone());
        let [of_www, of_second] = stored;
        scene.good(1, &format!("keys rotate keys --role {role}"));
        fs::remove_file(scene.path(&format!("keys/{role}.pem"))).unwrap();
        let ran = scene.publish(1, &scene.image("2"), "");
        assert!(ran.errors.contains(&format!("the old keys of the {role} role")), "{ran:?}");
        assert!(ran.errors.contains("ask again"), "{ran:?}");
        assert!(!scene.check(1).contains("note: "));
        for stored in [Some(of_www), None] {
            let client = scene.machine("www", 1, stored);
            assert_eq!((versions(&client).len(), client.root().header.version), (2, 2));
        }
        // The next one is as any other.
        let ran = scene.publish(2, &scene.image("3"), "");
        assert!(!ran.errors.contains("ask again"), "{ran:?}");
        // A repository that has not seen the new root.
        let ran = scene.good(9, "publish --refresh --repo second");
        assert!(ran.errors.contains("ask again"), "{ran:?}");
        assert_eq!(versions(&scene.machine("second", 9, Some(of_second))), ["1"]);
        scene.good(9, "repo check second --root keys/1.root.json");
    }
}

#[test]
fn a_new_timestamp_key_needs_no_targets_key() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    let stored = scene.machine("www", 0, None).stored().clone();
    scene.good(1, "keys rotate keys --role timestamp");
    fs::rename(scene.path("keys/targets.pem"), scene.path("targets.pem")).unwrap();
    let ran = scene.good(1, "publish --refresh --repo www");
    assert!(!ran.errors.contains("ask again"), "{ran:?}");
    let text = scene.check(1);
    assert!(text.contains("targets.json: version 1,") && !text.contains("note: "), "{text}");
    // The old key is here, so that who has not seen the new root reads it, too.
    let root = scene.path("www/metadata/2.root.json");
    let bytes = fs::read(&root).unwrap();
    fs::remove_file(&root).unwrap();
    assert_eq!(versions(&scene.machine("www", 1, Some(stored.clone()))), ["1"]);
    fs::write(&root, bytes).unwrap();
    assert_eq!(versions(&scene.machine("www", 1, Some(stored))), ["1"]);
    // A key that was not replaced is needed.
    fs::remove_file(scene.path("keys/snapshot.pem")).unwrap();
    let errors = scene.refused(2, "publish --refresh --repo www", 3);
    assert!(errors.contains("0 keys of the snapshot role"), "{errors}");
}

/// Whoever had the old keys must not have his list signed with the new ones.
#[test]
fn what_old_keys_signed_is_not_signed_anew() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    let before = ["timestamp.json", "1.snapshot.json", "1.targets.json"]
        .map(|name| (name, scene.read(&format!("metadata/{name}"))));
    for role in ["timestamp", "snapshot", "targets"] {
        scene.good(1, &format!("keys rotate keys --role {role}"));
    }
    scene.publish(1, &scene.image("2"), "");
    // All that the new keys signed goes away.
    for number in 1..9 {
        for role in ["snapshot", "targets"] {
            let _ = fs::remove_file(scene.path(&format!("www/metadata/{number}.{role}.json")));
        }
    }
    for (name, bytes) in before {
        fs::write(scene.path("www/metadata").join(name), bytes).unwrap();
    }
    let errors = scene.refused(2, "publish --refresh --repo www", 5);
    assert!(errors.contains("metadata/timestamp.json"), "{errors}");
}

#[test]
fn keys_of_a_root_that_was_not_made_are_replaced() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    let key = scene.path("keys/timestamp-of-root-2.pem");
    for left in [fs::read(scene.path("keys/root-1.pem")).unwrap(), Vec::new()] {
        fs::write(&key, &left).unwrap();
        let copy = tempfile::tempdir().unwrap();
        let copied = Command::new("cp").arg("-a").arg(scene.path("keys")).arg(copy.path()).status();
        assert!(copied.unwrap().success());
        let ran = crate::scene::run_in(copy.path(), 1, "keys rotate keys --role timestamp");
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let written = copy.path().join("keys/timestamp-of-root-2.pem");
        assert_ne!(fs::read(&written).unwrap(), left);
        let mode = fs::metadata(&written).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        let www = scene.path("www");
        let words = format!("publish --refresh --repo {}", www.display());
        let ran = crate::scene::run_in(copy.path(), 1, &words);
        assert_eq!(ran.code, Some(0), "{ran:?}");
        let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
        assert_eq!(versions(&machine(&www, &anchor, 1, None)), ["1"]);
        fs::remove_dir_all(&www).unwrap();
        scene.publish(0, "sample-1.iso", "");
    }
}

/// A file may not become longer than a kilobyte, as on a disk that is full: the root file is.
#[test]
fn keys_that_could_not_be_written_leave_nothing() {
    let scene = Scene::new();
    fs::create_dir(scene.path("empty")).unwrap();
    for (folder, stays) in [("other", false), ("empty", true)] {
        let program = env!("CARGO_BIN_EXE_anklume-build");
        let script = format!("trap '' XFSZ; ulimit -f 1; exec {program} keys new {folder}");
        let mut command = Command::new("bash");
        let ran = command.args(["-c", &script]).current_dir(scene.folder.path()).output().unwrap();
        assert_eq!(ran.status.code(), Some(1), "{ran:?}");
        assert_eq!(scene.path(folder).exists(), stays);
        scene.good(0, &format!("keys new {folder}"));
    }
}
