//! Offsets and values of an entry's header.

/// The most bytes of a name with its closing NUL: `PATH_MAX`. The kernel skips entries with longer
/// names (`init/initramfs.c`, `do_header`).
pub const MAX_NAME_BYTES: u32 = 4096;

/// Six digits, the magic of a header without checksum.
pub(crate) const MAGIC: &[u8; 6] = b"070701";
/// The same with checksum, not supported.
pub(crate) const MAGIC_CHECKSUM: &[u8; 6] = b"070702";
/// Bytes of a header.
pub(crate) const HEADER_BYTES: usize = 110;
/// Name of the last entry.
pub(crate) const TRAILER: &[u8] = b"TRAILER!!!";
/// Header with name, and data, begin at multiples of this many bytes.
pub(crate) const ALIGNMENT: usize = 4;
/// Archives end at a multiple of this many bytes, as those of `cpio` do.
pub(crate) const ARCHIVE_ALIGNMENT: u64 = 512;

/// The header's fields behind the magic, eight hexadecimal digits each, in their order.
pub(crate) const FIELDS: [&str; 13] = [
    "inode number",
    "mode",
    "user",
    "group",
    "link count",
    "modification time",
    "file size",
    "device major",
    "device minor",
    "special device major",
    "special device minor",
    "name size",
    "checksum",
];

/// File type bits of a mode (`S_IFMT`, inode(7)).
pub(crate) const TYPE_MASK: u32 = 0o170_000;

/// Kind of an entry: the type bits of its mode (inode(7)).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Regular file.
    File,
    /// Directory.
    Directory,
    /// Symbolic link; its target is the data.
    Symlink,
    /// Character device.
    CharacterDevice,
    /// Block device.
    BlockDevice,
    /// Named pipe.
    Fifo,
    /// Socket.
    Socket,
}

impl Kind {
    /// Type bits of the mode.
    #[must_use]
    pub const fn bits(self) -> u32 {
        match self {
            Self::Fifo => 0o010_000,
            Self::CharacterDevice => 0o020_000,
            Self::Directory => 0o040_000,
            Self::BlockDevice => 0o060_000,
            Self::File => 0o100_000,
            Self::Symlink => 0o120_000,
            Self::Socket => 0o140_000,
        }
    }

    /// The kind that a mode tells, `None` for type bits without a meaning.
    #[must_use]
    pub fn of_mode(mode: u32) -> Option<Self> {
        const ALL: [Kind; 7] = [
            Kind::File,
            Kind::Directory,
            Kind::Symlink,
            Kind::CharacterDevice,
            Kind::BlockDevice,
            Kind::Fifo,
            Kind::Socket,
        ];
        ALL.into_iter().find(|kind| kind.bits() == mode & TYPE_MASK)
    }
}
