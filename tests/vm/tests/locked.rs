//! A build with a lock takes exactly the packages of the lock: the image is that of the build that
//! the lock was made from, byte for byte, and a package that is damaged in the cache or gone from it
//! is named, or fetched from the mirror.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run the builder")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anklume_lock::{Archive, Lock, Package};
use anklume_vm_tests::compare::{describe, first_difference};
use anklume_vm_tests::image::BUILDER;
use anklume_vm_tests::{Failure, Workdir, image, tool};

/// The workspace's root.
const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../..");
const DEFINITION: &str = "images/debian-test.toml";

/// A copy of the definitions, and a cache of nothing but package files.
struct Place {
    program: PathBuf,
    folder: PathBuf,
}

impl Place {
    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(&self.program);
        command.args(words).args(["--image", DEFINITION]);
        command.current_dir(&self.folder).output().unwrap()
    }

    /// Runs the builder to a good end.
    fn done(&self, words: &[&str]) {
        let output = self.run(words);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{words:?}: {text}");
    }

    /// Builds with the own cache.
    fn build<'a>(&'a self, output: &'a str, words: &[&'a str]) -> Vec<&'a str> {
        [words, &["--dev", "--cache", "cache", "-o", output]].concat()
    }

    fn cached(&self, package: &Package) -> PathBuf {
        self.folder.join("cache/debs").join(package.file_name())
    }

    fn assert_equal(&self, workdir: &Workdir, one: &str, other: &str) -> Result<(), Failure> {
        let (one, other) = (self.folder.join(one), self.folder.join(other));
        if first_difference(&one, &other)?.is_some() {
            panic!(
                "{} and {} differ: {}",
                one.display(),
                other.display(),
                describe(workdir, &one, &other)?
            );
        }
        Ok(())
    }
}

/// Where the builder keeps packages when it is not told: the lock filled it.
fn default_debs() -> PathBuf {
    let base = std::env::var_os("XDG_CACHE_HOME").map(PathBuf::from).filter(|p| p.is_absolute());
    let home = || PathBuf::from(std::env::var_os("HOME").unwrap()).join(".cache");
    base.unwrap_or_else(home).join("anklume-build/debs")
}

fn flip_a_byte(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 0xff;
    fs::write(path, bytes).unwrap();
}

/// Fills the own cache with every package but one, and damages another; gives both.
fn fill_cache<'a>(place: &Place, lock: &'a Lock) -> [&'a Package; 2] {
    fs::create_dir_all(place.folder.join("cache/debs")).unwrap();
    for package in lock.files() {
        let from = default_debs().join(package.file_name());
        fs::copy(&from, place.cached(package))
            .unwrap_or_else(|e| panic!("{}: {e}", from.display()));
    }
    let main = |package: &&Package| package.archive == Archive::Main;
    let absent = lock.root.iter().find(main).unwrap();
    let damaged = lock.tools.iter().find(|p| main(p) && *p != absent).unwrap();
    // What a mirror has of them.
    for package in [absent, damaged] {
        let file = place.folder.join("mirror").join(&package.path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::copy(place.cached(package), file).unwrap();
    }
    fs::remove_file(place.cached(absent)).unwrap();
    flip_a_byte(&place.cached(damaged));
    [absent, damaged]
}

#[test]
fn a_locked_build_takes_exactly_the_locked_packages() -> Result<(), Failure> {
    let workdir = Workdir::new("locked")?;
    let place =
        Place { program: image::from_environment(BUILDER)?, folder: workdir.unique("place") };
    let shown = place.folder.display().to_string();
    fs::create_dir(&place.folder).unwrap();
    tool::run(
        "cp",
        "coreutils",
        ["-r", &format!("{ROOT}/images"), &format!("{ROOT}/overlays"), &shown],
    )?;
    place.done(&["lock"]);
    place.done(&["--no-lock", "--offline", "--dev", "-o", "unlocked"]);
    let text = fs::read_to_string(place.folder.join("images/debian-test.lock")).unwrap();
    let lock = Lock::parse(&text, "debian-test.lock").unwrap();
    let [absent, damaged] = fill_cache(&place, &lock);

    let output = place.run(&place.build("locked", &["--offline"]));
    let error = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(3), "{error}");
    // The tool tree is made first.
    assert!(error.contains(&format!("{damaged} (SHA-256 ")), "{error}");
    assert!(!place.folder.join("locked").exists());

    let mirror = format!("file:{shown}/mirror");
    place.done(&place.build("locked", &["--mirror", &mirror]));
    place.assert_equal(&workdir, "unlocked", "locked")?;
    for papers in ["spdx.json", "cdx.json"] {
        place.assert_equal(&workdir, &format!("unlocked.{papers}"), &format!("locked.{papers}"))?;
    }
    assert_names_package_files(&place, &lock);
    assert!(place.cached(absent).is_file());

    for tree in fs::read_dir(place.folder.join("cache/trees")).unwrap() {
        let path = tree.unwrap().path();
        // The tool tree is the one that was unpacked.
        if path.is_dir() {
            fs::remove_file(path.with_extension("tar")).unwrap();
            fs::remove_dir_all(path).unwrap();
        }
    }
    place.done(&place.build("again", &["--mirror", &mirror, "--offline"]));
    place.assert_equal(&workdir, "unlocked", "again")?;
    assert_updates(&place, &lock);
    Ok(())
}

