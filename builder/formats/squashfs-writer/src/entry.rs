//! What goes into an image.

use std::cmp::Ordering;

use crate::error::{Error, PathFault, XattrFault};
use crate::layout::wide;

/// Longest name of a directory entry in bytes ("SQUASHFS_NAME_LEN" of the kernel's
/// `squashfs_fs.h`). Linux opens names of up to 255 bytes only (`NAME_MAX` of `limits.h`).
pub const MAX_NAME_BYTES: usize = 256;
/// Longest target of a symbolic link in bytes: Linux's `PATH_MAX` less the zero byte (`limits.h`).
pub const MAX_SYMLINK_BYTES: usize = 4095;
/// Longest name of an extended attribute in bytes (`XATTR_NAME_MAX` of Linux's `limits.h`).
const MAX_XATTR_NAME_BYTES: usize = 255;
/// Longest value of an extended attribute in bytes (`XATTR_SIZE_MAX` of Linux's `limits.h`).
const MAX_XATTR_VALUE_BYTES: usize = 65_536;

/// Largest user and group ID: the one above it means none (chown(2)).
const MAX_ID: u32 = u32::MAX - 1;

/// An extended attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Xattr<'a> {
    /// Name with its prefix, such as `security.capability`, at most 255 bytes.
    pub name: &'a [u8],
    /// Value, any bytes, at most 65536.
    pub value: &'a [u8],
}

/// A directory entry and, but for hard links, the inode that it names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Path without a leading slash; empty for the root, which comes first. Any bytes but zeros.
    pub path: &'a [u8],
    /// Permission bits with set-id and sticky bits, at most `0o7777`.
    pub mode: u16,
    /// Owner, at most 4294967294.
    pub uid: u32,
    /// Group, at most 4294967294.
    pub gid: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Extended attributes in any order.
    pub xattrs: &'a [Xattr<'a>],
    /// What it is.
    pub kind: Kind<'a>,
}

/// What an [`Entry`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind<'a> {
    /// A directory.
    Directory,
    /// A regular file.
    File {
        /// Bytes of content; the reader gives exactly so many.
        size: u64,
    },
    /// A symbolic link to this target, 1 to [`MAX_SYMLINK_BYTES`] bytes without zeros.
    Symlink(&'a [u8]),
    /// A block device.
    BlockDevice {
        /// Major number, 12 bits.
        major: u32,
        /// Minor number, 20 bits.
        minor: u32,
    },
    /// A character device.
    CharDevice {
        /// Major number, 12 bits.
        major: u32,
        /// Minor number, 20 bits.
        minor: u32,
    },
    /// A named pipe.
    Fifo,
    /// A socket.
    Socket,
    /// Another name of an earlier entry that is no directory. Owner, mode, time and attributes are
    /// that one's; those of this entry do not count.
    HardLink {
        /// Path of the earlier entry.
        to: &'a [u8],
    },
}

/// The order in which entries come: by bytes, but the slash before every other byte, so that a
/// directory's content follows it at once (`usr`, `usr/bin`, `usr-old`).
#[must_use]
pub fn order(left: &[u8], right: &[u8]) -> Ordering {
    let rank = |byte: &u8| if *byte == b'/' { 0 } else { *byte };
    left.iter().map(rank).cmp(right.iter().map(rank))
}

impl Entry<'_> {
    /// Checks what can be checked without knowing the other entries.
    pub(crate) fn check(&self) -> Result<(), Error> {
        self.check_path()?;
        self.limit("mode", self.mode.into(), 0o7777, "at most 4095")?;
        for (field, id) in [("owner", self.uid), ("group", self.gid)] {
            self.limit(field, id.into(), MAX_ID.into(), "at most 4294967294")?;
        }
        match self.kind {
            Kind::Symlink(target) => self.check_symlink(target)?,
            Kind::BlockDevice { major, minor } | Kind::CharDevice { major, minor } => {
                self.limit("major number", major.into(), 0xfff, "at most 4095")?;
                self.limit("minor number", minor.into(), 0xf_ffff, "at most 1048575")?;
            }
            _ => {}
        }
        self.xattrs.iter().try_for_each(|xattr| self.check_xattr(xattr))
    }

    /// The error that this path has a fault.
    pub(crate) fn fault(&self, fault: PathFault) -> Error {
        Error::Path { path: self.path.to_vec(), fault }
    }

    fn check_path(&self) -> Result<(), Error> {
        if self.path.is_empty() {
            return match self.kind {
                Kind::Directory => Ok(()),
                _ => Err(self.fault(PathFault::RootNotDirectory)),
            };
        }
        self.path.split(|byte| *byte == b'/').try_for_each(|name| match name {
            b"" => Err(self.fault(PathFault::EmptyName)),
            b"." | b".." => Err(self.fault(PathFault::Dots)),
            _ if name.contains(&0) => Err(self.fault(PathFault::Zero)),
            _ if name.len() > MAX_NAME_BYTES => Err(self.fault(PathFault::LongName)),
            _ => Ok(()),
        })
    }

    fn check_symlink(&self, target: &[u8]) -> Result<(), Error> {
        let expected = "1 to 4095 bytes without zeros";
        if target.is_empty() || target.len() > MAX_SYMLINK_BYTES || target.contains(&0) {
            let (path, found) = (self.path.to_vec(), wide(target.len()));
            return Err(Error::Field { path, field: "symbolic link target", expected, found });
        }
        Ok(())
    }

    fn check_xattr(&self, xattr: &Xattr<'_>) -> Result<(), Error> {
        let fault = match split_prefix(xattr.name) {
            None => XattrFault::Prefix,
            Some((_, b"")) => XattrFault::Name,
            Some(_) if xattr.name.contains(&0) => XattrFault::Name,
            Some(_) if xattr.name.len() > MAX_XATTR_NAME_BYTES => XattrFault::Name,
            Some(_) if xattr.value.len() > MAX_XATTR_VALUE_BYTES => XattrFault::Value,
            Some(_) => return Ok(()),
        };
        Err(self.xattr_fault(xattr.name, fault))
    }

    /// The error that an attribute has a fault.
    pub(crate) fn xattr_fault(&self, name: &[u8], fault: XattrFault) -> Error {
        Error::Xattr { path: self.path.to_vec(), name: name.to_vec(), fault }
    }

    fn limit(
        &self,
        field: &'static str,
        found: u64,
        limit: u64,
        expected: &'static str,
    ) -> Result<(), Error> {
        match found > limit {
            true => Err(Error::Field { path: self.path.to_vec(), field, expected, found }),
            false => Ok(()),
        }
    }
}

