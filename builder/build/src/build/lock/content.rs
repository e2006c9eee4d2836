//! Whether a tree that was only unpacked comes from exactly the packages that it should.
//!
//! mmdebstrap's variant `extract` leaves no package database, so paths are compared: each of a
//! package has to be in the tree, and everything below `/usr` in the tree has to be of a package.

use std::collections::BTreeSet;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};

use anklume_host::process::Cmd;
use anklume_lock::Package;

use crate::failure::{Context, Failure};

/// Directories at the root that are links into `/usr` (Debian policy section 10.1).
const MERGED: [&str; 5] = ["bin", "sbin", "lib", "lib64", "lib32"];

/// Compares the tree in `tar` with its `packages`, whose files are in `debs`.
pub(super) fn check(debs: &Path, packages: &[Package], tar: &Path) -> Result<(), Failure> {
    let tree = paths(File::open(tar).context("the tool tree")?).context("the tool tree")?;
    let mut known = BTreeSet::new();
    for package in packages {
        let file = debs.join(package.file_name());
        let output = Cmd::new("dpkg-deb").arg("--fsys-tarfile").arg(&file).output();
        let output =
            output.map_err(|error| Failure::process(&format!("reading {package}"), &error))?;
        let content = paths(output.stdout.as_slice()).context(format!("reading {package}"))?;
        if let Some(path) = content.difference(&tree).next() {
            let path = path.display();
            return Err(Failure::failed(format!(
                "the tool tree is not what was locked: {path} of {package} is missing"
            )));
        }
        known.extend(content);
    }
    match tree.difference(&known).find(|path| path.starts_with("usr")) {
        None => Ok(()),
        Some(path) => Err(Failure::failed(format!(
            "the tool tree is not what was locked: {} is of none of its packages",
            path.display()
        ))),
    }
}

/// Everything in an archive but its directories.
fn paths(tar: impl Read) -> std::io::Result<BTreeSet<PathBuf>> {
    let mut paths = BTreeSet::new();
    for entry in tar::Archive::new(tar).entries()? {
        let entry = entry?;
        if !entry.header().entry_type().is_dir() {
            paths.insert(merged(&entry.path()?));
        }
    }
    Ok(paths)
}

/// The path relative to the root, where it lies in a system with merged `/usr`.
fn merged(path: &Path) -> PathBuf {
    let path = path.strip_prefix(".").unwrap_or(path);
    let path = path.strip_prefix("/").unwrap_or(path);
    let below = |name: &&str| path.starts_with(name) && path != Path::new(name);
    if MERGED.iter().any(below) { Path::new("usr").join(path) } else { path.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_those_of_a_merged_system() {
        for (path, expected) in [
            ("./lib/x86_64-linux-gnu/a", "usr/lib/x86_64-linux-gnu/a"),
            ("./usr/bin/a", "usr/bin/a"),
            ("./bin", "bin"),
            ("/sbin/a", "usr/sbin/a"),
            ("libx/a", "libx/a"),
        ] {
            assert_eq!(merged(Path::new(path)), Path::new(expected));
        }
    }
}
