//! Publishing what is published already, and publishing beside what is damaged.

use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::Command;

use anklume_release::{Custom, Release, offers};

use crate::repo_check::{flip, resign};
use crate::scene::{DAY, START, Scene, versions};

#[test]
fn a_release_that_lacks_files_does_not_keep_others_from_being_published() {
    let scene = Scene::new();
    for version in ["1", "2"] {
        scene.publish(0, &scene.image(version), "");
    }
    let bundle = scene.path("www/sample/2/anklume-sample-2.iso.update");
    let before = fs::read(&bundle).unwrap();
    fs::remove_dir_all(scene.path("www/sample/1")).unwrap();
    let ran = scene.publish(1, &scene.image("3"), "");
    assert!(ran.errors.contains("the bundle of sample/1 was not made: "), "{ran:?}");
    assert!(ran.errors.contains("repo check"), "{ran:?}");
    assert!(!ran.errors.contains("the bundle of sample/2 "), "{ran:?}");
    assert_ne!(fs::read(&bundle).unwrap(), before);
    assert_eq!(versions(&scene.machine("www", 1, None)), ["1", "2", "3"]);
}

#[test]
fn what_stands_in_the_place_of_a_bundle_is_told() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    let bundle = scene.path("www/sample/1/anklume-sample-1.iso.update");
    let folder = |path: &Path| fs::create_dir(path).unwrap();
    let link = |path: &Path| symlink("/dev/zero", path).unwrap();
    fs::remove_file(&bundle).unwrap();
    for (place, gone) in [
        (&folder as &dyn Fn(&Path), fs::remove_dir as fn(PathBuf) -> std::io::Result<()>),
        (&link, fs::remove_file),
    ] {
        place(&bundle);
        let ran = scene.good(1, "publish --refresh --repo www");
        assert!(ran.errors.contains("the bundle of sample/1 was not made: "), "{ran:?}");
        let ran = scene.run(1, "repo check www");
        assert_eq!(ran.code, Some(5), "{ran:?}");
        let says = "BAD: sample/1/anklume-sample-1.iso.update: ";
        assert!(ran.output.contains(says) && ran.output.contains("list agree"), "{ran:?}");
        gone(bundle.clone()).unwrap();
    }
    scene.good(1, "publish --refresh --repo www");
    assert!(!scene.check(1).contains("note: "));
}

#[test]
fn what_is_gone_or_damaged_is_written_again() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "");
    let files = ["anklume-sample-1.iso", "chunks", "release.json"];
    let files = files.map(|name| format!("sample/1/{name}"));
    let before = files.each_ref().map(|name| scene.read(name));
    let signed = scene.read("metadata/timestamp.json");
    let remove = |path: &Path| fs::remove_file(path).unwrap();
    let link = |path: &Path| {
        fs::remove_file(path).unwrap();
        symlink("/dev/zero", path).unwrap();
    };
    for (name, damage) in files
        .iter()
        .flat_map(|name| [(name, &flip as &dyn Fn(&Path)), (name, &remove), (name, &link)])
    {
        damage(&scene.path("www").join(name));
        let ran = scene.publish(1, &image, "");
        assert!(ran.errors.contains(&format!("{name}: ")), "{ran:?}");
        assert!(ran.errors.contains("is written again"), "{ran:?}");
        assert_eq!(files.each_ref().map(|name| scene.read(name)), before);
        assert!(!scene.check(1).contains("note: "));
    }
    fs::remove_dir_all(scene.path("www/sample")).unwrap();
    // Its bytes are not those that are signed.
    let mut other = fs::read(scene.path(&image)).unwrap();
    other[432] ^= 1;
    fs::write(scene.path("other.iso"), other).unwrap();
    let words = "publish other.iso --repo www --channel stable";
    assert!(scene.refused(1, words, 3).contains("with another image"));
    scene.publish(1, &image, "");
    assert!(!scene.check(1).contains("note: "));
    assert_eq!(scene.read("metadata/timestamp.json"), signed);
}

