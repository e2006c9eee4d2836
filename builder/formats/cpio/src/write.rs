//! Writing an archive.

use std::collections::BTreeMap;
use std::io::Write;

use crate::layout::{
    ALIGNMENT, ARCHIVE_ALIGNMENT, FIELDS, HEADER_BYTES, Kind, MAGIC, MAX_NAME_BYTES, TRAILER,
};
use crate::{Error, NameProblem};

/// Permission bits of directories that are written because something lies below them.
pub const PARENT_MODE: u32 = 0o755;

/// Permission bits of a mode, with set-user-ID, set-group-ID and sticky.
const PERMISSIONS: u32 = 0o7777;
/// The kernel skips links with a longer target (`init/initramfs.c`, `do_header`).
const MAX_TARGET_BYTES: u64 = 4096;

/// Writes one archive: entries in the order of the calls, parents before what lies below them.
///
/// Everything belongs to user and group 0 and has the same time stamp; inode numbers count up
/// from 1. Names are relative to the root, without a leading slash.
#[derive(Debug)]
pub struct Writer<W> {
    output: W,
    /// Seconds since 1970 of every entry.
    mtime: u32,
    /// Bytes written.
    offset: u64,
    /// Inode number of the next entry.
    inode: u32,
    /// What was written under which name: `Some` with the permission bits for directories.
    written: BTreeMap<String, Option<u32>>,
}

/// What differs between the headers of one archive.
#[derive(Default)]
struct Header {
    mode: u32,
    links: u32,
    device: (u32, u32),
}

impl<W: Write> Writer<W> {
    /// An archive into `output`, where every entry was changed `mtime` seconds after 1970.
    pub fn new(output: W, mtime: u32) -> Self {
        Self { output, mtime, offset: 0, inode: 1, written: BTreeMap::new() }
    }

    /// Bytes written so far.
    #[must_use]
    pub fn len(&self) -> u64 {
        self.offset
    }

