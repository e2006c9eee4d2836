//! Versions against dpkg, the local repository against dpkg-deb and apt.
#![expect(clippy::unwrap_used, clippy::disallowed_methods, reason = "tests drive foreign tools")]

mod support;

use std::cmp::Ordering;
use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use anklume_lock::{Archive, Package, Sha256, apt, repository, version};
use proptest::prelude::*;
use support::{any_version, lock};

fn run(program: &str, package: &str, set: impl FnOnce(&mut Command) -> &mut Command) -> Output {
    let mut command = Command::new(program);
    // A home that is not readable would be complained about.
    set(command.env("LC_ALL", "C").env_remove("HOME"))
        .output()
        .unwrap_or_else(|error| panic!("{program} (package {package}): {error}"))
}

fn done(program: &str, package: &str, set: impl FnOnce(&mut Command) -> &mut Command) -> String {
    let output = run(program, package, set);
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(
        output.status.success(),
        "{program}: {text}{}",
        String::from_utf8_lossy(&output.stderr)
    );
    text
}

fn dpkg_says(a: &str, relation: &str, b: &str) -> bool {
    let output = run("dpkg", "dpkg", |c| c.args(["--compare-versions", a, relation, b]));
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(stderr.is_empty(), "{a} {b}: {stderr}");
    output.status.success()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn versions_are_ordered_as_dpkg_orders_them(a in any_version(), b in any_version()) {
        prop_assume!(version::is_valid(&a) && version::is_valid(&b));
        let relation = match version::compare(&a, &b) {
            Ordering::Less => "lt",
            Ordering::Equal => "eq",
            Ordering::Greater => "gt",
        };
        prop_assert!(dpkg_says(&a, relation, &b), "{} {} {}", a, relation, b);
    }
}

/// A package file without content, made by dpkg-deb.
fn make_deb(folder: &Path, control: &str) -> Package {
    let field = |name: &str| {
        let value = control.lines().find_map(|line| line.strip_prefix(&format!("{name}: ")));
        value.unwrap().to_owned()
    };
    let tree = folder.join("tree");
    fs::create_dir_all(tree.join("DEBIAN")).unwrap();
    fs::write(tree.join("DEBIAN/control"), control).unwrap();
    let mut package = Package {
        name: field("Package"),
        version: field("Version"),
        architecture: field("Architecture"),
        size: 0,
        sha256: Sha256::new([0; 32]),
        path: "pool/x.deb".into(),
        archive: Archive::Main,
    };
    let file = folder.join(package.file_name());
    done("dpkg-deb", "dpkg", |c| c.args(["--root-owner-group", "--build"]).arg(&tree).arg(&file));
    package.size = file.metadata().unwrap().len();
    let sum = done("sha256sum", "coreutils", |c| c.arg(&file));
    package.sha256 = sum.split_whitespace().next().unwrap().parse().unwrap();
    package
}

const ESSENTIAL: &str = "Package: base-thing\nVersion: 1:2~rc1+x-3\nArchitecture: all\n\
    Maintainer: A <a@mirror.example>\nEssential: yes\nSHA256: lies\n and lies\nDepends: lib-thing\n\
    Description: short\n long\n .\n more\n";
const LIBRARY: &str = "Package: lib-thing\nVersion: 7-1\nArchitecture: amd64\n\
    Maintainer: A <a@mirror.example>\nDescription: short\n";

/// Writes the local repository of both packages as a build does; gives both.
fn make_repository(folder: &Path) -> Vec<Package> {
    let packages = vec![make_deb(folder, ESSENTIAL), make_deb(folder, LIBRARY)];
    let mut index = String::new();
    for package in &packages {
        let file = folder.join(package.file_name());
        let control = done("dpkg-deb", "dpkg", |c| c.arg("--field").arg(&file));
        index += &repository::paragraph(package, &control).unwrap();
    }
    let path = folder.join("Packages");
    fs::write(&path, &index).unwrap();
    let sum = done("sha256sum", "coreutils", |c| c.arg(&path));
    let digest = sum.split_whitespace().next().unwrap().parse().unwrap();
    let bytes = u64::try_from(index.len()).unwrap();
    let release = repository::release(&lock(&packages, &[]), bytes, digest);
    fs::write(folder.join("Release"), release).unwrap();
    packages
}

