//! The root file system: squashfs from the members of a tree.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::sync::atomic::{AtomicU64, Ordering};

use anklume_bytes::{ReadAt, ReadError};
use anklume_host::file::FileReader;
use anklume_host::interrupt::interrupted;
use anklume_roottree::{Data, Member, MemberKind, Special};
use anklume_squashfs_writer::{
    BlockCache, Entry, Error, Image, Kind, Options, Report, Summary, Writer, Xattr,
};

use super::output;
use super::tree::open_source;
use crate::events::Step;
use crate::failure::{Context, Failure};

/// What is packed.
pub(super) struct Source<'a> {
    /// In the order of the tree.
    pub(super) members: &'a [Member<'a>],
    /// The packages' archives, which hold the content of most of them.
    pub(super) tars: Tars<'a>,
}

/// The archive of the root tree, and that of the container's tree behind it.
#[derive(Clone, Copy)]
pub(super) struct Tars<'a> {
    pub(super) root: &'a FileReader,
    pub(super) container: Option<&'a FileReader>,
}

impl ReadAt for Tars<'_> {
    fn size(&self) -> u64 {
        self.root.size().saturating_add(self.container.map_or(0, ReadAt::size))
    }

    /// Reads from one of the two: no file is in both.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        match (offset.checked_sub(self.root.size()), self.container) {
            (Some(inside), Some(container)) => container.read_at(inside, buffer),
            _ => self.root.read_at(offset, buffer),
        }
    }
}

/// Writes a file system to the new file `target`.
pub(super) fn pack(
    source: &Source<'_>,
    target: &Path,
    options: &Options,
    cache: Option<&dyn BlockCache>,
    observer: &mut dyn FnMut(&Report<'_>),
    step: &mut Step<'_>,
) -> Result<Summary, Failure> {
    let image = Target::create(target).context(format!("creating {}", target.display()))?;
    let Source { members, tars } = source;
    let total = members.iter().map(content_bytes).sum();
    let mut done = 0;
    let packed = anklume_squashfs_writer::write(options, &image, cache, observer, |writer| {
        for member in *members {
            if interrupted() {
                return Err(Stopped::Interrupted);
            }
            add(writer, member, *tars)?;
            done += content_bytes(member);
            step.progress(done, total);
        }
        Ok(())
    });
    packed.map_err(Failure::from)
}

/// Why packing ended early.
enum Stopped {
    Interrupted,
    Writer(Error),
    Source { key: String, error: io::Error },
}

impl From<Error> for Stopped {
    fn from(error: Error) -> Self {
        Self::Writer(error)
    }
}

impl From<Stopped> for Failure {
    fn from(stopped: Stopped) -> Self {
        let what = "packing the root file system";
        match stopped {
            Stopped::Interrupted => Self::interrupted(),
            // A reader that is asked to stop ends in an error of the writer.
            Stopped::Writer(_) if interrupted() => Self::interrupted(),
            Stopped::Writer(Error::Write { source, .. }) => output::written(what, &source),
            Stopped::Writer(error) => Self::failed(format!("{what}: {error}")),
            Stopped::Source { key, error } => {
                Self::failed(format!("{what}: reading {key}: {error}"))
            }
        }
    }
}

fn content_bytes(member: &Member<'_>) -> u64 {
    match member.kind {
        MemberKind::File(data) => data.size(),
        _ => 0,
    }
}

fn add(writer: &mut Writer<'_>, member: &Member<'_>, tars: Tars<'_>) -> Result<(), Stopped> {
    let xattrs: Vec<Xattr<'_>> = member
        .attributes
        .iter()
        // POSIX ACLs: the format has no place for them.
        .filter(|attribute| !attribute.name.starts_with("system."))
        .map(|attribute| Xattr { name: attribute.name.as_bytes(), value: &attribute.value })
        .collect();
    let entry = Entry {
        path: member.path.as_bytes(),
        mode: u16::try_from(member.mode & 0o7777).unwrap_or_default(),
        uid: member.uid,
        gid: member.gid,
        mtime: u32::try_from(member.mtime).unwrap_or(u32::MAX),
        xattrs: &xattrs,
        kind: kind(&member.kind),
    };
    let mut content = content(member, tars)?;
    writer.add(&entry, &mut *content)?;
    Ok(())
}

fn kind<'a>(kind: &MemberKind<'a>) -> Kind<'a> {
    match *kind {
        MemberKind::File(data) => Kind::File { size: data.size() },
        MemberKind::Directory => Kind::Directory,
        MemberKind::Symlink(target) => Kind::Symlink(target.as_bytes()),
        MemberKind::HardLink(to) => Kind::HardLink { to: to.as_bytes() },
        MemberKind::Special(Special::CharacterDevice { major, minor }) => {
            Kind::CharDevice { major, minor }
        }
        MemberKind::Special(Special::BlockDevice { major, minor }) => {
            Kind::BlockDevice { major, minor }
        }
        MemberKind::Special(Special::Fifo) => Kind::Fifo,
    }
}

