//! Reading an archive.

use crate::Error;
use crate::layout::{
    ALIGNMENT, FIELDS, HEADER_BYTES, Kind, MAGIC, MAGIC_CHECKSUM, MAX_NAME_BYTES, TRAILER,
};

/// One entry of an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry<'a> {
    /// Name as it stands there, without the closing NUL. Nothing else is known about it: it may
    /// be absolute, hold `..`, repeat an earlier one or not be UTF-8.
    pub name: &'a [u8],
    /// Inode number.
    pub inode: u32,
    /// Type and permission bits.
    pub mode: u32,
    /// User.
    pub user: u32,
    /// Group.
    pub group: u32,
    /// Link count. With more than 1 and no data, the data is that of another entry with the same
    /// inode number.
    pub links: u32,
    /// Seconds since 1970.
    pub mtime: u32,
    /// Major and minor number of a device.
    pub device: (u32, u32),
    /// Content of a file or target of a link.
    pub data: &'a [u8],
}

impl Entry<'_> {
    /// Kind of the entry, `None` for type bits without a meaning.
    #[must_use]
    pub fn kind(&self) -> Option<Kind> {
        Kind::of_mode(self.mode)
    }
}

/// Iterates over the entries of the archive at the start of some bytes, up to and without its
/// trailer. An error ends the iteration. Nothing is copied.
#[derive(Debug, Clone)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    offset: usize,
    done: bool,
}

impl<'a> Reader<'a> {
    /// The archive at the start of `bytes`.
    #[must_use]
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, offset: 0, done: false }
    }

    /// What follows what was read so far. After the last entry that is what follows the trailer:
    /// padding, another archive, or compressed data.
    #[must_use]
    pub fn rest(&self) -> &'a [u8] {
        self.bytes.get(self.offset..).unwrap_or_default()
    }

    /// The next entry, the trailer as any other.
    fn entry(&mut self) -> Result<Entry<'a>, Error> {
        let offset = self.offset;
        let header_end = offset.saturating_add(HEADER_BYTES);
        let header = self.part(offset, header_end, "header")?;
        let [inode, mode, user, group, links, mtime, size, _, _, major, minor, name_size, _] =
            fields(offset, header)?;
        if name_size == 0 || name_size > MAX_NAME_BYTES {
            return Err(Error::NameLength { offset, limit: MAX_NAME_BYTES, found: name_size });
        }
        let name_end = header_end.saturating_add(to_usize(name_size));
        let name = self.part(header_end, name_end, "name")?;
        let name = match name.split_last() {
            Some((0, name)) if !name.contains(&0) => name,
            _ => return Err(Error::NameEnd { offset, found: name_size }),
        };
        let data_start = align(name_end);
        let data_end = data_start.saturating_add(to_usize(size));
        let data = match size {
            // Padding may be missing where nothing follows.
            0 => &[],
            _ => self.part(data_start, data_end, "data")?,
        };
        self.offset = align(data_end).min(self.bytes.len());
        Ok(Entry { name, inode, mode, user, group, links, mtime, device: (major, minor), data })
    }

    fn part(&self, start: usize, end: usize, what: &'static str) -> Result<&'a [u8], Error> {
        self.bytes.get(start..end).ok_or_else(|| Error::Short {
            offset: self.offset,
            what,
            expected: u64::try_from(end).unwrap_or(u64::MAX),
            found: self.bytes.len(),
        })
    }
}

impl<'a> Iterator for Reader<'a> {
    type Item = Result<Entry<'a>, Error>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let entry = self.entry();
        self.done = entry.as_ref().map_or(true, |entry| entry.name == TRAILER);
        match entry {
            Ok(_) if self.done => None,
            entry => Some(entry),
        }
    }
}

/// The header's numbers in the order of [`FIELDS`].
fn fields(offset: usize, header: &[u8]) -> Result<[u32; FIELDS.len()], Error> {
    let (magic, digits) = header.split_at_checked(MAGIC.len()).unwrap_or_default();
    if magic != MAGIC {
        let found = magic.escape_ascii().to_string();
        return Err(if magic == MAGIC_CHECKSUM {
            Error::Format { offset, found }
        } else {
            Error::Magic { offset, found }
        });
    }
    let mut values = [0; FIELDS.len()];
    for ((value, digits), field) in values.iter_mut().zip(digits.chunks(8)).zip(FIELDS) {
        *value = hex(digits).ok_or_else(|| Error::Field {
            offset,
            field,
            found: digits.escape_ascii().to_string(),
        })?;
    }
    Ok(values)
}

