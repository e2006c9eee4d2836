//! `keys` and `publish`, as somebody uses them.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Command;

use anklume_chunks::{ChunkList, Part};
use anklume_release::{Release, offers};
use anklume_trust::Moment;

use crate::sample;
use crate::scene::{DAY, START, Scene, machine, run_at, versions};

#[test]
fn keys_are_for_nobody_else_and_never_overwritten() {
    let scene = Scene::new();
    let mode = |name: &str| fs::metadata(scene.path(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!(mode("keys"), 0o700);
    let mut names: Vec<String> = fs::read_dir(scene.path("keys"))
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    names.sort();
    let expected = [
        "1.root.json",
        "README.txt",
        "root-1.pem",
        "root-2.pem",
        "snapshot.pem",
        "targets.pem",
        "timestamp.pem",
    ];
    assert_eq!(names, expected);
    for name in names {
        assert_eq!(mode(&format!("keys/{name}")), 0o600, "{name}");
    }
    let readme = fs::read_to_string(scene.path("keys/README.txt")).unwrap();
    assert!(readme.contains("OFFLINE") && readme.contains("\n  root       1 of 2: "), "{readme}");
    assert!(readme.lines().all(|line| line.len() <= 80), "{readme}");
    let before = fs::read(scene.path("keys/targets.pem")).unwrap();
    assert!(scene.refused(0, "keys new keys", 3).contains("keys is not empty"));
    assert_eq!(fs::read(scene.path("keys/targets.pem")).unwrap(), before);
    scene.good(0, "keys new other --threshold 2 --expires 1y");
    assert_ne!(fs::read(scene.path("other/targets.pem")).unwrap(), before);
    assert!(scene.path("other/root-3.pem").exists() && !scene.path("other/root-4.pem").exists());
    let text = fs::read_to_string(scene.path("other/1.root.json")).unwrap();
    assert!(text.contains("\"expires\":\"2027-11-14T09:21:43Z\""), "{text}");
    for (words, says) in [
        ("keys new x --threshold 0", "--threshold 0"),
        ("keys new x --threshold 10", "--threshold 10"),
        ("keys new x --expires never", "--expires: `never`"),
    ] {
        assert!(scene.refused(0, words, 3).contains(says), "{words}");
        assert!(!scene.path("x").exists());
    }
}

#[test]
fn what_is_published_is_what_a_machine_finds() {
    let scene = Scene::new();
    let image = scene.image("1.2");
    let ran = scene.publish(1, &image, "--rollout 48");
    assert!(ran.output.contains("sample 1.2, channel stable"), "{ran:?}");
    let bytes = fs::read(scene.path(&image)).unwrap();
    assert_eq!(scene.read("sample/1.2/anklume-sample-1.2.iso"), bytes);
    let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
    let client = machine(&scene.path("www"), &anchor, 1, None);
    let offer = offers(client.targets().unwrap()).0.remove(0);
    assert_eq!((offer.custom.channel.as_str(), offer.custom.rollout_hours), ("stable", 48));
    assert_eq!(offer.custom.published, Moment::from_unix(START + DAY));
    let described = scene.read("sample/1.2/release.json");
    let digest = anklume_trust::Digest::of(&described);
    offer.target.check("release.json", described.len() as u64, digest).unwrap();
    let release = Release::parse(&described).unwrap();
    assert_eq!(release.image.bytes, bytes.len() as u64);
    assert_eq!(release.packages[0].name, "tiny");
    let chunks = scene.read("sample/1.2/chunks");
    let list = ChunkList::parse(&chunks, release.image.bytes).unwrap();
    release.check_chunks(&list).unwrap();
    for part in Part::ALL.map(|part| list.part(part)) {
        for chunk in part.chunks() {
            let start = part.image_offset(chunk.offset) as usize;
            assert!(chunk.matches(&bytes[start..start + chunk.bytes as usize]));
        }
    }
    let bundle = scene.path("www/sample/1.2/anklume-sample-1.2.iso.update");
    let out = scene.path("out");
    fs::create_dir(&out).unwrap();
    let tar = Command::new("tar").arg("-xf").arg(&bundle).arg("-C").arg(&out).status().unwrap();
    assert!(tar.success());
    let from_stick = machine(&out, &anchor, 1, None);
    assert_eq!(from_stick.targets(), client.targets());
    assert_eq!(fs::read(out.join("sample/1.2/chunks")).unwrap(), chunks);
    let text = scene.check(1);
    assert!(!text.contains("note: ") && text.contains("agree"), "{text}");
}

#[test]
fn the_next_release_leaves_the_first_one_and_reaches_who_has_it() {
    let scene = Scene::new();
    let (first, second) = (scene.image("1.2"), scene.image("1.10"));
    scene.publish(0, &first, "");
    let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
    let stored = machine(&scene.path("www"), &anchor, 0, None).stored().clone();
    scene.publish(3, &second, "");
    let client = machine(&scene.path("www"), &anchor, 3, Some(stored));
    assert_eq!(versions(&client), ["1.10", "1.2"]);
    assert!(!scene.check(3).contains("note: "));
    // The same again changes nothing.
    let before = scene.read("metadata/timestamp.json");
    let ran = scene.publish(4, &second, "");
    assert!(ran.errors.contains("is published already"), "{ran:?}");
    assert_eq!(scene.read("metadata/timestamp.json"), before);
    // Another channel moves it.
    let ran = scene.good(5, &format!("publish {second} --repo www --channel beta"));
    assert!(ran.errors.contains("moves from channel stable to beta"), "{ran:?}");
    assert!(!scene.check(5).contains("note: "));
    // A clock that goes back signs no older times.
    let ran = scene.good(2, &format!("publish {second} --repo www --channel stable"));
    assert!(ran.errors.contains("that time is taken"), "{ran:?}");
    assert!(!scene.check(5).contains("note: "));
}

#[test]
fn mistakes_of_publishers_are_refused() {
    let scene = Scene::new();
    let (old, image) = (scene.image("1.2"), scene.image("1.3"));
    scene.publish(0, &image, "");
    let before = scene.read("metadata/timestamp.json");
    let refused = |words: &str, code, says: &str| {
        let errors = scene.refused(1, words, code);
        assert!(errors.contains(says) && errors.contains("hint: "), "{words}: {errors}");
        assert_eq!(scene.read("metadata/timestamp.json"), before, "{words}");
    };
    let publish =
        |image: &str, channel: &str| format!("publish {image} --repo www --channel {channel}");
    refused(&publish(&old, "stable"), 3, "older than 1.3");
    refused(&publish(&image, "stabel"), 3, "channel stabel is not known");
    refused(&publish(&image, "Stable"), 3, "`Stable` is not a channel");
    let other = scene.image_of(("other", "2", ""));
    refused(&publish(&other, "stable"), 3, "called other, the repository has sample");
    let test = scene.image_of(("sample", "2", "VARIANT_ID=test\n"));
    refused(&publish(&test, "stable"), 3, "a test image does not belong in channel stable");
    let named = scene.image_of(("sample-test", "2", ""));
    refused(&format!("{} --new", publish(&named, "beta")), 3, "a test image does not belong");
    let mut changed = fs::read(scene.path(&image)).unwrap();
    changed[432] ^= 1;
    fs::write(scene.path("changed.iso"), &changed).unwrap();
    refused(&publish("changed.iso", "stable"), 3, "is published already, with another image");
    let damaged = scene.image("1.4");
    let mut bytes = fs::read(scene.path(&damaged)).unwrap();
    let os = bytes.windows(4).position(|magic| magic == b"hsqs").unwrap();
    bytes[os + 100_000] ^= 1;
    fs::write(scene.path(&damaged), &bytes).unwrap();
    refused(&publish(&damaged, "stable"), 5, "the image: ");
    fs::write(scene.path("text"), "x".repeat(5000)).unwrap();
    refused(&publish("text", "stable"), 5, "the image text: ");
    fs::write(scene.path("short.iso"), &bytes[..bytes.len() / 2]).unwrap();
    refused(&publish("short.iso", "stable"), 5, "the image short.iso: ");
    refused(&format!("{} --keys nowhere", publish(&image, "beta")), 3, "1.root.json is not there");
    refused(&format!("{} --expires 90", publish(&image, "beta")), 3, "--expires: `90`");
    refused(&format!("{} --rollout 9999", publish(&image, "beta")), 3, "--rollout 9999");
    scene.good(0, "keys new strange");
    refused(&format!("{} --keys strange", publish(&image, "beta")), 3, "are not those of the");
    fs::create_dir(scene.path("www/inner")).unwrap();
    fs::rename(scene.path("keys/timestamp.pem"), scene.path("timestamp.pem")).unwrap();
    refused(&publish(&image, "beta"), 3, "0 keys of the timestamp role");
    fs::rename(scene.path("timestamp.pem"), scene.path("keys/timestamp.pem")).unwrap();
    // What was refused left nothing that readers could take for a release.
    assert!(!scene.check(1).contains("BAD"));
    scene.good(1, &format!("{} --allow-older", publish(&old, "stable")));
    scene.good(1, &format!("{} --new", publish(&other, "nightly")));
    scene.good(1, &publish(&test, "test-nightly"));
    scene.check(1);
}

/// A time in the environment that a build has left there.
#[test]
fn signatures_that_would_be_over_already_are_refused() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "");
    let folder = scene.folder.path();
    let before = scene.read("metadata/timestamp.json");
    // 1980-01-01, which package builds take where they have no time of their own.
    let run = |words: &str| run_at(folder, 315_532_800, words);
    for words in [
        format!("publish {image} --repo new --channel stable"),
        format!("publish {image} --repo www --channel stable"),
        "publish --refresh --repo www".to_owned(),
        "repo withdraw www --version 1".to_owned(),
    ] {
        let ran = run(&words);
        assert_eq!(ran.code, Some(3), "{words}: {ran:?}");
        assert!(ran.errors.contains("until 1980-03-31T00:00:00Z would be over"), "{ran:?}");
        assert!(ran.errors.contains("hint: SOURCE_DATE_EPOCH says"), "{ran:?}");
        assert_eq!(scene.read("metadata/timestamp.json"), before, "{words}");
        assert!(!scene.path("new").exists(), "{words}");
    }
    let ran = run(&format!("publish {image} --repo new --channel stable --past"));
    assert_eq!(ran.code, Some(0), "{ran:?}");
}

