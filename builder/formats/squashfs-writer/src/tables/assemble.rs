//! The tables, put together when the last entry has come.

use std::collections::HashMap;

use super::directory::{Child, Directories};
use super::inode::{Body, FileBody, encode, is_device};
use super::metadata::{Metadata, Place, count, indexed_table};
use super::{Ids, Superblock, Xattrs};
use crate::Error;
use crate::codec::Codec;
use crate::image::Appender;
use crate::layout::{InodeType, wide};
use crate::store::{Head, Log, LogReader};

/// What the tables are made of.
pub(crate) struct Parts {
    pub(crate) log: Log,
    /// How many inodes there are; their numbers are 1 to this.
    pub(crate) inodes: u32,
    /// Names of the inodes that have more than one.
    pub(crate) links: HashMap<u32, u32>,
    pub(crate) fragments: Vec<Placed>,
    pub(crate) ids: Ids,
    pub(crate) xattrs: Xattrs,
}

/// A fragment block in the image (`struct squashfs_fragment_entry`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Placed {
    pub(crate) start: u64,
    /// Bytes, with the bit for a block stored as it is.
    pub(crate) word: u32,
}

/// Inodes and directories on their way from the log into their tables.
struct Assembly<'a> {
    log: LogReader,
    links: HashMap<u32, u32>,
    codec: &'a mut Codec,
    inodes: Metadata,
    directories: Directories,
    /// References to the inodes by number, the first of them number 1.
    references: Vec<u64>,
}

/// Appends all tables. The superblock that comes back says where they are.
pub(crate) fn assemble(
    parts: Parts,
    codec: &mut Codec,
    image: &mut Appender<'_>,
) -> Result<Superblock, Error> {
    let Parts { log, inodes, links, fragments, ids, xattrs } = parts;
    let length = usize::try_from(inodes).unwrap_or(usize::MAX);
    let mut assembly = Assembly {
        log: log.into_reader()?,
        links,
        codec: &mut *codec,
        inodes: Metadata::new("inode table"),
        directories: Directories::new(),
        references: vec![0; length],
    };
    let root_inode = assembly.run()?.reference();
    let Assembly { inodes: inode_table, directories, references, .. } = assembly;
    let inode_start = image.position();
    inode_table.append_to(codec, image)?;
    let directory_start = image.position();
    directories.table.append_to(codec, image)?;
    let fragment_count = count("fragment table", fragments.len())?;
    let fragment_start = fragment_table(&fragments, codec, image)?;
    let lookup = references.iter().map(|reference| reference.to_le_bytes());
    let lookup_start = indexed_table(codec, image, lookup, |_| Vec::new())?;
    let id_start = indexed_table(codec, image, ids.entries(), |_| Vec::new())?;
    let xattr_start = xattrs.append_to(codec, image)?;
    Ok(Superblock {
        inodes,
        fragments: fragment_count,
        ids: ids.count(),
        root_inode,
        bytes_used: image.position(),
        id_table: id_start,
        xattr_table: xattr_start,
        inode_table: inode_start,
        directory_table: directory_start,
        fragment_table: fragment_start,
        lookup_table: lookup_start,
    })
}

/// Appends the table of fragment blocks; `None` when there are none. An entry is `u64` start, `u32`
/// length with its bit, `u32` zero.
fn fragment_table(
    fragments: &[Placed],
    codec: &mut Codec,
    image: &mut Appender<'_>,
) -> Result<Option<u64>, Error> {
    if fragments.is_empty() {
        return Ok(None);
    }
    let entries = fragments.iter().map(|fragment| {
        let mut entry = [0; 16];
        let size = u64::from(fragment.word).to_le_bytes();
        entry.copy_from_slice([fragment.start.to_le_bytes(), size].as_flattened());
        entry
    });
    indexed_table(codec, image, entries, |_| Vec::new()).map(Some)
}

