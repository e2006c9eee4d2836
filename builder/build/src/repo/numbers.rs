//! The numbered files of the metadata. Machines remember numbers and what they stood for, so that none may
//! ever be used for a second file.

use std::collections::BTreeSet;
use std::fs;
use std::io;

use anklume_release::names;
use anklume_trust::Role;

use super::store::Repository;
use crate::failure::{Context, Failure};

/// Roles whose files have their number in the name.
const NUMBERED: [Role; 3] = [Role::Root, Role::Snapshot, Role::Targets];

/// The numbered files that lie in a repository, whether anything refers to them or not.
#[derive(Debug, Default)]
pub(super) struct Numbers {
    files: BTreeSet<(Role, u64)>,
    is_empty: bool,
}

impl Numbers {
    pub(super) fn read(repository: &Repository) -> Result<Self, Failure> {
        let folder = repository.path(names::METADATA);
        let what = || format!("the folder {}", folder.display());
        let mut numbers = Self { is_empty: true, ..Self::default() };
        let entries = match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(numbers),
            entries => entries.context(what())?,
        };
        for entry in entries {
            let name = entry.context(what())?.file_name();
            let name = name.to_string_lossy();
            // What a killed publisher left unfinished begins so.
            if !name.starts_with('.') {
                numbers.is_empty = false;
                numbers.files.extend(numbered(&name));
            }
        }
        Ok(numbers)
    }

    /// Whether the folder has no file at all.
    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    /// The numbers of a role, in their order.
    pub(super) fn of(&self, role: Role) -> impl Iterator<Item = u64> {
        self.files.iter().filter(move |(own, _)| *own == role).map(|(_, number)| *number)
    }

    /// The highest number of a role; 0 without any.
    pub(super) fn highest(&self, role: Role) -> u64 {
        self.of(role).last().unwrap_or(0)
    }

    /// The file of the list or of a snapshot that is there, if one is.
    pub(super) fn list_or_snapshot(&self) -> Option<String> {
        let role = |(role, _): &&(Role, u64)| *role != Role::Root;
        let (role, number) = self.files.iter().rfind(role)?;
        Some(names::metadata(&role.versioned_file(*number)))
    }

    /// Names of the files whose number is above the one that is signed: nothing refers to them.
    pub(super) fn above(&self, role: Role, signed: u64) -> impl Iterator<Item = String> {
        let above = self.of(role).filter(move |number| *number > signed);
        above.map(move |number| names::metadata(&role.versioned_file(number)))
    }
}

/// Role and number of a file such as `7.targets.json`.
pub(super) fn numbered(name: &str) -> Option<(Role, u64)> {
    let (number, file) = name.split_once('.')?;
    let number = number.parse().ok().filter(|number| *number > 0)?;
    let role = NUMBERED.into_iter().find(|role| role.file() == file)?;
    (role.versioned_file(number) == name).then_some((role, number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_names_that_are_written_have_a_number() {
        assert_eq!(numbered("7.targets.json"), Some((Role::Targets, 7)));
        assert_eq!(numbered("12.root.json"), Some((Role::Root, 12)));
        for name in ["timestamp.json", "1.timestamp.json", "0.root.json", "07.root.json"] {
            assert_eq!(numbered(name), None, "{name}");
        }
        for name in ["+7.root.json", "99999999999999999999.root.json", "7.root.json.part", ""] {
            assert_eq!(numbered(name), None, "{name}");
        }
    }
}
