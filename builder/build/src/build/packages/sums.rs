//! SHA-256 of the package files that a tree was made from, for its bills of materials.
//!
//! A list lies beside the tree in the cache, sealed as the tree is: whether a tree was made or found
//! there, the documents are the same.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use anklume_host::file::replace;
use anklume_lock::Package;

use super::super::cached;
use crate::events::Reporter;
use crate::failure::{Context, Failure};

/// Digests of package files by name, version and architecture.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(in super::super) struct Sums(BTreeMap<[String; 3], [u8; 32]>);

impl Sums {
    /// The digests of `packages`, whose files were checked against them.
    pub(in super::super) fn of(packages: &[Package]) -> Self {
        let sum = |package: &Package| {
            let Package { name, version, architecture, .. } = package;
            ([name, version, architecture].map(String::clone), *package.sha256.bytes())
        };
        Self(packages.iter().map(sum).collect())
    }

    /// The digest of a package's file, if it is one of these.
    pub(in super::super) fn get(
        &self,
        name: &str,
        version: &str,
        architecture: &str,
    ) -> Option<[u8; 32]> {
        self.0.get(&[name, version, architecture].map(str::to_owned)).copied()
    }

    /// The list beside `tree`; `None` where there is none, or a damaged one.
    pub(in super::super) fn read(
        tree: &Path,
        reporter: &Reporter,
    ) -> Result<Option<Self>, Failure> {
        let path = path(tree);
        if !cached::is_whole(&path, reporter)? {
            return Ok(None);
        }
        let text = fs::read_to_string(&path).context(format!("reading {}", path.display()))?;
        Ok(text.lines().map(line).collect::<Option<_>>().map(Self))
    }

    /// Writes the list beside `tree`.
    pub(in super::super) fn write(&self, tree: &Path) -> Result<(), Failure> {
        let path = path(tree);
        let lines = self.0.iter().map(|([name, version, architecture], sha256)| {
            format!("{} {name} {version} {architecture}\n", anklume_lock::Sha256::new(*sha256))
        });
        replace(&path, lines.collect::<String>().as_bytes())
            .context(format!("writing {}", path.display()))?;
        cached::seal(&path)
    }
}

/// Digest, name, version, architecture: none of them holds a blank.
fn line(line: &str) -> Option<([String; 3], [u8; 32])> {
    let mut words = line.split(' ');
    let sha256: anklume_lock::Sha256 = words.next()?.parse().ok()?;
    let key = [words.next()?, words.next()?, words.next()?].map(str::to_owned);
    words.next().is_none().then_some((key, *sha256.bytes()))
}

fn path(tree: &Path) -> PathBuf {
    tree.with_extension("packages")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_read_as_it_was_written_or_not_at_all() {
        let folder = tempfile::tempdir().unwrap();
        let (tree, reporter) = (folder.path().join("tree.tar"), Reporter::new(false));
        let package = |name: &str, digest| Package {
            name: name.to_owned(),
            version: "1:2.0+b1".to_owned(),
            architecture: "amd64".to_owned(),
            size: 1,
            sha256: anklume_lock::Sha256::new([digest; 32]),
            path: "pool/x.deb".to_owned(),
            archive: anklume_lock::Archive::Main,
        };
        let sums = Sums::of(&[package("bash", 1), package("libc6", 2)]);
        assert_eq!(sums.get("bash", "1:2.0+b1", "amd64"), Some([1; 32]));
        assert_eq!(sums.get("bash", "1:2.0", "amd64"), None);
        assert_eq!(sums.get("bash", "1:2.0+b1", "all"), None);
        assert_eq!(Sums::read(&tree, &reporter).unwrap(), None);
        sums.write(&tree).unwrap();
        assert_eq!(Sums::read(&tree, &reporter).unwrap(), Some(sums.clone()));
        fs::write(path(&tree), "damage").unwrap();
        assert_eq!(Sums::read(&tree, &reporter).unwrap(), None);
        // Sealed, but written by something else.
        fs::write(path(&tree), "abc bash 1 amd64\n").unwrap();
        cached::seal(&path(&tree)).unwrap();
        assert_eq!(Sums::read(&tree, &reporter).unwrap(), None);
    }
}