impl Assembly<'_> {
    /// Writes every inode, and returns the place of the last one, which is the root's.
    fn run(&mut self) -> Result<Place, Error> {
        let mut last = Place::default();
        while let Some(head) = self.log.head()? {
            let body = self.body(&head)?;
            let links = self.links.get(&head.number).copied().unwrap_or(1);
            last = self.inodes.place();
            let inode = encode(&head, links, &body)?;
            self.inodes.push(self.codec, &inode)?;
            let slot = index(head.number).and_then(|at| self.references.get_mut(at));
            *slot.ok_or(Error::Inconsistent { object: "inode number" })? = last.reference();
        }
        Ok(last)
    }

    fn body(&mut self, head: &Head) -> Result<Body, Error> {
        Ok(match head.kind {
            InodeType::File => Body::File(self.file()?),
            InodeType::Directory => self.directory()?,
            InodeType::Symlink => {
                let length = self.log.word()?;
                Body::Symlink(self.log.bytes(length.into())?)
            }
            kind if is_device(kind) => Body::Device(self.log.word()?),
            _ => Body::Nothing,
        })
    }

    fn file(&mut self) -> Result<FileBody, Error> {
        let (start, size, sparse) = (self.log.long()?, self.log.long()?, self.log.long()?);
        let (fragment, offset) = (self.log.word()?, self.log.word()?);
        let length = self.log.long()?;
        let blocks = self.log.bytes(length)?;
        Ok(FileBody { start, size, sparse, fragment, offset, blocks })
    }

    fn directory(&mut self) -> Result<Body, Error> {
        let (parent, length) = (self.log.word()?, self.log.long()?);
        let bytes = self.log.bytes(length)?;
        let references = &self.references;
        let mut links = 2_u32;
        let children = Children(&bytes).map(|child| {
            let (kind, number, name) = child?;
            if kind == InodeType::Directory {
                links = links.saturating_add(1);
            }
            let reference = index(number).and_then(|at| references.get(at));
            let reference = *reference.ok_or(Error::Inconsistent { object: "inode number" })?;
            Ok(Child { name, kind, number, inode: Place::from_reference(reference) })
        });
        let listing = self.directories.write(self.codec, children)?;
        // The root lies in no directory; `mksquashfs` gives it one that does not exist.
        let nowhere = u32::try_from(references.len()).ok().and_then(|last| last.checked_add(1));
        let parent = if parent == 0 { nowhere.unwrap_or(u32::MAX) } else { parent };
        Ok(Body::Directory { listing, links, parent })
    }
}

/// Where the references have an inode.
fn index(number: u32) -> Option<usize> {
    usize::try_from(number.checked_sub(1)?).ok()
}

/// Adds a child to the noted children of a directory; see [`Children`].
pub(crate) fn note_child(children: &mut Vec<u8>, kind: InodeType, number: u32, name: &[u8]) {
    children.push(kind.id());
    children.extend(number.to_le_bytes());
    // Names have 1 to 256 bytes.
    children.extend(u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    children.extend(name);
}

/// Reads noted children: `u8` type, `u32` inode number, `u16` length of the name, name.
struct Children<'a>(&'a [u8]);

impl<'a> Iterator for Children<'a> {
    type Item = Result<(InodeType, u32, &'a [u8]), Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.0.is_empty() {
            return None;
        }
        let child = self.split();
        if child.is_none() {
            self.0 = &[];
        }
        Some(child.ok_or(Error::Inconsistent { object: "directory" }))
    }
}

impl<'a> Children<'a> {
    fn split(&mut self) -> Option<(InodeType, u32, &'a [u8])> {
        let (kind, rest) = self.0.split_first()?;
        let number = anklume_bytes::le_u32(rest, 0)?;
        let length = usize::from(anklume_bytes::le_u16(rest, 4)?);
        let (name, rest) = rest.get(6..)?.split_at_checked(length)?;
        self.0 = rest;
        Some((InodeType::from_id(*kind)?, number, name))
    }
}

/// The record of a directory, behind its head.
pub(crate) fn directory_record(head: &Head, parent: u32, children: &[u8]) -> Vec<u8> {
    let mut record = head.record();
    record.extend(parent.to_le_bytes());
    record.extend(wide(children.len()).to_le_bytes());
    record.extend(children);
    record
}

/// The record of a symbolic link.
pub(crate) fn symlink_record(head: &Head, target: &[u8]) -> Vec<u8> {
    let mut record = head.record();
    record.extend(u32::try_from(target.len()).unwrap_or(u32::MAX).to_le_bytes());
    record.extend(target);
    record
}
