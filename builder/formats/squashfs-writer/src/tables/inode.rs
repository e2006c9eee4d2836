//! Inodes as they stand in the inode table (`struct squashfs_base_inode` and the following).

use super::directory::Listing;
use crate::Error;
use crate::layout::{InodeType, NO_XATTR};
use crate::store::Head;

/// What inodes of a kind have besides the [`Head`].
#[derive(Debug)]
pub(super) enum Body {
    File(FileBody),
    Symlink(Vec<u8>),
    /// Number of a device.
    Device(u32),
    /// Named pipes and sockets.
    Nothing,
    Directory {
        listing: Listing,
        /// Names of the directory: two, and one for each directory in it.
        links: u32,
        /// Inode number of the directory that holds it.
        parent: u32,
    },
}

/// Where a file's content is.
#[derive(Debug)]
pub(super) struct FileBody {
    /// First byte of the first block in the image.
    pub(super) start: u64,
    pub(super) size: u64,
    /// Bytes of content in holes.
    pub(super) sparse: u64,
    pub(super) fragment: u32,
    /// First byte in the fragment block's content.
    pub(super) offset: u32,
    /// Lengths of the blocks, as the inode has them: `u32` each.
    pub(super) blocks: Vec<u8>,
}

/// The bytes of an inode with `links` names; directories have their own number of those.
///
/// The extended form is used only where the basic one has no room.
pub(super) fn encode(head: &Head, links: u32, body: &Body) -> Result<Vec<u8>, Error> {
    match body {
        Body::File(file) => Ok(self::file(head, links, file)),
        Body::Directory { listing, links, parent } => directory(head, listing, *links, *parent),
        Body::Symlink(target) => {
            let length = u32::try_from(target.len()).unwrap_or(u32::MAX);
            let parts = [&links.to_le_bytes(), &length.to_le_bytes(), target.as_slice()];
            Ok(other(head, &parts))
        }
        Body::Device(number) => Ok(other(head, &[&links.to_le_bytes(), &number.to_le_bytes()])),
        Body::Nothing => Ok(other(head, &[&links.to_le_bytes()])),
    }
}

/// The fields that all inodes begin with.
fn base(head: &Head, extended: bool) -> Vec<u8> {
    let mut inode = Vec::with_capacity(64);
    for half in [head.kind.number(extended), head.mode, head.uid, head.gid] {
        inode.extend(half.to_le_bytes());
    }
    for word in [head.mtime, head.number] {
        inode.extend(word.to_le_bytes());
    }
    inode
}

/// Symbolic links, devices, pipes and sockets: extended attributes come last.
fn other(head: &Head, parts: &[&[u8]]) -> Vec<u8> {
    let extended = head.xattr != NO_XATTR;
    let mut inode = base(head, extended);
    inode.extend(parts.concat());
    if extended {
        inode.extend(head.xattr.to_le_bytes());
    }
    inode
}

fn file(head: &Head, links: u32, file: &FileBody) -> Vec<u8> {
    let short = (u32::try_from(file.start), u32::try_from(file.size));
    let plain = links == 1 && head.xattr == NO_XATTR && file.sparse == 0;
    let mut inode = match short {
        (Ok(start), Ok(size)) if plain => {
            let mut inode = base(head, false);
            for word in [start, file.fragment, file.offset, size] {
                inode.extend(word.to_le_bytes());
            }
            inode
        }
        _ => {
            let mut inode = base(head, true);
            for long in [file.start, file.size, file.sparse] {
                inode.extend(long.to_le_bytes());
            }
            for word in [links, file.fragment, file.offset, head.xattr] {
                inode.extend(word.to_le_bytes());
            }
            inode
        }
    };
    inode.extend(&file.blocks);
    inode
}

fn directory(head: &Head, listing: &Listing, links: u32, parent: u32) -> Result<Vec<u8>, Error> {
    let place = listing.place;
    let plain = head.xattr == NO_XATTR && listing.index.is_empty();
    match u16::try_from(listing.size) {
        Ok(size) if plain => {
            let mut inode = base(head, false);
            inode.extend(place.block.to_le_bytes());
            inode.extend(links.to_le_bytes());
            inode.extend(size.to_le_bytes());
            inode.extend(place.offset.to_le_bytes());
            inode.extend(parent.to_le_bytes());
            Ok(inode)
        }
        _ => large_directory(head, listing, links, parent),
    }
}

