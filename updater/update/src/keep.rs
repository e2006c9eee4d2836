//! What is remembered between boots: files in one folder of the persistent partition.

use std::fs::{self, DirBuilder, File};
use std::io::{self, Read};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

use anklume_host::file;

/// Folder of the files on the persistent partition.
pub const FOLDER: &str = "update";

/// A place for small files. A file that is written is there as a whole, durably, or is what it was.
pub trait Keep {
    /// A file of at most `limit` bytes; none if there is none.
    ///
    /// # Errors
    /// What the operating system says, and a file that is longer or no regular file.
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>>;

    /// Writes a file in place of what is there.
    ///
    /// # Errors
    /// What the operating system says; the old file is there then.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()>;

    /// Removes a file; none there is no error.
    ///
    /// # Errors
    /// What the operating system says.
    fn remove(&self, name: &str) -> io::Result<()>;

    /// Bytes that are free there, as far as that is known.
    fn free_bytes(&self) -> Option<u64>;
}

/// Files in a folder, which is made when the first one is written.
#[derive(Debug, Clone)]
pub struct Folder(pub PathBuf);

impl Keep for Folder {
    fn read(&self, name: &str, limit: u64) -> io::Result<Option<Vec<u8>>> {
        let path = self.0.join(name);
        let metadata = match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            found => found?,
        };
        // A pipe would wait for ever.
        if !metadata.is_file() {
            return Err(io::Error::other(format!("{} is no regular file", path.display())));
        }
        let mut bytes = Vec::new();
        File::open(&path)?.take(limit.saturating_add(1)).read_to_end(&mut bytes)?;
        match u64::try_from(bytes.len()) {
            Ok(length) if length <= limit => Ok(Some(bytes)),
            _ => Err(io::Error::other(format!("{} has more than {limit} bytes", path.display()))),
        }
    }

    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        if !self.0.is_dir() {
            DirBuilder::new().recursive(true).mode(0o755).create(&self.0)?;
            sync(self.0.parent().unwrap_or(Path::new("/")))?;
        }
        let path = self.0.join(name);
        file::remove_unfinished(&path)?;
        file::replace(&path, bytes)
    }

    fn remove(&self, name: &str) -> io::Result<()> {
        match fs::remove_file(self.0.join(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => sync(&self.0),
        }
    }

    fn free_bytes(&self) -> Option<u64> {
        self.0.ancestors().find(|folder| folder.is_dir()).and_then(file::free_bytes)
    }
}

fn sync(folder: &Path) -> io::Result<()> {
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_are_replaced_and_bounded() {
        let folder = tempfile::tempdir().unwrap();
        let keep = Folder(folder.path().join("a/b"));
        assert_eq!(keep.read("x", 10).unwrap(), None);
        assert!(keep.free_bytes().is_some());
        keep.remove("x").unwrap();
        keep.write("x", b"1234").unwrap();
        keep.write("x", b"12345").unwrap();
        assert_eq!(keep.read("x", 5).unwrap(), Some(b"12345".to_vec()));
        assert!(keep.read("x", 4).unwrap_err().to_string().contains("more than 4 bytes"));
        keep.remove("x").unwrap();
        assert_eq!(keep.read("x", 5).unwrap(), None);
        fs::create_dir(keep.0.join("y")).unwrap();
        assert!(keep.read("y", 5).unwrap_err().to_string().contains("no regular file"));
    }
}
