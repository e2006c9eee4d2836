//! Inodes (`struct squashfs_base_inode` and the following).

use super::cursor::Cursor;
use super::error::TableError;
use super::stored::Blocks;
use crate::Superblock;
use crate::layout::{NAME_BYTES_MAX, NO_FRAGMENT, NO_XATTR};

/// A file of any kind. Names that are hard links of each other share one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inode {
    /// Place in the inode table: first byte of the metadata block, counted from the start of the
    /// table, shifted left by 16 bits, and byte of the block's content.
    pub reference: u64,
    /// Number, from 1.
    pub number: u32,
    /// Permission bits with set-id and sticky bits, at most `0o7777`.
    pub mode: u16,
    /// Owner.
    pub uid: u32,
    /// Group.
    pub gid: u32,
    /// Time of the last change, in seconds since 1970.
    pub mtime: u32,
    /// Names; those of a basic file, which says nothing, are 1.
    pub links: u32,
    /// Number of its set of extended attributes, if it has any.
    pub xattrs: Option<u32>,
    /// What it is.
    pub kind: Kind,
}

/// What an inode is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A directory.
    Directory(Directory),
    /// A regular file.
    File(File),
    /// A symbolic link.
    Symlink {
        /// Where it points.
        target: Vec<u8>,
    },
    /// A block device with its number, as Linux encodes it (`include/linux/kdev_t.h`,
    /// `new_encode_dev`): minor in bits 0 to 7 and 20 to 31, major in bits 8 to 19.
    BlockDevice(u32),
    /// A character device with its number, encoded in the same way.
    CharacterDevice(u32),
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
}

impl Kind {
    /// Number of the basic type, which directories hold (`SQUASHFS_DIR_TYPE` and the following).
    pub(super) fn id(&self) -> u16 {
        match self {
            Self::Directory(_) => 1,
            Self::File(_) => 2,
            Self::Symlink { .. } => 3,
            Self::BlockDevice(_) => 4,
            Self::CharacterDevice(_) => 5,
            Self::Fifo => 6,
            Self::Socket => 7,
        }
    }
}

/// Where a directory's listing lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Directory {
    /// First byte of the metadata block, counted from the start of the directory table.
    pub block: u32,
    /// First byte in that block's content.
    pub offset: u16,
    /// Bytes of the listing, and 3.
    pub size: u32,
}

/// Where a regular file's content lies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    /// Bytes of content.
    pub size: u64,
    /// First byte of the first data block in the image.
    start: u64,
    /// Lengths of the data blocks, with their bits.
    words: Vec<u32>,
    /// The end of the file, if that lies in a fragment block.
    pub tail: Option<Tail>,
}

impl File {
    /// The data blocks, in the order of the content. All but the last have the content of a whole
    /// block; the last one has, where there is no tail, the rest.
    #[must_use]
    pub fn blocks(&self) -> Blocks<'_> {
        Blocks::new(self.start, &self.words)
    }
}

/// The end of a file, in a fragment block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Tail {
    /// Number of the fragment block.
    pub fragment: u32,
    /// First byte in the fragment block's content.
    pub at: u32,
    /// Bytes of content.
    pub bytes: u32,
}

/// Reads the inode at the cursor; `ids` are the numbers that owners stand for.
pub(super) fn read(
    cursor: &mut Cursor<'_>,
    superblock: &Superblock,
    ids: &[u32],
) -> Result<Inode, TableError> {
    let reference = cursor.table.reference(cursor.position);
    let start = cursor.position;
    let kind = cursor.u16("inode_type")?;
    let mode = cursor.u16("mode")?;
    let uid = id(cursor, "uid", ids)?;
    let gid = id(cursor, "guid", ids)?;
    let mtime = cursor.u32("mtime")?;
    let number = cursor.u32("inode_number")?;
    let body = match kind {
        1 => directory(cursor),
        8 => large_directory(cursor),
        2 | 9 => file(cursor, superblock, kind == 9),
        3 | 10 => symlink(cursor, kind == 10),
        4 | 5 | 11 | 12 => device(cursor, kind),
        6 | 7 | 13 | 14 => pipe(cursor, kind),
        _ => {
            cursor.position = start;
            Err(cursor.corrupt("inode_type", "1 to 14", kind))
        }
    };
    let (links, xattrs, kind) = body?;
    let xattrs = Some(xattrs).filter(|number| *number != NO_XATTR);
    Ok(Inode { reference, number, mode: mode & 0o7777, uid, gid, mtime, links, xattrs, kind })
}

/// What comes behind the fields that all inodes have: links, number of the attributes, kind.
type Body = Result<(u32, u32, Kind), TableError>;

fn id(cursor: &mut Cursor<'_>, field: &'static str, ids: &[u32]) -> Result<u32, TableError> {
    let index = cursor.u16(field)?;
    let id = ids.get(usize::from(index)).copied();
    id.ok_or_else(|| cursor.corrupt(field, format!("less than the {} ids", ids.len()), index))
}

fn directory(cursor: &mut Cursor<'_>) -> Body {
    let block = cursor.u32("start_block")?;
    let links = cursor.u32("nlink")?;
    let size = cursor.u16("file_size")?.into();
    let offset = cursor.u16("offset")?;
    cursor.u32("parent_inode")?;
    Ok((links, NO_XATTR, Kind::Directory(Directory { block, offset, size })))
}

