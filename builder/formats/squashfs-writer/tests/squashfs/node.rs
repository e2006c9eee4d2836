//! Trees as data.

use std::io::Read;

use anklume_squashfs_writer::{Entry, Error, Kind, Writer, Xattr};

/// An entry that owns what it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Node {
    pub(crate) path: Vec<u8>,
    pub(crate) mode: u16,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: u32,
    /// Sorted by name.
    pub(crate) xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    pub(crate) what: What,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum What {
    Directory,
    File(Vec<u8>),
    Symlink(Vec<u8>),
    Block(u32, u32),
    Char(u32, u32),
    Fifo,
    Socket,
    Link(Vec<u8>),
}

impl Node {
    pub(crate) fn new(path: impl AsRef<[u8]>, what: What) -> Self {
        let path = path.as_ref().to_vec();
        let mode = if what == What::Directory { 0o755 } else { 0o644 };
        Self { path, mode, uid: 0, gid: 0, mtime: 1_700_000_000, xattrs: Vec::new(), what }
    }

    pub(crate) fn directory(path: impl AsRef<[u8]>) -> Self {
        Self::new(path, What::Directory)
    }

    pub(crate) fn file(path: impl AsRef<[u8]>, content: impl Into<Vec<u8>>) -> Self {
        Self::new(path, What::File(content.into()))
    }

    pub(crate) fn link(path: impl AsRef<[u8]>, to: impl AsRef<[u8]>) -> Self {
        Self::new(path, What::Link(to.as_ref().to_vec()))
    }

    pub(crate) fn xattr(mut self, name: &str, value: &[u8]) -> Self {
        self.xattrs.push((name.as_bytes().to_vec(), value.to_vec()));
        self.xattrs.sort();
        self
    }

    /// Adds the node, with `content` in place of its own where that is given.
    pub(crate) fn add(
        &self,
        writer: &mut Writer<'_>,
        content: Option<&mut dyn Read>,
    ) -> Result<(), Error> {
        let mut own: &[u8] = &[];
        let kind = match &self.what {
            What::Directory => Kind::Directory,
            What::File(bytes) => {
                own = bytes;
                Kind::File { size: bytes.len() as u64 }
            }
            What::Symlink(target) => Kind::Symlink(target),
            &What::Block(major, minor) => Kind::BlockDevice { major, minor },
            &What::Char(major, minor) => Kind::CharDevice { major, minor },
            What::Fifo => Kind::Fifo,
            What::Socket => Kind::Socket,
            What::Link(to) => Kind::HardLink { to },
        };
        let xattrs: Vec<_> =
            self.xattrs.iter().map(|(name, value)| Xattr { name, value }).collect();
        let &Self { mode, uid, gid, mtime, .. } = self;
        let entry = Entry { path: &self.path, mode, uid, gid, mtime, xattrs: &xattrs, kind };
        match content {
            Some(content) => writer.add(&entry, content),
            None => writer.add(&entry, &mut own),
        }
    }
}

/// Bytes that do not compress, different for every seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 32) as u8
    };
    std::iter::repeat_with(next).take(length).collect()
}

/// Bytes that compress well, different for every seed.
pub(crate) fn words(seed: u64, length: usize) -> Vec<u8> {
    let text = (0..).flat_map(|line: u64| {
        let number = line.wrapping_mul(seed.wrapping_add(7)) % 1013;
        format!("line {line} of {seed} says {number}\n").into_bytes()
    });
    text.take(length).collect()
}
