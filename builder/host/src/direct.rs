//! Disks read and written past the page cache, where the system allows that.
//!
//! The page cache may be wrong about a disk: each partition has one of its own beside that of the
//! whole disk, and what a boot loader or firmware wrote before is in none of them. What was written
//! is proved to be on the disk only by reading it from there.

use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::{FileExt, FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::Path;

use anklume_bytes::{ReadAt, ReadError, WriteAt, WriteError};
use nix::errno::Errno;
use nix::fcntl::{OFlag, PosixFadviseAdvice, posix_fadvise};
use nix::sys::stat::{major, minor};

/// Offsets and lengths of direct I/O are multiples of the disk's logical block, in bytes.
const BLOCK_BYTES: usize = 512;
/// Buffers of direct I/O begin at a multiple of this many bytes: a page does for every device.
const ADDRESS_BYTES: usize = 4096;
/// What the page cache forgets at a time, in bytes.
const PAGE_BYTES: u64 = 4096;

/// What a disk is opened for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Reading.
    Read,
    /// Reading and writing.
    Write,
}

/// A block device with logical blocks of 512 bytes, or a regular file in its place.
///
/// Reads come from the disk and not from the page cache. Where direct I/O is refused, as by some
/// file systems, the cache is told to forget the range first, which it does unless somebody is about
/// to write it. A write is one call, and durable when it returns (`O_DSYNC`);
/// [`WriteAt::flush`] asks the device once more.
#[derive(Debug)]
pub struct DirectFile {
    file: File,
    size: u64,
    /// Major and minor number of a block device.
    number: Option<(u32, u32)>,
    direct: bool,
}

impl DirectFile {
    /// Opens a block device or regular file.
    ///
    /// # Errors
    /// What the operating system says; anything else than a block device or file is refused.
    pub fn open(path: &Path, access: Access) -> io::Result<Self> {
        let mut flags = OFlag::empty();
        flags.set(OFlag::O_DSYNC, access == Access::Write);
        Self::open_with(path, access, flags)
    }

    /// Opens it with further flags, directly if possible.
    pub(crate) fn open_with(path: &Path, access: Access, flags: OFlag) -> io::Result<Self> {
        match Self::open_as(path, access, flags, true) {
            Err(error) if is_refusal(&error) => Self::open_as(path, access, flags, false),
            opened => opened,
        }
    }

    fn open_as(path: &Path, access: Access, flags: OFlag, direct: bool) -> io::Result<Self> {
        // Without O_NONBLOCK, opening a FIFO would wait for its other end.
        let mut flags = flags | OFlag::O_NONBLOCK;
        flags.set(OFlag::O_DIRECT, direct);
        let file = OpenOptions::new()
            .read(true)
            .write(access == Access::Write)
            .custom_flags(flags.bits())
            .open(path)?;
        let metadata = file.metadata()?;
        let number = match metadata.file_type() {
            kind if kind.is_block_device() => Some(number(metadata.rdev())?),
            kind if kind.is_file() => None,
            _ => return Err(io::Error::other("neither a regular file nor a block device")),
        };
        // A block device's length is where seeking to its end leads.
        let size = io::Seek::seek(&mut &file, io::SeekFrom::End(0))?;
        let opened = Self { file, size, number, direct };
        if direct {
            opened.try_block()?;
        }
        Ok(opened)
    }

    /// Reads a block, to learn whether blocks of this size can be read directly: file systems on
    /// disks with larger ones refuse them.
    fn try_block(&self) -> io::Result<()> {
        match self.file.read_at(Aligned::new(BLOCK_BYTES).bytes()?, 0) {
            Err(error) if is_refusal(&error) => Err(error),
            // What is unreadable is told when it is read.
            _ => Ok(()),
        }
    }

    /// Whether the page cache is bypassed for certain.
    #[must_use]
    pub fn bypasses_cache(&self) -> bool {
        self.direct
    }

    /// Major and minor number of a block device, none of a file.
    #[must_use]
    pub fn number(&self) -> Option<(u32, u32)> {
        self.number
    }

    /// Makes everything durable.
    pub(crate) fn sync(&self) -> Result<(), WriteError> {
        self.file.sync_all().map_err(|source| WriteError::Flush { source })
    }