#[test]
fn keys_in_the_repository_are_refused_and_found() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "");
    fs::rename(scene.path("keys"), scene.path("www/keys")).unwrap();
    let publish = format!("publish {image} --repo www --channel beta --keys www/keys");
    assert!(scene.refused(0, &publish, 3).contains("lie in the repository"));
    let ran = scene.run(0, "repo check www");
    assert_eq!(ran.code, Some(5));
    assert_eq!(ran.output.matches("is a secret key").count(), 5, "{ran:?}");
}

#[test]
fn signing_anew_makes_it_count_for_longer() {
    let scene = Scene::new();
    let image = scene.image("1");
    assert!(scene.refused(0, "publish --refresh --repo www", 1).contains("www"));
    scene.publish(0, &image, "--expires 30d");
    assert!(scene.check(19).contains("metadata/timestamp.json: version 1, signed, until"));
    assert!(scene.check(21).contains("note: metadata/timestamp.json: expires at"));
    let ran = scene.run(31, "repo check www");
    assert_eq!(ran.code, Some(5));
    assert_eq!(ran.output.matches(" expired at ").count(), 2, "{ran:?}");
    // Whoever renews it need not have the keys of releases.
    fs::create_dir(scene.path("small")).unwrap();
    for name in ["1.root.json", "snapshot.pem", "timestamp.pem"] {
        fs::copy(scene.path("keys").join(name), scene.path("small").join(name)).unwrap();
    }
    scene.good(31, "publish --refresh --repo www --keys small --expires 30d");
    let text = scene.check(31);
    assert!(text.contains("timestamp.json: version 2") && text.contains("targets.json: version 1"));
    assert!(!text.contains("note: "), "{text}");
    // The list of files is over soon: only who has its key can renew it.
    let ran = scene.good(300, "publish --refresh --repo www --keys small");
    assert!(ran.errors.contains("could not be signed anew"), "{ran:?}");
    scene.good(301, "publish --refresh --repo www");
    assert!(scene.check(301).contains("targets.json: version 2"));
    let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
    assert_eq!(versions(&machine(&scene.path("www"), &anchor, 301, None)), ["1"]);
    // Signed for a time that is over already.
    let far = 11 * 365;
    let errors = scene.refused(far, "publish --refresh --repo www", 3);
    assert!(errors.contains("root 1 counted until"), "{errors}");
}

