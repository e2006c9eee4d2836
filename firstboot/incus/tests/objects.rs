//! Images, instances and recovery.
#![allow(clippy::unwrap_used, reason = "a failure of a helper is the test's")]

mod common;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use anklume_incus::names::{AliasName, InstanceName};
use anklume_incus::wanted::{Driver, Pool};
use anklume_incus::{Error, Executed, ImageFiles, ImageKind, Imported, Output, Turn};
use common::{Fake, Fault};
use serde_json::json;

fn name(text: &str) -> InstanceName {
    text.parse().unwrap()
}

fn alias(text: &str) -> AliasName {
    text.parse().unwrap()
}

fn file(fake: &Fake, name: &str, content: &[u8]) -> PathBuf {
    let path = fake.folder().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

fn split(fake: &Fake) -> ImageFiles {
    // More than any buffer has.
    let rootfs: Vec<u8> = (0..=255).cycle().take(700_001).collect();
    ImageFiles::Split {
        metadata: file(fake, "meta.tar", b"metadata"),
        rootfs: file(fake, "rootfs \"x\".squashfs", &rootfs),
        kind: ImageKind::Container,
    }
}

fn import(fake: &Fake, files: &ImageFiles, aliases: &[AliasName]) -> Result<Imported, Error> {
    fake.client().import_image(files, aliases, &mut |_, _| {}, &mut |_| {})
}

#[test]
fn an_image_arrives_as_it_is_and_only_once() {
    let fake = Fake::start();
    let unified = ImageFiles::Unified(file(&fake, "unified.tar", b"all in one"));
    for files in [split(&fake), unified] {
        let mut sent = Vec::new();
        let client = fake.client();
        let first = client.import_image(
            &files,
            &[],
            &mut |so_far, all| sent.push((so_far, all)),
            &mut |_| {},
        );
        let first = first.unwrap();
        assert!(!first.was_there);
        assert!(sent.last().is_some_and(|(so_far, all)| so_far == all));
        let content = fake.world().images[first.fingerprint.as_str()].clone();
        let expected: Vec<u8> = match &files {
            ImageFiles::Unified(path) => std::fs::read(path).unwrap(),
            ImageFiles::Split { metadata, rootfs, .. } => {
                [std::fs::read(metadata).unwrap(), std::fs::read(rootfs).unwrap()].concat()
            }
        };
        assert!(content == expected);
        let changes = fake.changes().len();
        let again = import(&fake, &files, &[]).unwrap();
        assert!(again.was_there && again.fingerprint == first.fingerprint);
        assert_eq!(fake.changes().len(), changes);
    }
    assert_eq!(fake.client().images().unwrap().len(), 2);
}

#[test]
fn an_alias_means_the_newest_image() {
    let fake = Fake::start();
    let names = [alias("debian/13"), alias("first")];
    let old = import(&fake, &split(&fake), &names).unwrap();
    assert!(old.moved.is_empty());
    let unified = ImageFiles::Unified(file(&fake, "unified.tar", b"new"));
    let new = import(&fake, &unified, &names[..1]).unwrap();
    assert_eq!(new.moved[0].from, old.fingerprint);
    let client = fake.client();
    assert_eq!(client.image_of(&names[0]).unwrap(), Some(new.fingerprint));
    assert_eq!(client.image_of(&names[1]).unwrap(), Some(old.fingerprint));
    assert_eq!(client.image_of(&alias("other")).unwrap(), None);
}

#[test]
fn an_import_that_was_cut_is_finished_by_the_next_one() {
    let names = [alias("debian/13")];
    for (request, fault) in [
        ("POST /1.0/images", Fault::BreakBefore),
        ("POST /1.0/images", Fault::BreakAfter),
        ("POST /1.0/images/aliases", Fault::BreakBefore),
        ("POST /1.0/images/aliases", Fault::BreakAfter),
    ] {
        let fake = Fake::start();
        fake.world().break_once(request, fault);
        assert!(import(&fake, &split(&fake), &names).is_err(), "{request}");
        let done = import(&fake, &split(&fake), &names).unwrap();
        assert_eq!(fake.client().image_of(&names[0]).unwrap(), Some(done.fingerprint));
    }
}

#[test]
fn an_image_that_came_meanwhile_is_no_failure() {
    let fake = Fake::start();
    let missing = Fault::Raw(common::bytes(404, r#"{"type": "error", "error_code": 404}"#));
    import(&fake, &split(&fake), &[]).unwrap();
    fake.world().break_once("GET /1.0/images/", missing);
    assert!(!import(&fake, &split(&fake), &[]).unwrap().was_there);
}

#[test]
fn a_refusal_in_the_middle_of_an_upload_is_read() {
    let fake = Fake::start();
    fake.world().break_once("POST /1.0/images", Fault::RefuseUnread(403));
    let error = import(&fake, &split(&fake), &[]).unwrap_err();
    assert_eq!(error.to_string(), "POST /1.0/images: Incus says 403: not authorized");
}

#[test]
fn a_file_that_is_missing_is_named() {
    let fake = Fake::start();
    let path = fake.folder().join("none");
    let error = import(&fake, &ImageFiles::Unified(path.clone()), &[]).unwrap_err();
    assert!(matches!(&error, Error::File { path: named, .. } if *named == path), "{error}");
    let folder = ImageFiles::Unified(fake.folder().to_owned());
    assert!(matches!(import(&fake, &folder, &[]), Err(Error::File { .. })));
}

#[test]
fn an_instance_is_launched_from_an_alias_once() {
    let fake = Fake::start();
    let image = import(&fake, &split(&fake), &[alias("debian/13")]).unwrap();
    let client = fake.client();
    client.launch_alias(name("c1"), &alias("debian/13"), &mut |_| {}).unwrap();
    let instance = client.instance(&name("c1")).unwrap().unwrap();
    assert!(instance.is_up());
    assert_eq!(instance.config["volatile.base_image"], image.fingerprint.as_str());
    let error = client.launch_alias(name("c1"), &alias("debian/13"), &mut |_| {}).unwrap_err();
    assert!(matches!(&error, Error::Exists { name } if name == "c1"), "{error}");
    let error = client.launch_alias(name("c2"), &alias("none"), &mut |_| {}).unwrap_err();
    assert!(matches!(error, Error::Refused { code: 404, .. }), "{error}");
}

#[test]
fn turning_what_is_turned_is_no_error() {
    let fake = Fake::start();
    fake.world().instances.insert("c1".to_owned(), json!({ "name": "c1", "status": "Stopped" }));
    let client = fake.client();
    for turn in [Turn::On, Turn::On, Turn::Off(Duration::from_secs(1)), Turn::Kill] {
        client.turn(&name("c1"), turn).unwrap();
        let is_up = client.instance(&name("c1")).unwrap().unwrap().is_up();
        assert_eq!(is_up, turn == Turn::On);
    }
    assert!(client.turn(&name("none"), Turn::On).is_err());
}

#[test]
fn a_command_has_an_exit_code_and_output() {
    let fake = Fake::start();
    fake.world().outcome = (3, "out\n".to_owned(), "a long error".to_owned());
    let done = fake.client().exec(&name("c1"), &["sh"], 6).unwrap();
    let stdout = Output { bytes: b"out\n".to_vec(), is_cut: false };
    let stderr = Output { bytes: b"a long".to_vec(), is_cut: true };
    assert_eq!(done, Executed { code: 3, stdout, stderr });
    assert!(fake.world().logs.is_empty());
}

#[test]
fn output_of_others_is_not_fetched() {
    for path in
        ["/1.0/instances/c2/logs/exec-output/x", "/1.0/instances/c1/logs/exec-output/a/b", "/"]
    {
        let fake = Fake::start();
        let operation = json!({ "type": "sync", "metadata": { "id": "op0", "status_code": 200,
            "metadata": { "return": 0, "output": { "1": path } } } })
        .to_string();
        fake.world().break_once("/wait", Fault::Raw(common::bytes(200, &operation)));
        let error = fake.client().exec(&name("c1"), &["sh"], 6).unwrap_err();
        assert!(error.to_string().contains("does not belong to it"), "{path}: {error}");
    }
}

#[test]
fn all_instances_are_stopped_in_the_end() {
    let fake = Fake::start();
    for (name, status, stubborn, immortal) in [
        ("clean", "Running", false, false),
        ("stubborn", "Running", true, false),
        ("immortal", "Running", true, true),
        ("stopped", "Stopped", false, false),
    ] {
        let instance = json!({ "name": name, "status": status, "project": "p",
            "is_stubborn": stubborn, "is_immortal": immortal });
        fake.world().instances.insert(name.to_owned(), instance);
    }
    let stopped = fake.client().stop_all(Duration::from_secs(1)).unwrap();
    assert_eq!(stopped.clean, ["p/clean"]);
    let names: Vec<_> = stopped.killed.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["p/stubborn"]);
    assert!(stopped.killed[0].1.contains("timed out"), "{stopped:?}");
    let names: Vec<_> = stopped.left.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(names, ["p/immortal"]);
    assert!(!fake.changes().iter().any(|line| line.contains("/stopped/")));
    assert!(fake.changes().iter().any(|line| line.ends_with("/clean/state?project=p")));
}

#[test]
fn recovery_is_for_versions_that_are_known() {
    let fake = Fake::start();
    let pool = Pool {
        name: "default".parse().unwrap(),
        driver: Driver::Zfs,
        source: "anklume/incus".to_owned(),
        config: BTreeMap::new(),
    };
    fake.world().version = "6.0.4".to_owned();
    let found = fake.client().recoverable(&pool).unwrap();
    assert_eq!((found.unknown[0].name.as_str(), found.unknown[0].snapshots), ("c1", 2));
    assert!(found.missing.is_empty());
    fake.client().recover(&pool).unwrap();
    fake.world().version = "7.0.0".to_owned();
    let changes = fake.changes().len();
    let error = fake.client().recover(&pool).unwrap_err();
    assert!(matches!(&error, Error::Version { found, .. } if found == "7.0.0"), "{error}");
    assert_eq!(fake.changes().len(), changes);
}