    fn read_direct(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let block = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
        let skip = offset % block;
        let start = offset - skip;
        let skip = usize::try_from(skip).map_err(io::Error::other)?;
        let end = skip + buffer.len();
        let mut space = Aligned::new(end.next_multiple_of(BLOCK_BYTES));
        let bytes = space.bytes()?;
        let mut done = 0;
        // The last block of a file may be a part of one.
        while done < end {
            let at = start + u64::try_from(done).map_err(io::Error::other)?;
            match self.file.read_at(&mut bytes[done..], at) {
                Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                Ok(count) => done += count,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        buffer.copy_from_slice(&bytes[skip..end]);
        Ok(())
    }

    fn read_fresh(&self, offset: u64, buffer: &mut [u8]) -> io::Result<()> {
        let length = u64::try_from(buffer.len()).map_err(io::Error::other)?;
        // Of a page in part nothing is forgotten.
        let start = offset - offset % PAGE_BYTES;
        let end = (offset + length).next_multiple_of(PAGE_BYTES);
        let [start, length] = [start, end - start].map(i64::try_from);
        let (start, length) = (start.map_err(io::Error::other)?, length.map_err(io::Error::other)?);
        posix_fadvise(&self.file, start, length, PosixFadviseAdvice::POSIX_FADV_DONTNEED)?;
        self.file.read_exact_at(buffer, offset)
    }

    /// Writes whole blocks with one call.
    fn write_blocks(&self, offset: u64, bytes: &[u8]) -> io::Result<()> {
        whole_blocks(offset, bytes.len())?;
        let mut space = Aligned::new(bytes.len());
        let aligned = space.bytes()?;
        aligned.copy_from_slice(bytes);
        self.write_aligned(offset, aligned)
    }

    /// Writes whole blocks with one call, from memory that direct I/O can use.
    pub(crate) fn write_aligned(&self, offset: u64, aligned: &[u8]) -> io::Result<()> {
        let written = loop {
            match self.file.write_at(aligned, offset) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => break result?,
            }
        };
        if written == aligned.len() {
            return Ok(());
        }
        Err(io::Error::other(format!("only {written} bytes were written")))
    }
}

/// Refuses to write parts of blocks.
pub(crate) fn whole_blocks(offset: u64, length: usize) -> io::Result<()> {
    let block = u64::try_from(BLOCK_BYTES).unwrap_or(u64::MAX);
    if offset.is_multiple_of(block) && length.is_multiple_of(BLOCK_BYTES) {
        return Ok(());
    }
    Err(io::Error::new(io::ErrorKind::InvalidInput, "not whole blocks"))
}

impl ReadAt for DirectFile {
    fn size(&self) -> u64 {
        self.size
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let (length, size) = (length(buffer), self.size);
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(ReadError::OutOfBounds { offset, length, size });
        }
        let result = match self.direct {
            true => self.read_direct(offset, buffer),
            false => self.read_fresh(offset, buffer),
        };
        result.map_err(|source| ReadError::Io { offset, length, source })
    }
}

impl WriteAt for DirectFile {
    fn write_at(&mut self, offset: u64, bytes: &[u8]) -> Result<(), WriteError> {
        let (length, size) = (length(bytes), self.size);
        if offset.checked_add(length).is_none_or(|end| end > size) {
            return Err(WriteError::OutOfBounds { offset, length, size });
        }
        self.write_blocks(offset, bytes).map_err(|source| WriteError::Io { offset, length, source })
    }

    fn flush(&mut self) -> Result<(), WriteError> {
        self.sync()
    }
}

/// Bytes that begin where direct I/O wants them.
#[derive(Debug)]
pub(crate) struct Aligned {
    space: Vec<u8>,
    length: usize,
}

impl Aligned {
    pub(crate) fn new(length: usize) -> Self {
        Self { space: vec![0; length + ADDRESS_BYTES], length }
    }

    pub(crate) fn bytes(&mut self) -> io::Result<&mut [u8]> {
        let start = self.space.as_ptr().align_offset(ADDRESS_BYTES);
        let range = start.checked_add(self.length).map(|end| start..end);
        let bytes = range.and_then(|range| self.space.get_mut(range));
        bytes.ok_or_else(|| io::Error::other("no aligned memory"))
    }
}