/// The bills of materials have the digest of every package file, which is the one that `sha256sum`
/// finds.
fn assert_names_package_files(place: &Place, lock: &Lock) {
    let read = |name: &str| {
        let text = fs::read(place.folder.join(name)).unwrap();
        serde_json::from_slice::<serde_json::Value>(&text).unwrap()
    };
    let (spdx, cyclonedx) = (read("locked.spdx.json"), read("locked.cdx.json"));
    let named = |list: &serde_json::Value, name: &str| {
        let found = list.as_array().unwrap().iter().find(|one| one["name"] == name);
        found.unwrap_or_else(|| panic!("{name}")).clone()
    };
    for package in &lock.root {
        let sum = tool::run("sha256sum", "coreutils", [place.cached(package)]).unwrap();
        let sum = String::from_utf8(sum).unwrap();
        let sum = sum.trim_start_matches('\\').split(' ').next().unwrap();
        let element = named(&spdx["packages"], &package.name);
        let component = named(&cyclonedx["components"], &package.name);
        assert_eq!(element["checksums"][0]["checksumValue"], sum, "{package}");
        assert_eq!(component["hashes"][0]["content"], sum, "{package}");
    }
}

/// Makes an older lock and lets the builder update it.
fn assert_updates(place: &Place, lock: &Lock) {
    let path = place.folder.join("images/debian-test.lock");
    let mut old = lock.clone();
    let asked = old.requested.root.clone();
    let gone = old.root.iter().position(|package| !asked.contains(&package.name)).unwrap();
    let gone = old.root.remove(gone).name;
    "0~old".clone_into(&mut old.tools[0].version);
    "999:1".clone_into(&mut old.tools[1].version);
    fs::write(&path, old.to_text()).unwrap();

    let shown = place.run(&["lock", "--update", "--offline", "--dry-run", "--json"]);
    let shown = String::from_utf8(shown.stdout).unwrap();
    let event: serde_json::Value = serde_json::from_str(shown.lines().last().unwrap()).unwrap();
    let changes = event["changes"].as_array().unwrap();
    let of = |index: usize| (changes[index]["change"].as_str(), changes[index]["name"].as_str());
    assert_eq!(of(0), (Some("added"), Some(gone.as_str())), "{shown}");
    assert_eq!(of(1), (Some("upgraded"), Some(lock.tools[0].name.as_str())), "{shown}");
    assert_eq!(of(2), (Some("downgraded"), Some(lock.tools[1].name.as_str())), "{shown}");
    assert_eq!((changes.len(), &event["written"]), (3, &false.into()), "{shown}");
    assert_eq!(fs::read_to_string(&path).unwrap(), old.to_text(), "a dry run wrote");

    place.done(&["lock", "--update", "--offline"]);
    assert_eq!(fs::read_to_string(&path).unwrap(), lock.to_text());
    let again = String::from_utf8(place.run(&["lock", "--update", "--offline"]).stdout).unwrap();
    assert!(again.contains("it was not written"), "{again}");
}
