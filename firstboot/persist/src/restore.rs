//! From the partition into the OS, before it starts.

use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use crate::entry::{ENTRIES, Entry, FileKind, Kind, MOST_FILES};
use crate::tree::{self, Error, Tree, at};

/// What was restored.
#[derive(Debug, Default)]
pub struct Restored {
    /// Paths in the OS that were written.
    pub restored: Vec<String>,
    /// Paths in the OS whose kept file was damaged, why, and where it is now.
    pub set_aside: Vec<(String, String, PathBuf)>,
    /// What could not be done.
    pub failed: Vec<Error>,
}

/// Copies every kept file from `persist` to its path below `os`, whose `/etc` can be written.
///
/// A file that is not what it should be is set aside, never deleted, and the OS starts with what the
/// image brings. Nothing here keeps a machine from booting.
#[must_use]
pub fn restore(persist: &Tree, os: &Path) -> Restored {
    let mut restored = Restored::default();
    for entry in ENTRIES {
        match entry.kind {
            Kind::File(kind) => restored.file(persist, os, entry.path, kind),
            Kind::Link { below } => restored.link(persist, os, entry.path, below),
            Kind::Folder { .. } => restored.folder(persist, os, entry),
        }
    }
    restored
}

impl Restored {
    fn file(&mut self, persist: &Tree, os: &Path, path: &str, kind: FileKind) {
        let kept = persist.kept(path);
        let content = match tree::read(&kept, kind.most_bytes) {
            Ok(None) => return,
            Ok(Some(content)) => content,
            Err(error) if error.source.kind() == io::ErrorKind::InvalidData => {
                return self.damaged(persist, path, &kept, error.source.to_string());
            }
            // A loose contact is no damage of the file.
            Err(error) => return self.failed.push(error),
        };
        if let Err(why) = (kind.check)(&content) {
            return self.damaged(persist, path, &kept, why.to_owned());
        }
        let written = tree::write(&os.join(path), &content, kind.mode);
        self.note(path, written);
    }

    fn link(&mut self, persist: &Tree, os: &Path, path: &str, below: &str) {
        let kept = persist.kept(path);
        if kept.symlink_metadata().is_err() {
            return;
        }
        let target = fs::read_link(&kept);
        let inside = target.ok().filter(|target| leads_below(path, target, below));
        // A time zone that this version of the OS does not have is no damage.
        match inside.map(|target| (os.join(inside_os(path, &target)).exists(), target)) {
            Some((true, target)) => {
                let written = tree::link(&os.join(path), &target);
                self.note(path, written);
            }
            Some((false, _)) => {}
            None => self.damaged(persist, path, &kept, format!("no link to {below}")),
        }
    }

    fn folder(&mut self, persist: &Tree, os: &Path, entry: &Entry) {
        let folder = persist.kept(entry.path);
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return,
            Err(error) => return self.failed.push(at("reading", &folder)(error)),
            Ok(entries) => entries,
        };
        let names = entries.flatten().filter_map(|entry| entry.file_name().into_string().ok());
        let mut names: Vec<_> =
            names.filter_map(|name| Some((entry.file_kind(&name)?, name))).collect();
        names.sort_by(|(_, one), (_, other)| one.cmp(other));
        for (kind, name) in names.into_iter().take(MOST_FILES) {
            self.file(persist, os, &format!("{}/{name}", entry.path), kind);
        }
    }

    fn note(&mut self, path: &str, written: Result<(), Error>) {
        match written {
            Ok(()) => self.restored.push(path.to_owned()),
            Err(error) => self.failed.push(error),
        }
    }

    fn damaged(&mut self, persist: &Tree, path: &str, kept: &Path, why: String) {
        match persist.set_aside(kept) {
            Ok(place) => self.set_aside.push((path.to_owned(), why, place)),
            Err(error) => self.failed.push(error),
        }
    }
}

/// Where the link at `path` leads in the OS, without its leading `/`.
fn inside_os(path: &str, target: &Path) -> PathBuf {
    let mut place = match target.is_absolute() {
        true => PathBuf::new(),
        false => Path::new(path).parent().map(Path::to_owned).unwrap_or_default(),
    };
    for component in target.components() {
        match component {
            Component::Normal(name) => place.push(name),
            Component::ParentDir => _ = place.pop(),
            _ => {}
        }
    }
    place
}

pub(crate) fn leads_below(path: &str, target: &Path, below: &str) -> bool {
    inside_os(path, target).strip_prefix(below).is_ok_and(|rest| rest != Path::new(""))
}

/// Writes a file of the OS and keeps it, for an identity that the initramfs makes.
///
/// # Errors
/// [`Error`] of the OS's file; that it could not be kept is the second value.
pub fn make(
    persist: Option<&Tree>,
    os: &Path,
    path: &str,
    content: &[u8],
    mode: u32,
) -> Result<Option<Error>, Error> {
    tree::write(&os.join(path), content, mode)?;
    Ok(persist.and_then(|persist| tree::write(&persist.kept(path), content, mode).err()))
}

/// Whether the OS at `os` has a machine ID, and not a word in place of one.
#[must_use]
pub fn has_machine_id(os: &Path) -> bool {
    let id = tree::read(&os.join("etc/machine-id"), 64).ok().flatten();
    id.is_some_and(|id| crate::form::machine_id(&id).is_ok())
}