fn large_directory(cursor: &mut Cursor<'_>) -> Body {
    let links = cursor.u32("nlink")?;
    let size = cursor.u32("file_size")?;
    let block = cursor.u32("start_block")?;
    cursor.u32("parent_inode")?;
    let indexes = cursor.u16("i_count")?;
    let offset = cursor.u16("offset")?;
    let xattrs = cursor.u32("xattr")?;
    // The index is for finding names in large directories; who reads them all needs none.
    for _ in 0..indexes {
        cursor.bytes("directory index", 8)?;
        let last = cursor.u32("size of a directory index")?;
        if last >= NAME_BYTES_MAX {
            let expected = format!("less than {NAME_BYTES_MAX}");
            return Err(cursor.corrupt("size of a directory index", expected, last));
        }
        cursor.bytes("name of a directory index", u64::from(last).saturating_add(1))?;
    }
    Ok((links, xattrs, Kind::Directory(Directory { block, offset, size })))
}

fn file(cursor: &mut Cursor<'_>, superblock: &Superblock, extended: bool) -> Body {
    let (start, fragment, at, size, links, xattrs);
    if extended {
        start = cursor.u64("start_block")?;
        size = cursor.u64("file_size")?;
        // Bytes in holes, for stat(2) only.
        cursor.u64("sparse")?;
        links = cursor.u32("nlink")?;
        fragment = cursor.u32("fragment")?;
        at = cursor.u32("offset")?;
        xattrs = cursor.u32("xattr")?;
    } else {
        start = cursor.u32("start_block")?.into();
        fragment = cursor.u32("fragment")?;
        at = cursor.u32("offset")?;
        size = cursor.u32("file_size")?.into();
        (links, xattrs) = (1, NO_XATTR);
    }
    let tail = tail(cursor, superblock, (fragment, at), size)?;
    let block = u64::from(superblock.block_bytes.max(1));
    let blocks = match fragment {
        NO_FRAGMENT => size.div_ceil(block),
        _ => size.checked_div(block).unwrap_or_default(),
    };
    let words = words(cursor, superblock, start, blocks)?;
    Ok((links, xattrs, Kind::File(File { size, start, words, tail })))
}

fn tail(
    cursor: &Cursor<'_>,
    superblock: &Superblock,
    (fragment, at): (u32, u32),
    size: u64,
) -> Result<Option<Tail>, TableError> {
    let block = superblock.block_bytes;
    if fragment == NO_FRAGMENT {
        return Ok(None);
    }
    if fragment >= superblock.fragments {
        let expected = format!("less than the {} fragments", superblock.fragments);
        return Err(cursor.corrupt("fragment", expected, fragment));
    }
    let rest = size.checked_rem(u64::from(block)).unwrap_or_default();
    // It is shorter than a block.
    let bytes = u32::try_from(rest).unwrap_or(u32::MAX);
    if at.checked_add(bytes).is_none_or(|end| end > block) {
        let expected = format!("room for {bytes} bytes in a block of {block}");
        return Err(cursor.corrupt("offset", expected, at));
    }
    Ok((bytes > 0).then_some(Tail { fragment, at, bytes }))
}

/// The block list: a length with its bit for each data block (`fs/squashfs/file.c`).
fn words(
    cursor: &mut Cursor<'_>,
    superblock: &Superblock,
    start: u64,
    blocks: u64,
) -> Result<Vec<u32>, TableError> {
    let place = cursor.table.place(cursor.position);
    let list = cursor.bytes("block_list", blocks.saturating_mul(4))?;
    let words: Vec<u32> = list.as_chunks::<4>().0.iter().map(|w| u32::from_le_bytes(*w)).collect();
    for block in Blocks::new(start, &words) {
        block.check("block_list", place, superblock)?;
    }
    Ok(words)
}

fn symlink(cursor: &mut Cursor<'_>, extended: bool) -> Body {
    let links = cursor.u32("nlink")?;
    let length = cursor.u32("symlink_size")?;
    let target = cursor.bytes("symlink", length.into())?.to_vec();
    let xattrs = if extended { cursor.u32("xattr")? } else { NO_XATTR };
    Ok((links, xattrs, Kind::Symlink { target }))
}

fn device(cursor: &mut Cursor<'_>, kind: u16) -> Body {
    let links = cursor.u32("nlink")?;
    let number = cursor.u32("rdev")?;
    let xattrs = if kind > 7 { cursor.u32("xattr")? } else { NO_XATTR };
    let kind = match kind {
        4 | 11 => Kind::BlockDevice(number),
        _ => Kind::CharacterDevice(number),
    };
    Ok((links, xattrs, kind))
}

fn pipe(cursor: &mut Cursor<'_>, kind: u16) -> Body {
    let links = cursor.u32("nlink")?;
    let xattrs = if kind > 7 { cursor.u32("xattr")? } else { NO_XATTR };
    let kind = if matches!(kind, 6 | 13) { Kind::Fifo } else { Kind::Socket };
    Ok((links, xattrs, kind))
}