/// Whether direct I/O is refused: by the file system at opening, or for blocks of this size.
fn is_refusal(error: &io::Error) -> bool {
    error.raw_os_error() == Some(Errno::EINVAL as i32)
}

fn number(device: u64) -> io::Result<(u32, u32)> {
    let number = |part: u64| u32::try_from(part).map_err(io::Error::other);
    Ok((number(major(device))?, number(minor(device))?))
}

fn length(bytes: &[u8]) -> u64 {
    u64::try_from(bytes.len()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 2000 bytes that differ, in a file.
    fn file() -> (tempfile::TempDir, std::path::PathBuf, Vec<u8>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("disk");
        let bytes: Vec<u8> = (0..2000_u32).map(|n| (n % 251) as u8).collect();
        std::fs::write(&path, &bytes).unwrap();
        (dir, path, bytes)
    }

    /// The file opened in each way that this file system knows.
    fn both(path: &Path, access: Access) -> Vec<DirectFile> {
        let direct = DirectFile::open(path, access).unwrap();
        let mut flags = OFlag::empty();
        flags.set(OFlag::O_DSYNC, access == Access::Write);
        vec![direct, DirectFile::open_as(path, access, flags, false).unwrap()]
    }

    #[test]
    fn any_range_is_read_whatever_the_blocks_are() {
        let (_dir, path, bytes) = file();
        for disk in both(&path, Access::Read) {
            assert_eq!((disk.size(), disk.number()), (2000, None));
            for (offset, length) in [(0, 512), (511, 2), (1, 1500), (1999, 1), (0, 2000), (512, 0)]
            {
                let found = disk.read_vec(offset, length, 2000).unwrap();
                let at = offset as usize;
                assert_eq!(found, bytes[at..at + length as usize], "{offset} {length}");
            }
            let past = disk.read_at(1999, &mut [0; 2]).unwrap_err();
            assert!(matches!(past, ReadError::OutOfBounds { .. }));
        }
    }

    #[test]
    fn whole_blocks_are_written_and_nothing_else() {
        for index in 0..2 {
            let (_dir, path, mut bytes) = file();
            let disk = &mut both(&path, Access::Write)[index];
            disk.write_at(512, &[7; 1024]).unwrap();
            disk.flush().unwrap();
            bytes[512..1536].fill(7);
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
            assert_eq!(disk.read_vec(510, 4, 4).unwrap(), [bytes[510], bytes[511], 7, 7]);
            for (offset, length) in [(1, 512), (512, 100)] {
                let error = disk.write_at(offset, &vec![9; length]).unwrap_err();
                assert!(matches!(error, WriteError::Io { .. }), "{error}");
            }
            let past = disk.write_at(1536, &[9; 512]).unwrap_err();
            assert!(matches!(past, WriteError::OutOfBounds { .. }));
            assert_eq!(std::fs::read(&path).unwrap(), bytes);
        }
    }

    #[test]
    fn what_is_open_for_reading_is_not_written() {
        let (_dir, path, bytes) = file();
        for mut disk in both(&path, Access::Read) {
            assert!(disk.write_at(0, &[1; 512]).is_err());
        }
        assert_eq!(std::fs::read(&path).unwrap(), bytes);
    }

    #[test]
    fn what_another_wrote_is_seen() {
        let (_dir, path, _) = file();
        for disk in both(&path, Access::Read) {
            for byte in [1, 2] {
                let mut other = DirectFile::open(&path, Access::Write).unwrap();
                other.write_at(0, &[byte; 512]).unwrap();
                assert_eq!(disk.read_vec(100, 1, 1).unwrap(), [byte]);
            }
        }
    }

    #[test]
    fn only_disks_and_files_are_opened() {
        let (dir, _, _) = file();
        assert!(DirectFile::open(dir.path(), Access::Read).is_err());
        assert!(DirectFile::open(Path::new("/dev/null"), Access::Write).is_err());
        assert!(DirectFile::open(&dir.path().join("none"), Access::Write).is_err());
    }

    #[test]
    fn buffers_begin_at_a_page() {
        for length in [512, 513, 100_000] {
            let mut space = Aligned::new(length);
            let bytes = space.bytes().unwrap();
            assert_eq!((bytes.as_ptr().align_offset(4096), bytes.len()), (0, length));
        }
    }
}
