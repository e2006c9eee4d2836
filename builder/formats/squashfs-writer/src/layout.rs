//! Numbers of the format: `fs/squashfs/squashfs_fs.h` of Linux, where each has the name given here
//! in quotes. All integers are little-endian.

/// Binary logarithms of the smallest and largest block: 4 KiB and 1 MiB ("SQUASHFS_FILE_MAX_LOG").
pub(crate) const BLOCK_LOGS: std::ops::RangeInclusive<u16> = 12..=20;
/// Bytes of a metadata block before compression ("SQUASHFS_METADATA_SIZE").
pub(crate) const METADATA_BYTES: usize = 8192;
/// Bit of a metadata block's length for one stored as it is ("SQUASHFS_COMPRESSED_BIT").
pub(crate) const METADATA_STORED: u16 = 1 << 15;
/// Bit of a data block's length for one stored as it is ("SQUASHFS_COMPRESSED_BIT_BLOCK").
pub(crate) const BLOCK_STORED: u32 = 1 << 24;
/// A table that is not there ("SQUASHFS_INVALID_BLK").
pub(crate) const ABSENT: u64 = u64::MAX;
/// A file without a tail in a fragment block ("SQUASHFS_INVALID_FRAG").
pub(crate) const NO_FRAGMENT: u32 = u32::MAX;
/// An inode without extended attributes ("SQUASHFS_INVALID_XATTR").
pub(crate) const NO_XATTR: u32 = u32::MAX;
/// The most entries below one directory header ("SQUASHFS_DIR_COUNT").
pub(crate) const MAX_DIRECTORY_RUN: u32 = 256;
/// What a directory's size counts besides its listing, for `.` and `..` (`fs/squashfs/dir.c`).
pub(crate) const DIRECTORY_EXTRA: u32 = 3;
/// Images are padded to this, as loop devices and `mksquashfs` like it.
pub(crate) const PADDING: u64 = 4096;
/// The level that `mksquashfs` does not write down ("ZSTD_DEFAULT_COMPRESSION_LEVEL" of its
/// `zstd_wrapper.h`).
pub(crate) const DEFAULT_ZSTD_LEVEL: u8 = 15;

/// Superblock flags ("SQUASHFS_DUPLICATE" and the following; given there as bit numbers).
pub(crate) mod flag {
    /// Duplicate files were looked for.
    pub(crate) const DUPLICATES: u16 = 1 << 6;
    /// There is a lookup table.
    pub(crate) const EXPORT: u16 = 1 << 7;
    /// There are no extended attributes.
    pub(crate) const NO_XATTRS: u16 = 1 << 9;
    /// Compressor options follow the superblock.
    pub(crate) const COMPRESSOR_OPTIONS: u16 = 1 << 10;
}

/// What an inode is: its basic type; the extended one is seven more ("SQUASHFS_DIR_TYPE" and the
/// following).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum InodeType {
    Directory,
    File,
    Symlink,
    BlockDevice,
    CharDevice,
    Fifo,
    Socket,
}

impl InodeType {
    const ALL: [Self; 7] = [
        Self::Directory,
        Self::File,
        Self::Symlink,
        Self::BlockDevice,
        Self::CharDevice,
        Self::Fifo,
        Self::Socket,
    ];

    /// Number of the basic type, which directories hold.
    pub(crate) const fn id(self) -> u8 {
        match self {
            Self::Directory => 1,
            Self::File => 2,
            Self::Symlink => 3,
            Self::BlockDevice => 4,
            Self::CharDevice => 5,
            Self::Fifo => 6,
            Self::Socket => 7,
        }
    }

    /// Number of the basic or the extended type.
    pub(crate) fn number(self, extended: bool) -> u16 {
        u16::from(self.id()).saturating_add(if extended { 7 } else { 0 })
    }

    /// The type with a basic number.
    pub(crate) fn from_id(id: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.id() == id)
    }
}

/// A length as a 64-bit number; they are the same on every machine that this runs on.
pub(crate) fn wide(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
