//! Folders of the disk as data, and back.

use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use anklume_crash::files::{Node, Snapshot};
use tempfile::TempDir;

/// A folder in memory where there is one: flushing costs nothing there.
///
/// # Errors
/// What the operating system says.
pub fn scratch() -> io::Result<TempDir> {
    tempfile::tempdir_in("/dev/shm").or_else(|_| tempfile::tempdir())
}

/// What is below a folder.
///
/// # Errors
/// What the operating system says, also of what is neither folder, file nor link.
pub fn snapshot(folder: &Path) -> io::Result<Snapshot> {
    let mut found = Snapshot::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(next) = folders.pop() {
        for entry in fs::read_dir(&next)? {
            let path = entry?.path();
            let node = node(&path)?;
            if matches!(node, Node::Folder { .. }) {
                folders.push(path.clone());
            }
            let below = path.strip_prefix(folder).map_err(io::Error::other)?.to_owned();
            found.insert(below, node);
        }
    }
    Ok(found)
}

fn node(path: &Path) -> io::Result<Node> {
    let metadata = path.symlink_metadata()?;
    let mode = metadata.permissions().mode() & 0o7777;
    if metadata.is_symlink() {
        Ok(Node::Link { target: fs::read_link(path)? })
    } else if metadata.is_dir() {
        Ok(Node::Folder { mode })
    } else if metadata.is_file() {
        Ok(Node::File { mode, bytes: fs::read(path)?.into() })
    } else {
        Err(io::Error::other(format!("{} is no file, folder or link", path.display())))
    }
}

/// Makes what a snapshot says in an empty folder.
///
/// # Errors
/// What the operating system says.
pub fn lay_out(files: &Snapshot, folder: &Path) -> io::Result<()> {
    for (path, node) in files {
        let path = folder.join(path);
        match node {
            Node::Folder { mode } => {
                fs::create_dir(&path)?;
                fs::set_permissions(&path, Permissions::from_mode(*mode))?;
            }
            Node::File { mode, bytes } => {
                fs::write(&path, bytes)?;
                fs::set_permissions(&path, Permissions::from_mode(*mode))?;
            }
            Node::Link { target } => symlink(target, &path)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_laid_out_as_it_was() {
        let (one, other) = (scratch().unwrap(), scratch().unwrap());
        fs::create_dir_all(one.path().join("a/b")).unwrap();
        fs::write(one.path().join("a/b/file"), "text").unwrap();
        fs::set_permissions(one.path().join("a/b/file"), Permissions::from_mode(0o600)).unwrap();
        symlink("nowhere", one.path().join("a/link")).unwrap();
        let taken = snapshot(one.path()).unwrap();
        lay_out(&taken, other.path()).unwrap();
        assert_eq!(snapshot(other.path()).unwrap(), taken);
        assert_eq!(taken.len(), 4);
        let file = Node::File { mode: 0o600, bytes: b"text"[..].into() };
        assert_eq!(taken.get(Path::new("a/b/file")), Some(&file));
    }
}
