//! The members of an archive, one after the other.

use super::Attribute;
use super::header::Header;
use super::layout::{BLOCK_BYTES, padding};
use super::pax::Records;
use crate::error::{Corruption, Error};
use crate::path;
use crate::special::Special;
use anklume_bytes::ReadAt;

/// Bytes read at once: the headers of small files lie close together.
const WINDOW_BYTES: u64 = 32 * 1024;
/// Extended headers hold a path and attributes; Linux limits all attributes of a file to 64 KiB.
const MAX_EXTENDED_BYTES: u64 = 1 << 20;
/// An entry has one PAX header, or a long name and a long link, or all of these.
const MAX_EXTENDED_HEADERS: usize = 8;
/// [`BLOCK_BYTES`], as an offset.
const BLOCK: u64 = 512;

/// What a member is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Type {
    File,
    Directory,
    Symlink(String),
    HardLink(String),
    Special(Special),
}

/// A member, with everything that its headers say.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) path: String,
    pub(crate) kind: Type,
    pub(crate) mode: u32,
    pub(crate) uid: u32,
    pub(crate) gid: u32,
    pub(crate) mtime: u64,
    pub(crate) size: u64,
    /// First byte of the first header that belongs to the member.
    pub(crate) start: u64,
    /// First byte of the content.
    pub(crate) data: u64,
    pub(crate) attributes: Vec<Attribute>,
}

/// Reads members in the order of the archive.
pub(crate) struct Walker<'a, R: ?Sized> {
    tar: &'a R,
    offset: u64,
    window: Vec<u8>,
    window_start: u64,
}

impl<'a, R: ReadAt + ?Sized> Walker<'a, R> {
    pub(crate) fn new(tar: &'a R) -> Self {
        Self { tar, offset: 0, window: Vec::new(), window_start: 0 }
    }

    /// Byte that the next header is read from.
    pub(crate) fn offset(&self) -> u64 {
        self.offset
    }

    /// The next member; `None` behind the last one.
    pub(crate) fn next(&mut self) -> Result<Option<Member>, Error> {
        let start = self.offset;
        let mut records = Records::default();
        for _ in 0..=MAX_EXTENDED_HEADERS {
            let at = self.offset;
            let Some(header) = self.header()? else {
                return self.end(at, at != start).map(|()| None);
            };
            match header.kind() {
                kind @ (b'x' | b'g' | b'L' | b'K') => {
                    self.extended(kind, at, &header, &mut records)?
                }
                _ => return self.member(start, at, &header, records).map(Some),
            }
        }
        Err(corrupt(start, Corruption::TooManyHeaders { limit: MAX_EXTENDED_HEADERS }))
    }

    /// Behind a block of zeros: a second one follows, and no extended header came before.
    fn end(&mut self, at: u64, dangling: bool) -> Result<(), Error> {
        if dangling || self.header()?.is_some() {
            return Err(corrupt(at, Corruption::EndsEarly { needed: BLOCK, found: 0 }));
        }
        Ok(())
    }

    /// Reads the data of an extended header into `records`.
    fn extended(
        &mut self,
        kind: u8,
        at: u64,
        header: &Header,
        records: &mut Records,
    ) -> Result<(), Error> {
        let size = header.size().map_err(|what| corrupt(at, what))?;
        let data = self.offset;
        self.skip(at, size)?;
        let data = self.tar.read_vec(data, size, MAX_EXTENDED_BYTES)?;
        let name = || data.split(|byte| *byte == 0).next().map(<[u8]>::to_vec);
        match kind {
            b'L' => records.path = name(),
            b'K' => records.link = name(),
            b'x' => records.add(&data).map_err(|what| corrupt(at, what))?,
            _ => {
                let mut global = Records::default();
                global.add(&data).map_err(|what| corrupt(at, what))?;
                if global.binding {
                    return Err(unsupported(at, "a global header that changes entries"));
                }
            }
        }
        Ok(())
    }

    fn member(
        &mut self,
        start: u64,
        at: u64,
        header: &Header,
        records: Records,
    ) -> Result<Member, Error> {
        if records.sparse {
            return Err(unsupported(start, "a sparse file"));
        }
        let data = self.offset;
        let wrong = |what| corrupt(at, what);
        let size = records.size.map_or_else(|| header.size(), Ok).map_err(wrong)?;
        let raw = text(records.path.unwrap_or_else(|| header.name()), "name").map_err(wrong)?;
        let path = archive_path("name", &raw).map_err(wrong)?;
        let link = records.link.unwrap_or_else(|| header.link().to_vec());
        let kind = kind(at, header, raw.ends_with('/'), link)?;
        if size != 0 && kind != Type::File {
            return Err(wrong(Corruption::Size { kind: kind.name(), path, found: size }));
        }
        self.skip(at, size)?;
        Ok(Member {
            path,
            kind,
            mode: header.mode().map_err(wrong)?,
            uid: records.uid.map_or_else(|| header.uid(), Ok).map_err(wrong)?,
            gid: records.gid.map_or_else(|| header.gid(), Ok).map_err(wrong)?,
            mtime: records.mtime.map_or_else(|| header.mtime(), Ok).map_err(wrong)?,
            size,
            start,
            data,
            attributes: attributes(records.attributes),
        })
    }

