//! Lock files as a user meets them: what does not fit or is damaged is named, with a hint and the
//! documented exit code. No test here needs a network; the packages do not exist but for one that is
//! made here.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests run programs")]

mod support;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use anklume_lock::{Archive, Lock, Package, Requested, Sha256};
use sha2::Digest;

const PROGRAM: &str = env!("CARGO_BIN_EXE_anklume-build");
const EPOCH: u64 = 1_794_648_103;

/// A copy of the test image's definition, an empty cache, and a lock that fits.
struct Place {
    folder: tempfile::TempDir,
}

impl Place {
    fn new() -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).unwrap();
        let overlays = ["base", "update", "test"].map(|name| format!("overlays/{name}"));
        for name in overlays.iter().map(String::as_str).chain(["images", "cache/debs"]) {
            fs::create_dir_all(place.path(name)).unwrap();
        }
        fs::copy(root.join("images/debian-test.toml"), place.path("images/x.toml")).unwrap();
        place.write(&place.lock());
        place
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same with a container in the image.
    fn with_container(install: &str) -> Self {
        let place = Self::new();
        let path = place.path("images/x.toml");
        let container = format!("\n[container]\nwhy = \"Tests.\"\ninstall = [{install}]\n");
        fs::write(&path, fs::read_to_string(&path).unwrap() + &container).unwrap();
        place
    }

    /// A lock that fits the definition, of packages that do not exist.
    fn lock(&self) -> Lock {
        let requested = Requested {
            root: self.asked_for("root tree"),
            tools: self.asked_for("tool tree"),
            container: BTreeSet::new(),
            modules: BTreeSet::new(),
        };
        let packages = |names: &BTreeSet<String>| names.iter().map(|n| package(n)).collect();
        Lock {
            suite: "trixie".into(),
            components: BTreeSet::from(["main".to_owned()]),
            architecture: "amd64".into(),
            epoch: EPOCH,
            root: packages(&requested.root),
            tools: packages(&requested.tools),
            container: packages(&requested.container),
            modules: packages(&requested.modules),
            requested,
        }
    }

    /// The names that a build without a lock gives mmdebstrap for a tree.
    fn asked_for(&self, tree: &str) -> BTreeSet<String> {
        let output = self.build(&["--no-lock", "--dry-run", "--json"]);
        let plan: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
        let step = plan.as_array().unwrap().iter().find(|step| step["step"] == tree).unwrap();
        let command = step["details"][0].as_str().unwrap();
        let names = command.split(" --include=").nth(1).unwrap().split(' ').next().unwrap();
        names.split(',').map(str::to_owned).collect()
    }

    fn write(&self, lock: &Lock) {
        fs::write(self.path("images/x.lock"), lock.to_text()).unwrap();
    }

    fn run(&self, words: &[&str]) -> Output {
        let mut command = Command::new(PROGRAM);
        command.args(words).args(["--image", "images/x.toml", "--cache", "cache"]);
        command.current_dir(self.folder.path()).output().unwrap()
    }

    fn build(&self, words: &[&str]) -> Output {
        let init = support::init(self.folder.path());
        self.run(&[words, &["--init", &init, "-o", "x.iso"]].concat())
    }

    /// Runs a build that must fail.
    fn refused(&self, words: &[&str], code: i32, says: &[&str]) {
        failed(&self.build(words), code, says);
        assert!(!self.path("x.iso").exists());
    }
}