/// The number of an attribute's prefix ("SQUASHFS_XATTR_USER" and the following) and what follows
/// it.
pub(crate) fn split_prefix(name: &[u8]) -> Option<(u16, &[u8])> {
    [(0, b"user.".as_slice()), (1, b"trusted."), (2, b"security.")]
        .into_iter()
        .find_map(|(number, prefix)| Some((number, name.strip_prefix(prefix)?)))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry<'a>(path: &'a [u8], kind: Kind<'a>) -> Entry<'a> {
        Entry { path, mode: 0o644, uid: 0, gid: 0, mtime: 0, xattrs: &[], kind }
    }

    fn fault(path: &[u8]) -> Option<PathFault> {
        match entry(path, Kind::Fifo).check() {
            Err(Error::Path { fault, .. }) => Some(fault),
            Err(other) => panic!("{other}"),
            Ok(()) => None,
        }
    }

    #[test]
    fn paths_are_relative_and_clean() {
        assert_eq!(fault(b"a/b\xff/..."), None);
        assert_eq!(fault(&[b'x'; 256]), None);
        assert_eq!(fault(&[b'x'; 257]), Some(PathFault::LongName));
        for empty in [b"/a".as_slice(), b"a/", b"a//b"] {
            assert_eq!(fault(empty), Some(PathFault::EmptyName));
        }
        for dots in [b".".as_slice(), b"..", b"a/./b", b"../a"] {
            assert_eq!(fault(dots), Some(PathFault::Dots));
        }
        assert_eq!(fault(b"a\0"), Some(PathFault::Zero));
        assert_eq!(fault(b""), Some(PathFault::RootNotDirectory));
    }

    #[test]
    fn fields_have_their_width() {
        let field = |kind| match entry(b"a", kind).check() {
            Err(Error::Field { field, .. }) => field,
            other => panic!("{other:?}"),
        };
        assert_eq!(field(Kind::BlockDevice { major: 4096, minor: 0 }), "major number");
        assert_eq!(field(Kind::CharDevice { major: 0, minor: 1 << 20 }), "minor number");
        for target in [b"".as_slice(), &[b'x'; 4096], b"a\0"] {
            assert_eq!(field(Kind::Symlink(target)), "symbolic link target");
        }
        let wrong = Entry { mode: 0o10000, ..entry(b"a", Kind::Fifo) };
        assert!(matches!(wrong.check(), Err(Error::Field { field: "mode", .. })));
        let nobody = [(u32::MAX, 0, "owner"), (0, u32::MAX, "group")];
        for (uid, gid, name) in nobody {
            let wrong = Entry { uid, gid, ..entry(b"a", Kind::Fifo) };
            assert!(matches!(wrong.check(), Err(Error::Field { field, .. }) if field == name));
        }
        entry(b"a", Kind::BlockDevice { major: 4095, minor: (1 << 20) - 1 }).check().unwrap();
    }

    #[test]
    fn attributes_have_a_prefix_a_name_and_a_limit() {
        let fault = |name: &[u8], value: &[u8]| {
            let xattrs = [Xattr { name, value }];
            match (Entry { xattrs: &xattrs, ..entry(b"a", Kind::Fifo) }).check() {
                Err(Error::Xattr { fault, .. }) => Some(fault),
                other => other.map(|()| None).unwrap(),
            }
        };
        assert_eq!(fault(b"user.a", &[0; 65_536]), None);
        assert_eq!(fault(b"user.a", &[0; 65_537]), Some(XattrFault::Value));
        assert_eq!(fault(b"system.posix_acl_access", b""), Some(XattrFault::Prefix));
        assert_eq!(fault(b"security.", b""), Some(XattrFault::Name));
        assert_eq!(fault(b"user.a\0", b""), Some(XattrFault::Name));
        assert_eq!(fault(&[b"user.".as_slice(), &[b'x'; 250]].concat(), b""), None);
        let long = [b"user.".as_slice(), &[b'x'; 251]].concat();
        assert_eq!(fault(&long, b""), Some(XattrFault::Name));
    }

    #[test]
    fn a_directory_is_followed_by_its_content() {
        let mut paths = [b"usr-old".as_slice(), b"usr", b"", b"usr/bin", b"usr/\x01"];
        paths.sort_by(|a, b| order(a, b));
        assert_eq!(paths, [b"".as_slice(), b"usr", b"usr/\x01", b"usr/bin", b"usr-old"]);
    }
}