fn hex(digits: &[u8]) -> Option<u32> {
    digits.iter().try_fold(0_u32, |value, &digit| {
        let digit = char::from(digit).to_digit(16)?;
        value.checked_mul(16)?.checked_add(digit)
    })
}

fn align(offset: usize) -> usize {
    offset.checked_next_multiple_of(ALIGNMENT).unwrap_or(usize::MAX)
}

fn to_usize(value: u32) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Writer;

    fn sample() -> Vec<u8> {
        let mut writer = Writer::new(Vec::new(), 77);
        writer.file("bin/init", 0o755, b"hello").unwrap();
        writer.symlink("init", "bin/init").unwrap();
        writer.character_device("dev/console", 0o600, 5, 1).unwrap();
        writer.finish().unwrap()
    }

    #[test]
    fn what_was_written_is_read() {
        let bytes = sample();
        let mut reader = Reader::new(&bytes);
        let entries: Vec<_> = reader.by_ref().map(Result::unwrap).collect();
        let kinds: Vec<_> = entries.iter().map(|entry| entry.kind().unwrap()).collect();
        let expected =
            [Kind::Directory, Kind::File, Kind::Symlink, Kind::Directory, Kind::CharacterDevice];
        assert_eq!(kinds, expected);
        assert_eq!((entries[1].name, entries[1].data), (&b"bin/init"[..], &b"hello"[..]));
        assert_eq!(entries[2].data, b"bin/init");
        assert_eq!((entries[4].device, entries[4].mode & 0o7777), ((5, 1), 0o600));
        assert!(entries.iter().zip(1..).all(|(entry, inode)| entry.inode == inode));
        assert!(entries.iter().all(|entry| entry.mtime == 77 && entry.user == 0));
        assert!(reader.rest().iter().all(|&byte| byte == 0));
        assert!(reader.next().is_none());
    }

    #[test]
    fn archives_follow_each_other() {
        let bytes = [sample(), sample()].concat();
        let mut first = Reader::new(&bytes);
        assert_eq!(first.by_ref().count(), 5);
        let start = first.rest().iter().position(|&byte| byte != 0).unwrap();
        assert_eq!(Reader::new(&first.rest()[start..]).filter_map(Result::ok).count(), 5);
    }

    #[test]
    fn every_cut_is_an_error_and_never_a_panic() {
        let bytes = sample();
        let mut reader = Reader::new(&bytes);
        reader.by_ref().for_each(drop);
        let end = bytes.len() - reader.rest().len();
        // The trailer's own padding, three bytes, may be missing.
        assert!(Reader::new(&bytes[..end - 3]).all(|entry| entry.is_ok()));
        for length in 0..end - 3 {
            let last = Reader::new(&bytes[..length]).last();
            assert!(matches!(last, Some(Err(Error::Short { .. }))), "{length}: {last:?}");
        }
    }

    #[test]
    fn damage_is_named() {
        let with = |offset: usize, value: &[u8]| {
            let mut bytes = sample();
            bytes[offset..offset + value.len()].copy_from_slice(value);
            Reader::new(&bytes).next().unwrap().unwrap_err()
        };
        assert!(matches!(with(0, b"070702"), Error::Format { .. }));
        assert!(matches!(with(0, b"070707"), Error::Magic { .. }));
        assert!(matches!(with(6 + 8, b"0000_000"), Error::Field { field: "mode", .. }));
        assert!(matches!(with(6 + 8, b"+0000001"), Error::Field { field: "mode", .. }));
        assert!(matches!(with(6 + 6 * 8, b"ffffffff"), Error::Short { what: "data", .. }));
        assert!(matches!(with(6 + 11 * 8, b"ffffffff"), Error::NameLength { .. }));
        assert!(matches!(with(6 + 11 * 8, b"00000000"), Error::NameLength { .. }));
        assert!(matches!(with(6 + 11 * 8, b"00000003"), Error::NameEnd { .. }));
        assert!(matches!(with(6 + 11 * 8, b"00000005"), Error::NameEnd { .. }));
    }
}
