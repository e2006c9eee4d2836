//! Which package owns which path: dpkg's lists `var/lib/dpkg/info/*.list` (dpkg(1)).

use std::collections::BTreeMap;

/// Folder of the lists.
pub const LISTS: &str = "var/lib/dpkg/info";

/// Names of the packages that own paths, by path without a leading slash.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners(BTreeMap<String, String>);

impl Owners {
    /// The package whose list the file at `path` is, if it is one: `NAME.list` or
    /// `NAME:ARCHITECTURE.list` in [`LISTS`].
    #[must_use]
    pub fn package_of_list(path: &str) -> Option<&str> {
        let name = path.strip_prefix(LISTS)?.strip_prefix('/')?.strip_suffix(".list")?;
        if name.contains('/') {
            return None;
        }
        name.split(':').next()
    }

    /// Takes the list of `package`, a path on each line. The lists have paths as the packages spell
    /// them; `/bin` and its like are links into `/usr`, so `exists` says which spelling the tree has.
    /// A path that several packages list belongs to the first.
    pub fn add(&mut self, package: &str, list: &[u8], exists: &dyn Fn(&str) -> bool) {
        self.add_placed(package, list, &|path| exists(path).then(|| path.to_owned()));
    }

    /// As [`Owners::add`], for a tree that lies elsewhere: `place` gives the path that something has
    /// there, if it is there.
    pub fn add_placed(
        &mut self,
        package: &str,
        list: &[u8],
        place: &dyn Fn(&str) -> Option<String>,
    ) {
        for path in String::from_utf8_lossy(list).lines() {
            let path = path.trim_start_matches('/');
            let merged = format!("usr/{path}");
            if let Some(path) = [path, merged.as_str()].into_iter().find_map(place) {
                self.0.entry(path).or_insert_with(|| package.to_owned());
            }
        }
    }

    /// The package that owns the path.
    #[must_use]
    pub fn get(&self, path: &str) -> Option<&str> {
        self.0.get(path).map(String::as_str)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_are_known_by_their_names() {
        let package = Owners::package_of_list;
        assert_eq!(package("var/lib/dpkg/info/bash.list"), Some("bash"));
        assert_eq!(package("var/lib/dpkg/info/libc6:amd64.list"), Some("libc6"));
        for other in ["bash.md5sums", "a/b.list", "x", ""] {
            assert_eq!(package(&format!("{LISTS}/{other}")), None);
        }
        assert_eq!(package("etc/bash.list"), None);
    }

    #[test]
    fn a_path_belongs_to_the_first_package_under_the_name_that_it_has() {
        let exists = |path: &str| matches!(path, "usr/bin/sh" | "usr/share/x");
        let mut owners = Owners::default();
        owners.add("dash", b"/.\n/bin/sh\n/usr/share/x\n/gone\n", &exists);
        owners.add("other", b"/usr/bin/sh\n", &exists);
        assert_eq!(owners.get("usr/bin/sh"), Some("dash"));
        assert_eq!(owners.get("usr/share/x"), Some("dash"));
        assert_eq!((owners.get("gone"), owners.get("bin/sh")), (None, None));
        let place = |path: &str| exists(path).then(|| format!("in/{path}"));
        owners.add_placed("bash", b"/bin/sh\n/gone\n", &place);
        assert_eq!(owners.get("in/usr/bin/sh"), Some("bash"));
        assert_eq!((owners.get("in/gone"), owners.get("usr/bin/sh")), (None, Some("dash")));
    }
}