/// Reads what a member holds.
fn content<'a>(member: &Member<'a>, tars: Tars<'a>) -> Result<Box<dyn Read + 'a>, Stopped> {
    Ok(match member.kind {
        MemberKind::File(Data::Archive { start, size }) => {
            Box::new(Part { tars, at: start, left: size })
        }
        MemberKind::File(Data::Bytes(bytes)) => Box::new(bytes),
        MemberKind::File(Data::Source { key, .. }) => Box::new(
            open_source(key).map_err(|error| Stopped::Source { key: key.to_owned(), error })?,
        ),
        _ => Box::new(io::empty()),
    })
}

/// A range of the packages' archives. Reading it ends when the user asks for it.
struct Part<'a> {
    tars: Tars<'a>,
    at: u64,
    left: u64,
}

impl Read for Part<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if interrupted() {
            // `Interrupted` would make callers try again.
            return Err(io::Error::other("asked to stop"));
        }
        let left = usize::try_from(self.left).unwrap_or(usize::MAX);
        let length = buffer.len().min(left);
        self.tars.read_at(self.at, &mut buffer[..length]).map_err(io::Error::other)?;
        let read = u64::try_from(length).unwrap_or(u64::MAX);
        self.at += read;
        self.left -= read;
        Ok(length)
    }
}

/// The file that receives the file system.
struct Target {
    file: File,
    size: AtomicU64,
}

impl Target {
    fn create(path: &Path) -> io::Result<Self> {
        let file = File::options().read(true).write(true).create_new(true).open(path)?;
        Ok(Self { file, size: AtomicU64::new(0) })
    }
}

impl ReadAt for Target {
    fn size(&self) -> u64 {
        self.size.load(Ordering::Relaxed)
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let length = u64::try_from(buffer.len()).unwrap_or(u64::MAX);
        let failed = |source| ReadError::Io { offset, length, source };
        self.file.read_exact_at(buffer, offset).map_err(failed)
    }
}

impl Image for Target {
    fn write_at(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        self.file.write_all_at(bytes, offset)?;
        let end = offset + u64::try_from(bytes.len()).unwrap_or_default();
        self.size.fetch_max(end, Ordering::Relaxed);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_containers_archive_lies_behind_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let open = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::write(&path, text).unwrap();
            FileReader::open(&path).unwrap()
        };
        let (root, container) = (open("root", "12345"), open("container", "abc"));
        let read = |tars: Tars<'_>, at, length| tars.read_vec(at, length, 10);
        let both = Tars { root: &root, container: Some(&container) };
        assert_eq!(both.size(), 8);
        assert_eq!(read(both, 3, 2).unwrap(), b"45");
        assert_eq!(read(both, 5, 3).unwrap(), b"abc");
        assert_eq!(read(both, 6, 2).unwrap(), b"bc");
        read(both, 6, 3).unwrap_err();
        let one = Tars { root: &root, container: None };
        assert_eq!(read(one, 0, 5).unwrap(), b"12345");
        read(one, 5, 1).unwrap_err();
    }
}
