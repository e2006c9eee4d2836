//! The files of the OS, read with `backhand`.
//!
//! It takes more on trust than an image deserves, so what it would allocate, and how deep it would
//! descend, is bounded before it gets to see the image ([`bounds`]), and its panics are caught.

mod bounds;
mod listing;
mod quiet;

use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::path::Path;

use anklume_bytes::{ReadAt, Window};
use anklume_host::interrupt::interrupted;
use anklume_layout::manifest::Package;
use anklume_squashfs::{Compression, Superblock};
use backhand::{FilesystemReader, InnerNode, Squashfs};
use serde::Serialize;
use sha2::{Digest, Sha256};

use crate::image::fault::{self, Fault};
use crate::image::source::Part;

/// The most bytes of a file that is shown.
const SHOWN_BYTES_MAX: u64 = 1 << 20;
/// Where distributions describe themselves (os-release(5)).
const OS_RELEASE: &str = "/usr/lib/os-release";
/// Where dpkg says what is installed (dpkg(1)).
const DPKG_STATUS: &str = "/var/lib/dpkg/status";
/// The most bytes of that which are read.
const STATUS_BYTES_MAX: u64 = 64 << 20;
/// Decompressed fragments that `backhand` may keep before it has to forget them, in bytes.
const KEPT_BYTES_MAX: u64 = 256 << 20;

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

/// The squashfs of an OS partition.
#[derive(Clone, Copy)]
pub(crate) struct Tree<'a> {
    /// What it is called in messages.
    pub(crate) object: &'a str,
    /// Byte of the image where it begins.
    pub(crate) base: u64,
    pub(crate) part: &'a Part<'a>,
    pub(crate) superblock: &'a Superblock,
}

