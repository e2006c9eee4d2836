//! What lies in a repository without belonging to it.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anklume_release::{names, offers};
use anklume_trust::Role;

use super::findings::Findings;
use crate::repo::metadata::Signed;
use crate::repo::numbers::numbered;
use crate::repo::store::Repository;

/// The deepest folder that is looked into.
const DEPTH_MAX: usize = 16;
/// The most files that are looked at behind a symbolic link: one may lead to the whole system.
const LINKED_MAX: usize = 10_000;
/// What begins the file of a secret key, whatever it is encrypted with.
const SECRET: [&[u8]; 4] = [
    b"-----BEGIN PRIVATE KEY",
    b"-----BEGIN ENCRYPTED PRIVATE KEY",
    b"-----BEGIN OPENSSH PRIVATE KEY",
    b"-----BEGIN EC PRIVATE KEY",
];

/// Names every file that nothing refers to; secret keys above all.
pub(super) fn look(repository: &Repository, signed: Option<&Signed>, findings: &mut Findings) {
    let mut walk = Walk { root: repository.root(), found: Vec::new(), most: usize::MAX };
    for (folder, trouble) in walk.all() {
        findings.bad(&folder, trouble);
    }
    let known = signed.map(known);
    for name in walk.found {
        let path = repository.path(&name);
        if is_secret(&path) {
            findings.bad(&name, "is a secret key: whoever reads the repository has it; replace it");
        } else if let Some(to) = linked_secret(repository.root(), &path) {
            let text = "leads to a secret key: a web server may follow it; replace that key";
            findings.bad(&name, format!("{text} ({})", to.display()));
        } else if let Some(text) = stray(&name, signed).filter(|_| {
            // Without what is signed nobody knows what belongs there.
            known.as_ref().is_some_and(|known| !known.contains(&name))
        }) {
            findings.note(&name, text);
        }
    }
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

/// What to say of a file that does not belong to the repository, if it is not one of the metadata that had
/// its time: whoever is in the middle of reading may still need that. A root before the one that is
/// trusted is no stray either.
fn stray(name: &str, signed: Option<&Signed>) -> Option<&'static str> {
    let file = name.strip_prefix(names::METADATA).and_then(|name| name.strip_prefix('/'));
    if let Some((role, number)) = file.and_then(numbered) {
        let times = signed.and_then(|signed| signed.times(role));
        let is_newer = role != Role::Root && times.is_some_and(|times| number > times.version);
        return is_newer.then_some(
            "nothing refers to it: a publisher did not get to the end, or an older timestamp.json was put \
             back",
        );
    }
    match name.ends_with(".part") {
        true => {
            Some("was left by a publisher that did not get to the end; publishing again removes it")
        }
        false => Some("is not signed, and nothing refers to it"),
    }
}

/// Whether a file begins as one of a secret key does.
fn is_secret(path: &Path) -> bool {
    use std::io::Read;
    let is_file = path.symlink_metadata().is_ok_and(|metadata| metadata.is_file());
    let mut start = Vec::new();
    let file = is_file.then(|| fs::File::open(path).ok()).flatten();
    let read = file.map(|file| file.take(64).read_to_end(&mut start));
    read.is_some() && SECRET.iter().any(|secret| start.starts_with(secret))
}

/// The secret key that a symbolic link leads to, or to a folder with it.
fn linked_secret(root: &Path, path: &Path) -> Option<PathBuf> {
    if !path.symlink_metadata().ok()?.is_symlink() {
        return None;
    }
    let to = path.canonicalize().ok()?;
    // What is in the repository is looked at anyway.
    if root.canonicalize().is_ok_and(|root| to.starts_with(root)) {
        return None;
    }
    if !to.is_dir() {
        return is_secret(&to).then_some(to);
    }
    let mut walk = Walk { root: &to, found: Vec::new(), most: LINKED_MAX };
    walk.all();
    walk.found.iter().map(|name| to.join(name)).find(|path| is_secret(path))
}

/// Gathers the files of a folder, and of the folders in it.
struct Walk<'a> {
    root: &'a Path,
    /// Their names below the folder.
    found: Vec<String>,
    /// How many are looked for.
    most: usize,
}

impl Walk<'_> {
    /// Gathers; the folders that could not be looked into, and why.
    fn all(&mut self) -> Vec<(String, String)> {
        let mut troubles = Vec::new();
        self.folder(Path::new(""), 0, &mut troubles);
        troubles
    }

    fn folder(&mut self, inside: &Path, depth: usize, troubles: &mut Vec<(String, String)>) {
        let mut trouble = |text: String| troubles.push((inside.display().to_string(), text));
        if depth > DEPTH_MAX {
            trouble(format!("deeper than {DEPTH_MAX} folders: was not looked into"));
            return;
        }
        let entries = match self.entries(inside) {
            Ok(entries) => entries,
            Err(error) => {
                trouble(format!("was not looked into: {error}"));
                return;
            }
        };
        for (inside, is_folder) in entries {
            if self.found.len() >= self.most {
                return;
            }
            match is_folder {
                true => self.folder(&inside, depth + 1, troubles),
                false => self.found.push(inside.to_string_lossy().into_owned()),
            }
        }
    }

    /// Names in a folder, and whether they are folders.
    fn entries(&self, inside: &Path) -> io::Result<Vec<(PathBuf, bool)>> {
        let mut entries = Vec::new();
        for entry in fs::read_dir(self.root.join(inside))? {
            let entry = entry?;
            entries.push((inside.join(entry.file_name()), entry.file_type()?.is_dir()));
        }
        entries.sort();
        Ok(entries)
    }
}
