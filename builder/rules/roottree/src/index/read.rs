//! An index, made in one pass over the headers of an archive.

use super::{Entry, Index, Kind};
use crate::error::{Corruption, Error};
use crate::path;
use crate::tar::{Member, Type, Walker};
use anklume_bytes::ReadAt;

impl Index {
    /// Reads the headers of `tar` and skips its content. `progress` gets the bytes passed so far.
    ///
    /// # Errors
    /// [`Error::Corrupt`] and [`Error::Unsupported`] with the byte of the header: damaged headers,
    /// paths that are absolute or leave the tree, two entries of one path (directories excepted:
    /// the later one counts), a directory that is missing, hard links to later or missing entries.
    /// [`Error::Read`] when the archive cannot be read.
    pub fn read<R: ReadAt + ?Sized>(tar: &R, progress: &mut dyn FnMut(u64)) -> Result<Self, Error> {
        let mut walker = Walker::new(tar);
        let mut entries = Vec::new();
        while let Some(member) = walker.next()? {
            entries.push(entry(member));
            progress(walker.offset());
        }
        // Stable: of two directories with one path the later one stays the later one.
        entries.sort_by(|left, right| path::order(&left.path, &right.path));
        drop_repeated(&mut entries)?;
        let mut index = Self { entries };
        index.add_root();
        index.entries.shrink_to_fit();
        index.check_parents()?;
        index.settle_hard_links()?;
        Ok(index)
    }

    /// An archive made from a list of names may have no entry for the root.
    fn add_root(&mut self) {
        if self.entries.first().is_none_or(|first| !first.path.is_empty()) {
            let root = Entry {
                path: "".into(),
                kind: Kind::Directory,
                mode: 0o755,
                uid: 0,
                gid: 0,
                mtime: 0,
                size: 0,
                start: 0,
                data: 0,
                attributes: Box::default(),
            };
            self.entries.insert(0, root);
        }
    }

    fn check_parents(&self) -> Result<(), Error> {
        let mut known = "";
        for entry in &self.entries {
            let Some(parent) = path::parent(&entry.path) else { continue };
            if parent != known {
                let found = self.find(parent);
                if found.is_none_or(|found| found.kind != Kind::Directory) {
                    let (path, parent) = (entry.path.to_string(), parent.to_owned());
                    return Err(corrupt(entry, Corruption::Parent { path, parent }));
                }
            }
            // The next entry is most often a sibling or the first one inside.
            known = if entry.kind == Kind::Directory { &entry.path } else { parent };
        }
        Ok(())
    }

    /// Makes every hard link name the entry that has the content. A link leads to an earlier
    /// member, so following links ends.
    fn settle_hard_links(&mut self) -> Result<(), Error> {
        let mut settled: Vec<(usize, Box<str>)> = Vec::new();
        for (position, entry) in self.entries.iter().enumerate() {
            if let Kind::HardLink(_) = entry.kind {
                settled.push((position, self.end_of_links(entry)?));
            }
        }
        for (position, target) in settled {
            if let Some(entry) = self.entries.get_mut(position) {
                entry.kind = Kind::HardLink(target);
            }
        }
        Ok(())
    }

    fn end_of_links(&self, link: &Entry) -> Result<Box<str>, Error> {
        let mut entry = link;
        for _ in 0..path::MAX_LINKS {
            let Kind::HardLink(target) = &entry.kind else { return Ok(entry.path.clone()) };
            let earlier = self
                .find(target)
                .filter(|found| found.start < entry.start && found.kind != Kind::Directory);
            entry = earlier.ok_or_else(|| dangling(link, target))?;
        }
        Err(dangling(link, &entry.path))
    }
}

fn entry(member: Member) -> Entry {
    Entry {
        path: member.path.into(),
        kind: match member.kind {
            Type::File => Kind::File,
            Type::Directory => Kind::Directory,
            Type::Symlink(target) => Kind::Symlink(target.into()),
            Type::HardLink(target) => Kind::HardLink(target.into()),
            Type::Special(special) => Kind::Special(special),
        },
        mode: member.mode,
        uid: member.uid,
        gid: member.gid,
        mtime: member.mtime,
        size: member.size,
        start: member.start,
        data: member.data,
        attributes: member.attributes.into(),
    }
}

/// Of directories with one path, leaves only the last one of the sorted `entries`.
fn drop_repeated(entries: &mut Vec<Entry>) -> Result<(), Error> {
    let mut duplicate = None;
    entries.dedup_by(|entry, last| {
        if last.path != entry.path {
            return false;
        }
        if last.kind != Kind::Directory || entry.kind != Kind::Directory {
            let path = entry.path.to_string();
            let what = Corruption::Duplicate { path, first: last.start };
            duplicate.get_or_insert(corrupt(entry, what));
        }
        std::mem::swap(last, entry);
        true
    });
    duplicate.map_or(Ok(()), Err)
}

fn corrupt(entry: &Entry, what: Corruption) -> Error {
    Error::Corrupt { offset: entry.start, what }
}

fn dangling(link: &Entry, target: &str) -> Error {
    let (path, target) = (link.path.to_string(), target.to_owned());
    corrupt(link, Corruption::HardLink { path, target })
}
