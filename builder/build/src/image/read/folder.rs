//! The files of a FAT file system in a partition.

use anklume_bytes::ReadAt;
use anklume_fat::{Entry, FileSystem};

use super::pieces::Pieces;
use crate::image::fault::{self, Fault};
use crate::image::source::Part;

/// A FAT file system.
pub(crate) struct Folder<'a> {
    /// What it is called in messages.
    pub(crate) object: String,
    /// Byte of the image where it begins.
    pub(crate) base: u64,
    pub(crate) system: FileSystem<'a, Part<'a>>,
    /// Files and directories in order of their paths.
    pub(crate) entries: Vec<Entry>,
    part: &'a Part<'a>,
}

impl<'a> Folder<'a> {
    /// Reads the file system in `part`, which begins at byte `base` of the image.
    pub(crate) fn open(object: String, base: u64, part: &'a Part<'a>) -> Result<Self, Fault> {
        let explain = |error| fault::fat(&object, base, &error);
        let system = FileSystem::open(part).map_err(explain)?;
        let entries = system.list().map_err(explain)?;
        Ok(Self { object, base, system, entries, part })
    }

    /// The files, without directories.
    pub(crate) fn files(&self) -> impl Iterator<Item = &Entry> {
        self.entries.iter().filter(|entry| !entry.is_directory)
    }

    /// What a file is called in messages.
    pub(crate) fn file_name(&self, path: &str) -> String {
        format!("{}: {path}", self.object)
    }

    /// The content of `entry`.
    pub(crate) fn content(&self, entry: &Entry) -> Result<Pieces<'a>, Fault> {
        let extents = self.system.extents(entry);
        let extents = extents.map_err(|error| fault::fat(&self.object, self.base, &error))?;
        Ok(Pieces::new(self.part, extents))
    }

    /// The content of the file at `path`, which must be there.
    pub(crate) fn file(&self, path: &str) -> Result<Pieces<'a>, Fault> {
        let entry = self.files().find(|entry| entry.path.eq_ignore_ascii_case(path));
        let missing = || Fault::new(self.file_name(path), self.base, "a file", "none");
        self.content(entry.ok_or_else(missing)?)
    }

    /// Byte of the image where a file's content begins.
    pub(crate) fn offset(&self, content: &Pieces<'_>) -> u64 {
        self.base.saturating_add(content.start())
    }

    /// The whole file at `path`, if it has at most `limit` bytes.
    pub(crate) fn read(&self, path: &str, limit: u64) -> Result<Vec<u8>, Fault> {
        let content = self.file(path)?;
        let explain = |error| fault::read(&self.file_name(path), self.offset(&content), &error);
        content.read_vec(0, content.size(), limit).map_err(explain)
    }
}
