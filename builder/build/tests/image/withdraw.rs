//! `repo withdraw`: a release that is taken off the list.

use std::fs;

use crate::scene::{Scene, versions};

#[test]
fn a_withdrawn_release_is_not_seen_any_more() {
    let scene = Scene::new();
    for version in ["1", "2", "3"] {
        scene.publish(0, &scene.image(version), "");
    }
    let stored = scene.machine("www", 0, None).stored().clone();
    let ran = scene.good(1, "repo withdraw www --version 3 --keys keys");
    assert!(ran.errors.contains("note: ") && ran.errors.contains("none goes back"), "{ran:?}");
    assert!(ran.output.contains("sample 3"), "{ran:?}");
    assert_eq!(versions(&scene.machine("www", 1, Some(stored.clone()))), ["1", "2"]);
    // The files stay, and nothing refers to them.
    assert!(scene.path("www/sample/3/anklume-sample-3.iso").exists());
    assert_eq!(scene.check(1).matches("note: sample/3/").count(), 4);
    scene.good(2, "repo withdraw www --version 2 --image sample --delete");
    assert!(!scene.path("www/sample/2").exists());
    assert!(!scene.check(2).contains("sample/2"));
    // Interrupted, the same command removes the rest.
    scene.good(2, "repo withdraw www --version 3 --image sample --delete");
    assert!(!scene.path("www/sample/3").exists());
    assert!(!scene.check(2).contains("note: "));
    assert_eq!(versions(&scene.machine("www", 2, Some(stored))), ["1"]);
}

#[test]
fn the_only_release_can_be_withdrawn() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "");
    let ran = scene.good(1, "repo withdraw www --version 1 --delete");
    let says = "channel stable has no release of sample any more";
    assert!(ran.errors.contains(says), "{ran:?}");
    assert!(!scene.path("www/sample").exists());
    let client = scene.machine("www", 1, None);
    assert!(versions(&client).is_empty());
    assert!(!scene.check(1).contains("note: "));
    scene.good(2, "publish --refresh --repo www");
    scene.publish(2, &image, "");
    assert_eq!(versions(&scene.machine("www", 2, Some(client.stored().clone()))), ["1"]);
}

#[test]
fn foreign_files_stay() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    fs::write(scene.path("www/sample/1/notes.txt"), "x").unwrap();
    let ran = scene.good(1, "repo withdraw www --version 1 --delete");
    assert!(ran.errors.contains("sample/1"), "{ran:?}");
    assert!(scene.path("www/sample/1/notes.txt").exists());
    assert!(!scene.path("www/sample/1/chunks").exists());
}

#[test]
fn a_release_must_be_named() {
    let scene = Scene::new();
    for says in [("sample", "1", ""), ("other", "1", "")] {
        let image = scene.image_of(says);
        scene.publish(0, &image, "--new");
    }
    let before = scene.read("metadata/timestamp.json");
    for (words, code, says) in [
        ("repo withdraw www --version 2", 3, "no version 2"),
        ("repo withdraw www --version 1", 3, "other, sample"),
        ("repo withdraw www --version 1 --image third", 3, "no version 1 of third"),
        ("repo withdraw www --version ../1 --image sample --delete", 3, "no version ../1"),
        ("repo withdraw nowhere --version 1", 1, "nowhere"),
        ("repo withdraw www --version 1 --image other --keys no", 3, "1.root.json is not there"),
    ] {
        assert!(scene.refused(1, words, code).contains(says), "{words}");
        assert_eq!(scene.read("metadata/timestamp.json"), before);
    }
    assert_eq!(scene.run(1, "repo withdraw www").code, Some(2));
    let help = scene.good(1, "repo withdraw --help").output;
    assert!(help.contains("Examples:\n  anklume-build repo withdraw www"), "{help}");
    scene.good(1, "repo withdraw www --version 1 --image other");
    let client = scene.machine("www", 1, None);
    assert!(client.targets().unwrap().targets.keys().all(|name| name.starts_with("sample/1/")));
}