impl Tree<'_> {
    /// Reads all inodes and directories, and os-release.
    pub(crate) fn survey(self) -> Result<Content, Fault> {
        self.guarded(&mut || {
            let system = self.open()?;
            let mut content = Content::default();
            for node in system.files() {
                count(&mut content, &node.inner);
                let InnerNode::File(file) = &node.inner else { continue };
                let most = match node.fullpath.to_str() {
                    Some(OS_RELEASE) => SHOWN_BYTES_MAX,
                    Some(DPKG_STATUS) => STATUS_BYTES_MAX,
                    _ => continue,
                };
                if u64::try_from(file.file_len()).is_ok_and(|bytes| bytes <= most) {
                    let mut bytes = Vec::new();
                    let reader = system.file(file).reader_checked().map_err(text)?;
                    reader.take(most).read_to_end(&mut bytes).map_err(text)?;
                    match most {
                        SHOWN_BYTES_MAX => {
                            content.os_release = Some(String::from_utf8_lossy(&bytes).into_owned());
                        }
                        _ => content.packages = Some(packages(&bytes)),
                    }
                }
            }
            content.test_image = content.is_test();
            Ok(content)
        })
    }

    /// Decompresses every file; `progress` gets the bytes so far. Returns the bytes of all files.
    pub(crate) fn read_all(self, progress: &mut dyn FnMut(u64)) -> Result<u64, Fault> {
        self.read_each(progress, &mut |_, _| ())
    }

    /// As [`Tree::read_all`]; `seen` gets the path of every file and the SHA-256 of its content.
    fn read_each(
        self,
        progress: &mut dyn FnMut(u64),
        seen: &mut dyn FnMut(&Path, [u8; 32]),
    ) -> Result<u64, Fault> {
        self.guarded(&mut || {
            let mut bytes = 0;
            let mut next = Some(0);
            // It keeps every fragment that it decompressed: start anew before that is too much.
            while let Some(first) = next {
                next = self.read_some(first, &mut bytes, progress, seen)?;
            }
            Ok(bytes)
        })
    }

    /// Decompresses files from number `first` on; the number to go on with.
    fn read_some(
        self,
        first: usize,
        bytes: &mut u64,
        progress: &mut dyn FnMut(u64),
        seen: &mut dyn FnMut(&Path, [u8; 32]),
    ) -> Result<Option<usize>, String> {
        let system = self.open()?;
        let mut fragments = std::collections::BTreeSet::new();
        let block = u64::from(self.superblock.block_bytes);
        for (number, node) in system.files().enumerate().skip(first) {
            let InnerNode::File(file) = &node.inner else { continue };
            let explain = |error: &dyn std::fmt::Display| {
                format!("file {}: {error}", node.fullpath.display())
            };
            let mut reader = system.file(file).reader_checked().map_err(|e| explain(&e))?;
            let drained = drain(&mut reader, bytes, progress);
            let (read, digest) = drained.map_err(|e| explain(&e))?;
            if u64::try_from(file.file_len()).ok() != Some(read) {
                return Err(explain(&format!("{read} of its {} bytes", file.file_len())));
            }
            seen(&node.fullpath, digest);
            fragments.insert(file.frag_index());
            let kept = u64::try_from(fragments.len()).unwrap_or(u64::MAX).saturating_mul(block);
            if kept > KEPT_BYTES_MAX {
                return Ok(Some(number.saturating_add(1)));
            }
        }
        Ok(None)
    }

    /// The file system, within the bounds.
    fn open(&self) -> Result<FilesystemReader<'_>, String> {
        let window = Window::new(self.part, 0, self.superblock.bytes_used).map_err(text)?;
        bounds::tables(&window, self.superblock)?;
        let reader = BufReader::with_capacity(1 << 16, Reader { window, position: 0 });
        let squashfs = Squashfs::from_reader(reader).map_err(text)?;
        bounds::directories(&squashfs)?;
        squashfs.into_filesystem_reader().map_err(text)
    }

    /// Runs `work`; an error or a panic becomes a fault.
    fn guarded<T>(&self, work: &mut dyn FnMut() -> Result<T, String>) -> Result<T, Fault> {
        let object = format!("{}: squashfs", self.object);
        if !matches!(self.superblock.compression, Compression::Zstd | Compression::Xz) {
            let found = self.superblock.compression;
            return Err(Fault::new(object, self.base, "compression zstd or xz", found));
        }
        quiet::catch(work)
            .unwrap_or_else(|| Err("its tables make the reader fail".to_owned()))
            .map_err(|found| Fault::told(object, self.base, fault::shown(&found)))
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

fn text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

fn count(content: &mut Content, node: &InnerNode<backhand::SquashfsFileReader>) {
    match node {
        InnerNode::File(file) => {
            content.files = content.files.saturating_add(1);
            let bytes = u64::try_from(file.file_len()).unwrap_or(u64::MAX);
            content.file_bytes = content.file_bytes.saturating_add(bytes);
        }
        InnerNode::Dir(_) => content.directories = content.directories.saturating_add(1),
        InnerNode::Symlink(_) => content.links = content.links.saturating_add(1),
        _ => content.special = content.special.saturating_add(1),
    }
}

/// Reads to the end and forgets it; the bytes of this file and their SHA-256.
fn drain(
    reader: &mut dyn Read,
    total: &mut u64,
    progress: &mut dyn FnMut(u64),
) -> io::Result<(u64, [u8; 32])> {
    let mut buffer = vec![0; 1 << 18];
    let mut bytes = 0_u64;
    let mut hash = Sha256::new();
    loop {
        if interrupted() {
            return Err(io::Error::other("asked to stop"));
        }
        let length = reader.read(&mut buffer)?;
        hash.update(buffer.get(..length).unwrap_or_default());
        let read = u64::try_from(length).unwrap_or(u64::MAX);
        if read == 0 {
            return Ok((bytes, hash.finalize().into()));
        }
        bytes = bytes.saturating_add(read);
        *total = total.saturating_add(read);
        progress(*total);
    }
}

/// A partition as a stream.
struct Reader<'a> {
    window: Window<'a, Part<'a>>,
    position: u64,
}

impl Read for Reader<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = self.window.size().saturating_sub(self.position);
        let now = usize::try_from(left).unwrap_or(usize::MAX).min(buffer.len());
        let piece = buffer.get_mut(..now).unwrap_or_default();
        self.window.read_at(self.position, piece).map_err(io::Error::other)?;
        self.position = self.position.saturating_add(u64::try_from(now).unwrap_or(u64::MAX));
        Ok(now)
    }
}

impl Seek for Reader<'_> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let position = match to {
            SeekFrom::Start(offset) => Some(offset),
            SeekFrom::End(offset) => self.window.size().checked_add_signed(offset),
            SeekFrom::Current(offset) => self.position.checked_add_signed(offset),
        };
        self.position = position.ok_or(io::ErrorKind::InvalidInput)?;
        Ok(self.position)
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
