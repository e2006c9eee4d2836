//! Extended attributes (`struct squashfs_xattr_entry` and the following).
//!
//! A set of attributes is a list in metadata blocks: for each `u16` number of the prefix, `u16`
//! length of the rest of the name, the rest, `u32` length of the value, the value. A table says for
//! each set where its list is: `u64` place, `u32` number of attributes, `u32` bytes of the list.
//! Inodes name the set by its number; inodes with the same attributes share one.

use std::collections::HashMap;

use sha2::{Digest, Sha256};

use super::metadata::{Metadata, count, indexed_table};
use crate::codec::Codec;
use crate::entry::{Entry, split_prefix};
use crate::error::{Error, XattrFault};
use crate::image::Appender;
use crate::layout::NO_XATTR;

/// The sets of attributes.
pub(crate) struct Xattrs {
    lists: Metadata,
    /// Place, number of attributes and bytes of each set.
    sets: Vec<(u64, u32, u32)>,
    /// Numbers of the sets by SHA-256 of their lists, so that lists need not stay in memory.
    numbers: HashMap<[u8; 32], u32>,
}

impl Xattrs {
    pub(crate) fn new() -> Self {
        let lists = Metadata::new("xattr table");
        Self { lists, sets: Vec::new(), numbers: HashMap::new() }
    }

    /// How many sets there are.
    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.sets.len()).unwrap_or(u32::MAX)
    }

    /// The number of the set of an entry's attributes, [`NO_XATTR`] for none.
    pub(crate) fn number(&mut self, codec: &mut Codec, entry: &Entry<'_>) -> Result<u32, Error> {
        if entry.xattrs.is_empty() {
            return Ok(NO_XATTR);
        }
        let list = encode(entry)?;
        let hash = Sha256::digest(&list).into();
        if let Some(number) = self.numbers.get(&hash) {
            return Ok(*number);
        }
        let number = count("xattr id table", self.sets.len())?;
        let attributes = count("xattr list", entry.xattrs.len())?;
        let place = self.lists.place().reference();
        self.sets.push((place, attributes, count("xattr list", list.len())?));
        self.lists.push(codec, &list)?;
        self.numbers.insert(hash, number);
        Ok(number)
    }

    /// Appends lists and table; `None` when there are no attributes. The position is that of
    /// `struct squashfs_xattr_id_table`: `u64` start of the lists, `u32` number of sets, `u32` zero,
    /// then the index of the table.
    pub(super) fn append_to(
        self,
        codec: &mut Codec,
        image: &mut Appender<'_>,
    ) -> Result<Option<u64>, Error> {
        if self.sets.is_empty() {
            return Ok(None);
        }
        let (start, sets) = (image.position(), self.count());
        self.lists.append_to(codec, image)?;
        let entries = self.sets.iter().map(|(place, attributes, bytes)| {
            let mut entry = [0; 16];
            let fields = [place.to_le_bytes(), join(*attributes, *bytes)];
            entry.copy_from_slice(fields.as_flattened());
            entry
        });
        let head = |_| [start.to_le_bytes(), join(sets, 0)].concat();
        indexed_table(codec, image, entries, head).map(Some)
    }
}

/// Two `u32`, one after the other.
fn join(first: u32, second: u32) -> [u8; 8] {
    (u64::from(second) << 32 | u64::from(first)).to_le_bytes()
}

/// The list of an entry's attributes, sorted by name, so that equal sets have equal lists.
fn encode(entry: &Entry<'_>) -> Result<Vec<u8>, Error> {
    let mut xattrs = entry.xattrs.to_vec();
    xattrs.sort_unstable_by_key(|xattr| xattr.name);
    let mut list = Vec::new();
    let mut last = None;
    for xattr in xattrs {
        if last.replace(xattr.name) == Some(xattr.name) {
            return Err(entry.xattr_fault(xattr.name, XattrFault::Duplicate));
        }
        let wrong = |fault| entry.xattr_fault(xattr.name, fault);
        let (prefix, rest) = split_prefix(xattr.name).ok_or(wrong(XattrFault::Prefix))?;
        let length = u16::try_from(rest.len()).map_err(|_| wrong(XattrFault::Name))?;
        let value = u32::try_from(xattr.value.len()).map_err(|_| wrong(XattrFault::Value))?;
        list.extend(prefix.to_le_bytes());
        list.extend(length.to_le_bytes());
        list.extend(rest);
        list.extend(value.to_le_bytes());
        list.extend(xattr.value);
    }
    Ok(list)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Compressor, Kind, Xattr};

    #[test]
    fn equal_sets_are_one_and_names_are_unique() {
        let mut codec = Codec::new(Compressor::Zstd { level: 3 }).unwrap();
        let mut xattrs = Xattrs::new();
        let a = Xattr { name: b"user.a", value: b"1" };
        let b = Xattr { name: b"trusted.b", value: b"" };
        let mut number = |list: &[Xattr<'_>]| {
            let (path, kind) = (b"x".as_slice(), Kind::Fifo);
            let entry = Entry { path, mode: 0, uid: 0, gid: 0, mtime: 0, xattrs: list, kind };
            xattrs.number(&mut codec, &entry)
        };
        assert_eq!(number(&[]).unwrap(), NO_XATTR);
        assert_eq!(number(&[a, b]).unwrap(), 0);
        assert_eq!(number(&[a]).unwrap(), 1);
        assert_eq!(number(&[b, a]).unwrap(), 0);
        let twice = number(&[a, b, Xattr { value: b"2", ..a }]);
        assert!(matches!(twice, Err(Error::Xattr { fault: XattrFault::Duplicate, .. })));
    }

    #[test]
    fn a_list_has_the_order_of_the_header() {
        let xattrs = [Xattr { name: b"security.cap", value: b"\xff\0" }];
        let (path, kind) = (b"x".as_slice(), Kind::Fifo);
        let entry = Entry { path, mode: 0, uid: 0, gid: 0, mtime: 0, xattrs: &xattrs, kind };
        assert_eq!(encode(&entry).unwrap(), b"\x02\0\x03\0cap\x02\0\0\0\xff\0");
    }
}
