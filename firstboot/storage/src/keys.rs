//! Secrets for programs: files in RAM that nobody else reads, for as long as they are needed.

use std::collections::BTreeMap;
use std::fs::{self, DirBuilder, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use anklume_setup::Key;
use zeroize::Zeroizing;

/// The keys that a plan may need.
///
/// Programs get them as files below a folder of a file system in RAM; there is no swap that they could get
/// into. The files are there from `Keys::place` until what it returns is dropped.
#[derive(Default)]
pub struct Keys {
    values: BTreeMap<Key, Zeroizing<Vec<u8>>>,
}

impl std::fmt::Debug for Keys {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_set().entries(self.values.keys()).finish()
    }
}

impl Keys {
    /// Adds a key, byte for byte.
    #[must_use]
    pub fn with(mut self, key: Key, value: &[u8]) -> Self {
        self.values.insert(key, Zeroizing::new(value.to_vec()));
        self
    }

    /// Makes the files of `keys` in `folder`, which nobody but root may enter.
    ///
    /// # Errors
    /// A key that is not there, and what the operating system says.
    pub(crate) fn place(
        &self,
        keys: impl IntoIterator<Item = Key>,
        folder: &Path,
    ) -> io::Result<Placed> {
        let mut placed = Placed::default();
        for key in keys {
            if placed.files.contains_key(&key) {
                continue;
            }
            let missing = || io::Error::other(format!("{key:?} is not there"));
            let value = self.values.get(&key).ok_or_else(missing)?;
            DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
            let path = folder.join(format!("{key:?}").to_lowercase());
            let _ = fs::remove_file(&path);
            let made = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&path);
            placed.files.insert(key, path);
            made?.write_all(value)?;
        }
        Ok(placed)
    }
}

/// Files with keys; gone when it is dropped.
#[derive(Debug, Default)]
pub(crate) struct Placed {
    files: BTreeMap<Key, PathBuf>,
}

impl Placed {
    /// Where a key is.
    pub(crate) fn path(&self, key: Key) -> Option<&Path> {
        self.files.get(&key).map(PathBuf::as_path)
    }
}

impl Drop for Placed {
    fn drop(&mut self) {
        for path in self.files.values() {
            let _ = fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_key_is_a_file_for_root_alone_and_only_for_a_while() {
        let folder = tempfile::tempdir().unwrap();
        let keys = Keys::default().with(Key::Passphrase, b"six words of it");
        let placed =
            keys.place([Key::Passphrase, Key::Passphrase], &folder.path().join("keys")).unwrap();
        let path = placed.path(Key::Passphrase).unwrap().to_owned();
        assert_eq!(fs::read(&path).unwrap(), b"six words of it");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o400);
        let parent = fs::metadata(path.parent().unwrap()).unwrap().permissions().mode();
        assert_eq!(parent & 0o777, 0o700);
        drop(placed);
        assert!(!path.exists());
        assert!(!format!("{keys:?}").contains("six"));
        let missing = keys.place([Key::Recovery], folder.path()).unwrap_err();
        assert_eq!(missing.to_string(), "Recovery is not there");
    }
}
