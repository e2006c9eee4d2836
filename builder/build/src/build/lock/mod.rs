//! Lock files: builds that take exactly the packages that were written down, and the command that
//! writes them down.
//!
//! A locked build never asks the archive for its state. Every package file comes from the cache, the
//! mirror or an archive of old packages, and counts only with the size and SHA-256 of the lock; apt
//! itself would take any file of the right name and size that lies in its cache. mmdebstrap then
//! makes the same trees as ever, from a local repository of exactly these files.

mod command;
mod content;
mod repository;
mod resolve;
mod trees;

use std::fs;
use std::path::{Path, PathBuf};

use anklume_definition::{Architecture, Definition};
use anklume_lock::{Lock, Requested, TreeName, Wanted};

use super::trees::TreeRequest;
use crate::failure::Failure;

pub(crate) use command::run;
pub(super) use repository::Repository;
pub(super) use resolve::check_installed;
pub(super) use trees::{plan_command, plan_line, ready, states, trees};

/// What to do about a lock that does not fit.
const UPDATE_HINT: &str = "`anklume-build lock --update` writes a new lock; --no-lock ignores it";

/// A lock and where it was found.
#[derive(Debug, Clone)]
pub(super) struct Locked {
    pub(super) path: PathBuf,
    pub(super) lock: Lock,
}

/// Where the lock of a definition is: beside it, `NAME.lock`.
pub(super) fn path_of(definition: &Path) -> PathBuf {
    definition.with_extension("lock")
}

impl Locked {
    /// Reads the lock of a definition, if it has one.
    fn read(definition: &Path) -> Result<Option<Self>, Failure> {
        let path = path_of(definition);
        if path.symlink_metadata().is_err() {
            return Ok(None);
        }
        let refused = |error: &dyn std::fmt::Display| {
            Failure::refused(error).hint(
                "take the file back from where it is kept; without a copy, remove it, and \
                     `anklume-build lock` writes one with the newest packages",
            )
        };
        let unread = |error: &dyn std::fmt::Display| {
            refused(&format!("reading {}: {error}", path.display()))
        };
        let metadata = fs::metadata(&path).map_err(|error| unread(&error))?;
        let limit = u64::try_from(anklume_lock::MAX_BYTES).unwrap_or(u64::MAX);
        if !metadata.is_file() || metadata.len() > limit {
            return Err(unread(&"not a lock file"));
        }
        let text = fs::read_to_string(&path).map_err(|error| unread(&error))?;
        let lock = Lock::parse(&text, &path.display().to_string()).map_err(|e| refused(&e))?;
        Ok(Some(Self { path, lock }))
    }

    /// The lock beside `path`, if there is one; it has to fit the definition.
    pub(super) fn beside(
        path: &Path,
        definition: &Definition,
        more: &[String],
    ) -> Result<Option<Self>, Failure> {
        let Some(locked) = Self::read(path)? else { return Ok(None) };
        let shown = locked.path.display();
        if let Some(name) = more.first() {
            return Err(Failure::refused(format!(
                "--package {name}: {shown} says which packages are installed"
            ))
            .hint("--no-lock builds with the newest packages and those of --package"));
        }
        let misfits = locked.lock.misfits(&wanted(definition));
        if misfits.is_empty() {
            return Ok(Some(locked));
        }
        let misfits: Vec<String> = misfits.iter().map(ToString::to_string).collect();
        let text = format!("{shown} does not fit {}: {}", path.display(), misfits.join("; "));
        Err(Failure::refused(text).hint(UPDATE_HINT))
    }
}

/// What a lock of `definition` has to be for.
fn wanted(definition: &Definition) -> Wanted {
    let os = &definition.os;
    let architecture = match os.architecture {
        Architecture::Amd64 => "amd64",
    };
    Wanted {
        suite: os.suite.clone(),
        components: os.components.iter().cloned().collect(),
        architecture: architecture.to_owned(),
        requested: Requested {
            root: tree_request(TreeName::Root, definition).packages,
            tools: tree_request(TreeName::Tools, definition).packages,
            container: tree_request(TreeName::Container, definition).packages,
            modules: tree_request(TreeName::Modules, definition).packages,
        },
    }
}

fn tree_request(tree: TreeName, definition: &Definition) -> TreeRequest {
    match tree {
        TreeName::Root => TreeRequest::root(definition, &[]),
        TreeName::Tools => TreeRequest::tools(definition),
        TreeName::Container => TreeRequest::container(definition),
        TreeName::Modules => TreeRequest::modules(definition),
    }
}