#[test]
fn keys_can_be_replaced_without_losing_a_machine() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "");
    let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
    let mut stored = machine(&scene.path("www"), &anchor, 0, None).stored().clone();
    for (day, role) in (1..).zip(["timestamp", "snapshot", "targets", "root"]) {
        scene.good(day, &format!("keys rotate keys --role {role}"));
        let root = fs::read(scene.path(&format!("keys/{}.root.json", day + 1))).unwrap();
        scene.good(day, "publish --refresh --repo www");
        assert_eq!(scene.read(&format!("metadata/{}.root.json", day + 1)), root);
        // What was signed counts for who has not seen the new root, too.
        let without = tempfile::tempdir().unwrap();
        fs::create_dir(without.path().join("metadata")).unwrap();
        for entry in fs::read_dir(scene.path("www/metadata")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name() != format!("{}.root.json", day + 1).as_str() {
                fs::copy(entry.path(), without.path().join("metadata").join(entry.file_name()))
                    .unwrap();
            }
        }
        assert_eq!(versions(&machine(without.path(), &anchor, day, Some(stored.clone()))), ["1"]);
        let client = machine(&scene.path("www"), &anchor, day, Some(stored));
        assert_eq!((versions(&client), client.root().header.version), (vec!["1".into()], day + 1));
        stored = client.stored().clone();
        assert!(!scene.check(day).contains("note: "));
    }
    // The old keys are not needed any more.
    for name in ["root-1", "root-2", "timestamp", "snapshot", "targets"] {
        fs::remove_file(scene.path(&format!("keys/{name}.pem"))).unwrap();
    }
    scene.publish(9, &scene.image("2"), "");
    assert_eq!(versions(&machine(&scene.path("www"), &anchor, 9, Some(stored))), ["1", "2"]);
    let readme = fs::read_to_string(scene.path("keys/README.txt")).unwrap();
    assert!(readme.contains("\nRoot 5, until "), "{readme}");
    // Somebody with an older copy of the keys.
    scene.good(9, "keys new older");
    fs::copy(scene.path("keys/1.root.json"), scene.path("older/1.root.json")).unwrap();
    let errors = scene.refused(9, "publish --refresh --repo www --keys older", 3);
    assert!(errors.contains("know root 1, the repository has root 5"), "{errors}");
}