/// Another version of the program may describe the same image in other bytes.
#[test]
fn a_description_that_cannot_be_made_again_is_refused() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "");
    let path = scene.path("www/sample/1/release.json");
    let mut release = Release::parse(&fs::read(&path).unwrap()).unwrap();
    release.packages.clear();
    fs::write(&path, release.encode()).unwrap();
    resign(&scene, &release);
    scene.publish(0, &image, "");
    fs::remove_file(&path).unwrap();
    let words = format!("publish {image} --repo www --channel stable");
    let errors = scene.refused(0, &words, 3);
    assert!(errors.contains("sample/1/release.json") && errors.contains("hint: "), "{errors}");
    assert!(!path.exists());
}

#[test]
fn publishing_again_makes_it_count_for_longer() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "--expires 30d");
    // A few hours are not worth a new file.
    let timestamp = || scene.read("metadata/timestamp.json");
    let before = timestamp();
    scene.publish(1, &image, "--expires 30d");
    assert_eq!(timestamp(), before);
    scene.publish(1, &image, "--expires 60d");
    let text = scene.check(40);
    assert!(text.contains("timestamp.json: version 2"), "{text}");
    let before = timestamp();
    scene.publish(2, &image, "--expires 30d");
    assert_eq!(timestamp(), before);
    assert_eq!(scene.run(62, "repo check www").code, Some(5));
    scene.publish(62, &image, "--expires 30d");
    assert!(!scene.check(62).contains("note: "));
    assert_eq!(versions(&scene.machine("www", 62, None)), ["1"]);
}

/// A web server is another user than the publisher.
#[test]
fn everybody_can_read_what_is_published() {
    let scene = Scene::new();
    let image = scene.image("1");
    let program = env!("CARGO_BIN_EXE_anklume-build");
    let script =
        format!("umask 077; exec {program} publish {image} --repo new/www --channel stable --past");
    let mut command = Command::new("bash");
    command.args(["-c", &script]).current_dir(scene.folder.path());
    let ran = command.env("SOURCE_DATE_EPOCH", (START + DAY).to_string()).output().unwrap();
    assert!(ran.status.success(), "{ran:?}");
    let mut folders = vec![scene.path("new")];
    let mut seen = 0;
    while let Some(folder) = folders.pop() {
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&folder), 0o755, "{folder:?}");
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            seen += 1;
            match path.is_dir() {
                true => folders.push(path),
                false => assert_eq!(mode(&path), 0o644, "{path:?}"),
            }
        }
    }
    // www, metadata and its four files, sample, 1 and its four files.
    assert_eq!(seen, 12);
}

/// What is signed of the only release.
fn custom(scene: &Scene, day: u64) -> Custom {
    offers(scene.machine("www", day, None).targets().unwrap()).0.remove(0).custom
}

#[test]
fn a_rollout_goes_on_unless_another_is_asked_for() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "--rollout 48");
    let before = custom(&scene, 0);
    assert_eq!(before.rollout_hours, 48);
    scene.publish(1, &image, "");
    assert_eq!(custom(&scene, 1), before);
    scene.publish(1, &image, "--rollout 0");
    assert_eq!(custom(&scene, 1), Custom { rollout_hours: 0, ..before });
}

#[test]
fn a_channel_without_a_release_is_told() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "");
    let ran = scene.good(1, &format!("publish {image} --repo www --channel beta"));
    let says = "channel stable has no release of sample any more";
    assert!(ran.errors.contains(says), "{ran:?}");
    scene.publish(2, &image, "");
    scene.publish(2, &scene.image("2"), "");
    let ran = scene.good(3, &format!("publish {image} --repo www --channel beta"));
    assert!(ran.errors.contains("moves from") && !ran.errors.contains(says), "{ran:?}");
}
