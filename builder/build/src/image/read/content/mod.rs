//! The files of the OS.

mod blocks;
mod files;
mod listing;
mod space;

use std::ops::ControlFlow;

use anklume_bytes::Window;
use anklume_host::interrupt::interrupted;
use anklume_layout::manifest::Package;
use anklume_squashfs::{Contents, File, Inode, Kind, Superblock, Tree};
use serde::Serialize;

use crate::image::fault::{self, Fault};
use crate::image::source::Part;

pub(crate) use blocks::{Hashed, block};

/// The most bytes of a file that is shown.
const SHOWN_BYTES_MAX: u64 = 1 << 20;
/// Where distributions describe themselves (os-release(5)).
const OS_RELEASE: &str = "usr/lib/os-release";
/// Where dpkg says what is installed (dpkg(1)).
const DPKG_STATUS: &str = "var/lib/dpkg/status";
/// The most bytes of that which are read.
const STATUS_BYTES_MAX: u64 = 64 << 20;

/// How many files of each kind the OS has.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
#[serde(rename_all = "kebab-case")]
pub struct Content {
    /// Regular files.
    pub files: u64,
    /// Directories, with the root.
    pub directories: u64,
    /// Symbolic links.
    pub links: u64,
    /// Devices, pipes and sockets.
    pub special: u64,
    /// Bytes of all regular files, decompressed.
    pub file_bytes: u64,
    /// Text of `/usr/lib/os-release`, if there is one of at most 1 MiB.
    pub os_release: Option<String>,
    /// Whether os-release calls it a test image.
    pub test_image: bool,
    /// The packages that dpkg has installed, if it has a database of at most 64 MiB.
    #[serde(skip)]
    pub packages: Option<Vec<Package>>,
}

impl Content {
    /// Whether the OS says that it is a test image.
    #[must_use]
    pub fn is_test(&self) -> bool {
        self.release("VARIANT_ID") == Some("test")
    }

    /// The value of `key` in os-release, without quotes.
    #[must_use]
    pub fn release(&self, key: &str) -> Option<&str> {
        let mut lines = self.os_release.as_deref()?.lines();
        let value = lines.find_map(|line| line.strip_prefix(key)?.strip_prefix('='))?;
        Some(value.trim_matches(['"', '\'']))
    }
}

/// The squashfs of an OS partition, with its tables read.
pub(crate) struct System<'a> {
    /// What it is called in messages.
    object: String,
    /// Byte of the image where it begins.
    base: u64,
    part: &'a Part<'a>,
    image: Window<'a, Part<'a>>,
    superblock: &'a Superblock,
    tree: Tree,
}

impl<'a> System<'a> {
    /// Reads the tables of the squashfs in `part`, which begins at byte `base` of the image.
    pub(crate) fn open(
        object: &str,
        base: u64,
        part: &'a Part<'a>,
        superblock: &'a Superblock,
    ) -> Result<Self, Fault> {
        let object = format!("{object}: squashfs");
        let image = Window::new(part, 0, superblock.bytes_used);
        let image = image.map_err(|error| fault::read(&object, base, &error))?;
        let tree = Tree::read(&image, superblock);
        let tree = tree.map_err(|error| fault::table(&object, base, &error))?;
        Ok(Self { object, base, part, image, superblock, tree })
    }

    /// Counts what there is, and reads what the OS says of itself.
    pub(crate) fn survey(&self) -> Result<Content, Fault> {
        let mut content = Content::default();
        for inode in self.names().map(|(_, inode)| inode) {
            count(&mut content, &inode.kind);
        }
        let release = self.small_file(OS_RELEASE, SHOWN_BYTES_MAX)?;
        content.os_release = release.map(|text| String::from_utf8_lossy(&text).into_owned());
        let status = self.small_file(DPKG_STATUS, STATUS_BYTES_MAX)?;
        content.packages = status.map(|status| packages(&status));
        content.test_image = content.is_test();
        Ok(content)
    }

    /// Every name with its inode.
    fn names(&self) -> impl Iterator<Item = (&[u8], &Inode)> {
        let entries = self.tree.entries.iter();
        entries.filter_map(|entry| Some((entry.path.as_slice(), self.tree.inode(entry)?)))
    }

    /// The content of the regular file at `path`, if there is one of at most `limit` bytes.
    fn small_file(&self, path: &str, limit: u64) -> Result<Option<Vec<u8>>, Fault> {
        let found = self.names().find(|(name, _)| *name == path.as_bytes());
        let Some((_, Inode { kind: Kind::File(file), .. })) = found else { return Ok(None) };
        if file.size > limit {
            return Ok(None);
        }
        let mut contents = Contents::new(&self.image, self.superblock, &self.tree);
        let mut bytes = Vec::new();
        self.read(&mut contents, file, &mut |piece| bytes.extend_from_slice(piece))?;
        Ok(Some(bytes))
    }

    /// Gives the content of a file to `take`, piece by piece.
    fn read(
        &self,
        contents: &mut Contents<'_, Window<'_, Part<'_>>>,
        file: &File,
        take: &mut dyn FnMut(&[u8]),
    ) -> Result<(), Fault> {
        let mut stopped = false;
        let result = contents.read(file, &mut |piece| {
            // Holes are read without asking the device, which would notice.
            stopped = interrupted();
            if stopped {
                return ControlFlow::Break(());
            }
            take(piece);
            ControlFlow::Continue(())
        });
        result.map_err(|error| fault::table(&self.object, self.base, &error))?;
        match stopped {
            true => Err(Fault::told(&self.object, self.base, "asked to stop")),
            false => Ok(()),
        }
    }
}

/// The packages in a database of dpkg, as a manifest lists them.
fn packages(status: &[u8]) -> Vec<Package> {
    let listed = |package: anklume_roottree::Package| Package {
        name: package.name,
        version: package.version,
        architecture: package.architecture,
        installed_kib: package.installed_kib,
    };
    anklume_roottree::packages(status).into_iter().map(listed).collect()
}

fn count(content: &mut Content, kind: &Kind) {
    match kind {
        Kind::File(file) => {
            content.files = content.files.saturating_add(1);
            content.file_bytes = content.file_bytes.saturating_add(file.size);
        }
        Kind::Directory(_) => content.directories = content.directories.saturating_add(1),
        Kind::Symlink { .. } => content.links = content.links.saturating_add(1),
        _ => content.special = content.special.saturating_add(1),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_os_release_lose_their_quotes() {
        let os_release = "NAME=\"A B\"\nIMAGE_ID=x\nIMAGE_VERSION='1'\n".to_owned();
        let content = Content { os_release: Some(os_release), ..Content::default() };
        assert_eq!(content.release("NAME"), Some("A B"));
        assert_eq!(content.release("IMAGE_ID"), Some("x"));
        assert_eq!(content.release("IMAGE_VERSION"), Some("1"));
        assert_eq!(content.release("IMAGE"), None);
    }
}
