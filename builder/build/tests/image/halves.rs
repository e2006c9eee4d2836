//! Repositories that are there in part: copied in part, set back, or just begun.

use std::fs;

use crate::scene::{Scene, versions};

/// Publishing a version must be refused; what it says.
fn refused(scene: &Scene, version: &str) -> String {
    let words = format!("publish sample-{version}.iso --repo www --channel stable");
    scene.refused(2, &words, 3)
}

#[test]
fn a_first_release_says_that_a_repository_begins() {
    let scene = Scene::new();
    let says = "begins a new repository";
    assert!(scene.publish(0, &scene.image("1"), "").errors.contains(says));
    assert!(!scene.publish(1, &scene.image("2"), "").errors.contains(says));
}

#[test]
fn a_repository_without_its_first_root_is_refused() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    scene.image("2");
    let stored = scene.machine("www", 0, None).stored().clone();
    let root = scene.path("www/metadata/1.root.json");
    fs::rename(&root, scene.path("aside")).unwrap();
    let errors = refused(&scene, "2");
    assert!(errors.contains("metadata/1.root.json is not there"), "{errors}");
    assert!(errors.contains("hint: copy the repository whole"), "{errors}");
    scene.refused(2, "publish --refresh --repo www", 3);
    fs::rename(scene.path("aside"), &root).unwrap();
    scene.publish(2, "sample-2.iso", "");
    assert_eq!(versions(&scene.machine("www", 2, Some(stored))), ["1", "2"]);
}

#[test]
fn a_repository_without_its_timestamp_is_refused() {
    for (first, refresh) in [("1", false), ("2", true)] {
        let scene = Scene::new();
        scene.publish(0, &scene.image("2"), "");
        scene.image("1");
        scene.image("3");
        match refresh {
            true => scene.good(1, "publish --refresh --repo www"),
            false => scene.publish(1, "sample-1.iso", "--allow-older"),
        };
        let stored = scene.machine("www", 1, None).stored().clone();
        let timestamp = scene.path("www/metadata/timestamp.json");
        fs::rename(&timestamp, scene.path("aside")).unwrap();
        for version in [first, "3"] {
            let errors = refused(&scene, version);
            assert!(errors.contains("metadata/timestamp.json is not there"), "{errors}");
            assert!(errors.contains("hint: copy the repository whole"), "{errors}");
        }
        scene.refused(2, "publish --refresh --repo www", 3);
        let ran = scene.run(2, "repo check www");
        assert_eq!(ran.code, Some(5), "{ran:?}");
        assert!(ran.output.contains("BAD: metadata/timestamp.json: is not there, but "), "{ran:?}");
        fs::rename(scene.path("aside"), &timestamp).unwrap();
        scene.publish(2, "sample-3.iso", "");
        assert!(versions(&scene.machine("www", 2, Some(stored))).contains(&"3".to_owned()));
    }
}

/// What a killed first publisher leaves, but also what is left of a repository with one release: machines
/// that know it must not be locked out.
#[test]
fn what_a_first_publisher_left_is_published() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    scene.image("2");
    let stored = scene.machine("www", 0, None).stored().clone();
    fs::remove_file(scene.path("www/metadata/timestamp.json")).unwrap();
    assert_eq!(scene.run(1, "repo check www").code, Some(5));
    refused(&scene, "2");
    scene.publish(1, "sample-1.iso", "");
    assert_eq!(versions(&scene.machine("www", 1, Some(stored))), ["1"]);
    assert!(!scene.check(1).contains("note: "));
}

#[test]
fn no_number_is_used_for_two_files() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    let before = scene.read("metadata/timestamp.json");
    scene.publish(1, &scene.image("2"), "");
    let stored = scene.machine("www", 1, None).stored().clone();
    let numbered = ["metadata/2.targets.json", "metadata/2.snapshot.json"];
    let files = numbered.map(|name| scene.read(name));
    // Somebody puts an older file back.
    fs::write(scene.path("www/metadata/timestamp.json"), before).unwrap();
    let text = scene.check(1);
    for name in numbered {
        assert!(text.contains(&format!("note: {name}: nothing refers to it")), "{text}");
    }
    let ran = scene.publish(2, "sample-2.iso", "");
    assert!(ran.errors.contains("metadata/2.snapshot.json: nothing refers to it"), "{ran:?}");
    assert_eq!(versions(&scene.machine("www", 2, Some(stored))), ["1", "2"]);
    assert_eq!(numbered.map(|name| scene.read(name)), files);
    assert!(scene.path("www/metadata/3.targets.json").exists());
    let text = scene.check(2);
    assert!(!text.contains("note: ") && text.contains("timestamp.json: version 3"), "{text}");
}
