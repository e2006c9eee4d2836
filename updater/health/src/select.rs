//! Which files are health checks.

use std::collections::BTreeMap;

/// What a folder holds under a name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Name of the file.
    pub name: String,
    /// What it is.
    pub kind: Kind,
}

/// See [`Entry`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A file that may be executed, or a link to one.
    Program,
    /// A link to `/dev/null`.
    Off,
    /// A file that may not be executed.
    NotExecutable,
    /// Anything else: a folder, a link to nowhere.
    Other,
}

/// The folder of a check.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Folder {
    /// The first of [`crate::FOLDERS`]: the image's.
    Image,
    /// The second: the machine's.
    Machine,
}

/// A check to run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Check {
    /// Name of its file.
    pub name: String,
    /// Where it is.
    pub folder: Folder,
}

/// What is run, and what is not.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Selection {
    /// The checks in their order.
    pub checks: Vec<Check>,
    /// Names of files that look like checks and are none, with the reason.
    pub passed_over: Vec<(String, &'static str)>,
}

/// Chooses among what the folders of the image and of the machine hold.
///
/// Names have letters, digits, `-`, `_` and `.`, and do not begin with a dot: what editors and package
/// managers leave behind is no check.
#[must_use]
pub fn select(image: &[Entry], machine: &[Entry]) -> Selection {
    let named = |entries: &[Entry], folder| {
        let entries = entries.iter().filter(|entry| is_name(&entry.name));
        entries.map(|entry| (entry.name.clone(), (entry.kind, folder))).collect::<Vec<_>>()
    };
    let mut all = BTreeMap::from_iter(named(image, Folder::Image));
    all.extend(named(machine, Folder::Machine));
    let mut selection = Selection::default();
    for (name, (kind, folder)) in all {
        match kind {
            Kind::Program => selection.checks.push(Check { name, folder }),
            Kind::Off => {}
            Kind::NotExecutable => selection.passed_over.push((name, "is not executable")),
            Kind::Other => selection.passed_over.push((name, "is not a file")),
        }
    }
    selection
}

fn is_name(name: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
    let left_behind = [".dpkg-old", ".dpkg-new", ".dpkg-dist", ".dpkg-bak", ".bak", ".orig"];
    name.chars().all(fits)
        && !name.is_empty()
        && !name.starts_with('.')
        && !left_behind.iter().any(|end| name.ends_with(end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, kind: Kind) -> Entry {
        Entry { name: name.to_owned(), kind }
    }

    #[test]
    fn the_machines_checks_replace_the_images() {
        let image = [
            entry("20-persist", Kind::Program),
            entry("10-units", Kind::Program),
            entry("30-pool", Kind::Program),
            entry("40-net", Kind::Program),
        ];
        let machine = [
            entry("10-units", Kind::Off),
            entry("20-persist", Kind::Program),
            entry("40-net", Kind::NotExecutable),
            entry("05-mine", Kind::Program),
            entry("x", Kind::Other),
        ];
        let selection = select(&image, &machine);
        let checks: Vec<_> =
            selection.checks.iter().map(|check| (check.name.as_str(), check.folder)).collect();
        let expected = [
            ("05-mine", Folder::Machine),
            ("20-persist", Folder::Machine),
            ("30-pool", Folder::Image),
        ];
        assert_eq!(checks, expected);
        let passed_over: Vec<_> = selection.passed_over.iter().map(|(name, _)| name).collect();
        assert_eq!(passed_over, ["40-net", "x"]);
    }

    #[test]
    fn what_editors_leave_behind_is_no_check() {
        for name in ["", ".hidden", "a~", "#a#", "a b", "a.dpkg-old", "a.bak", "é", "../x"] {
            assert_eq!(select(&[entry(name, Kind::Program)], &[]), Selection::default(), "{name}");
        }
    }
}