fn large_directory(
    head: &Head,
    listing: &Listing,
    links: u32,
    parent: u32,
) -> Result<Vec<u8>, Error> {
    let full = |_| Error::TableFull { table: "directory index", limit: u16::MAX.into() };
    let entries = u16::try_from(listing.index.len()).map_err(full)?;
    let mut inode = base(head, true);
    for word in [links, listing.size, listing.place.block, parent] {
        inode.extend(word.to_le_bytes());
    }
    for half in [entries, listing.place.offset] {
        inode.extend(half.to_le_bytes());
    }
    inode.extend(head.xattr.to_le_bytes());
    for entry in &listing.index {
        // Names have 1 to 256 bytes.
        let last = u32::try_from(entry.name.len().saturating_sub(1)).unwrap_or(u32::MAX);
        for word in [entry.at, entry.block, last] {
            inode.extend(word.to_le_bytes());
        }
        inode.extend(&entry.name);
    }
    Ok(inode)
}

/// The number of a device as Linux writes it (`new_encode_dev` of `include/linux/kdev_t.h`): eight
/// bits of the minor number, twelve of the major number, twelve of the minor number.
pub(crate) fn device(major: u32, minor: u32) -> u32 {
    (minor & 0xff) | (major & 0xfff) << 8 | (minor & 0xf_ff00) << 12
}

/// Whether the type is that of a device.
pub(super) fn is_device(kind: InodeType) -> bool {
    matches!(kind, InodeType::BlockDevice | InodeType::CharDevice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::layout::NO_FRAGMENT;

    fn head(kind: InodeType) -> Head {
        Head { kind, mode: 0o644, uid: 1, gid: 2, mtime: 3, number: 4, xattr: NO_XATTR }
    }

    fn body() -> FileBody {
        let (fragment, offset, blocks) = (NO_FRAGMENT, 0, vec![9, 0, 0, 0]);
        FileBody { start: 96, size: 100, sparse: 0, fragment, offset, blocks }
    }

    #[test]
    fn files_are_extended_only_when_they_must_be() {
        let kind = |head: &Head, links, body| encode(head, links, &Body::File(body)).unwrap();
        let plain = head(InodeType::File);
        let basic = kind(&plain, 1, body());
        assert_eq!((basic[0], basic.len()), (2, 32 + 4));
        let large = u64::from(u32::MAX);
        assert_eq!(kind(&plain, 1, FileBody { start: large, size: large, ..body() })[0], 2);
        for extended in [
            kind(&plain, 2, body()),
            kind(&Head { xattr: 0, ..plain }, 1, body()),
            kind(&plain, 1, FileBody { sparse: 1, ..body() }),
            kind(&plain, 1, FileBody { start: large + 1, ..body() }),
            kind(&plain, 1, FileBody { size: large + 1, ..body() }),
        ] {
            assert_eq!((extended[0], extended.len()), (9, 56 + 4));
        }
    }

    #[test]
    fn directories_are_extended_only_when_they_must_be() {
        let first = |xattr, size| {
            let listing = Listing { size, ..Listing::default() };
            let head = Head { xattr, ..head(InodeType::Directory) };
            encode(&head, 1, &Body::Directory { listing, links: 2, parent: 1 }).unwrap()
        };
        assert_eq!((first(NO_XATTR, 65_535)[0], first(NO_XATTR, 3).len()), (1, 32));
        assert_eq!((first(NO_XATTR, 65_536)[0], first(NO_XATTR, 65_536).len()), (8, 40));
        assert_eq!(first(0, 3)[0], 8);
    }

    #[test]
    fn devices_are_numbered_as_linux_does() {
        assert_eq!(device(8, 1), 0x801);
        assert_eq!(device(0xfff, 0xf_ffff), u32::MAX);
        assert_eq!(device(259, 300), 0x0011_032c);
    }
}