    /// Whether nothing was written so far.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.offset == 0
    }

    /// Writes a directory with the permission bits of `mode`.
    ///
    /// One that was already written with the same bits, or as a parent when these are
    /// [`PARENT_MODE`], is not written again. To give a parent other bits, write it before what
    /// lies below it.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::TooLarge`] and [`Error::Write`].
    pub fn directory(&mut self, name: &str, mode: u32) -> Result<(), Error> {
        let mode = mode & PERMISSIONS;
        if self.written.get(name) == Some(&Some(mode)) {
            return Ok(());
        }
        self.claim(name, Some(mode))?;
        self.directory_entry(name, mode)
    }

    /// Writes a file with the permission bits of `mode`.
    ///
    /// # Errors
    /// [`Error::Name`]; [`Error::TooLarge`] from 4 GiB on; [`Error::Write`].
    pub fn file(&mut self, name: &str, mode: u32, data: &[u8]) -> Result<(), Error> {
        self.claim(name, None)?;
        let mode = Kind::File.bits() | mode & PERMISSIONS;
        self.entry(name.as_bytes(), data, &Header { mode, links: 1, ..Header::default() })
    }

    /// Writes a symbolic link to `target`, which is not looked at.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::TooLarge`] for a target longer than 4096 bytes, [`Error::Write`].
    pub fn symlink(&mut self, name: &str, target: &str) -> Result<(), Error> {
        let found = u64::try_from(target.len()).unwrap_or(u64::MAX);
        if found > MAX_TARGET_BYTES {
            let (name, what) = (name.to_owned(), "link target in bytes");
            return Err(Error::TooLarge { name, what, limit: MAX_TARGET_BYTES, found });
        }
        self.claim(name, None)?;
        let mode = Kind::Symlink.bits() | 0o777;
        self.entry(
            name.as_bytes(),
            target.as_bytes(),
            &Header { mode, links: 1, ..Header::default() },
        )
    }

    /// Writes a character device with the permission bits of `mode`.
    ///
    /// # Errors
    /// [`Error::Name`], [`Error::TooLarge`] and [`Error::Write`].
    pub fn character_device(
        &mut self,
        name: &str,
        mode: u32,
        major: u32,
        minor: u32,
    ) -> Result<(), Error> {
        self.claim(name, None)?;
        let mode = Kind::CharacterDevice.bits() | mode & PERMISSIONS;
        self.entry(name.as_bytes(), &[], &Header { mode, links: 1, device: (major, minor) })
    }

    /// Writes the trailer and zeros up to a multiple of 512 bytes, and returns the output.
    ///
    /// # Errors
    /// [`Error::Write`].
    pub fn finish(self) -> Result<W, Error> {
        self.finish_aligned(ARCHIVE_ALIGNMENT)
    }

    /// As [`Writer::finish`], with zeros up to a multiple of `alignment` bytes, counted from the
    /// start of this archive; a multiple of 4. What follows then begins there: another archive, or
    /// a compressed one.
    ///
    /// # Errors
    /// [`Error::Alignment`] and [`Error::Write`].
    pub fn finish_aligned(mut self, alignment: u64) -> Result<W, Error> {
        if alignment == 0 || !alignment.is_multiple_of(4) {
            return Err(Error::Alignment { found: alignment });
        }
        // Inode 0 and one link, as other writers do; the kernel looks at the name only.
        self.inode = 0;
        self.mtime = 0;
        self.entry(TRAILER, &[], &Header { links: 1, ..Header::default() })?;
        let end = self.offset.checked_next_multiple_of(alignment);
        let end = end.ok_or(Error::Alignment { found: alignment })?;
        self.zeros(end.saturating_sub(self.offset))?;
        self.output.flush().map_err(|source| Error::Write { offset: self.offset, source })?;
        Ok(self.output)
    }

    /// Checks `name`, writes its missing parents and notes it as written.
    fn claim(&mut self, name: &str, directory_mode: Option<u32>) -> Result<(), Error> {
        let refuse = |problem| Error::Name { name: name.to_owned(), problem };
        check_name(name).map_err(refuse)?;
        if self.written.contains_key(name) {
            return Err(refuse(NameProblem::Repeated));
        }
        for (end, _) in name.match_indices('/') {
            let parent = name.get(..end).unwrap_or_default();
            match self.written.get(parent) {
                Some(Some(_)) => {}
                Some(None) => return Err(refuse(NameProblem::NotBelowDirectory)),
                None => {
                    self.written.insert(parent.to_owned(), Some(PARENT_MODE));
                    self.directory_entry(parent, PARENT_MODE)?;
                }
            }
        }
        self.written.insert(name.to_owned(), directory_mode);
        Ok(())
    }

    fn directory_entry(&mut self, name: &str, mode: u32) -> Result<(), Error> {
        let mode = Kind::Directory.bits() | mode;
        self.entry(name.as_bytes(), &[], &Header { mode, links: 2, ..Header::default() })
    }

    fn entry(&mut self, name: &[u8], data: &[u8], header: &Header) -> Result<(), Error> {
        let too_large = |what, found: usize| Error::TooLarge {
            name: String::from_utf8_lossy(name).into_owned(),
            what,
            limit: u64::from(u32::MAX),
            found: u64::try_from(found).unwrap_or(u64::MAX),
        };
        let size = u32::try_from(data.len()).map_err(|_| too_large("size in bytes", data.len()))?;
        let name_bytes = name.len().saturating_add(1);
        let name_size = u32::try_from(name_bytes).map_err(|_| too_large("name", name_bytes))?;
        let Header { mode, links, device: (major, minor) } = *header;
        let fields: [u32; FIELDS.len()] =
            [self.inode, mode, 0, 0, links, self.mtime, size, 0, 0, major, minor, name_size, 0];
        let mut head = Vec::with_capacity(HEADER_BYTES.saturating_add(name_bytes));
        head.extend_from_slice(MAGIC);
        for field in fields {
            head.extend_from_slice(format!("{field:08x}").as_bytes());
        }
        head.extend_from_slice(name);
        head.push(0);
        self.padded(&head)?;
        self.padded(data)?;
        let next = self.inode.checked_add(1);
        self.inode = next.ok_or_else(|| too_large("inode number", usize::MAX))?;
        Ok(())
    }

    fn padded(&mut self, bytes: &[u8]) -> Result<(), Error> {
        self.bytes(bytes)?;
        let end = bytes.len().checked_next_multiple_of(ALIGNMENT).unwrap_or(bytes.len());
        self.zeros(u64::try_from(end.saturating_sub(bytes.len())).unwrap_or_default())
    }

    fn zeros(&mut self, mut count: u64) -> Result<(), Error> {
        const ZEROS: [u8; 512] = [0; 512];
        while count > 0 {
            let piece = usize::try_from(count).unwrap_or(ZEROS.len()).min(ZEROS.len());
            self.bytes(ZEROS.get(..piece).unwrap_or(&ZEROS))?;
            count = count.saturating_sub(u64::try_from(piece).unwrap_or(count));
        }
        Ok(())
    }

    fn bytes(&mut self, bytes: &[u8]) -> Result<(), Error> {
        let offset = self.offset;
        self.output.write_all(bytes).map_err(|source| Error::Write { offset, source })?;
        self.offset = offset.saturating_add(u64::try_from(bytes.len()).unwrap_or(u64::MAX));
        Ok(())
    }
}

