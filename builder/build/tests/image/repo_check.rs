//! `repo check`, over repositories that are damaged, foreign or not true.

use std::fs;
use std::path::Path;

use anklume_chunks::ChunkList;
use anklume_release::Release;

use crate::scene::{Scene, machine};

impl Scene {
    /// Changes a file of the repository, checks all of it, and puts the file back.
    fn check_changed(&self, file: &str, change: impl Fn(&Path), code: i32, says: &str) {
        let path = self.path(file);
        let before = fs::read(&path).ok();
        change(&path);
        let ran = self.run(0, "repo check www --root keys/1.root.json");
        assert_eq!(ran.code, Some(code), "{ran:?}");
        assert!(ran.output.contains(says), "`{says}` is not in {ran:?}");
        // A change may have removed it.
        let _ = fs::remove_file(&path);
        if let Some(bytes) = before {
            fs::write(&path, bytes).unwrap();
        }
    }
}

pub(crate) fn flip(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let at = bytes.len() / 2;
    bytes[at] ^= 1;
    fs::write(path, bytes).unwrap();
}

fn remove(path: &Path) {
    fs::remove_file(path).unwrap();
}

fn shorten(path: &Path) {
    fs::write(path, "x").unwrap();
}

/// A repository with a release, and the path of its image.
fn published() -> (Scene, String) {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    (scene, "www/sample/1/anklume-sample-1.iso".to_owned())
}

#[test]
fn damaged_files_of_a_release_are_named() {
    let (scene, iso) = published();
    for file in [&iso, "www/sample/1/chunks", "www/sample/1/release.json"] {
        let name = file.strip_prefix("www/").unwrap();
        scene.check_changed(file, flip, 5, &format!("BAD: {name}: sha256 is "));
        scene.check_changed(file, remove, 5, &format!("BAD: {name}: is not there"));
        scene.check_changed(file, shorten, 5, &format!("BAD: {name}: 1 bytes, expected "));
    }
    let endless = |path: &Path| {
        remove(path);
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    };
    scene.check_changed(&iso, endless, 5, "is not a regular file");
    let bundle = format!("{iso}.update");
    scene.check_changed(&bundle, flip, 5, "BAD: sample/1/anklume-sample-1.iso.update: ");
    let says = "note: sample/1/anklume-sample-1.iso.update: is not there";
    scene.check_changed(&bundle, remove, 0, says);
}

#[test]
fn damaged_metadata_is_named() {
    let (scene, _) = published();
    for file in ["1.root.json", "timestamp.json", "1.snapshot.json", "1.targets.json"] {
        scene.check_changed(&format!("www/metadata/{file}"), flip, 5, "BAD: metadata");
    }
    let snapshot = "www/metadata/1.snapshot.json";
    scene.check_changed(snapshot, remove, 5, "1.snapshot.json: is not there");
}

#[test]
fn what_does_not_belong_in_a_repository_is_named() {
    let (scene, _) = published();
    let key = fs::read(scene.path("keys/targets.pem")).unwrap();
    let secret = |path: &Path| fs::write(path, &key).unwrap();
    scene.check_changed("www/sample/key", secret, 5, "sample/key: is a secret key");
    let says = "note: sample/notes.txt: is not signed";
    scene.check_changed("www/sample/notes.txt", shorten, 0, says);
    scene.check_changed("www/sample/1/.x.iso.77.part", shorten, 0, "did not get to the end");
    let ran = scene.good(0, "repo check www --json");
    let found: serde_json::Value = serde_json::from_str(&ran.output).unwrap();
    let none = serde_json::json!([]);
    assert_eq!((&found["damage"], &found["notes"]), (&none, &none));
}

#[test]
fn a_repository_of_others_is_no_repository_of_ours() {
    let (scene, _) = published();
    scene.good(0, "keys new other");
    let ran = scene.run(0, "repo check www --root other/1.root.json");
    assert_eq!(ran.code, Some(5), "{ran:?}");
    assert_eq!(scene.run(0, "repo check nowhere").code, Some(3));
    assert_eq!(scene.run(0, "repo check keys").code, Some(5));
}

/// A list of files that is signed rightly, and lies.
#[test]
fn a_release_that_is_signed_but_not_true_is_found() {
    let scene = Scene::new();
    scene.publish(0, &scene.image("1"), "");
    let description = scene.path("www/sample/1/release.json");
    let honest = Release::parse(&fs::read(&description).unwrap()).unwrap();
    let list = ChunkList::parse(&scene.read("sample/1/chunks"), 1 << 40).unwrap().encode();
    let mut chunk = list.clone();
    let last = chunk.len() - 1;
    chunk[last] ^= 1;
    type Lie = fn(&mut Release);
    let lies: [(&str, Lie, Vec<u8>); 5] = [
        ("root-hash is ", |r| r.root_hash.0[0] ^= 1, list.clone()),
        ("packages are not those", |r| r.packages.clear(), list.clone()),
        ("boot is ", |r| r.boot.bytes -= 512, list.clone()),
        ("source-date-epoch is ", |r| r.source_date_epoch += 1, list.clone()),
        ("is not what the image has there", |_| {}, chunk),
    ];
    for (says, lie, chunks) in lies {
        let mut release = honest.clone();
        lie(&mut release);
        release.chunks.sha256 = anklume_trust::Digest::of(&chunks);
        fs::write(&description, release.encode()).unwrap();
        fs::write(scene.path("www/sample/1/chunks"), chunks).unwrap();
        resign(&scene, &release);
        let ran = scene.run(0, "repo check www");
        assert_eq!(ran.code, Some(5), "{says}: {ran:?}");
        assert!(ran.output.contains(says), "`{says}` is not in {ran:?}");
    }
}

/// Signs the list of files for what lies there.
pub(crate) fn resign(scene: &Scene, release: &Release) {
    use anklume_trust::publish::SecretKey;
    use anklume_trust::{FileInfo, Snapshot, Target, Timestamp};
    let anchor = fs::read(scene.path("keys/1.root.json")).unwrap();
    let key = |name: &str| {
        let text = fs::read_to_string(scene.path(&format!("keys/{name}.pem"))).unwrap();
        SecretKey::from_pem(&text).unwrap()
    };
    let first = machine_targets(scene, &anchor);
    let mut targets = first.clone();
    let described = targets.targets.get_mut("sample/1/release.json").unwrap();
    *described = Target { custom: described.custom.clone(), ..Target::of(&release.encode()) };
    let chunks = fs::read(scene.path("www/sample/1/chunks")).unwrap();
    targets.targets.insert("sample/1/chunks".into(), Target::of(&chunks));
    let header = targets.header;
    let write = |name: &str, bytes: &[u8]| {
        fs::write(scene.path("www/metadata").join(name), bytes).unwrap();
    };
    let bytes = targets.sign(&[&key("targets")]).unwrap();
    write("1.targets.json", &bytes);
    let snapshot = Snapshot { header, targets: FileInfo::of(1, &bytes) };
    let bytes = snapshot.sign(&[&key("snapshot")]).unwrap();
    write("1.snapshot.json", &bytes);
    let timestamp = Timestamp { header, snapshot: FileInfo::of(1, &bytes) };
    write("timestamp.json", &timestamp.sign(&[&key("timestamp")]).unwrap());
}

fn machine_targets(scene: &Scene, anchor: &[u8]) -> anklume_trust::Targets {
    machine(&scene.path("www"), anchor, 0, None).targets().unwrap().clone()
}
