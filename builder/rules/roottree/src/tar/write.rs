//! Headers of a member, written: ustar, with a PAX header before it for what does not fit.

use super::layout::{
    BLOCK_BYTES, CHECKSUM, GID, LINK, MAGIC, MAGIC_POSIX, MAJOR, MINOR, MODE, MTIME, NAME, SIZE,
    TYPE, UID, VERSION, padding,
};
use super::walk::Type;
use super::{Attribute, header, pax};
use crate::special::Special;
use anklume_bytes::put;
use std::ops::Range;

/// Largest number of an 8-byte field: seven octal digits.
const MAX_SMALL: u64 = 0o7_777_777;
/// Largest number of a 12-byte field: eleven octal digits.
const MAX_LARGE: u64 = 0o77_777_777_777;
/// Name of every PAX header; GNU tar, libarchive and tar2sqfs ignore it.
const PAX_NAME: &str = "./@PaxHeader";

/// What the headers of a member say. [`crate::path`] describes the path.
pub(crate) struct HeaderFields<'a> {
    pub(crate) path: &'a str,
    pub(crate) kind: &'a Type,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: u64,
    pub(crate) size: u64,
    pub(crate) attributes: &'a [Attribute],
}

/// The headers of one member, as whole blocks. Paths start with `./` and those of directories end
/// with a slash, as in the archives of GNU tar and mmdebstrap.
pub(crate) fn encode(fields: &HeaderFields<'_>) -> Vec<u8> {
    let slash = if *fields.kind == Type::Directory && !fields.path.is_empty() { "/" } else { "" };
    let name = format!("./{}{slash}", fields.path);
    let link = match fields.kind {
        Type::Symlink(target) => target.clone(),
        Type::HardLink(target) => format!("./{target}"),
        _ => String::new(),
    };
    let records = records(fields, &name, &link);
    let mut bytes = Vec::new();
    if !records.is_empty() {
        let size = u64::try_from(records.len()).unwrap_or(u64::MAX);
        let pax = Block { kind: b'x', name: PAX_NAME, mode: 0o644, mtime: fields.mtime, size };
        bytes.extend(pax.encode(|_| ()));
        bytes.extend(&records);
        bytes.resize(bytes.len().saturating_add(pad(size)), 0);
    }
    let block = Block {
        kind: kind_byte(fields.kind),
        name: &name,
        mode: fields.mode,
        mtime: fields.mtime,
        size: fields.size,
    };
    bytes.extend(block.encode(|block| {
        number(block, UID, fields.uid.into(), MAX_SMALL);
        number(block, GID, fields.gid.into(), MAX_SMALL);
        text(block, LINK, &link);
        if let Type::Special(
            Special::CharacterDevice { major, minor } | Special::BlockDevice { major, minor },
        ) = *fields.kind
        {
            number(block, MAJOR, major.into(), MAX_SMALL);
            number(block, MINOR, minor.into(), MAX_SMALL);
        }
    }));
    bytes
}

/// The PAX records of what does not fit a header.
fn records(fields: &HeaderFields<'_>, name: &str, link: &str) -> Vec<u8> {
    let mut records = Vec::new();
    let mut record = |keyword: &str, value: &str| {
        records.extend(pax::encode(keyword.as_bytes(), value.as_bytes()));
    };
    if name.len() > NAME.len() {
        record("path", name);
    }
    if link.len() > LINK.len() {
        record("linkpath", link);
    }
    if fields.size > MAX_LARGE {
        record("size", &fields.size.to_string());
    }
    if fields.mtime > MAX_LARGE {
        record("mtime", &fields.mtime.to_string());
    }
    for (keyword, id) in [("uid", fields.uid), ("gid", fields.gid)] {
        if u64::from(id) > MAX_SMALL {
            record(keyword, &id.to_string());
        }
    }
    records.extend(fields.attributes.iter().flat_map(pax::encode_attribute));
    records
}

/// The fields that PAX headers have too.
struct Block<'a> {
    kind: u8,
    name: &'a str,
    mode: u32,
    mtime: u64,
    size: u64,
}

impl Block<'_> {
    /// The block with its checksum, after `more` has set further fields.
    fn encode(&self, more: impl FnOnce(&mut [u8; BLOCK_BYTES])) -> [u8; BLOCK_BYTES] {
        let mut block = [0; BLOCK_BYTES];
        text(&mut block, NAME, self.name);
        number(&mut block, MODE, self.mode.into(), MAX_SMALL);
        number(&mut block, UID, 0, MAX_SMALL);
        number(&mut block, GID, 0, MAX_SMALL);
        number(&mut block, SIZE, self.size, MAX_LARGE);
        number(&mut block, MTIME, self.mtime, MAX_LARGE);
        field(&mut block, MAGIC, MAGIC_POSIX);
        field(&mut block, VERSION, b"00");
        number(&mut block, MAJOR, 0, MAX_SMALL);
        number(&mut block, MINOR, 0, MAX_SMALL);
        if let Some(byte) = block.get_mut(TYPE) {
            *byte = self.kind;
        }
        more(&mut block);
        let sum = format!("{:06o}\0 ", header::checksum(&block));
        field(&mut block, CHECKSUM, sum.as_bytes());
        block
    }
}

fn kind_byte(kind: &Type) -> u8 {
    match kind {
        Type::File => b'0',
        Type::HardLink(_) => b'1',
        Type::Symlink(_) => b'2',
        Type::Special(Special::CharacterDevice { .. }) => b'3',
        Type::Special(Special::BlockDevice { .. }) => b'4',
        Type::Directory => b'5',
        Type::Special(Special::Fifo) => b'6',
    }
}

fn pad(size: u64) -> usize {
    usize::try_from(padding(size)).unwrap_or(0)
}

/// Octal digits and a zero byte; zero when a PAX record has the number.
fn number(block: &mut [u8; BLOCK_BYTES], range: Range<usize>, value: u64, most: u64) {
    let width = range.len().saturating_sub(1);
    let value = if value > most { 0 } else { value };
    field(block, range, format!("{value:0width$o}\0").as_bytes());
}

/// Text without terminator when it fills the field, cut when a PAX record has the whole.
fn text(block: &mut [u8; BLOCK_BYTES], range: Range<usize>, value: &str) {
    let cut = value.as_bytes().get(..range.len()).unwrap_or(value.as_bytes());
    field(block, range, cut);
}

fn field(block: &mut [u8; BLOCK_BYTES], range: Range<usize>, value: &[u8]) {
    debug_assert!(value.len() <= range.len());
    // The ranges of `layout` lie in the block; the table test there says so.
    let _ = put(block, range.start, value);
}