/// Configuration of an apt that knows only the repository in `folder`.
fn apt_config(folder: &Path, state: &Path) -> std::path::PathBuf {
    for name in ["lists/partial", "archives/partial"] {
        fs::create_dir_all(state.join(name)).unwrap();
    }
    fs::write(state.join("status"), "").unwrap();
    let line = format!("deb [trusted=yes] copy:{} ./\n", folder.display());
    fs::write(state.join("sources.list"), line).unwrap();
    let at = |name: &str| state.join(name).display().to_string();
    let text = format!(
        "Dir::Etc::main \"/dev/null\";\nDir::Etc::parts \"/dev/null\";\n\
         Dir::Etc::sourcelist \"{}\";\nDir::Etc::sourceparts \"/dev/null\";\n\
         Dir::Etc::preferencesparts \"/dev/null\";\n\
         Dir::State \"{}\";\nDir::State::status \"{}\";\nDir::Cache \"{}\";\n\
         APT::Architecture \"amd64\";\nAPT::Architectures {{ \"amd64\"; }};\n\
         APT::Sandbox::User \"\";\nAcquire::Languages \"none\";\n",
        at("sources.list"),
        at(""),
        at("status"),
        at(""),
    );
    let path = state.join("apt.conf");
    fs::write(&path, text).unwrap();
    path
}

#[test]
fn apt_takes_the_repository_and_its_essential_packages() {
    let folder = tempfolder("repository");
    let state = tempfolder("state");
    let packages = make_repository(&folder.0);
    let config = apt_config(&folder.0, &state.0);
    let apt = |words: &[&str]| done("apt-get", "apt", |c| c.args(words).env("APT_CONFIG", &config));
    apt(&["-qq", "update"]);
    // The patterns with which mmdebstrap looks for what every system has.
    let find = |release: &str| {
        let essential = format!("?narrow({release}(^trixie$),?architecture(amd64),?essential)");
        let words = ["--yes", "--print-uris", "-o", "Acquire::ForceHash=SHA256", "install"];
        apt(&[&words[..], &[&essential]].concat())
    };
    let text = find("?archive");
    assert!(text.contains("base-thing_"), "{text}");
    assert_eq!(find("?codename"), text);
    // In a flat repository, paths begin at the folder itself.
    let uri = format!("copy:{}/.", folder.0.display());
    let mut found =
        apt::package_files(&text, &[apt::Base { archive: Archive::Main, uri }]).unwrap();
    found.sort();
    let at_top = |package: &Package| Package { path: package.file_name(), ..package.clone() };
    let expected: Vec<Package> = packages.iter().map(at_top).collect();
    assert_eq!(found, expected, "{text}");
    apt(&["--yes", "-qq", "--download-only", "install", "base-thing"]);
    for package in &packages {
        assert!(state.0.join("archives").join(package.file_name()).exists(), "{package}");
    }
}

#[test]
fn a_file_with_other_control_fields_is_refused() {
    let folder = tempfolder("control");
    let package = make_deb(&folder.0, LIBRARY);
    let good = LIBRARY.to_owned();
    assert!(repository::paragraph(&package, &good).is_ok());
    let lies = good.replace("Description", "sha256: lies\n and lies\nSize: lies\nDescription");
    assert!(!repository::paragraph(&package, &lies).unwrap().contains("lies"));
    for (from, to) in
        [("7-1", "7-2"), ("lib-thing", "lib-other"), ("amd64", "all"), ("Version", "X")]
    {
        let error = repository::paragraph(&package, &good.replace(from, to)).unwrap_err();
        assert_eq!(error.file, "lib-thing_7-1_amd64.deb");
    }
}

struct Folder(std::path::PathBuf);

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn tempfolder(name: &str) -> Folder {
    let path = std::env::temp_dir().join(format!("anklume-lock-{name}-{}", std::process::id()));
    let _ = fs::remove_dir_all(&path);
    fs::create_dir_all(&path).unwrap();
    Folder(path)
}