/// Whatever the program that publishes it understands itself.
#[test]
fn what_an_image_needs_is_published() {
    let (scene, place) = (Scene::new(), tempfile::tempdir().unwrap());
    let image = sample::release_for(place.path(), ("sample", "1", ""), (3, 2)).whole();
    fs::write(scene.path("new.iso"), image).unwrap();
    scene.publish(0, "new.iso", "");
    let release = Release::parse(&scene.read("sample/1/release.json")).unwrap();
    assert_eq!((release.minimum_updater, release.state_schema), (3, 2));
}

#[test]
fn wrong_usage_is_told_from_a_refusal() {
    let scene = Scene::new();
    for words in [
        "publish",
        "publish x.iso --channel stable",
        "publish x.iso --repo www",
        "publish --repo www --channel stable",
        "publish x.iso --repo www --channel stable --refresh",
        "publish --refresh --repo www --rollout 3",
        "keys rotate keys",
        "keys new",
        "repo check",
        "repo",
    ] {
        assert_eq!(scene.run(0, words).code, Some(2), "{words}");
    }
    let missing = scene.run(0, "publish x.iso --repo www --channel stable");
    assert_eq!(missing.code, Some(1), "{missing:?}");
}

#[test]
fn two_publishers_do_not_write_at_the_same_time() {
    let scene = Scene::new();
    let image = scene.image("1");
    scene.publish(0, &image, "");
    let held = fs::File::open(scene.path("www")).unwrap();
    held.try_lock().unwrap();
    let errors = scene.refused(0, "publish --refresh --repo www", 3);
    assert!(errors.contains("is being written to"), "{errors}");
}

#[test]
fn events_say_what_was_published() {
    let scene = Scene::new();
    let image = scene.image("1");
    let ran = scene.publish(0, &image, "--json");
    let last: serde_json::Value = serde_json::from_str(ran.output.lines().last().unwrap()).unwrap();
    assert_eq!((&last["event"], &last["version"]), (&"published".into(), &"1".into()));
    assert_eq!(last["image"], "www/sample/1/anklume-sample-1.iso");
}