fn check_name(name: &str) -> Result<(), NameProblem> {
    if name.split('/').any(str::is_empty) {
        return Err(NameProblem::EmptyPart);
    }
    if name.split('/').any(|part| part == "." || part == "..") {
        return Err(NameProblem::DotPart);
    }
    if name.contains('\0') {
        return Err(NameProblem::Nul);
    }
    if name.as_bytes() == TRAILER {
        return Err(NameProblem::Trailer);
    }
    if u32::try_from(name.len()).map_or(true, |bytes| bytes >= MAX_NAME_BYTES) {
        return Err(NameProblem::TooLong);
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Reader;

    fn names(bytes: &[u8]) -> Vec<String> {
        Reader::new(bytes)
            .map(|entry| String::from_utf8(entry.unwrap().name.to_vec()).unwrap())
            .collect()
    }

    fn problem(result: Result<(), Error>) -> NameProblem {
        match result {
            Err(Error::Name { problem, .. }) => problem,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn parents_are_written_first_and_once() {
        let mut writer = Writer::new(Vec::new(), 0);
        writer.file("usr/lib/modules/a.ko", 0o644, b"a").unwrap();
        writer.file("usr/lib/modules/b.ko", 0o644, b"b").unwrap();
        writer.directory("usr/lib", PARENT_MODE).unwrap();
        writer.directory("run", 0o700).unwrap();
        writer.directory("run", 0o700).unwrap();
        let expected = [
            "usr",
            "usr/lib",
            "usr/lib/modules",
            "usr/lib/modules/a.ko",
            "usr/lib/modules/b.ko",
            "run",
        ];
        assert_eq!(names(&writer.finish().unwrap()), expected);
    }

    #[test]
    fn names_that_would_leave_the_root_or_repeat_are_refused() {
        let mut writer = Writer::new(Vec::new(), 0);
        for (name, expected) in [
            ("", NameProblem::EmptyPart),
            ("/init", NameProblem::EmptyPart),
            ("a//b", NameProblem::EmptyPart),
            ("a/", NameProblem::EmptyPart),
            ("..", NameProblem::DotPart),
            ("a/../b", NameProblem::DotPart),
            ("./a", NameProblem::DotPart),
            ("a\0b", NameProblem::Nul),
            ("TRAILER!!!", NameProblem::Trailer),
            (&"x".repeat(4096), NameProblem::TooLong),
        ] {
            assert_eq!(problem(writer.file(name, 0o644, b"")), expected, "{name:?}");
        }
        assert!(writer.is_empty(), "a refused name writes nothing");
        writer.file(&"x".repeat(4095), 0o644, b"").unwrap();
        writer.file("a/b", 0o644, b"").unwrap();
        assert_eq!(problem(writer.symlink("a/b", "c")), NameProblem::Repeated);
        assert_eq!(problem(writer.file("a", 0o644, b"")), NameProblem::Repeated);
        assert_eq!(problem(writer.directory("a", 0o700)), NameProblem::Repeated);
        assert_eq!(problem(writer.file("a/b/c", 0o644, b"")), NameProblem::NotBelowDirectory);
        let long = "t".repeat(4097);
        assert!(matches!(writer.symlink("l", &long), Err(Error::TooLarge { found: 4097, .. })));
    }

    #[test]
    fn archives_end_where_they_are_told() {
        let archive = |alignment| {
            let mut writer = Writer::new(Vec::new(), 0);
            writer.file("a", 0o644, b"1").unwrap();
            writer.finish_aligned(alignment)
        };
        assert_eq!(archive(4).unwrap().len() % 4, 0);
        assert_eq!(archive(4096).unwrap().len(), 4096);
        assert!(matches!(archive(0), Err(Error::Alignment { .. })));
        assert!(matches!(archive(6), Err(Error::Alignment { .. })));
        assert_eq!(Writer::new(Vec::new(), 0).finish().unwrap().len(), 512);
    }

    #[test]
    fn the_bytes_are_pinned() {
        let mut writer = Writer::new(Vec::new(), 0x5f00_0000);
        writer.file("d/f", 0o600, b"xyz").unwrap();
        let expected = [
            "070701",
            "00000001",
            "000041ed",
            "00000000",
            "00000000",
            "00000002",
            "5f000000",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000002",
            "00000000",
            "d\0",
            "070701",
            "00000002",
            "00008180",
            "00000000",
            "00000000",
            "00000001",
            "5f000000",
            "00000003",
            "00000000",
            "00000000",
            "00000000",
            "00000000",
            "00000004",
            "00000000",
            "d/f\0\0\0",
            "xyz\0",
        ];
        let bytes = writer.finish_aligned(4).unwrap();
        let expected = expected.concat();
        assert_eq!(String::from_utf8_lossy(&bytes[..expected.len()]), expected);
    }
}