    /// Steps over `size` bytes of content and their padding.
    fn skip(&mut self, header: u64, size: u64) -> Result<(), Error> {
        let left = self.tar.size().saturating_sub(self.offset);
        let whole = size.checked_add(padding(size));
        match whole.filter(|whole| *whole <= left).and_then(|whole| self.offset.checked_add(whole))
        {
            Some(next) => self.offset = next,
            None => {
                let needed = whole.unwrap_or(u64::MAX);
                return Err(corrupt(header, Corruption::EndsEarly { needed, found: left }));
            }
        }
        Ok(())
    }

    /// Reads the block at the offset and steps over it.
    fn header(&mut self) -> Result<Option<Header>, Error> {
        let at = self.offset;
        let block = match self.windowed(at) {
            Some(block) => block,
            None => {
                self.fill(at)?;
                let found = self.tar.size().saturating_sub(at);
                let short = Corruption::EndsEarly { needed: BLOCK, found };
                self.windowed(at).ok_or_else(|| corrupt(at, short))?
            }
        };
        self.offset = at.saturating_add(BLOCK);
        Header::read(block).map_err(|what| corrupt(at, what))
    }

    fn windowed(&self, at: u64) -> Option<[u8; BLOCK_BYTES]> {
        let from = usize::try_from(at.checked_sub(self.window_start)?).ok()?;
        self.window.get(from..from.checked_add(BLOCK_BYTES)?)?.try_into().ok()
    }

    fn fill(&mut self, at: u64) -> Result<(), Error> {
        let length = self.tar.size().saturating_sub(at).min(WINDOW_BYTES);
        self.window = self.tar.read_vec(at, length, WINDOW_BYTES)?;
        self.window_start = at;
        Ok(())
    }
}

impl Type {
    fn name(&self) -> &'static str {
        match self {
            Self::File => "file",
            Self::Directory => "directory",
            Self::Symlink(_) => "symbolic link",
            Self::HardLink(_) => "hard link",
            Self::Special(Special::Fifo) => "fifo",
            Self::Special(_) => "device",
        }
    }
}

/// What the type byte says. Before POSIX, a directory was a file with a slash at its end.
fn kind(at: u64, header: &Header, slash: bool, link: Vec<u8>) -> Result<Type, Error> {
    let wrong = |what| corrupt(at, what);
    let target = || text(link, "link target").map_err(wrong);
    Ok(match header.kind() {
        0 if slash => Type::Directory,
        0 | b'0' | b'7' => Type::File,
        b'1' => {
            Type::HardLink(target().and_then(|to| archive_path("link target", &to).map_err(wrong))?)
        }
        b'2' => Type::Symlink(symlink_target(target()?).map_err(wrong)?),
        b'3' => {
            let (major, minor) = header.device().map_err(wrong)?;
            Type::Special(Special::CharacterDevice { major, minor })
        }
        b'4' => {
            let (major, minor) = header.device().map_err(wrong)?;
            Type::Special(Special::BlockDevice { major, minor })
        }
        b'5' => Type::Directory,
        b'6' => Type::Special(Special::Fifo),
        other => return Err(unsupported(at, &format!("entry type {:?}", char::from(other)))),
    })
}

fn symlink_target(target: String) -> Result<String, Corruption> {
    let reason = match target.len() {
        0 => path::PathError::Empty,
        length if length > path::MAX_PATH_BYTES => path::PathError::TooLong,
        _ if target.contains('\0') => path::PathError::Zero,
        _ => return Ok(target),
    };
    Err(Corruption::Path { field: "link target", path: target, reason })
}

fn attributes(map: std::collections::BTreeMap<Box<str>, Box<[u8]>>) -> Vec<Attribute> {
    map.into_iter().map(|(name, value)| Attribute { name, value }).collect()
}

fn text(bytes: Vec<u8>, field: &'static str) -> Result<String, Corruption> {
    String::from_utf8(bytes).map_err(|_| Corruption::NotUtf8 { field })
}

fn archive_path(field: &'static str, raw: &str) -> Result<String, Corruption> {
    path::normalise(raw).map_err(|reason| Corruption::Path { field, path: raw.to_owned(), reason })
}

fn corrupt(offset: u64, what: Corruption) -> Error {
    Error::Corrupt { offset, what }
}

fn unsupported(offset: u64, what: &str) -> Error {
    Error::Unsupported { offset, what: what.to_owned() }
}
