//! What `repo check` finds in a repository that somebody else put something into.

use std::fs;
use std::os::unix::fs::symlink;

use crate::scene::Scene;

/// What a check says that finds something wrong, and goes on to the end.
fn wrong(scene: &Scene, day: u64) -> String {
    let ran = scene.run(day, "repo check www --root keys/1.root.json");
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert!(ran.output.contains("list agree\n"), "{ran:?}");
    ran.output
}

#[test]
fn folders_in_folders_are_found() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    fs::create_dir_all(scene.path("www").join("deep/".repeat(20))).unwrap();
    fs::write(scene.path("www/stray"), "x").unwrap();
    let text = wrong(&scene, 0);
    assert!(text.contains("deep: deeper than 16 folders"), "{text}");
    assert!(text.contains("note: stray: "), "{text}");
}

#[test]
fn links_to_secret_keys_are_found() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    fs::create_dir(scene.path("harmless")).unwrap();
    fs::write(scene.path("harmless/file"), "x").unwrap();
    for (name, to) in [
        ("nowhere", "missing"),
        ("file", "../harmless/file"),
        ("folder", "../harmless"),
        ("own", "sample"),
        ("endless", "/dev/zero"),
    ] {
        symlink(to, scene.path("www").join(name)).unwrap();
    }
    let text = scene.check(0);
    assert_eq!(text.matches("note: ").count(), 5, "{text}");
    symlink("../../keys/targets.pem", scene.path("www/sample/key")).unwrap();
    symlink("../keys", scene.path("www/all")).unwrap();
    fs::create_dir_all(scene.path("above/below")).unwrap();
    fs::copy(scene.path("keys/targets.pem"), scene.path("above/below/key")).unwrap();
    symlink(scene.path("above"), scene.path("www/above")).unwrap();
    let text = wrong(&scene, 0);
    assert!(text.contains("BAD: sample/key: leads to a secret key"), "{text}");
    assert!(text.contains("BAD: all: leads to a secret key"), "{text}");
    assert!(text.contains("BAD: above: leads to a secret key"), "{text}");
    assert_eq!(text.matches("BAD: ").count(), 3, "{text}");
}

#[test]
fn what_was_signed_in_the_future_is_found() {
    let scene = Scene::new();
    scene.publish(10, &scene.image("1"), "");
    // Clocks differ a little.
    scene.check(9);
    let text = wrong(&scene, 8);
    assert!(
        text.contains("BAD: metadata/timestamp.json: version 1 was signed in the future"),
        "{text}"
    );
    assert_eq!(text.matches("signed in the future").count(), 3, "{text}");
}
