//! The packages of a Debian tree: dpkg's database `var/lib/dpkg/status` (dpkg(1), deb-control(5)).

use crate::deb822::{field, paragraphs};

/// An installed package.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Package {
    /// Name.
    pub name: String,
    /// Version.
    pub version: String,
    /// Architecture, `all` for none in particular.
    pub architecture: String,
    /// `Installed-Size` in KiB, 0 where the package does not say.
    pub installed_kib: u64,
    /// Source package, where its name or version differs: `name` or `name (version)`.
    pub source: Option<String>,
    /// Section of the archive, such as `admin`; empty where the package does not say.
    pub section: String,
    /// Maintainer, as `Name <mail address>`.
    pub maintainer: Option<String>,
    /// Home page.
    pub homepage: Option<String>,
}

impl Package {
    /// Name and version of the source package.
    #[must_use]
    pub fn source_name_and_version(&self) -> (&str, &str) {
        let Some(source) = self.source.as_deref() else { return (&self.name, &self.version) };
        match source.split_once(' ') {
            Some((name, version)) => (name, version.trim_matches(['(', ')', ' '])),
            None => (source, &self.version),
        }
    }
}

/// The installed packages in `status`, sorted by name and architecture. What is removed with its
/// configuration kept, half installed or without a name is not among them. Bytes that are not
/// UTF-8 are replaced: only descriptions and the names of maintainers have any.
#[must_use]
pub fn packages(status: &[u8]) -> Vec<Package> {
    let text = String::from_utf8_lossy(status);
    let mut packages: Vec<Package> = paragraphs(&text)
        .filter_map(|paragraph| {
            let text = |name| field(&paragraph, name).map(|field| field.first_line().to_owned());
            let state = field(&paragraph, "Status")?.words().nth(2)?;
            if state != "installed" {
                return None;
            }
            Some(Package {
                name: text("Package").filter(|name| !name.is_empty())?,
                version: text("Version")?,
                architecture: text("Architecture")?,
                installed_kib: text("Installed-Size").and_then(|kib| kib.parse().ok()).unwrap_or(0),
                source: text("Source").filter(|source| !source.is_empty()),
                section: text("Section").unwrap_or_default(),
                maintainer: text("Maintainer").filter(|text| !text.is_empty()),
                homepage: text("Homepage").filter(|text| !text.is_empty()),
            })
        })
        .collect();
    packages.sort();
    packages
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_installed_packages_count() {
        let status =
            b"Package: b\nStatus: hold ok installed\nArchitecture: amd64\nVersion: 1:2-3\n\
            Installed-Size: 17\nSource: bb (2-3)\nDescription: x\n Status: no\n .\n \xff\n\n\
            Package: gone\nStatus: deinstall ok config-files\nArchitecture: all\nVersion: 1\n\n\
            Package: a\nStatus: install ok installed\nArchitecture: all\nVersion: 2\n";
        let all = packages(status);
        let names: Vec<_> = all.iter().map(|package| package.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert_eq!((all[1].version.as_str(), all[1].installed_kib), ("1:2-3", 17));
        assert_eq!(all[1].source.as_deref(), Some("bb (2-3)"));
        assert_eq!((all[0].installed_kib, &all[0].source), (0, &None));
        assert_eq!(packages(b"\0\xff\n:\n"), []);
    }
}
