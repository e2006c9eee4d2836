//! What lies in a repository without belonging to it.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anklume_release::{names, offers};
use anklume_trust::Role;

use super::findings::Findings;
use crate::failure::{Context, Failure};
use crate::repo::metadata::Signed;
use crate::repo::store::Repository;

/// The deepest folder that is looked into.
const DEPTH_MAX: usize = 16;
/// What begins the file of a secret key, whatever it is encrypted with.
const SECRET: [&[u8]; 4] = [
    b"-----BEGIN PRIVATE KEY",
    b"-----BEGIN ENCRYPTED PRIVATE KEY",
    b"-----BEGIN OPENSSH PRIVATE KEY",
    b"-----BEGIN EC PRIVATE KEY",
];

/// Names every file that nothing refers to; secret keys above all.
pub(super) fn look(
    repository: &Repository,
    signed: Option<&Signed>,
    findings: &mut Findings,
) -> Result<(), Failure> {
    let mut found = Vec::new();
    walk(repository.root(), Path::new(""), 0, &mut found)?;
    let known = signed.map(known);
    for name in found {
        if is_secret(&repository.path(&name)) {
            findings.bad(&name, "is a secret key: whoever reads the repository has it; replace it");
        } else if known.as_ref().is_some_and(|known| !known.contains(&name)) && !is_older(&name) {
            findings.note(&name, stray(&name));
        }
    }
    Ok(())
}

/// What belongs to the repository.
fn known(signed: &Signed) -> BTreeSet<String> {
    let roots = signed.roots.iter().map(|(name, _)| names::metadata(name));
    let rest = signed.rest.iter().map(|(_, name, _)| names::metadata(name));
    let mut known: BTreeSet<String> = roots.chain(rest).collect();
    let Some(targets) = signed.targets() else { return known };
    known.extend(targets.targets.keys().cloned());
    for offer in offers(targets).0 {
        let image = names::image(&offer.custom.compatible, &offer.custom.version);
        known.insert(names::file(&offer.folder, &names::bundle(&image)));
    }
    known
}

/// A file of the metadata that had its time: whoever is in the middle of reading may still need it. A
/// root before the one that is trusted is no stray either.
fn is_older(name: &str) -> bool {
    let file = name.strip_prefix(names::METADATA).and_then(|name| name.strip_prefix('/'));
    let Some((number, rest)) = file.and_then(|file| file.split_once('.')) else { return false };
    let digits = !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit());
    digits && Role::ALL.iter().any(|role| *role != Role::Timestamp && role.file() == rest)
}

fn stray(name: &str) -> &'static str {
    match name.ends_with(".part") {
        true => "was left by a publisher that did not get to the end; publishing again removes it",
        false => "is not signed, and nothing refers to it",
    }
}

fn is_secret(path: &Path) -> bool {
    use std::io::Read;
    let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    let mut start = Vec::new();
    let file = is_file.then(|| fs::File::open(path).ok()).flatten();
    let read = file.map(|file| file.take(64).read_to_end(&mut start));
    read.is_some() && SECRET.iter().any(|secret| start.starts_with(secret))
}

fn walk(root: &Path, inside: &Path, depth: usize, found: &mut Vec<String>) -> Result<(), Failure> {
    let folder = root.join(inside);
    let what = || format!("the folder {}", folder.display());
    if depth > DEPTH_MAX {
        return Err(Failure::refused(format!("{}: deeper than {DEPTH_MAX} folders", what())));
    }
    let mut names: Vec<_> = fs::read_dir(&folder)
        .and_then(|entries| entries.map(|entry| Ok(entry?.file_name())).collect())
        .context(what())?;
    names.sort();
    for name in names {
        let inside = inside.join(&name);
        let kind = root.join(&inside).symlink_metadata().context(what())?;
        match kind.is_dir() {
            true => walk(root, &inside, depth + 1, found)?,
            false => found.push(inside.to_string_lossy().into_owned()),
        }
    }
    Ok(())
}
