//! From the OS to the partition, whenever something changed.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use crate::entry::{ENTRIES, Entry, FileKind, Kind, MOST_FILES, NO_MORE};
use crate::restore::leads_below;
use crate::tree::{self, Error, Tree, present};

/// What was saved.
#[derive(Debug, Default)]
pub struct Saved {
    /// Paths in the OS that were copied.
    pub saved: Vec<String>,
    /// Paths in the OS that are gone, and are forgotten.
    pub forgotten: Vec<String>,
    /// Paths in the OS that are not what they should be, and why: they are not kept.
    pub refused: Vec<(String, String)>,
    /// What could not be done.
    pub failed: Vec<Error>,
    /// Paths in the OS that are on the partition now, as far as this boot knows.
    pub known: BTreeSet<String>,
}

/// Copies what differs from the OS at `os` to `persist`.
///
/// `changes` is the folder with what was changed since the image was made: the upper layers of the
/// overlays, as `etc`. What is not there is as the image has it, and is not kept: else a later version
/// could not change its own settings.
///
/// What is kept and not there is forgotten only if it is in `known`: the paths that were restored or saved
/// on this boot. Otherwise it was never there to be deleted, for want of a sound sector, or of the time
/// zone in this version.
#[must_use]
pub fn save(persist: &Tree, os: &Path, changes: &Path, known: &BTreeSet<String>) -> Saved {
    let mut saved = Saved { known: known.clone(), ..Saved::default() };
    for path in NO_MORE {
        saved.failed.extend(tree::remove(&persist.kept(path)).err());
    }
    for entry in ENTRIES {
        saved.remove_leftovers(persist, entry);
        match entry.kind {
            Kind::File(kind) => saved.file(persist, os, changes, entry.path, kind),
            Kind::Link { below } => saved.link(persist, os, changes, entry.path, below),
            Kind::Folder { .. } => saved.folder(persist, os, changes, entry),
        }
    }
    saved
}

impl Saved {
    /// A file that a power cut left unfinished may never be written again, and it may be a secret.
    fn remove_leftovers(&mut self, persist: &Tree, entry: &Entry) {
        let kept = persist.kept(entry.path);
        let unfinished = match entry.kind {
            Kind::File(_) | Kind::Link { .. } => vec![kept],
            Kind::Folder { .. } => {
                let names = all_names(&kept).filter_map(|name| {
                    let name = tree::leftover_of(&name)?;
                    entry.file_kind(name).map(|_| kept.join(name))
                });
                names.collect()
            }
        };
        let removed = unfinished.iter().map(|path| tree::remove_leftover(path));
        self.failed.extend(removed.filter_map(Result::err));
    }

    fn file(&mut self, persist: &Tree, os: &Path, changes: &Path, path: &str, kind: FileKind) {
        let kept = persist.kept(path);
        if !present(&changes.join(path)) {
            return self.forget(&kept, path);
        }
        let content = match tree::read(&os.join(path), kind.most_bytes) {
            // It went away just now.
            Ok(None) => return self.forget(&kept, path),
            Ok(Some(content)) => content,
            Err(error) => return self.refused.push((path.to_owned(), error.source.to_string())),
        };
        if let Err(why) = (kind.check)(&content) {
            return self.refused.push((path.to_owned(), why.to_owned()));
        }
        // A medium is written as seldom as possible.
        if tree::read(&kept, kind.most_bytes).ok().flatten().as_ref() == Some(&content) {
            self.known.insert(path.to_owned());
        } else {
            let written = tree::write(&kept, &content, kind.mode);
            self.note(path, written);
        }
    }

    fn link(&mut self, persist: &Tree, os: &Path, changes: &Path, path: &str, below: &str) {
        let kept = persist.kept(path);
        if !present(&changes.join(path)) {
            return self.forget(&kept, path);
        }
        match fs::read_link(os.join(path)).ok().filter(|target| leads_below(path, target, below)) {
            None => self.refused.push((path.to_owned(), format!("no link to {below}"))),
            Some(target) if fs::read_link(&kept).is_ok_and(|kept| kept == target) => {
                self.known.insert(path.to_owned());
            }
            Some(target) => {
                let written = tree::link(&kept, &target);
                self.note(path, written);
            }
        }
    }

    fn folder(&mut self, persist: &Tree, os: &Path, changes: &Path, entry: &Entry) {
        let here = names(&changes.join(entry.path), entry);
        let kept = names(&persist.kept(entry.path), entry);
        if here.len() > MOST_FILES {
            let why = format!("{} files, at most {MOST_FILES} are kept", here.len());
            self.refused.push((entry.path.to_owned(), why));
        }
        let wanted = here.iter().take(MOST_FILES).chain(kept.difference(&here));
        for name in wanted {
            if let Some(kind) = entry.file_kind(name) {
                self.file(persist, os, changes, &format!("{}/{name}", entry.path), kind);
            }
        }
    }

    fn forget(&mut self, kept: &Path, path: &str) {
        if !self.known.remove(path) {
            return;
        }
        match tree::remove(kept) {
            Ok(true) => self.forgotten.push(path.to_owned()),
            Ok(false) => {}
            Err(error) => self.failed.push(error),
        }
    }

    fn note(&mut self, path: &str, written: Result<(), Error>) {
        match written {
            Ok(()) => {
                self.known.insert(path.to_owned());
                self.saved.push(path.to_owned());
            }
            Err(error) => self.failed.push(error),
        }
    }
}

/// Names in a folder that are kept.
fn names(folder: &Path, entry: &Entry) -> BTreeSet<String> {
    all_names(folder).filter(|name| entry.file_kind(name).is_some()).collect()
}

fn all_names(folder: &Path) -> impl Iterator<Item = String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    entries.filter_map(|entry| entry.file_name().into_string().ok())
}