fn failed(output: &Output, code: i32, says: &[&str]) {
    let text = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "{text}");
    for part in says {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

fn package(name: &str) -> Package {
    Package {
        name: name.to_owned(),
        version: "1:2-3".into(),
        architecture: "amd64".into(),
        size: 7,
        sha256: Sha256::new([7; 32]),
        path: format!("pool/main/{name}_2-3_amd64.deb"),
        archive: Archive::Main,
    }
}

#[test]
fn the_plan_says_that_a_lock_is_used() {
    let place = Place::new();
    let text = String::from_utf8(place.build(&["--dry-run"]).stdout).unwrap();
    for part in ["locked by images/x.lock", "as of 20261114", "anklume-lock"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    let text = String::from_utf8(place.build(&["--dry-run", "--no-lock"]).stdout).unwrap();
    assert!(!text.contains("x.lock") && !text.contains("anklume-lock"), "{text}");
}

#[test]
fn a_lock_that_does_not_fit_is_refused_with_the_difference() {
    let place = Place::new();
    let mut lock = place.lock();
    lock.suite = "forky".into();
    lock.requested.root.remove("dbus");
    lock.requested.root.insert("kmodx".into());
    lock.root.push(package("kmodx"));
    place.write(&lock);
    let says = [
        "images/x.lock does not fit images/x.toml:",
        "suite: the lock has forky, expected trixie",
        "dbus was added (root)",
        "kmodx was removed (root)",
        "hint: `anklume-build lock --update`",
    ];
    place.refused(&["--offline"], 3, &says);
    place.refused(&["--no-lock", "--offline"], 3, &["the cache knows nothing"]);
}

#[test]
fn the_packages_of_a_container_are_locked_too() {
    let place = Place::with_container("\"dash\", \"systemd-sysv\"");
    let added = ["dash was added (container)", "systemd-sysv was added (container)"];
    place.refused(&["--offline"], 3, &added);
    let mut lock = place.lock();
    lock.requested.container = place.asked_for("container tree");
    lock.container = lock.requested.container.iter().map(|name| package(name)).collect();
    place.write(&lock);
    let text = String::from_utf8(place.build(&["--dry-run"]).stdout).unwrap();
    for part in ["2 of the container", "container tree: trixie with 2 named packages"] {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    // A plan has a command for each tree, with its own packages and no others.
    let commands: Vec<&str> =
        text.lines().filter(|line| line.contains("mmdebstrap --variant")).collect();
    assert_eq!(commands.len(), 3, "{text}");
    assert!(commands[2].contains("--include=dash,systemd-sysv "), "{}", commands[2]);
    let plain = Place::new();
    let text = String::from_utf8(plain.build(&["--dry-run"]).stdout).unwrap();
    assert!(!text.contains("container"), "{text}");
    plain.write(&lock);
    plain.refused(&["--offline"], 3, &["dash was removed (container)"]);
}

#[test]
fn the_packages_that_kernel_modules_are_built_from_are_locked_too() {
    let place = Place::new();
    let plan = |words: &[&str]| {
        String::from_utf8(place.build(&[words, &["--dry-run"]].concat()).stdout).unwrap()
    };
    assert!(!plan(&[]).contains("modules: "), "{}", plan(&[]));
    place.refused(
        &["--with", "zfs", "--offline"],
        3,
        &["zfs-dkms was added (modules)", "linux-headers-amd64 was added (modules)"],
    );
    let text = plan(&["--with", "zfs", "--no-lock"]);
    let command = text.lines().find(|line| line.contains("--format=null")).unwrap();
    for part in ["no-autoinstall", "sh /anklume-modules/build", "copy-out"] {
        assert!(command.contains(part), "`{part}` is not in: {command}");
    }
    let mut lock = place.lock();
    let command = command.split(" --include=").nth(1).unwrap().split(' ').next().unwrap();
    lock.requested.modules = command.split(',').map(str::to_owned).collect();
    lock.modules = lock.requested.modules.iter().map(|name| package(name)).collect();
    lock.requested.root.insert("zfsutils-linux".to_owned());
    lock.root.push(package("zfsutils-linux"));
    lock.components.insert("contrib".to_owned());
    place.write(&lock);
    let text = plan(&["--with", "zfs"]);
    assert!(text.contains("7 for kernel modules"), "{text}");
    place.refused(&["--offline"], 3, &["zfs-dkms was removed (modules)"]);
}

#[test]
fn groups_that_nobody_can_choose_are_refused() {
    let place = Place::new();
    let optional = "hint: optional groups are zfs";
    place.refused(&["--with", "xfs"], 3, &["x.toml: there is no package group `xfs`", optional]);
    place.refused(&["--without", "system"], 3, &["`system` is not optional", optional]);
    place.refused(&["--with", "zfs", "--without", "zfs"], 3, &["asked for and left out"]);
}

#[test]
fn a_damaged_lock_is_refused_with_its_line() {
    let place = Place::new();
    let text = place.lock().to_text();
    let line = text.lines().position(|line| line.starts_with("sha256")).unwrap() + 1;
    fs::write(place.path("images/x.lock"), text.replacen("0707", "07", 1)).unwrap();
    let at = format!("images/x.lock:{line}:");
    place.refused(&["--offline"], 3, &[&at, "64 lower-case", "hint: "]);
    fs::write(place.path("images/x.lock"), [0xff; 9]).unwrap();
    place.refused(&["--offline"], 3, &["images/x.lock"]);
    failed(&place.run(&["lock", "--update"]), 3, &["images/x.lock"]);
}

#[test]
fn options_that_contradict_a_lock_are_refused() {
    let place = Place::new();
    place.refused(&["--package", "htop"], 3, &["--package htop", "x.lock", "hint: --no-lock"]);
    place.refused(&["--snapshot", "http://mirror.example"], 3, &["no {timestamp}", "hint: "]);
    place.refused(&["--snapshot", "{timestamp}", "--no-lock"], 2, &["--no-lock"]);
    let before = fs::read(place.path("images/x.lock")).unwrap();
    failed(
        &place.run(&["lock"]),
        3,
        &["images/x.lock exists", "hint: `anklume-build lock --update`"],
    );
    assert_eq!(fs::read(place.path("images/x.lock")).unwrap(), before);
}

#[test]
fn every_missing_package_is_named() {
    let place = Place::new();
    let tools = place.asked_for("tool tree");
    let mut says: Vec<String> = tools.iter().map(|name| format!("{name} 1:2-3 (")).collect();
    says.push("hint: build once without --offline".into());
    let damaged = package(tools.first().unwrap());
    fs::write(place.path("cache/debs").join(damaged.file_name()), [0; 7]).unwrap();
    says.push(format!("{damaged} (SHA-256 "));
    let says: Vec<&str> = says.iter().map(String::as_str).collect();
    place.refused(&["--offline"], 3, &says);
    let mut says = says;
    let hint = "hint: --snapshot 'http://mirror.example/{archive}/{timestamp}'";
    says.retain(|text| !text.starts_with("hint: "));
    says.push(hint);
    place.refused(&["--mirror", "file:/nonexistent"], 1, &says);
}

/// A package file without content, made by dpkg-deb, where `package` says below `base`.
fn make_deb(place: &Place, base: &str, name: &str) -> Package {
    let tree = place.path("tree");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    let control = format!(
        "Package: {name}\nVersion: 1:2-3\nArchitecture: amd64\nMaintainer: A <a@mirror.example>\n\
         Description: x\n"
    );
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    let mut package = package(name);
    let file = place.path(base).join(&package.path);
    fs::create_dir_all(file.parent().unwrap()).unwrap();
    let mut command = Command::new("dpkg-deb");
    let result = command.args(["--root-owner-group", "--build"]).arg(&tree).arg(&file).output();
    assert!(result.expect("dpkg-deb (package dpkg)").status.success());
    let bytes = fs::read(&file).unwrap();
    package.size = u64::try_from(bytes.len()).unwrap();
    package.sha256 = Sha256::new(sha2::Sha256::digest(&bytes).into());
    package
}

#[test]
fn files_come_from_the_mirror_and_from_snapshots_of_the_lock_and_of_the_day_after() {
    let place = Place::new();
    let mut lock = place.lock();
    let names: Vec<String> = lock.requested.tools.iter().cloned().collect();
    let there = [
        make_deb(&place, "mirror", &names[0]),
        make_deb(&place, "old/debian/20261114T092143Z", &names[1]),
        Package {
            archive: Archive::Security,
            ..make_deb(&place, "old/debian-security/20261115T092143Z", &names[2])
        },
        // Another file than the one of the lock.
        Package { sha256: Sha256::new([1; 32]), ..make_deb(&place, "mirror", &names[3]) },
    ];
    for package in &there {
        let slot = lock.tools.iter_mut().find(|other| other.name == package.name).unwrap();
        *slot = package.clone();
    }
    place.write(&lock);
    let folder = place.folder.path().display();
    let mirror = format!("file:{folder}/mirror");
    let snapshot = format!("file:{folder}/old/{{archive}}/{{timestamp}}");
    let output = place.build(&["--mirror", &mirror, "--snapshot", &snapshot]);
    failed(&output, 1, &[&format!("{} 1:2-3 (not in the cache)", names[3])]);
    let text = String::from_utf8_lossy(&output.stderr);
    let error = text.lines().find(|line| line.starts_with("error: ")).unwrap();
    for (package, taken) in there.iter().zip([true, true, true, false]) {
        let file = place.path("cache/debs").join(package.file_name());
        assert_eq!(file.is_file() && !file.is_symlink(), taken, "{package}: {text}");
        assert_eq!(!error.contains(&package.name), taken, "{package}: {text}");
    }
}
