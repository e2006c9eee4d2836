//! What can go wrong when a volume is read or laid out.

use anklume_bytes::ReadError;

/// A volume that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The bytes break the format.
    #[error("{object} at byte {offset}: {found}, expected {expected}")]
    Corrupt {
        /// The structure.
        object: &'static str,
        /// Byte of the image where the structure begins.
        offset: u64,
        /// What the format asks for.
        expected: &'static str,
        /// What is there.
        found: String,
    },
    /// The bytes are within the format, or may be, but this crate does not read them.
    #[error("{object} at byte {offset}: {found} is not supported, only {supported}")]
    Unsupported {
        /// The structure.
        object: &'static str,
        /// Byte of the image where the structure begins.
        offset: u64,
        /// What this crate reads.
        supported: &'static str,
        /// What is there.
        found: String,
    },
    /// The image is too short for what a structure refers to, or the device failed.
    #[error("{object}: {source}")]
    Read {
        /// The structure that was being read.
        object: &'static str,
        /// What happened.
        source: ReadError,
    },
    /// There is no such file.
    #[error("no file {path} in the volume")]
    NotFound {
        /// The path that was looked for.
        path: String,
    },
}

impl Error {
    /// Names the structure for which a read failed.
    pub(crate) fn reading(object: &'static str) -> impl FnOnce(ReadError) -> Self {
        move |source| Self::Read { object, source }
    }
}

/// A volume that cannot be laid out.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// A name is not 8.3 in whatever case (ECMA-119 section 10.1, interchange level 1).
    #[error("path {path}: component {component:?} must be {expected}")]
    Name {
        /// The whole path.
        path: String,
        /// The component that is refused.
        component: String,
        /// What a component may be.
        expected: &'static str,
    },
    /// More directories inside each other than ECMA-119 section 6.8.2.1 allows.
    #[error("path {path}: {levels} levels with the root, at most {max}")]
    TooDeep {
        /// The whole path.
        path: String,
        /// Levels including the root.
        levels: usize,
        /// The most that are allowed.
        max: usize,
    },
    /// Two entries have one path, or a path is a file and a directory.
    #[error("path {path} is there twice")]
    Duplicate {
        /// The path.
        path: String,
    },
    /// The file is too long for one extent, and for a FAT stick that it is copied to.
    #[error("file {path}: {size} bytes, at most {max}")]
    FileTooLong {
        /// Path of the file.
        path: String,
        /// Its length in bytes.
        size: u64,
        /// The most that is allowed, in bytes.
        max: u64,
    },
    /// An offset or length is not a multiple of the sector size.
    #[error("{object}: {value} is not a multiple of {alignment}")]
    Misaligned {
        /// What has the offset or length.
        object: String,
        /// The offset or length in bytes.
        value: u64,
        /// What it must be a multiple of, in bytes.
        alignment: u64,
    },
    /// An extent ends behind the end of the volume.
    #[error("{object}: {size} bytes at byte {offset} end behind the end of the volume at {volume}")]
    OutsideVolume {
        /// Path of the file, or the boot image.
        object: String,
        /// First byte.
        offset: u64,
        /// Length in bytes.
        size: u64,
        /// Length of the volume in bytes.
        volume: u64,
    },
    /// A file aliases bytes that belong to this area or to the partition table.
    #[error(
        "{object}: begins at byte {offset}, before the end of the volume's own area at {limit}"
    )]
    InsideArea {
        /// Path of the file, or the boot image.
        object: String,
        /// First byte.
        offset: u64,
        /// Where the area ends, in bytes.
        limit: u64,
    },
    /// Descriptors, directories and stored files need more room than there is.
    #[error("the volume's own area ends at byte {needed}, at most {limit}")]
    AreaFull {
        /// Where the area would end, in bytes from the start of the image.
        needed: u64,
        /// Where it must end.
        limit: u64,
    },
    /// An identifier is too long or has characters outside its set.
    #[error("{field} {found:?} must be at most {max} {charset}")]
    Identifier {
        /// The field of the descriptor.
        field: &'static str,
        /// What was asked for.
        found: String,
        /// The most characters.
        max: usize,
        /// `d-characters` or `a-characters` (ECMA-119 section 7.4.1).
        charset: &'static str,
    },
    /// A directory record's date ends with the year 2155 (ECMA-119 section 9.1.5).
    #[error("timestamp {seconds} lies behind the year {max_year}")]
    Date {
        /// Seconds since 1970.
        seconds: u64,
        /// The last year that fits.
        max_year: u64,
    },
    /// A boot image is too short to be one.
    #[error("{object}: {found}, at least {min}")]
    BootImage {
        /// Which boot image, and the unit.
        object: &'static str,
        /// What was given.
        found: u64,
        /// The least that is allowed.
        min: u64,
    },
    /// A structure outgrew its field.
    #[error("{object} does not fit in its field")]
    DoesNotFit {
        /// The structure.
        object: &'static str,
    },
}
