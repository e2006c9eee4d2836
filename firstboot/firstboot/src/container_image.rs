//! The container image that the OS brings.
//!
//! It lies as a folder in the OS, where its files cost nothing: they are the OS's own. Incus wants a tar file.

use std::fs::{self, File};
use std::io::{BufWriter, Write};
use std::path::{Path, PathBuf};

use anklume_failure::{Context, Failure};
use anklume_layout::container::{FOLDER, METADATA, ROOTFS, TEMPLATES};

/// Where the tar file is made: on the pool, which has room.
const WORK: &str = "/run/anklume/pool/image.tar";

/// The folder of the image, if the OS brings one.
pub(crate) fn folder() -> Option<PathBuf> {
    let folder = Path::new("/").join(FOLDER);
    folder.join(METADATA).exists().then_some(folder)
}

/// A file that is gone when it is dropped.
pub(crate) struct Packed(PathBuf);

impl Packed {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for Packed {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Makes the tar file.
pub(crate) fn pack(folder: &Path) -> Result<Packed, Failure> {
    let packed = Packed(PathBuf::from(WORK));
    let file = File::create(packed.path()).context(WORK)?;
    write(folder, file).context(WORK)?;
    Ok(packed)
}

fn write(folder: &Path, file: File) -> std::io::Result<()> {
    let mut tar = tar::Builder::new(BufWriter::new(file));
    // Links lead to places in the container.
    tar.follow_symlinks(false);
    tar.append_path_with_name(folder.join(METADATA), METADATA)?;
    for part in [TEMPLATES, ROOTFS] {
        if folder.join(part).is_dir() {
            tar.append_dir_all(part, folder.join(part))?;
        }
    }
    tar.into_inner()?.flush()
}

#[cfg(test)]
mod tests {
    use std::io::Read;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn an_image_is_packed_as_it_lies() {
        let folder = tempfile::tempdir().unwrap();
        let at = |path: &str| folder.path().join(path);
        fs::create_dir_all(at("rootfs/bin")).unwrap();
        fs::write(at("metadata.yaml"), "architecture: x86_64\n").unwrap();
        fs::write(at("rootfs/bin/su"), "program").unwrap();
        fs::set_permissions(at("rootfs/bin/su"), fs::Permissions::from_mode(0o4755)).unwrap();
        symlink("/proc/self/mounts", at("rootfs/mtab")).unwrap();
        write(folder.path(), File::create(at("image.tar")).unwrap()).unwrap();
        let mut seen = Vec::new();
        for entry in tar::Archive::new(File::open(at("image.tar")).unwrap()).entries().unwrap() {
            let mut entry = entry.unwrap();
            let path = entry.path().unwrap().display().to_string();
            let mode = entry.header().mode().unwrap() & 0o7777;
            let link = entry.link_name().unwrap().map(|to| to.display().to_string());
            let mut text = String::new();
            entry.read_to_string(&mut text).unwrap();
            seen.push((path, mode, link, text));
        }
        assert_eq!(seen[0].0, "metadata.yaml");
        let su = seen.iter().find(|(path, ..)| path == "rootfs/bin/su").unwrap();
        assert_eq!((su.1, su.3.as_str()), (0o4755, "program"));
        let link = seen.iter().find(|(path, ..)| path == "rootfs/mtab").unwrap();
        assert_eq!(link.2.as_deref(), Some("/proc/self/mounts"));
    }
}
